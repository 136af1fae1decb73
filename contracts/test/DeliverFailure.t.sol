// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Callback, DealTerms, DeclineReason, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadConsumer} from "../src/interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {DeliverBase} from "./DeliverBase.sol";
import {Consumer} from "./actors/Consumer.sol";

/// @title Requesting contracts also learn that there will be no answer.
contract DeliverFailureTest is DeliverBase {
    function _decline() private {
        vm.prank(provider);
        market.declineDeal(terms, DeclineReason.InputsUnavailable);
    }

    function test_reverts_beforeSettlement() public {
        vm.expectRevert(_wrongState(terms));
        market.deliverFailure(terms);
    }

    function test_reverts_whenTheResultStands() public {
        _finalized(terms);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotFailed.selector, _id(terms)));
        market.deliverFailure(terms);
    }

    function test_reverts_whenNotAskedFor() public {
        terms = _requested(0, 2);
        _decline();
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackNotAsked.selector, _id(terms)));
        market.deliverFailure(terms);
    }

    /// @dev One of several replicas failed: another one may still bring the answer.
    function test_reverts_forReplicas() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 2;
        job.callbackGas = CALLBACK_GAS;
        DealTerms[] memory deals = _matchReplicas(job);
        vm.prank(deals[0].provider);
        market.declineDeal(deals[0], DeclineReason.HostFault);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotFailed.selector, _id(deals[0])));
        market.deliverFailure(deals[0]);
    }

    function test_delivers_onceAndByAnyone() public {
        _decline();
        vm.expectCall(
            address(consumer),
            abi.encodeCall(ILilypadConsumer.onJobFailed, (requestId, _id(terms), Settlement.Declined)),
            1
        );
        vm.expectEmit(address(market));
        emit ILilypadMarket.CallbackDelivered(_id(terms));
        vm.prank(stranger);
        market.deliverFailure(terms);
        assertTrue(consumer.failure() == Settlement.Declined, "why");
        assertFalse(consumer.requestOpen(requestId), "closed");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackAlreadyDelivered.selector, _id(terms)));
        market.deliverFailure(terms);
    }

    function test_delivers_afterATimeOut() public {
        skip(terms.rules.submitWindow() + 1);
        market.timeoutSubmission(terms);
        market.deliverFailure(terms);
        assertTrue(consumer.failure() == Settlement.SubmissionTimedOut, "why");
    }

    function test_delivers_afterMediation() public {
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(address(consumer));
        market.challengeResult(terms, mediators);
        uint256 snapshot = vm.snapshotState();
        _mediate(terms, _otherReceipt(), 3);
        _conclude(terms, _receipt());
        market.deliverFailure(terms);
        assertTrue(consumer.failure() == Settlement.ProviderSlashed, "slashed");
        assertTrue(vm.revertToState(snapshot), "back");
        _mediate(terms, _receipt(), 1);
        _conclude(terms, _receipt());
        market.deliverFailure(terms);
        assertTrue(consumer.failure() == Settlement.Inconclusive, "inconclusive");
    }

    function testFuzz_failsThenSucceeds(uint8 mood) public {
        mood = uint8(bound(mood, uint8(Consumer.Mood.Reverting), uint8(Consumer.Mood.ReturnBombing)));
        _decline();
        consumer.be(Consumer.Mood(mood));
        vm.expectEmit(address(market));
        emit ILilypadMarket.CallbackFailed(_id(terms));
        market.deliverFailure(terms);
        assertTrue(lens.deal(terms).callback == Callback.Failed, "recorded");
        consumer.be(Consumer.Mood.Good);
        market.deliverFailure(terms);
        assertTrue(lens.deal(terms).callback == Callback.Delivered, "retried");
    }

    /// @dev The refund is in the market before the callback, and a consumer may ask again from within it.
    function test_reentrantConsumer_asksAgain() public {
        JobOffer memory again = _request(CALLBACK_GAS, 9);
        consumer.be(Consumer.Mood.Reentrant);
        consumer.willCall(abi.encodeCall(ILilypadMarket.requestJob, (again, INPUT)));
        consumer.willCall(abi.encodeCall(ILilypadMarket.deliverFailure, (terms)));
        _decline();
        market.deliverFailure(terms);
        assertEq(consumer.answers(0), "ok", "asked again");
        assertEq(bytes4(consumer.answers(1)), ILilypadMarket.CallbackAlreadyDelivered.selector, "not told twice");
        ResourceOffer memory resource = _resourceOffer();
        _match(again, "", resource, _signed(resource));
    }
}
