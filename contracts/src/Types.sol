// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

/// @notice A deal's name: keccak256 of its ABI-encoded terms. Every call passes the terms; the contract keeps the state.
type DealId is bytes32;

/// @notice Where a deal stands.
enum DealState {
    None,
    Matched,
    Submitted,
    Challenged,
    Settled
}

/// @notice How a settled deal ended.
enum Settlement {
    None,
    Accepted,
    Finalized,
    ProviderUpheld,
    ProviderSlashed,
    Inconclusive,
    SubmissionTimedOut,
    Declined
}

/// @notice What a payment is for.
enum PaymentReason {
    Fuel,
    SolverFee,
    MediatorFee,
    CreatorRefund,
    CollateralReturn,
    Compensation,
    Burned
}

/// @notice A job creator's signed intent. Prices are base units of the token; windows are seconds.
struct JobOffer {
    address creator;
    bytes32 jobDigest; // BLAKE3-256 of the JobSpec's DAG-CBOR block
    bytes32 inputHash; // keccak256 of the input that completes a template JobSpec; zero for a complete one
    bytes32 profile;
    uint64 fuelLimit;
    uint64 memoryBytesMax;
    uint128 pricePerGigafuelMax; // per 10^9 fuel
    uint128 solverFee;
    uint128 mediatorFee; // for each mediator that reveals
    uint128 collateralMin;
    bytes32 panel;
    uint8 mediatorCount; // odd, 1 to 7
    uint16 auditBps; // chance of an audit, of 10,000
    uint32 submitWindow;
    uint32 judgeWindow;
    uint32 mediationWindow; // for committing, and again for revealing
    uint32 callbackGas; // zero: no callback
    address solver; // zero: any
    address provider; // zero: any
    uint64 nonce;
    uint64 expiry; // unix seconds
    string gateway; // where the job's blocks are served
}

/// @notice A provider's signed intent, good for `slots` deals.
struct ResourceOffer {
    address provider;
    bytes32 profile;
    uint64 fuelLimitMax;
    uint64 memoryBytesMax;
    uint128 pricePerGigafuel;
    uint128 collateral; // locked by each deal
    bytes32 panel;
    uint32 slots;
    uint32 submitWindowMin;
    address solver; // zero: any
    uint64 nonce;
    uint64 expiry; // unix seconds
    string gateway; // where results are served
}

/// @notice What a deal was matched on; its hash is the deal's id.
struct DealTerms {
    bytes32 jobOfferHash;
    bytes32 resourceOfferHash;
    address creator;
    address provider;
    address solver;
    bytes32 jobDigest;
    bytes32 inputHash;
    bytes32 profile;
    bytes32 panel;
    uint64 fuelLimit;
    uint128 pricePerGigafuel;
    uint128 solverFee;
    uint128 mediatorFee;
    uint128 collateral;
    uint8 mediatorCount;
    uint16 auditBps;
    uint32 submitWindow;
    uint32 judgeWindow;
    uint32 mediationWindow;
    uint32 callbackGas;
    uint32 slot;
    uint64 matchedAt;
}

/// @notice The fixed-size record of an Outcome; keccak256 of its ABI encoding is compared.
struct Receipt {
    bytes32 jobDigest; // of the effective JobSpec
    bytes32 profile;
    uint8 status; // 0 exited, 1 trapped, 2 out of fuel, 3 refused
    uint8 trapKind;
    uint32 exitCode;
    uint64 fuelUsed;
    bytes32 outputsDigest;
    bytes32 journalHash; // keccak256 of the journal
}

/// @notice Everything the contract knows of one deal.
struct DealView {
    DealState state;
    Settlement settlement;
    uint64 deadline; // last second to submit, judge or commit, by state
    uint64 revealDeadline; // last second to reveal, while challenged
    uint64 anchorBlock; // its hash is the seed of audits and of the mediators' draw
    bytes32 seed; // zero until fixed
    bool seedLost; // the anchor's hash can't be had any more; call `fixSeed`
    bool auditDue;
    bytes32 receiptHash;
    bool callbackDelivered;
    bool callbackFailed;
    address[] mediators;
    bytes32[] commitments;
    bytes32[] revealed; // receipt hashes
}
