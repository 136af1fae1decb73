// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {LilypadConsumer} from "../../src/LilypadConsumer.sol";
import {DealId, JobOffer, Receipt, Settlement} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";

/// @title A requesting contract that can be told how to misbehave.
contract Consumer is LilypadConsumer {
    enum Mood {
        Good,
        Reverting,
        GasBurning,
        ReturnBombing,
        Reentrant
    }

    Mood public mood;
    uint256 public calls;
    bytes public journal;
    Settlement public failure;

    /// @notice What a re-entrant consumer calls, and what came of it.
    bytes[] public inner;
    bytes[] public answers;

    constructor(ILilypadMarket market_) LilypadConsumer(market_) {}

    function request(JobOffer memory offer, bytes memory input) external returns (bytes32) {
        return _requestJob(offer, input);
    }

    function cancel(bytes32 requestId, JobOffer memory offer) external {
        _cancelRequest(requestId, offer);
    }

    function be(Mood mood_) external {
        mood = mood_;
    }

    function willCall(bytes calldata call) external {
        inner.push(call);
    }

    function _onJobResult(bytes32, DealId, Receipt calldata, bytes calldata journal_) internal override {
        _misbehave();
        journal = journal_;
    }

    function _onJobFailed(bytes32, DealId, Settlement how) internal override {
        _misbehave();
        failure = how;
    }

    function _misbehave() private {
        ++calls;
        if (mood == Mood.Reverting) revert("not today");
        if (mood == Mood.GasBurning) {
            while (true) {}
        }
        if (mood == Mood.ReturnBombing) {
            assembly {
                // As much return data as the callback's gas can pay for.
                revert(0, 1000000)
            }
        }
        if (mood == Mood.Reentrant) {
            for (uint256 i; i < inner.length; ++i) {
                (bool ok, bytes memory answer) = address(market).call(inner[i]);
                answers.push(ok ? bytes("ok") : answer);
            }
        }
    }
}
