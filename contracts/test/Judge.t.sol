// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, DealView, JobOffer, ResourceOffer, Settlement, Verification} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What can be done with the result of a job's only provider: accept, challenge, audit, finalize.
contract JudgeTest is MarketTest {
    DealTerms private terms;

    function setUp() public override {
        super.setUp();
        terms = _matchAudited(0);
        _submit(terms, _receipt());
    }

    function _matchAudited(uint16 auditBps) private returns (DealTerms memory) {
        JobOffer memory job = _jobOffer();
        job.auditBps = auditBps;
        job.nonce = 1_000 + uint64(auditBps);
        return _match(job, _resourceOffer());
    }

    function _judgeDeadline() private view returns (uint256) {
        return lens.deal(terms).deadline;
    }

    function _expectAnotherReceipt() private {
        bytes20 posted = bytes20(keccak256(abi.encode(_receipt())));
        bytes20 given = bytes20(keccak256(abi.encode(_otherReceipt())));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ReceiptMismatch.selector, posted, given));
    }

    /* ACCEPT */

    function testFuzz_accept_revertsForOthers(address who) public {
        vm.assume(who != creator);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.acceptResult(terms, _receipt());
    }

    function test_accept_revertsOnAnotherReceipt() public {
        _expectAnotherReceipt();
        vm.prank(creator);
        market.acceptResult(terms, _otherReceipt());
    }

    function test_accept_revertsTheSecondTime() public {
        vm.startPrank(creator);
        market.acceptResult(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.acceptResult(terms, _receipt());
    }

    function test_accept_revertsWithoutAResult() public {
        terms = _matchAudited(1);
        vm.prank(creator);
        vm.expectRevert(_wrongState(terms));
        market.acceptResult(terms, _receipt());
    }

    /// @dev An audit that is due is the creator's insurance; who accepts needs none.
    function test_accept_inSpiteOfADueAudit() public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        _passAnchor();
        assertTrue(lens.deal(terms).auditDue, "due");
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Accepted, "accepted");
    }

    /* CHALLENGE */

    function testFuzz_challenge_revertsForOthers(address who) public {
        vm.assume(who != creator);
        _passAnchor();
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.challengeResult(terms, mediators);
    }

    function test_challenge_revertsAfterTheWindow() public {
        _passAnchor();
        uint256 deadline = _judgeDeadline();
        vm.warp(deadline + 1);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        market.challengeResult(terms, mediators);
    }

    function test_challenge_revertsBeforeTheSeedIsKnown() public {
        bytes memory error = abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, vm.getBlockNumber() + 1);
        vm.startPrank(creator);
        vm.expectRevert(error);
        market.challengeResult(terms, mediators);
        vm.roll(vm.getBlockNumber() + 1);
        vm.expectRevert(error);
        market.challengeResult(terms, mediators);
    }

    /// @dev Who starts a mediation can't bring a panel of friends.
    function test_challenge_revertsOnAnotherPanel() public {
        _passAnchor();
        address[] memory friends = new address[](5);
        for (uint160 i; i < 5; ++i) {
            friends[i] = address(i + 1);
        }
        market.registerPanel(friends);
        vm.startPrank(creator);
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.challengeResult(terms, friends);
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.challengeResult(terms, new address[](0));
    }

    function test_challenge_revertsWhereNobodyCanTell() public {
        JobOffer memory job = _jobOffer();
        job.verification = Verification.Unverified;
        job.mediatorCount = 0;
        job.nonce = 2;
        terms = _match(job, _resourceOffer());
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotVerifiable.selector, _id(terms)));
        market.challengeResult(terms, mediators);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditNotDrawn.selector, _id(terms)));
        market.auditResult(terms, mediators);
        vm.warp(_judgeDeadline() + 1);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "any answer is paid for");
    }

    function test_challenge_opensAMediation() public {
        _passAnchor();
        uint256 commitDeadline = vm.getBlockTimestamp() + terms.rules.mediationWindow();
        vm.expectEmit(address(mediation));
        emit ILilypadMediation.MediationOpened(_id(terms), false, _drawn(terms), commitDeadline);
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        assertTrue(_state(terms) == DealState.Challenged, "state");
        (ILilypadMediation.Docket memory d, bytes32[] memory posts) = mediation.docket(_id(terms));
        assertEq(d.commitDeadline, commitDeadline, "commit deadline");
        assertEq(d.window, terms.rules.mediationWindow(), "as long to reveal");
        assertEq(d.seats, 3, "seats");
        assertEq(posts.length, 3, "a post a seat");
        assertFalse(d.repeated, "bit by bit");
        vm.prank(creator);
        vm.expectRevert(_wrongState(terms));
        market.challengeResult(terms, mediators);
    }

    /* AUDIT */

    function test_audit_revertsWhenNotDrawn() public {
        _passAnchor();
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditNotDrawn.selector, _id(terms)));
        market.auditResult(terms, mediators);
    }

    function test_audit_revertsBeforeTheSeedIsKnown() public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, vm.getBlockNumber() + 1));
        market.auditResult(terms, mediators);
        assertFalse(lens.deal(terms).auditDue, "nobody can know yet");
    }

    function testFuzz_audit_isForAnyoneWhenDrawn(address who) public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        _passAnchor();
        assertTrue(lens.deal(terms).auditDue, "due");
        address[] memory drawn = _drawn(terms);
        vm.expectEmit(address(mediation));
        emit ILilypadMediation.MediationOpened(
            _id(terms), true, drawn, vm.getBlockTimestamp() + terms.rules.mediationWindow()
        );
        vm.prank(who);
        market.auditResult(terms, mediators);
        assertTrue(_state(terms) == DealState.Audited, "mediated");
        assertFalse(lens.deal(terms).auditDue, "no longer due");
        vm.expectRevert(_wrongState(terms));
        market.auditResult(terms, mediators);
    }

    /// @dev The lens and the market draw alike.
    function testFuzz_audit_asTheLensSays(uint16 auditBps, bytes32 hash) public {
        auditBps = uint16(bound(auditBps, 1, 9_999));
        terms = _matchAudited(auditBps);
        _submit(terms, _receipt());
        uint256 anchor = lens.deal(terms).anchorBlock;
        vm.roll(anchor + 1);
        vm.setBlockhash(anchor, hash);
        vm.assume(hash != 0);
        vm.warp(_judgeDeadline() + 1);
        if (lens.deal(terms).auditDue) {
            vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDue.selector, _id(terms)));
            market.finalizeDeal(terms, _receipt());
            market.auditResult(terms, mediators);
        } else {
            vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditNotDrawn.selector, _id(terms)));
            market.auditResult(terms, mediators);
            market.finalizeDeal(terms, _receipt());
        }
        assertTrue(_state(terms) != DealState.Submitted, "went on");
    }

    /* FINALIZE */

    function test_finalize_revertsWithinTheWindow() public {
        _passAnchor();
        uint256 deadline = _judgeDeadline();
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(terms, _receipt());
    }

    function test_finalize_revertsOnAnotherReceipt() public {
        vm.warp(_judgeDeadline() + 1);
        _expectAnotherReceipt();
        market.finalizeDeal(terms, _otherReceipt());
    }

    function test_finalize_revertsInMediation() public {
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        vm.warp(vm.getBlockTimestamp() + 365 days);
        vm.expectRevert(_wrongState(terms));
        market.finalizeDeal(terms, _receipt());
    }

    function test_finalize_revertsWhileAnAuditIsDue() public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        _passAnchor();
        vm.warp(_judgeDeadline() + 365 days);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDue.selector, _id(terms)));
        market.finalizeDeal(terms, _receipt());
        // The way out: anyone audits, however late.
        market.auditResult(terms, mediators);
        assertTrue(_state(terms) == DealState.Audited, "audited");
    }

    function testFuzz_finalize_isForAnyone(address who) public {
        vm.warp(_judgeDeadline() + 1);
        vm.prank(who);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }
}
