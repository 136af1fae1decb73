// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Accord, DealState, DealTerms, JobOffer, Settlement} from "../src/Types.sol";
import {Receipt as JobReceipt, Verification} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ReplicasBase} from "./ReplicasBase.sol";

/// @title Replicas that differ: one mediation judges them all.
contract ReplicasDisputeTest is ReplicasBase {
    function _accord() private view returns (Accord) {
        return lens.deal(deals[0]).replicas.accord;
    }

    function _expectDue(DealTerms memory terms, JobReceipt memory receipt) private {
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDue.selector, _id(terms)));
        market.finalizeDeal(terms, receipt);
    }

    /// @dev Anyone has deal `i` mediated, and all mediators find the variant.
    function _auditAndFind(uint256 i, uint256 posted, uint256 found) private {
        _passAnchor();
        vm.prank(stranger);
        market.auditResult(deals[i], mediators);
        _mediate(deals[i], _variant(found), 3);
        _conclude(deals[i], _variant(posted));
    }

    function _settles(uint256 i, uint256 variant, Settlement how) private {
        vm.prank(stranger);
        market.finalizeDeal(deals[i], _variant(variant));
        assertTrue(_settlement(deals[i]) == how, "how a sibling settles");
    }

    /// @dev Free and locked: the deals of the set-up are still open when a test makes its own.
    function _wealth(address party) private view returns (uint256) {
        return _free(party) + _locked(party);
    }

    /* DISPUTE */

    /// @dev However late, and whoever of them: what is disputed is not paid unseen.
    function test_dispute_blocksFinalizing_andMakesMediationDue() public {
        _revealVariants([uint256(0), 0, 1]);
        assertTrue(_accord() == Accord.Disputed, "disputed");
        vm.warp(lens.deal(deals[2]).deadline + 365 days);
        for (uint256 i; i < 3; ++i) {
            assertTrue(lens.deal(deals[i]).auditDue, "due");
            _expectDue(deals[i], _variant(i == 2 ? 1 : 0));
        }
    }

    /// @dev A dispute is seen by the second to reveal, and stays when a third agrees with the first.
    function test_dispute_isKeptWhenTheNextAgrees() public {
        _revealVariants([uint256(0), 1, 0]);
        assertTrue(_accord() == Accord.Disputed, "disputed");
        assertEq(lens.deal(deals[0]).replicas.revealed, 3, "all came");
        _expectDue(deals[0], _variant(0));
    }

    function testFuzz_dispute_isAuditedByAnyone(address who) public {
        _revealVariants([uint256(0), 0, 1]);
        _passAnchor();
        vm.prank(who);
        market.auditResult(deals[1], mediators);
        assertTrue(_state(deals[1]) == DealState.Audited, "mediated");
        assertTrue(_accord() == Accord.InMediation, "in mediation");
        assertFalse(lens.deal(deals[0]).auditDue, "the siblings wait");
        _expectDue(deals[0], _variant(0));
    }

    function test_onlyOneMediationAJob() public {
        _revealVariants([uint256(0), 0, 1]);
        _passAnchor();
        market.auditResult(deals[0], mediators);
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDone.selector, _id(deals[1])));
        market.challengeResult(deals[1], mediators);
        // Nor is another due.
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditNotDrawn.selector, _id(deals[1])));
        market.auditResult(deals[1], mediators);
        vm.stopPrank();
        _mediate(deals[0], _variant(0), 3);
        _conclude(deals[0], _variant(0));
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDone.selector, _id(deals[1])));
        market.challengeResult(deals[1], mediators);
    }

    /// @dev Where the draw wants each of them audited, it still gets one mediation for all.
    function test_onlyOneMediationAJob_whenAllAreDrawn() public {
        _rematch(10_000, 3);
        _revealVariants([uint256(0), 0, 0]);
        _passAnchor();
        market.auditResult(deals[0], mediators);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDone.selector, _id(deals[1])));
        market.auditResult(deals[1], mediators);
        _mediate(deals[0], _variant(0), 3);
        _conclude(deals[0], _variant(0));
        _settles(1, 0, Settlement.AuditPassed);
        _settles(2, 0, Settlement.AuditPassed);
    }

    /* VERDICT */

    /// @dev Two are right, one of them was mediated; the third is wrong, and pays the creator back what the proof cost.
    function test_verdict_settlesSiblings_andTheWrongOnePaysForTheProof() public {
        _revealVariants([uint256(0), 0, 1]);
        _auditAndFind(0, 0, 0);
        assertTrue(_settlement(deals[0]) == Settlement.AuditPassed, "the mediated one");
        assertEq(lens.deal(deals[0]).replicas.feesDue, 3, "three fees");
        uint256 before = _free(creator);
        _settles(2, 1, Settlement.ProviderSlashed);
        // Its own deposit, the price for lost time, and three mediators' fees.
        assertEq(_free(creator) - before, 27 ether + 10 ether + 6 ether, "made whole");
        assertEq(lens.deal(deals[0]).replicas.feesDue, 0, "paid");
        _settles(1, 0, Settlement.AuditPassed);
        // 4 of fuel to each of the two, 1 of the solver for each of them, 10 for lost time.
        assertEq(_free(creator), FUNDS - 2 * (4 ether + 1 ether) + 10 ether, "the creator paid for no proof");
        assertEq(_locked(creator), 0, "nothing stays locked");
        assertEq(_free(deals[2].provider), FUNDS - 27 ether, "the wrong one's whole deposit");
    }

    /// @dev Two are wrong: only the first that settles pays the fees back.
    function test_verdict_feesArePaidBackOnce() public {
        _revealVariants([uint256(0), 1, 2]);
        _auditAndFind(0, 0, 0);
        uint256 before = _free(creator);
        _settles(2, 2, Settlement.ProviderSlashed);
        assertEq(_free(creator) - before, 27 ether + 10 ether + 6 ether, "with the fees");
        before = _free(creator);
        _settles(1, 1, Settlement.ProviderSlashed);
        assertEq(_free(creator) - before, 27 ether + 10 ether, "without");
    }

    /// @dev The mediated one is the wrong one: it paid the mediators itself, so nobody owes the creator anything.
    function test_verdict_againstTheMediatedOne() public {
        _revealVariants([uint256(0), 0, 1]);
        _auditAndFind(2, 1, 0);
        assertTrue(_settlement(deals[2]) == Settlement.ProviderSlashed, "the mediated one");
        assertEq(lens.deal(deals[0]).replicas.feesDue, 0, "nothing is due");
        _settles(0, 0, Settlement.AuditPassed);
        _settles(1, 0, Settlement.AuditPassed);
        assertEq(_free(creator), FUNDS - 2 * (4 ether + 1 ether) + 10 ether, "creator");
    }

    /// @dev A majority of replicas is no verdict: the one that the mediators confirm is paid, all others lose.
    function test_verdict_mayBeTheMinoritys() public {
        _revealVariants([uint256(1), 1, 0]);
        _auditAndFind(0, 1, 0);
        assertTrue(_settlement(deals[0]) == Settlement.ProviderSlashed, "one of the two");
        _settles(1, 1, Settlement.ProviderSlashed);
        _settles(2, 0, Settlement.AuditPassed);
    }

    /// @dev The creator may demand mediation of replicas that agree, and pays for it if it was wrong to.
    function test_challenge_ofAgreeingReplicas() public {
        _revealVariants([uint256(0), 0, 0]);
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(deals[1], mediators);
        _expectDue(deals[0], _variant(0));
        _mediate(deals[1], _variant(0), 3);
        _conclude(deals[1], _variant(0));
        assertTrue(_settlement(deals[1]) == Settlement.ProviderUpheld, "upheld");
        _settles(0, 0, Settlement.AuditPassed);
        _settles(2, 0, Settlement.AuditPassed);
        // 4 of fuel and 1 of the solver each, one penalty of 10, three mediators.
        assertEq(_free(creator), FUNDS - 15 ether - 10 ether - 6 ether, "the creator's fault, once");
    }

    function test_verdict_inconclusive_isTheSiblingsToo() public {
        _revealVariants([uint256(0), 0, 1]);
        _passAnchor();
        market.auditResult(deals[0], mediators);
        address[] memory drawn = _drawn(deals[0]);
        skip(deals[0].rules.mediationWindow() + 1);
        market.concludeMediation(deals[0], _variant(0), drawn);
        assertTrue(_settlement(deals[0]) == Settlement.Inconclusive, "nobody came");
        _settles(1, 0, Settlement.Inconclusive);
        _settles(2, 1, Settlement.Inconclusive);
        for (uint256 i; i < 3; ++i) {
            assertEq(_free(deals[i].provider), FUNDS, "nobody is at fault");
        }
    }

    /// @dev Runs that vary excuse every replica, whatever it posted.
    function test_verdict_varied_isTheSiblingsToo() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 3;
        job.verification = Verification.Repeated;
        job.nonce = 2_000;
        _rematch(job);
        _revealVariants([uint256(0), 1, 2]);
        _passAnchor();
        market.auditResult(deals[1], mediators);
        _mediate(deals[1], _variant(1), 2); // the third found something else
        _conclude(deals[1], _variant(1));
        assertTrue(_accord() == Accord.VerdictVaried, "varied");
        assertTrue(_settlement(deals[1]) == Settlement.JobVaried, "the mediated one");
        _settles(0, 0, Settlement.JobVaried);
        _settles(2, 2, Settlement.JobVaried);
        for (uint256 i; i < 3; ++i) {
            assertEq(_wealth(deals[i].provider), FUNDS + 4 ether, "paid for its work");
        }
    }

    /// @dev Repeated runs agree by what they have in common; each is paid its own time.
    function test_repeated_agreesWhateverTheTime() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 3;
        job.verification = Verification.Repeated;
        job.nonce = 2_000;
        _rematch(job);
        JobReceipt memory r = _receipt();
        for (uint256 i; i < 3; ++i) {
            r.fuelUsed = uint64(1e9 * (i + 1));
            _commitResult(deals[i], r);
        }
        for (uint256 i; i < 3; ++i) {
            r.fuelUsed = uint64(1e9 * (i + 1));
            _revealResult(deals[i], r);
        }
        assertTrue(_accord() == Accord.Agreeing, "agreeing");
        for (uint256 i; i < 3; ++i) {
            r.fuelUsed = uint64(1e9 * (i + 1));
            market.finalizeDeal(deals[i], r);
            assertTrue(_settlement(deals[i]) == Settlement.Agreed, "agreed");
            assertEq(_wealth(deals[i].provider), FUNDS + (i + 1) * 1 ether, "its own time");
        }
    }

    /* WHO COMES LATE */

    /// @dev Two differ and are judged while the third still has time to reveal; it reveals what it had committed to,
    /// and the verdict holds for it.
    function test_lateReveal_isJudgedByTheVerdict() public {
        uint256[3] memory variants = [uint256(0), 1, 1];
        for (uint256 i; i < 3; ++i) {
            _commitResult(deals[i], _variant(variants[i]));
        }
        _revealResult(deals[0], _variant(0));
        _revealResult(deals[1], _variant(1));
        _auditAndFind(0, 0, 0);
        assertLe(vm.getBlockTimestamp(), revealDeadline, "still time");
        // What it sees now doesn't help: it had committed before anybody revealed.
        vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
        _revealResult(deals[2], _variant(0));
        _revealResult(deals[2], _variant(1));
        _settles(2, 1, Settlement.ProviderSlashed);
        _settles(1, 1, Settlement.ProviderSlashed);
    }

    /// @dev A third that reveals during the mediation changes neither the accord nor the receipt that is compared.
    function test_lateReveal_duringTheMediation() public {
        uint256[3] memory variants = [uint256(0), 1, 0];
        for (uint256 i; i < 3; ++i) {
            _commitResult(deals[i], _variant(variants[i]));
        }
        _revealResult(deals[0], _variant(0));
        _revealResult(deals[1], _variant(1));
        _passAnchor();
        market.auditResult(deals[0], mediators);
        _revealResult(deals[2], _variant(0));
        assertTrue(_accord() == Accord.InMediation, "in mediation");
        _expectDue(deals[2], _variant(0));
        _mediate(deals[0], _variant(0), 3);
        _conclude(deals[0], _variant(0));
        _settles(2, 0, Settlement.AuditPassed);
    }

    /// @dev Who never reveals is timed out, verdict or not.
    function test_vanishesInSpiteOfAVerdict() public {
        _commitAll(_variant(0));
        _revealResult(deals[0], _variant(0));
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(deals[0], mediators);
        _mediate(deals[0], _variant(0), 3);
        _conclude(deals[0], _variant(0));
        vm.warp(revealDeadline + 1);
        market.timeoutSubmission(deals[1]);
        assertTrue(_settlement(deals[1]) == Settlement.SubmissionTimedOut, "timed out");
    }

    /// @dev The creator may take what it likes even of a dispute; the rest is judged.
    function test_accepting_oneOfADispute() public {
        _revealVariants([uint256(0), 0, 1]);
        vm.prank(creator);
        market.acceptResult(deals[2], _variant(1));
        _expectDue(deals[0], _variant(0));
        _auditAndFind(0, 0, 0);
        _settles(1, 0, Settlement.AuditPassed);
        assertEq(_free(deals[2].provider), FUNDS + 4 ether, "the accepted one is paid");
    }
}
