// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, JobOffer, Receipt, Settlement} from "./Types.sol";
import {ILilypadConsumer} from "./interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";

/// @title Base of contracts that request jobs: only the market calls back, only for own requests, once each.
/// @dev A request ends at most once, by one of `_onJobResult`, `_onJobFailed`, `_onJobCancelled`. It stays open where
/// nobody delivers: a journal that is kept back (whoever runs the job again has it), a callback that can't afford the
/// answer, or replicas none of which brought one. A contract that minds gives up by a rule of its own.
abstract contract LilypadConsumer is ILilypadConsumer {
    error NotMarket(address caller);
    error RequestNotOpen(bytes32 requestId);
    error RequestNotCancelled(bytes32 requestId);

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
        _close(requestId);
        _onJobResult(requestId, dealId, receipt, journal);
    }

    /// @inheritdoc ILilypadConsumer
    function onJobFailed(bytes32 requestId, DealId dealId, Settlement how) external {
        if (msg.sender != address(market)) revert NotMarket(msg.sender);
        _close(requestId);
        _onJobFailed(requestId, dealId, how);
    }

    /// @notice Ends a request that nobody took and that was cancelled. After its expiry anyone can do both:
    /// `cancelRequest` at the market, then this.
    function onRequestCancelled(bytes32 requestId) external {
        if (market.requestLock(requestId) != type(uint256).max) revert RequestNotCancelled(requestId);
        _close(requestId);
        _onJobCancelled(requestId);
    }

    /// @dev Posts a request; the answer reaches `_onJobResult` or `_onJobFailed`.
    function _requestJob(JobOffer memory offer, bytes memory input) internal returns (bytes32 requestId) {
        // The market calls nobody while it takes a request, so nothing can come back before this is noted.
        requestId = market.requestJob(offer, input);
        requestOpen[requestId] = true;
    }

    /// @dev What to do with an answer. If this reverts, the market keeps the payment as it is and anyone may retry.
    function _onJobResult(bytes32 requestId, DealId dealId, Receipt calldata receipt, bytes calldata journal)
        internal
        virtual;

    /// @dev What to do when the request's deal ended without an answer; its refund is in the market.
    function _onJobFailed(bytes32 requestId, DealId dealId, Settlement how) internal virtual;

    /// @dev What to do when nobody took the request; its whole lock is back in the market.
    function _onJobCancelled(bytes32 requestId) internal virtual;

    function _close(bytes32 requestId) private {
        if (!requestOpen[requestId]) revert RequestNotOpen(requestId);
        requestOpen[requestId] = false;
    }
}
