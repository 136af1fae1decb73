// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

/// @title A contract that a party calls for some other reason, and that then calls the market.
contract Phisher {
    function phish(address market, bytes[] calldata calls) external returns (bytes[] memory answers) {
        answers = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            (, answers[i]) = market.call(calls[i]);
        }
    }
}
