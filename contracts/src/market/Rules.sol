// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {JobOffer, Meter, Verification} from "../Types.sol";

/// @notice A deal's small numbers in one word, which every call passes and the match event carries.
/// @dev From the lowest bit:
/// 8 verification | 8 meter | 8 replicas | 8 mediatorCount | 8 runs | 16 auditBps | 32 penaltyBps |
/// 24 submitWindow | 24 judgeWindow | 24 mediationWindow | 32 callbackGas | 40 matchedAt (unix seconds) | 24 zero
type DealRules is uint256;

using Rules for DealRules global;

/// @title Writes and reads `DealRules`. Each width holds what `matchOffers` has checked.
library Rules {
    // What is cut off by a cast is the next field.
    // forge-lint: disable-start(unsafe-typecast)

    /// @dev Windows have been checked to be at most 30 days, which is 22 bits.
    function pack(JobOffer calldata o, uint256 time) internal pure returns (DealRules) {
        return DealRules.wrap(
            uint256(o.verification) | (uint256(o.meter) << 8) | (uint256(o.replicas) << 16)
                | (uint256(o.mediatorCount) << 24) | (uint256(o.runs) << 32) | (uint256(o.auditBps) << 40)
                | (uint256(o.penaltyBps) << 56) | (uint256(o.submitWindow) << 88) | (uint256(o.judgeWindow) << 112)
                | (uint256(o.mediationWindow) << 136) | (uint256(o.callbackGas) << 160) | (time << 192)
        );
    }

    function verification(DealRules r) internal pure returns (Verification) {
        return Verification(uint8(DealRules.unwrap(r)));
    }

    function meter(DealRules r) internal pure returns (Meter) {
        return Meter(uint8(DealRules.unwrap(r) >> 8));
    }

    function replicas(DealRules r) internal pure returns (uint8) {
        return uint8(DealRules.unwrap(r) >> 16);
    }

    function mediatorCount(DealRules r) internal pure returns (uint8) {
        return uint8(DealRules.unwrap(r) >> 24);
    }

    function runs(DealRules r) internal pure returns (uint8) {
        return uint8(DealRules.unwrap(r) >> 32);
    }

    function auditBps(DealRules r) internal pure returns (uint16) {
        return uint16(DealRules.unwrap(r) >> 40);
    }

    function penaltyBps(DealRules r) internal pure returns (uint32) {
        return uint32(DealRules.unwrap(r) >> 56);
    }

    function submitWindow(DealRules r) internal pure returns (uint256) {
        return uint24(DealRules.unwrap(r) >> 88);
    }

    function judgeWindow(DealRules r) internal pure returns (uint256) {
        return uint24(DealRules.unwrap(r) >> 112);
    }

    function mediationWindow(DealRules r) internal pure returns (uint256) {
        return uint24(DealRules.unwrap(r) >> 136);
    }

    function callbackGas(DealRules r) internal pure returns (uint256) {
        return uint32(DealRules.unwrap(r) >> 160);
    }

    function matchedAt(DealRules r) internal pure returns (uint256) {
        return uint40(DealRules.unwrap(r) >> 192);
    }
    // forge-lint: disable-end(unsafe-typecast)
}
