// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title The last value that is allowed, everywhere: the last second of each window, the largest of each field.
/// @dev The verbs' own tests start one beyond, where the call reverts.
contract EdgesTest is MarketTest {
    /* SECONDS */

    function test_submit_inTheLastSecond_andTimeoutAfterIt() public {
        DealTerms memory terms = _match();
        uint256 deadline = terms.rules.matchedAt() + terms.rules.submitWindow();
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
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        _passAnchor();
        uint256 deadline = lens.deal(terms).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(terms, _receipt());
        uint256 snapshot = vm.snapshotState();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        assertTrue(_state(terms) == DealState.Challenged, "challenged");
        assertTrue(vm.revertToState(snapshot), "back");
        vm.warp(deadline + 1);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }

    /// @dev A creator that is late may still be generous.
    function test_accept_afterTheWindow() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        vm.warp(lens.deal(terms).deadline + 1 days);
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Accepted, "accepted");
    }

    function test_match_inTheOffersLastSecond() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.expiry = uint64(vm.getBlockTimestamp());
        resource.expiry = job.expiry;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "matched");
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
        job.mediatorCount = 7;
        job.auditBps = 10_000;
        job.runs = 255;
        job.callbackGas = type(uint32).max;
        (job.submitWindow, job.judgeWindow, job.mediationWindow) = (30 days, 30 days, 30 days);
        resource.panel = job.panel;
        resource.judgeWindowMax = 30 days;
        resource.slots = type(uint32).max;
        uint256 deposit = 10 * uint256(resource.pricePerGigafuel) * 2 + job.solverFee + 7 * uint256(job.mediatorFee);
        // Both sides lock their very last unit.
        vm.prank(creator);
        market.withdraw(FUNDS - deposit);
        vm.prank(provider);
        market.withdraw(FUNDS - deposit);
        DealTerms memory terms = _match(job, resource);
        assertEq(_free(creator) + _free(provider), 0, "free");
        assertEq(_locked(creator), deposit, "the creator's lock");
        assertEq(_locked(provider), deposit, "the provider's lock");
        _submit(terms, _receipt());
        _passAnchor();
        market.auditResult(terms, many);
        mediators = many;
        _mediate(terms, _receipt(), 4);
        _conclude(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.AuditPassed, "four of seven of 256");
    }

    /// @dev Amounts of more than 125 bits.
    function test_amounts_atTheirLargest() public {
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        job.fuelLimit = 1e9;
        job.penaltyBps = 0;
        job.mediatorFee = 0;
        job.solverFee = 0;
        job.pricePerGigafuelMax = type(uint128).max / 7;
        resource.pricePerGigafuel = job.pricePerGigafuelMax;
        resource.collateralMax = type(uint128).max;
        resource.mediatorFeeMin = 0;
        uint256 needed = job.pricePerGigafuelMax;
        _fund(creator, needed);
        _fund(provider, needed);
        DealTerms memory terms = _match(job, resource);
        JobReceipt memory r = _receipt();
        r.fuelUsed = 1e9;
        _submit(terms, r);
        vm.prank(creator);
        market.acceptResult(terms, r);
        assertEq(_free(provider), FUNDS + 2 * needed, "its own and the price");
    }

    /// @dev The largest numbers that an offer can hold: they overflow nothing, and nobody can pay them.
    function test_amounts_beyondEveryBalance() public {
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        (job.fuelLimit, resource.fuelLimitMax) = (type(uint64).max, type(uint64).max);
        (job.pricePerGigafuelMax, resource.pricePerGigafuel) = (type(uint128).max, type(uint128).max);
        (job.penaltyBps, job.solverFee, job.mediatorFee) = (type(uint32).max, type(uint128).max, type(uint128).max);
        resource.collateralMax = type(uint128).max;
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("collateralMax"))
        );
        job.inputHash = keccak256("input");
        vm.expectPartialRevert(ILilypadMarket.InsufficientBalance.selector);
        vm.prank(creator);
        market.requestJob(job, "input");
    }

    function test_deposit_ofEverythingThatCanBeCounted() public {
        uint256 most = type(uint128).max;
        _fund(stranger, most - 2 * FUNDS);
        assertEq(_free(stranger), most - 2 * FUNDS, "free");
    }
}
