// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, JobOffer, Receipt} from "./Types.sol";
import {ILilypadConsumer} from "./interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";

/// @title Base of contracts that request jobs: only the market calls back, only for own requests, once each.
abstract contract LilypadConsumer is ILilypadConsumer {
    error NotMarket(address caller);
    error RequestNotOpen(bytes32 requestId);

    /// @notice The market this contract deals with.
    ILilypadMarket public immutable market;

    /// @notice Whether a request waits for its answer.
    mapping(bytes32 requestId => bool) public requestOpen;

    constructor(ILilypadMarket market_) {
        market = market_;
    }

    /// @inheritdoc ILilypadConsumer
    function onJobResult(bytes32 requestId, DealId dealId, Receipt calldata receipt, bytes calldata journal) external {
        if (msg.sender != address(market)) revert NotMarket(msg.sender);
        if (!requestOpen[requestId]) revert RequestNotOpen(requestId);
        requestOpen[requestId] = false;
        _onJobResult(requestId, dealId, receipt, journal);
    }

    /// @dev Posts a request; the answer reaches `_onJobResult`.
    function _requestJob(JobOffer memory offer, bytes memory input) internal returns (bytes32 requestId) {
        requestId = market.requestJob(offer, input);
        requestOpen[requestId] = true;
    }

    /// @dev What to do with an answer. If this reverts, the market keeps the payment as it is and anyone may retry.
    function _onJobResult(bytes32 requestId, DealId dealId, Receipt calldata receipt, bytes calldata journal)
        internal
        virtual;
}
