// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Callback, DealTerms, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";
import {Consumer} from "./actors/Consumer.sol";

/// @title The forerunners' defects again: those of callbacks and verdicts.
contract DefectsJudgingTest is MarketTest {
    /* CALLBACKS */

    function _requested(Consumer consumer) private returns (DealTerms memory) {
        _fund(address(consumer), 100 ether);
        JobOffer memory job = _jobOffer();
        job.creator = address(consumer);
        job.inputHash = keccak256("input");
        job.callbackGas = 1_000_000;
        consumer.request(job, "input");
        ResourceOffer memory resource = _resourceOffer();
        return _match(job, "", resource, _signed(resource));
    }

    /// @dev v1: the callback ran inside `postResult`, so a reverting one kept the provider from posting and its pay.
    function test_revertingCallbackBlocksPayment() public {
        Consumer consumer = new Consumer(market);
        consumer.be(Consumer.Mood.Reverting);
        DealTerms memory terms = _requested(consumer);
        _submit(terms, _receipt());
        vm.warp(lens.deal(terms).deadline + 1);
        market.finalizeDeal(terms, _receipt());
        assertEq(_free(provider), FUNDS + 4 ether, "paid, callback or not");
        market.deliverResult(terms, _receipt(), "journal");
        assertTrue(lens.deal(terms).callback == Callback.Failed, "recorded, and to be tried again");
    }

    /// @dev v1: the callback ran before the deal was closed, so it could call back into an open deal.
    function test_reentrantCallback() public {
        Consumer consumer = new Consumer(market);
        DealTerms memory terms = _requested(consumer);
        consumer.be(Consumer.Mood.Reentrant);
        consumer.willCall(abi.encodeCall(ILilypadMarket.acceptResult, (terms, _receipt())));
        consumer.willCall(abi.encodeCall(ILilypadMarket.deliverResult, (terms, _receipt(), "journal")));
        _submit(terms, _receipt());
        vm.warp(lens.deal(terms).deadline + 1);
        market.finalizeDeal(terms, _receipt());
        market.deliverResult(terms, _receipt(), "journal");
        assertEq(consumer.answers(0), _wrongState(terms), "the deal is closed");
        assertEq(bytes4(consumer.answers(1)), ILilypadMarket.CallbackAlreadyDelivered.selector, "and answered");
        assertEq(consumer.calls(), 1, "once");
    }

    /// @dev v1: the callback came with the result itself, before anybody could have verified it.
    function test_callbackBeforeVerification() public {
        DealTerms memory terms = _requested(new Consumer(market));
        _submit(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.deliverResult(terms, _receipt(), "journal");
    }

    /// @dev v2: the request was remembered under an empty deal's name, so its answer could not find it.
    function test_unreachableCallback() public {
        Consumer consumer = new Consumer(market);
        DealTerms memory terms = _requested(consumer);
        assertTrue(consumer.requestOpen(terms.jobOfferHash), "the deal names the request");
        _submit(terms, _receipt());
        vm.prank(address(consumer));
        market.acceptResult(terms, _receipt());
        market.deliverResult(terms, _receipt(), "journal");
        assertEq(consumer.journal(), "journal", "answered");
    }

    /* VERDICTS */

    /// @dev v2: the mediator was drawn by the time of the block that asked, which whoever asked could choose.
    function testFuzz_predictableMediators(uint32 wait, address asks) public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        assertEq(lens.deal(terms).seed, 0, "nobody knows the seed when the result is posted");
        _passAnchor();
        address[] memory drawn = _drawn(terms);
        uint256 snapshot = vm.snapshotState();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        _expectSeats(terms, drawn);
        assertTrue(vm.revertToState(snapshot), "back");
        // Neither when nor from where it is asked changes who is drawn.
        skip(bound(wait, 0, terms.rules.judgeWindow()));
        vm.roll(vm.getBlockNumber() + wait % 200);
        vm.coinbase(asks);
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        _expectSeats(terms, drawn);
    }

    function _expectSeats(DealTerms memory terms, address[] memory drawn) private view {
        (ILilypadMediation.Docket memory d,) = mediation.docket(_id(terms));
        assertEq(d.drawnHash, bytes20(keccak256(abi.encodePacked(drawn))), "those that the seed drew");
    }

    /// @dev MODICUM 2020: a test of a string was always true, so every verdict blamed the creator.
    function test_verdictThatAlwaysBlamesOne() public {
        DealTerms memory terms = _challenged();
        uint256 snapshot = vm.snapshotState();
        _mediate(terms, _receipt(), 3);
        _conclude(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "the creator was wrong");
        assertTrue(vm.revertToState(snapshot), "back");
        _mediate(terms, _otherReceipt(), 3);
        _conclude(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "the provider was wrong");
    }

    /// @dev v1 and v2: the mediator handed down an opinion, which nothing bound to a run of the job; and one alone.
    function test_verdictByOpinion() public {
        DealTerms memory terms = _challenged();
        address[] memory drawn = _drawn(terms);
        _commit(terms, drawn[0], _otherReceipt());
        skip(terms.rules.mediationWindow() + 1);
        _reveal(terms, drawn[0], _otherReceipt());
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one of three decides nothing");
    }

    /// @dev MODICUM 2020: creators verified nothing (`if False`), and then a provider's best play is to deceive.
    /// Here the draw does it without the creator, and nobody is paid before.
    function test_nobodyVerifies() public {
        JobOffer memory job = _jobOffer();
        job.auditBps = 10_000;
        DealTerms memory terms = _match(job, _resourceOffer());
        _submit(terms, _receipt());
        _passAnchor();
        vm.warp(lens.deal(terms).deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDue.selector, _id(terms)));
        market.finalizeDeal(terms, _receipt());
    }
}
