// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Callback, DealTerms, JobOffer, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {LilypadConsumer} from "../src/LilypadConsumer.sol";
import {ILilypadConsumer} from "../src/interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {DeliverBase} from "./DeliverBase.sol";
import {Consumer} from "./actors/Consumer.sol";

/// @title Answers to requesting contracts: once each, after payment, at the cost that they asked for.
contract DeliverTest is DeliverBase {
    /* REVERTS */

    function test_reverts_beforeSettlement() public {
        vm.expectRevert(_wrongState(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
        _submit(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function test_reverts_withoutAStandingResult() public {
        skip(terms.rules.submitWindow() + 1);
        market.timeoutSubmission(terms);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotPayable.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function test_reverts_whenTheResultWasSlashed() public {
        _mediated(_otherReceipt(), 3);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotPayable.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function test_reverts_whenNobodyCouldTell() public {
        _mediated(_receipt(), 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotPayable.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function _mediated(JobReceipt memory found, uint256 agreeing) private {
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(address(consumer));
        market.challengeResult(terms, mediators);
        _mediate(terms, found, agreeing);
        _conclude(terms, _receipt());
    }

    function test_reverts_whenNotAskedFor() public {
        DealTerms memory silent = _requested(0, 2);
        _finalized(silent);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackNotAsked.selector, _id(silent)));
        market.deliverResult(silent, _receipt(), JOURNAL);
    }

    function testFuzz_reverts_onAnotherJournal(bytes calldata journal) public {
        vm.assume(keccak256(journal) != keccak256(JOURNAL));
        _finalized(terms);
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.JournalMismatch.selector, keccak256(JOURNAL), keccak256(journal))
        );
        market.deliverResult(terms, _receipt(), journal);
    }

    function test_reverts_onAnotherReceipt() public {
        _finalized(terms);
        vm.expectPartialRevert(ILilypadMarket.ReceiptMismatch.selector);
        market.deliverResult(terms, _otherReceipt(), JOURNAL);
    }

    /// @dev Who delivers can't starve the callback and have it recorded as failed.
    function testFuzz_reverts_withTooLittleGas(uint256 gasLimit) public {
        _finalized(terms);
        gasLimit = bound(gasLimit, 60_000, CALLBACK_GAS + 40_000);
        (bool ok, bytes memory answer) = address(market).call{gas: gasLimit}(
            abi.encodeCall(ILilypadMarket.deliverResult, (terms, _receipt(), JOURNAL))
        );
        assertFalse(ok, "reverts");
        assertEq(bytes4(answer), ILilypadMarket.GasTooLow.selector, "because of the gas");
        assertEq(consumer.calls(), 0, "not called");
        assertTrue(lens.deal(terms).callback == Callback.None, "not recorded as failed");
    }

    /// @dev Whatever gas is enough for the check is enough for the callback: it never fails for want of what was asked.
    function testFuzz_enoughGas_isEnough(uint256 gasLimit) public {
        _finalized(terms);
        consumer.be(Consumer.Mood.GasBurning); // needs all it can get, and leaves nothing to the rest
        gasLimit = bound(gasLimit, CALLBACK_GAS, CALLBACK_GAS + 200_000);
        (bool ok, bytes memory answer) = address(market).call{gas: gasLimit}(
            abi.encodeCall(ILilypadMarket.deliverResult, (terms, _receipt(), JOURNAL))
        );
        if (!ok) assertEq(bytes4(answer), ILilypadMarket.GasTooLow.selector, "never out of gas after the check");
        else assertTrue(lens.deal(terms).callback == Callback.Failed, "recorded");
    }

    /* DELIVERY */

    function test_delivers_once() public {
        _finalized(terms);
        vm.expectCall(
            address(consumer),
            abi.encodeCall(ILilypadConsumer.onJobResult, (requestId, _id(terms), _receipt(), JOURNAL)),
            1
        );
        vm.expectEmit(address(market));
        emit ILilypadMarket.CallbackDelivered(_id(terms));
        vm.prank(stranger);
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.journal(), JOURNAL, "journal");
        assertFalse(consumer.requestOpen(requestId), "answered");
        assertTrue(lens.deal(terms).callback == Callback.Delivered, "recorded");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackAlreadyDelivered.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.calls(), 1, "once");
    }

    /// @dev However a result came to stand.
    function test_delivers_afterAcceptance_andAfterMediation() public {
        _submit(terms, _receipt());
        vm.prank(address(consumer));
        market.acceptResult(terms, _receipt());
        market.deliverResult(terms, _receipt(), JOURNAL);
        terms = _requested(CALLBACK_GAS, 2);
        _mediated(_receipt(), 3);
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "upheld");
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.calls(), 2, "both");
    }

    /// @dev Payment came first and stays; the failure is recorded; a later try works.
    function _failsThenSucceeds(Consumer.Mood mood) private {
        consumer.be(mood);
        _finalized(terms);
        uint256 paid = _free(provider);
        uint256 gasBefore = gasleft();
        vm.expectEmit(address(market));
        emit ILilypadMarket.CallbackFailed(_id(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertLt(gasBefore - gasleft(), CALLBACK_GAS + 150_000, "the caller pays for no more than the callback's gas");
        assertEq(consumer.calls(), 0, "undone");
        assertTrue(lens.deal(terms).callback == Callback.Failed, "recorded");
        assertEq(_free(provider), paid, "payment stands");
        consumer.be(Consumer.Mood.Good);
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.journal(), JOURNAL, "retried");
        assertTrue(lens.deal(terms).callback == Callback.Delivered, "no longer failed");
    }

    function test_revertingConsumer() public {
        _failsThenSucceeds(Consumer.Mood.Reverting);
    }

    function test_gasBurningConsumer() public {
        _failsThenSucceeds(Consumer.Mood.GasBurning);
    }

    function test_returnBombingConsumer() public {
        _failsThenSucceeds(Consumer.Mood.ReturnBombing);
    }

    /// @dev From inside its callback a consumer meets a market that has finished with the deal: it can't be answered
    /// twice or paid twice, and everything else that it may do at other times it may do now.
    function test_reentrantConsumer() public {
        consumer.be(Consumer.Mood.Reentrant);
        consumer.willCall(abi.encodeCall(ILilypadMarket.deliverResult, (terms, _receipt(), JOURNAL)));
        consumer.willCall(abi.encodeCall(ILilypadMarket.acceptResult, (terms, _receipt())));
        consumer.willCall(abi.encodeCall(ILilypadMarket.finalizeDeal, (terms, _receipt())));
        consumer.willCall(abi.encodeCall(ILilypadMarket.timeoutSubmission, (terms)));
        consumer.willCall(abi.encodeCall(ILilypadMarket.withdraw, (1 ether)));
        _finalized(terms);
        (uint256 free, uint256 locked) = market.balanceOf(address(consumer));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(bytes4(consumer.answers(0)), ILilypadMarket.CallbackAlreadyDelivered.selector, "delivered already");
        for (uint256 i = 1; i < 4; ++i) {
            assertEq(consumer.answers(i), _wrongState(terms), "settled already");
        }
        assertEq(consumer.answers(4), "ok", "its own money is its own");
        assertEq(consumer.calls(), 1, "once");
        assertEq(_free(address(consumer)), free - 1 ether, "free");
        assertEq(_locked(address(consumer)), locked, "locked");
        assertTrue(lens.deal(terms).callback == Callback.Delivered, "delivered");
    }

    /// @dev A consumer that fails after its inner delivery failed leaves the deal as one that can be tried again.
    function test_reentrantConsumer_ofAnotherDeal() public {
        DealTerms memory other = _requested(CALLBACK_GAS / 4, 2);
        _finalized(terms);
        _finalizedNow(other);
        consumer.be(Consumer.Mood.Reentrant);
        consumer.willCall(abi.encodeCall(ILilypadMarket.deliverResult, (other, _receipt(), JOURNAL)));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertTrue(lens.deal(terms).callback == Callback.Delivered, "the outer");
        // The inner one's callback tries to deliver itself, in vain, and is delivered.
        assertTrue(lens.deal(other).callback == Callback.Delivered, "the inner");
        assertEq(consumer.calls(), 2, "one each");
    }

    function _finalizedNow(DealTerms memory t) private {
        vm.warp(t.rules.matchedAt());
        _finalized(t);
    }

    /* CONSUMERS */

    function testFuzz_consumer_trustsOnlyTheMarket(address who, bytes32 id) public {
        vm.assume(who != address(market));
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.NotMarket.selector, who));
        consumer.onJobResult(requestId, _id(terms), _receipt(), JOURNAL);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.NotMarket.selector, who));
        consumer.onJobFailed(requestId, _id(terms), Settlement.Declined);
        vm.stopPrank();
        vm.assume(id != requestId);
        vm.startPrank(address(market));
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotOpen.selector, id));
        consumer.onJobResult(id, _id(terms), _receipt(), JOURNAL);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotOpen.selector, id));
        consumer.onJobFailed(id, _id(terms), Settlement.Declined);
    }

    function test_consumer_cancelsAnOpenRequest() public {
        JobOffer memory job = _request(CALLBACK_GAS, 5);
        bytes32 id = consumer.request(job, INPUT);
        consumer.cancel(id, job);
        assertFalse(consumer.requestOpen(id), "closed");
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotOpen.selector, id));
        consumer.cancel(id, job);
    }

    /// @dev A creator without code has nothing to run; the call succeeds and changes nothing.
    function test_creatorWithoutCode() public {
        JobOffer memory job = _jobOffer();
        job.callbackGas = 10_000;
        job.nonce = 77;
        DealTerms memory plain = _match(job, _resourceOffer());
        _finalized(plain);
        market.deliverResult(plain, _receipt(), JOURNAL);
        assertTrue(lens.deal(plain).callback == Callback.Delivered, "done");
        assertTrue(_settlement(plain) == Settlement.Finalized, "paid");
    }
}
