// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title The last value that is allowed, everywhere: the last second of each window, the largest of each field.
/// @dev The verbs' own tests start one beyond, where the call reverts.
contract EdgesTest is MarketTest {
    /* SECONDS */

    function test_decline_inTheLastSecond() public {
        DealTerms memory terms = _match();
        vm.warp(terms.matchedAt + terms.submitWindow);
        vm.prank(provider);
        market.declineDeal(terms, 1);
        assertTrue(_settlement(terms) == Settlement.Declined, "declined");
    }

    function test_submit_inTheLastSecond_andTimeoutAfterIt() public {
        DealTerms memory terms = _match();
        uint256 deadline = terms.matchedAt + terms.submitWindow;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.timeoutSubmission(terms);
        uint256 snapshot = vm.snapshotState();
        _submit(terms, _receipt());
        assertTrue(_state(terms) == DealState.Submitted, "submitted");
        assertTrue(vm.revertToState(snapshot), "back");
        vm.warp(deadline + 1);
        market.timeoutSubmission(terms);
        assertTrue(_settlement(terms) == Settlement.SubmissionTimedOut, "timed out");
    }

    function test_challenge_inTheLastSecond_andFinalizeAfterIt() public {
        DealTerms memory terms = _submitted();
        uint256 deadline = market.deal(terms).deadline;
        assertEq(deadline, vm.getBlockTimestamp() + terms.judgeWindow, "the judge window starts with the result");
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(terms, _receipt());
        uint256 snapshot = vm.snapshotState();
        vm.prank(creator);
        market.challengeResult(terms);
        assertTrue(_state(terms) == DealState.Challenged, "challenged");
        assertTrue(vm.revertToState(snapshot), "back");
        vm.warp(deadline + 1);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }

    /// @dev A creator that is late may still be generous.
    function test_accept_afterTheWindow() public {
        DealTerms memory terms = _submitted();
        vm.warp(market.deal(terms).deadline + 1 days);
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Accepted, "accepted");
    }

    function test_mediation_inTheLastSeconds() public {
        DealTerms memory terms = _challenged();
        address[] memory drawn = market.deal(terms).mediators;
        uint256 deadline = market.deal(terms).deadline;
        uint256 revealDeadline = market.deal(terms).revealDeadline;
        assertEq(deadline, vm.getBlockTimestamp() + terms.mediationWindow, "the time to commit");
        assertEq(revealDeadline, deadline + terms.mediationWindow, "as much to reveal");
        vm.warp(deadline);
        _commit(terms, drawn[0], _receipt());
        _commit(terms, drawn[1], _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        _reveal(terms, drawn[0], _receipt());
        vm.warp(deadline + 1);
        _reveal(terms, drawn[0], _receipt());
        vm.warp(revealDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, revealDeadline + 1));
        market.concludeMediation(terms, _receipt());
        uint256 snapshot = vm.snapshotState();
        vm.warp(revealDeadline + 1);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one of three is no majority");
        assertTrue(vm.revertToState(snapshot), "back");
        _reveal(terms, drawn[1], _receipt());
        // Nobody else can post any more, so nobody has to wait.
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "two of three");
    }

    /// @dev Nobody committed: reveals are impossible, and the end needs no second window.
    function test_conclude_rightAfterASilentCommitWindow() public {
        DealTerms memory terms = _challenged();
        uint256 deadline = market.deal(terms).deadline;
        uint256 revealDeadline = market.deal(terms).revealDeadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, revealDeadline + 1));
        market.concludeMediation(terms, _receipt());
        vm.warp(deadline + 1);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "inconclusive");
    }

    function test_match_inTheOffersLastSecond() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.expiry = uint64(vm.getBlockTimestamp());
        resource.expiry = job.expiry;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "matched");
    }

    function test_cancelRequest_byOthersNotInTheLastSecond() public {
        JobOffer memory job = _jobOffer();
        job.inputHash = keccak256("input");
        vm.prank(creator);
        market.requestJob(job, "input");
        vm.warp(job.expiry);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, stranger));
        vm.prank(stranger);
        market.cancelRequest(job);
        vm.warp(job.expiry + 1);
        vm.prank(stranger);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "the whole lock came back");
    }

    /* BLOCKS */

    /// @dev The seed is the hash of a block that did not exist when the provider posted.
    function test_seed_isOfTheBlockAfterTheResult() public {
        DealTerms memory terms = _match();
        uint256 posted = vm.getBlockNumber();
        _submit(terms, _receipt());
        assertEq(market.deal(terms).anchorBlock, posted + 1, "anchor");
        vm.roll(posted + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, posted + 1));
        vm.prank(creator);
        market.challengeResult(terms);
        // Nor can the anchor be moved while its own block is being made.
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, posted + 1));
        market.fixSeed(terms);
        vm.roll(posted + 2);
        vm.prank(creator);
        market.challengeResult(terms);
        assertEq(market.deal(terms).seed, blockhash(posted + 1), "seed");
    }

    /* FIELDS */

    function test_submit_allFuelAndEveryStatus() public {
        DealTerms memory terms = _match();
        for (uint8 status; status <= 3; ++status) {
            uint256 snapshot = vm.snapshotState();
            JobReceipt memory r = _receipt();
            r.status = status;
            r.fuelUsed = status == 3 ? 0 : terms.fuelLimit;
            _submit(terms, r);
            assertTrue(_state(terms) == DealState.Submitted, "submitted");
            assertTrue(vm.revertToState(snapshot), "back");
        }
    }

    /// @dev Everything at its largest or its tightest at once.
    function test_match_atEveryLimit() public {
        address[] memory many = new address[](256);
        for (uint256 i; i < many.length; ++i) {
            many[i] = address(uint160(1_000 + i));
        }
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.panel = market.registerPanel(many);
        resource.panel = job.panel;
        job.mediatorCount = 7;
        job.auditBps = 10_000;
        (job.submitWindow, job.judgeWindow, job.mediationWindow) = (30 days, 30 days, 30 days);
        resource.submitWindowMin = 30 days;
        resource.fuelLimitMax = job.fuelLimit;
        resource.memoryBytesMax = job.memoryBytesMax;
        resource.pricePerGigafuel = job.pricePerGigafuelMax;
        resource.slots = 1;
        uint256 lock = uint256(job.fuelLimit) / 1e9 * job.pricePerGigafuelMax + job.solverFee + 7 * job.mediatorFee;
        // Both sides lock their very last unit.
        uint256 spare = FUNDS - lock;
        vm.prank(creator);
        market.withdraw(spare);
        vm.prank(provider);
        market.withdraw(spare);
        resource.collateral = uint128(lock);
        job.collateralMin = resource.collateral;
        DealTerms memory terms = _match(job, resource);
        assertEq(_free(creator) + _free(provider), 0, "free");
        assertEq(_locked(creator), lock, "the creator's lock");
        assertEq(_locked(provider), lock, "the provider's lock");
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(stranger);
        market.auditResult(terms);
        assertEq(market.deal(terms).mediators.length, 7, "drawn of 256");
    }

    function test_panel_tooLargeByOne() public {
        address[] memory many = new address[](257);
        for (uint256 i; i < many.length; ++i) {
            many[i] = address(uint160(1_000 + i));
        }
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(many);
    }

    /// @dev The panel has just enough members besides the deal's two parties.
    function test_panel_justLargeEnough() public {
        address[] memory few = new address[](3);
        (few[0], few[1], few[2]) = (mediators[0], provider, creator);
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.panel = market.registerPanel(few);
        resource.panel = job.panel;
        job.mediatorCount = 1;
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms);
        assertEq(market.deal(terms).mediators.length, 1, "drawn");
        assertEq(market.deal(terms).mediators[0], mediators[0], "the only one who is no party");
    }

    function test_deposit_ofEverythingThatCanBeCounted() public {
        uint256 most = type(uint128).max;
        _fund(stranger, most - 2 * FUNDS);
        assertEq(_free(stranger), most - 2 * FUNDS, "free");
    }

    function _submitted() private returns (DealTerms memory terms) {
        terms = _match();
        _submit(terms, _receipt());
        _passAnchor();
    }
}
