// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, JobOffer, Receipt, Settlement} from "./Types.sol";
import {ILilypadConsumer} from "./interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";

/// @title Base of contracts that request jobs: only the market calls back, only for own requests, once each.
/// @dev A request ends in exactly one of `_onJobResult`, `_onJobFailed`, `_cancelRequest`; or, with replicas none of
/// which brought an answer, in none: then the contract reads the deals. A request that nobody took is cancelled by
/// `_cancelRequest`; after its expiry anyone can do so at the market, whose `requestLock` is then zero.
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
        _closeByMarket(requestId);
        _onJobResult(requestId, dealId, receipt, journal);
    }

    /// @inheritdoc ILilypadConsumer
    function onJobFailed(bytes32 requestId, DealId dealId, Settlement how) external {
        _closeByMarket(requestId);
        _onJobFailed(requestId, dealId, how);
    }

    /// @dev Posts a request; the answer reaches `_onJobResult` or `_onJobFailed`.
    function _requestJob(JobOffer memory offer, bytes memory input) internal returns (bytes32 requestId) {
        requestId = market.requestJob(offer, input);
        requestOpen[requestId] = true;
    }

    /// @dev Takes back a request that nobody took yet; its lock is free again in the market.
    function _cancelRequest(bytes32 requestId, JobOffer memory offer) internal {
        if (!requestOpen[requestId]) revert RequestNotOpen(requestId);
        requestOpen[requestId] = false;
        market.cancelRequest(offer);
    }

    /// @dev What to do with an answer. If this reverts, the market keeps the payment as it is and anyone may retry.
    function _onJobResult(bytes32 requestId, DealId dealId, Receipt calldata receipt, bytes calldata journal)
        internal
        virtual;

    /// @dev What to do when the request's deal ended without an answer; its refund is in the market.
    function _onJobFailed(bytes32 requestId, DealId dealId, Settlement how) internal virtual;

    function _closeByMarket(bytes32 requestId) private {
        if (msg.sender != address(market)) revert NotMarket(msg.sender);
        if (!requestOpen[requestId]) revert RequestNotOpen(requestId);
        requestOpen[requestId] = false;
    }
}
