// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, Receipt, ResourceOffer, Verification} from "../Types.sol";

/// @title Everything that is named by its hash: offers (EIP-712), terms, receipts, commitments.
/// @dev Offers and terms are hashed as they lie in calldata, word by word, which is what `abi.encode` would give for
/// members without stray bits. Stray bits give another hash, so a wrong signature or an unknown deal, never a
/// second name for the same thing: the names that the contract writes are of values that it has decoded.
library Hashes {
    bytes32 internal constant JOB_OFFER_TYPEHASH = keccak256(
        "JobOffer(address creator,bytes32 jobDigest,bytes32 inputHash,bytes32 profile,uint8 verification,uint8 meter,"
        "uint8 replicas,uint64 fuelLimit,uint64 memoryBytesMax,uint64 diskBytesMax,uint16 cores,uint16 gpus,"
        "uint32 gpuMemoryMib,uint128 pricePerGigafuelMax,uint128 solverFee,bytes32 panel,uint8 mediatorCount,"
        "uint8 runs,uint128 mediatorFee,uint128 availabilityFee,uint32 penaltyBps,uint16 auditBps,"
        "uint32 submitWindow,uint32 judgeWindow,uint32 mediationWindow,uint32 callbackGas,address solver,"
        "address provider,uint64 nonce,uint64 expiry,string gateway)"
    );

    bytes32 internal constant RESOURCE_OFFER_TYPEHASH = keccak256(
        "ResourceOffer(address provider,bytes32 profile,uint8 meter,uint64 fuelLimitMax,uint64 memoryBytesMax,"
        "uint64 diskBytesMax,uint16 cores,uint16 gpus,uint32 gpuMemoryMib,uint128 pricePerGigafuel,"
        "uint128 collateralMax,bytes32 panel,uint128 mediatorFeeMin,uint128 availabilityFeeMax,uint32 submitWindowMin,"
        "uint32 judgeWindowMax,uint32 mediationWindowMin,uint32 slots,address solver,uint64 nonce,uint64 expiry,string gateway)"
    );

    /// @dev 30 words before the gateway.
    function hash(JobOffer calldata o) internal pure returns (bytes32 result) {
        bytes32 typehash = JOB_OFFER_TYPEHASH;
        bytes32 gateway = keccak256(bytes(o.gateway));
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typehash)
            calldatacopy(add(p, 32), o, 960)
            mstore(add(p, 992), gateway)
            result := keccak256(p, 1024)
        }
    }

    /// @dev 21 words before the gateway.
    function hash(ResourceOffer calldata o) internal pure returns (bytes32 result) {
        bytes32 typehash = RESOURCE_OFFER_TYPEHASH;
        bytes32 gateway = keccak256(bytes(o.gateway));
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typehash)
            calldatacopy(add(p, 32), o, 672)
            mstore(add(p, 704), gateway)
            result := keccak256(p, 736)
        }
    }

    /// @dev 15 words, all of them fixed.
    function id(DealTerms calldata terms) internal pure returns (DealId result) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, terms, 480)
            result := keccak256(p, 480)
        }
    }

    /// @dev In memory a struct of 15 values is 15 words.
    function idOf(DealTerms memory terms) internal pure returns (DealId result) {
        assembly ("memory-safe") {
            result := keccak256(terms, 480)
        }
    }

    /// @notice A receipt's name.
    function hash(Receipt calldata receipt) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, receipt, 256)
            result := keccak256(p, 256)
        }
    }

    /// @notice The name of what honest runs have in common: all, or, where fuel is time, all but that.
    /// @dev `fuelUsed` is the sixth of eight words.
    function comparable(Receipt calldata receipt, Verification verification) internal pure returns (bytes32 result) {
        bool repeated = verification == Verification.Repeated;
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, receipt, 256)
            if repeated { mstore(add(p, 160), 0) }
            result := keccak256(p, 256)
        }
    }

    /// @notice A commitment to a receipt by one party in one deal: nobody else can open a copy of it.
    function commitment(DealId dealId, address party, bytes32 receiptHash, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(dealId, party, receiptHash, salt));
    }
}
