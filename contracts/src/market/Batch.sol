// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Several verbs in one transaction: the base cost once, and slots that are cold only once.
/// @dev No verb takes ether, so no call's value can be counted twice.
abstract contract Batch is ILilypadMarket {
    /// @inheritdoc ILilypadMarket
    function batch(bytes[] calldata calls, bool allOrNothing) external returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            // To itself, so that each verb sees the same caller and no foreign code is run.
            (bool ok, bytes memory result) = address(this).delegatecall(calls[i]);
            results[i] = result;
            if (ok) continue;
            if (allOrNothing) {
                assembly ("memory-safe") {
                    revert(add(result, 32), mload(result))
                }
            }
            emit BatchCallFailed(i, result);
        }
    }
}
