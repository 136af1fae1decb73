// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Callback, DealState, DealTerms, DeclineReason, Receipt as JobReceipt, Settlement} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {HostileConsumer} from "../actors/HostileConsumer.sol";
import {Mediators} from "./Mediators.sol";

/// @title Callbacks into contracts that revert, burn all gas, return megabytes, or call every verb from within.
abstract contract Callbacks is Mediators {
    /// @dev Of the calls from within, the first that may go through: the consumer's own money, and a batch of nothing.
    uint256 private constant ALLOWED = 9;

    function deliver(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pickCallback(which);
        if (!found) return _idle(seed);
        DealTerms memory terms = _lives[i].terms;
        bool mute = !_isConsumer(terms.creator);
        HostileConsumer.Mood mood = HostileConsumer.Mood(mute ? 0 : seed % 5);
        if (!mute) HostileConsumer(payable(terms.creator)).feel(mood, address(market), _callsFromWithin(i));
        Book memory b = _open();
        if (_resultStands(_lives[i].how)) market.deliverResult(terms, _lives[i].receipt, "journal");
        else market.deliverFailure(terms);
        Callback expected = Callback.Delivered;
        if (mood == HostileConsumer.Mood.Reverting || mood == HostileConsumer.Mood.BurningAllGas) {
            expected = Callback.Failed;
        }
        assertEq(uint8(lens.deal(terms).callback), uint8(expected), "the callback as the consumer felt");
        if (mood == HostileConsumer.Mood.Reentering) _checkFromWithin(b, terms.creator);
        _close(b);
        ++happened[string.concat("callback ", vm.toString(uint256(mood)))];
    }

    /// @notice A posted result that can be finalized is delivered at once, which settles it.
    function deliverUnsettled(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found || _lives[i].terms.rules.callbackGas() == 0) return _idle(seed);
        (bool possible, Settlement how, uint256 reimbursed) = _endOf(i);
        if (!possible || !_resultStands(how)) return _idle(seed);
        DealTerms memory terms = _lives[i].terms;
        if (_isConsumer(terms.creator)) {
            HostileConsumer(payable(terms.creator)).feel(HostileConsumer.Mood.Reverting, address(0), new bytes[](0));
        }
        Book memory b = _open();
        market.deliverResult(terms, _lives[i].receipt, "journal");
        _settled(b, i, how, new address[](0), reimbursed);
        _close(b);
        Callback expected = _isConsumer(terms.creator) ? Callback.Failed : Callback.Delivered;
        assertEq(uint8(lens.deal(terms).callback), uint8(expected), "a callback that fails takes no settlement back");
        ++happened["delivered and settled at once"];
    }

    /// @dev Only what is the consumer's own may have gone through, and it moved its own money alone.
    function _checkFromWithin(Book memory b, address consumer) private {
        uint256 wentThrough = HostileConsumer(payable(consumer)).wentThrough();
        assertEq(wentThrough & ((1 << ALLOWED) - 1), 0, "no verb on a settled deal goes through from within");
        assertEq(wentThrough >> (ALLOWED + 1), 1, "a batch of calls that fail goes through, and does nothing");
        if (wentThrough & (1 << ALLOWED) == 0) return;
        ++happened["withdrawn from within a callback"];
        uint256 place = _place(consumer);
        // One unit, out of the market: it is booked as if it had never been in.
        b.before[place] = bytes32(uint256(b.before[place]) - 1);
    }

    function _callsFromWithin(uint256 i) private view returns (bytes[] memory calls) {
        Life storage l = _lives[i];
        (DealTerms memory terms, JobReceipt memory receipt) = (l.terms, l.receipt);
        calls = new bytes[](ALLOWED + 2);
        calls[0] = abi.encodeCall(ILilypadMarket.deliverResult, (terms, receipt, "journal"));
        calls[1] = abi.encodeCall(ILilypadMarket.deliverFailure, (terms));
        calls[2] = abi.encodeCall(ILilypadMarket.acceptResult, (terms, receipt));
        calls[3] = abi.encodeCall(ILilypadMarket.finalizeDeal, (terms, receipt));
        calls[4] = abi.encodeCall(ILilypadMarket.timeoutSubmission, (terms));
        calls[5] = abi.encodeCall(ILilypadMarket.fixSeed, (terms));
        calls[6] = abi.encodeCall(ILilypadMarket.challengeResult, (terms, _panelMembers));
        calls[7] = abi.encodeCall(ILilypadMarket.concludeMediation, (terms, receipt, l.drawn));
        calls[8] = abi.encodeCall(ILilypadMarket.withdraw, (uint256(type(uint128).max) + 1));
        calls[9] = abi.encodeCall(ILilypadMarket.withdraw, (1));
        bytes[] memory inner = new bytes[](2);
        inner[0] = calls[2];
        inner[1] = calls[0];
        calls[10] = abi.encodeCall(ILilypadMarket.batch, (inner, false));
    }

    /// @dev A settled deal with a callback that has not been delivered.
    function _pickCallback(uint256 which) private view returns (bool, uint256) {
        uint256 count = _lives.length;
        for (uint256 k; k < count; ++k) {
            uint256 i = (which % count + k) % count;
            Life storage l = _lives[i];
            if (l.state != DealState.Settled || l.terms.rules.callbackGas() == 0) continue;
            if (!_resultStands(l.how) && l.terms.rules.replicas() != 1) continue;
            if (lens.deal(l.terms).callback != Callback.Delivered) return (true, i);
        }
        return (false, 0);
    }

    function _resultStands(Settlement how) private pure returns (bool) {
        return how == Settlement.Accepted || how == Settlement.Finalized || how == Settlement.Agreed
            || how == Settlement.ProviderUpheld || how == Settlement.AuditPassed;
    }
}
