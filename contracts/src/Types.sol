// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealRules} from "./market/Rules.sol";

/// @notice A deal's name: keccak256 of its ABI-encoded terms. Every call passes the terms; the contract keeps one slot.
type DealId is bytes32;

/// @notice Where a deal stands.
enum DealState {
    None,
    Matched, // the provider owes a result, or a commitment to one
    Committed, // a replica: the provider owes the receipt it committed to
    Submitted, // the creator may judge
    Challenged, // mediators run the job again because the creator demanded it
    Audited, // mediators run the job again because the draw, or another replica's receipt, demanded it
    Settled
}

/// @notice How a settled deal ended. `PAYOFFS.md` has a row for each.
enum Settlement {
    None,
    Accepted,
    Finalized,
    Agreed,
    ProviderUpheld,
    AuditPassed,
    ProviderSlashed,
    JobVaried,
    Inconclusive,
    SubmissionTimedOut,
    Declined
}

/// @notice Where the callback to a requesting contract stands.
enum Callback {
    None,
    Delivered,
    Failed
}

/// @notice What a wrong result can be told by.
enum Verification {
    BitExact, // every run of the job gives the same receipt
    Repeated, // honest runs of a well-made job give the same outputs; the time they took differs
    Unverified // nobody can tell: no challenge, no audit
}

/// @notice What `fuel` counts. Prices are per 10^9 of it: per gigafuel, per core-second, per GPU-second.
enum Meter {
    Fuel,
    CoreNanoseconds,
    GpuNanoseconds
}

/// @notice Why a provider says no.
enum DeclineReason {
    Unspecified,
    InputsUnavailable, // a gateway did not serve the job's blocks
    JobInvalid, // no valid JobSpec, or one that asks for more than the offer pays for
    HostFault, // the provider's own machine could not run it
    OverCapacity // the provider has sold more than it can do
}

/// @notice What the mediators of a deal found.
enum Verdict {
    None,
    Agreed, // enough of them have the same receipt
    Varied, // runs of the job differ among themselves
    Inconclusive // too few receipts, or no majority
}

/// @notice A job creator's signed intent. Amounts are base units of the token, windows are seconds.
struct JobOffer {
    address creator;
    bytes32 jobDigest; // BLAKE3-256 of the JobSpec's DAG-CBOR block
    bytes32 inputHash; // keccak256 of the input that completes a template JobSpec; zero for a complete one
    bytes32 profile;
    Verification verification;
    Meter meter;
    uint8 replicas; // providers that run the job, each in its own deal; 1 to 7
    uint64 fuelLimit; // in the meter's unit
    uint64 memoryBytesMax;
    uint64 diskBytesMax;
    uint16 cores;
    uint16 gpus;
    uint32 gpuMemoryMib; // of each GPU
    uint128 pricePerGigafuelMax; // per 10^9 of the meter's unit
    uint128 solverFee; // for each deal
    bytes32 panel;
    uint8 mediatorCount; // odd, 1 to 7; zero when unverified
    uint8 runs; // times that each mediator runs the job; the paper's n is mediatorCount * runs
    uint128 mediatorFee; // for each mediator, all its runs together
    uint128 availabilityFee; // the paper's pi_a, from each side, for the panel being there
    uint32 penaltyBps; // the paper's theta: penalty of whoever is at fault, in 1/10,000 of the price
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

/// @notice A provider's signed intent, good for `slots` deals. A deal must keep within every bound.
struct ResourceOffer {
    address provider;
    bytes32 profile;
    Meter meter;
    uint64 fuelLimitMax;
    uint64 memoryBytesMax;
    uint64 diskBytesMax;
    uint16 cores;
    uint16 gpus;
    uint32 gpuMemoryMib;
    uint128 pricePerGigafuel;
    uint128 collateralMax; // most that one deal may lock
    bytes32 panel;
    uint128 mediatorFeeMin; // mediators that earn nothing have no reason to answer
    uint128 availabilityFeeMax; // a panel in league with a creator must not eat the pay
    uint32 submitWindowMin;
    uint32 judgeWindowMax; // also of the mediation window: both lock the collateral
    uint32 mediationWindowMin;
    uint32 slots;
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
    DealRules rules;
    uint64 fuelLimit;
    uint128 pricePerGigafuel;
    uint128 solverFee;
    uint128 mediatorFee;
    uint128 availabilityFee;
}

/// @notice The fixed-size record of an Outcome; keccak256 of its ABI encoding is compared.
struct Receipt {
    bytes32 jobDigest; // of the effective JobSpec
    bytes32 profile;
    uint8 status; // 0 exited, 1 trapped, 2 out of fuel, 3 refused; 4 runs varied, which only a mediator may find
    uint8 trapKind;
    uint32 exitCode;
    uint64 fuelUsed; // in the meter's unit
    bytes32 outputsDigest;
    bytes32 journalHash; // keccak256 of the journal
}

/// @notice How the replicas of one job stand to each other.
enum Accord {
    Agreeing, // so far
    Disputed, // two receipts differ: mediation is due
    InMediation,
    VerdictAgreed,
    VerdictVaried,
    VerdictInconclusive
}

/// @notice The deals of one job offer with more than one replica. One slot.
struct ReplicaGroup {
    uint8 committed;
    uint8 revealed;
    Accord accord;
    uint8 feesDue; // mediators whose fee a slashed replica still owes the creator
    uint32 anchorBlock; // the first reveal's, for all of them: one jury, which nobody picks by picking a deal
    bytes20 receiptHash; // the first receipt's, then the verdict's; of the comparable part, cut like a deal's
}

/// @notice Everything the market knows of one deal. Commits and reveals of its mediators are at `mediation()`.
struct DealView {
    DealState state;
    Settlement settlement;
    Callback callback;
    uint64 deadline; // last second to submit, commit or judge, by state
    uint64 revealDeadline; // a replica's: last second to reveal
    uint64 anchorBlock; // its hash is the seed of audits and of the mediators' draw
    bytes32 seed; // zero until known
    bool seedLost; // the anchor's hash can't be had any more; call `fixSeed`
    bool auditDue;
    bytes20 receiptHash; // the first 20 bytes of the posted receipt's hash, or of a replica's commitment
    ReplicaGroup replicas;
}
