// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {JobOffer, ResourceOffer} from "../Types.sol";

/// @title EIP-712 struct hashes of the two offers.
library OfferHash {
    bytes32 internal constant JOB_OFFER_TYPEHASH = keccak256(
        "JobOffer(address creator,bytes32 jobDigest,bytes32 inputHash,bytes32 profile,uint64 fuelLimit,"
        "uint64 memoryBytesMax,uint128 pricePerGigafuelMax,uint128 solverFee,uint128 mediatorFee,"
        "uint128 collateralMin,bytes32 panel,uint8 mediatorCount,uint16 auditBps,uint32 submitWindow,"
        "uint32 judgeWindow,uint32 mediationWindow,uint32 callbackGas,address solver,address provider,"
        "uint64 nonce,uint64 expiry,string gateway)"
    );

    bytes32 internal constant RESOURCE_OFFER_TYPEHASH = keccak256(
        "ResourceOffer(address provider,bytes32 profile,uint64 fuelLimitMax,uint64 memoryBytesMax,"
        "uint128 pricePerGigafuel,uint128 collateral,bytes32 panel,uint32 slots,uint32 submitWindowMin,"
        "address solver,uint64 nonce,uint64 expiry,string gateway)"
    );

    /// @dev In two parts, for the stack's sake; every member is a word, so concatenation is `abi.encode`.
    function hash(JobOffer calldata o) internal pure returns (bytes32) {
        bytes memory first = abi.encode(
            JOB_OFFER_TYPEHASH,
            o.creator,
            o.jobDigest,
            o.inputHash,
            o.profile,
            o.fuelLimit,
            o.memoryBytesMax,
            o.pricePerGigafuelMax,
            o.solverFee,
            o.mediatorFee,
            o.collateralMin
        );
        bytes memory second = abi.encode(
            o.panel, o.mediatorCount, o.auditBps, o.submitWindow, o.judgeWindow, o.mediationWindow, o.callbackGas
        );
        bytes memory third = abi.encode(o.solver, o.provider, o.nonce, o.expiry, keccak256(bytes(o.gateway)));
        return keccak256(bytes.concat(first, second, third));
    }

    function hash(ResourceOffer calldata o) internal pure returns (bytes32) {
        bytes memory first = abi.encode(
            RESOURCE_OFFER_TYPEHASH,
            o.provider,
            o.profile,
            o.fuelLimitMax,
            o.memoryBytesMax,
            o.pricePerGigafuel,
            o.collateral,
            o.panel
        );
        bytes memory second =
            abi.encode(o.slots, o.submitWindowMin, o.solver, o.nonce, o.expiry, keccak256(bytes(o.gateway)));
        return keccak256(bytes.concat(first, second));
    }
}
