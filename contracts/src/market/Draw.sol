// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId} from "../Types.sol";

/// @title Drawing lots from a seed.
library Draw {
    /// @dev Block hashes of the last 8,191 blocks (EIP-2935), where the chain has it; `blockhash` reaches 256.
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice The hash of an earlier block; zero when it can't be had.
    function blockHash(uint256 number) internal view returns (bytes32 result) {
        result = blockhash(number);
        if (result == 0) {
            // Where the chain doesn't have it, nothing comes back.
            (bool ok, bytes memory data) = HISTORY.staticcall(abi.encode(number));
            if (ok && data.length == 32) result = abi.decode(data, (bytes32));
        }
    }

    /// @notice Whether the seed says to audit: `bps` of 10,000 deals.
    function audited(bytes32 seed, DealId id, uint16 bps) internal pure returns (bool) {
        return bps != 0 && uint256(keccak256(abi.encode(seed, id, "audit"))) % 10_000 < bps;
    }

    /// @notice Draws `count` members without replacement, never one of the deal's two parties.
    /// @dev The panel has at least two members more than are drawn. `panel` is overwritten.
    function mediators(address[] memory panel, address creator, address provider, uint256 count, bytes32 seed)
        internal
        pure
        returns (address[] memory drawn)
    {
        uint256 eligible;
        for (uint256 i; i < panel.length; ++i) {
            if (panel[i] != creator && panel[i] != provider) panel[eligible++] = panel[i];
        }
        drawn = new address[](count);
        for (uint256 i; i < count; ++i) {
            // The modulo's bias is below 2^-240 for panels of at most 256.
            uint256 pick = i + uint256(keccak256(abi.encode(seed, i))) % (eligible - i);
            drawn[i] = panel[pick];
            panel[pick] = panel[i];
        }
    }
}
