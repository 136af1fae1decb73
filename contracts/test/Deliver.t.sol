// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, Receipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {LilypadConsumer} from "../src/LilypadConsumer.sol";
import {MarketTest} from "./MarketTest.sol";

/// @dev A consumer that can be told how to misbehave.
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
    bool public reentryRefused;
    DealTerms private _terms;

    constructor(ILilypadMarket market_) LilypadConsumer(market_) {}

    function request(JobOffer memory offer, bytes memory input) external returns (bytes32) {
        return _requestJob(offer, input);
    }

    function be(Mood mood_) external {
        mood = mood_;
    }

    function rememberTerms(DealTerms memory terms) external {
        _terms = terms;
    }

    function _onJobResult(bytes32, DealId, Receipt calldata receipt, bytes calldata journal_) internal override {
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
            try market.deliverResult(_terms, receipt, journal_) {}
            catch {
                reentryRefused = true;
            }
        }
        journal = journal_;
    }
}

contract DeliverTest is MarketTest {
    bytes private constant INPUT = '{"message":"moo"}';
    bytes private constant JOURNAL = "journal";
    uint32 private constant CALLBACK_GAS = 1_000_000;

    Consumer private consumer;
    DealTerms private terms;
    bytes32 private requestId;

    function setUp() public override {
        super.setUp();
        consumer = new Consumer(market);
        _fund(address(consumer), 100 ether);
        terms = _requested(CALLBACK_GAS, 1);
        requestId = terms.jobOfferHash;
    }

    function _requested(uint32 callbackGas, uint64 nonce) private returns (DealTerms memory) {
        JobOffer memory job = _jobOffer();
        job.creator = address(consumer);
        job.inputHash = keccak256(INPUT);
        job.callbackGas = callbackGas;
        job.nonce = nonce;
        consumer.request(job, INPUT);
        ResourceOffer memory resource = _resourceOffer();
        return _match(job, "", resource, _signed(resource));
    }

    function _finalized(DealTerms memory t) private {
        _submit(t, _receipt());
        skip(t.judgeWindow + 1);
        market.finalizeDeal(t, _receipt());
    }

    function test_reverts_beforeSettlement() public {
        vm.expectRevert(_wrongState(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
        _submit(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function test_reverts_withoutAStandingResult() public {
        skip(terms.submitWindow + 1);
        market.timeoutSubmission(terms);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotPayable.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
    }

    function test_reverts_whenTheResultWasSlashed() public {
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(address(consumer));
        market.challengeResult(terms);
        _mediate(terms, _otherReceipt(), 3);
        market.concludeMediation(terms, _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResultNotPayable.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
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
        vm.expectPartialRevert(ILilypadMarket.JournalMismatch.selector);
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
        (bool ok,) = address(market).call{gas: gasLimit}(
            abi.encodeCall(ILilypadMarket.deliverResult, (terms, _receipt(), JOURNAL))
        );
        assertFalse(ok, "reverts");
        assertEq(consumer.calls(), 0, "not called");
        assertFalse(market.deal(terms).callbackFailed, "not recorded as failed");
    }

    function test_delivers_once() public {
        _finalized(terms);
        vm.expectEmit();
        emit ILilypadMarket.CallbackDelivered(_id(terms));
        vm.prank(stranger);
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.journal(), JOURNAL, "journal");
        assertFalse(consumer.requestOpen(requestId), "answered");
        assertTrue(market.deal(terms).callbackDelivered, "recorded");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackAlreadyDelivered.selector, _id(terms)));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.calls(), 1, "once");
    }

    /// @dev Payment came first and stays; the failure is recorded; a later try works.
    function _failsThenSucceeds(Consumer.Mood mood) private {
        consumer.be(mood);
        _finalized(terms);
        uint256 paid = _free(provider);
        uint256 gasBefore = gasleft();
        vm.expectEmit();
        emit ILilypadMarket.CallbackFailed(_id(terms));
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertLt(gasBefore - gasleft(), CALLBACK_GAS + 150_000, "the caller pays for no more than the callback's gas");
        assertEq(consumer.calls(), 0, "undone");
        assertTrue(market.deal(terms).callbackFailed, "recorded");
        assertEq(_free(provider), paid, "payment stands");
        consumer.be(Consumer.Mood.Good);
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertEq(consumer.journal(), JOURNAL, "retried");
        assertFalse(market.deal(terms).callbackFailed, "no longer failed");
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

    function test_reentrantConsumer() public {
        consumer.be(Consumer.Mood.Reentrant);
        consumer.rememberTerms(terms);
        _finalized(terms);
        market.deliverResult(terms, _receipt(), JOURNAL);
        assertTrue(consumer.reentryRefused(), "the inner delivery was refused");
        assertEq(consumer.calls(), 1, "once");
    }

    function testFuzz_consumer_trustsOnlyTheMarket(address who, bytes32 id) public {
        vm.assume(who != address(market));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.NotMarket.selector, who));
        consumer.onJobResult(requestId, _id(terms), _receipt(), JOURNAL);
        vm.assume(id != requestId);
        vm.prank(address(market));
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotOpen.selector, id));
        consumer.onJobResult(id, _id(terms), _receipt(), JOURNAL);
    }

    /// @dev A creator without code has nothing to run; the call succeeds and changes nothing.
    function test_creatorWithoutCode() public {
        JobOffer memory job = _jobOffer();
        job.callbackGas = 10_000;
        job.nonce = 77;
        DealTerms memory plain = _match(job, _resourceOffer());
        _finalized(plain);
        market.deliverResult(plain, _receipt(), JOURNAL);
        assertTrue(market.deal(plain).callbackDelivered, "done");
        assertTrue(_settlement(plain) == Settlement.Finalized, "paid");
    }
}
