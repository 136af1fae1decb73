// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    Accord,
    DealState,
    DealTerms,
    DealView,
    DeclineReason,
    Receipt as JobReceipt,
    Settlement
} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ReplicasBase} from "./ReplicasBase.sol";

/// @title Several providers of one job: they commit, they reveal, and where they agree nobody waits.
contract ReplicasTest is ReplicasBase {
    /* COMMIT */

    function testFuzz_commit_revertsForOthers(address who) public {
        vm.assume(who != deals[0].provider);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.commitResult(deals[0], keccak256("commitment"));
    }

    function testFuzz_commit_revertsAfterTheDeadline(uint32 late) public {
        vm.warp(commitDeadline + bound(late, 1, type(uint32).max));
        vm.prank(deals[0].provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, commitDeadline));
        market.commitResult(deals[0], keccak256("commitment"));
    }

    function test_commit_revertsTwice() public {
        _commitResult(deals[0], _receipt());
        bytes32 another = _commitment(deals[0], deals[0].provider, _otherReceipt());
        vm.prank(deals[0].provider);
        vm.expectRevert(_wrongState(deals[0]));
        market.commitResult(deals[0], another);
    }

    /// @dev A receipt that is posted at once would be the others' to copy.
    function test_submit_revertsForReplicas() public {
        vm.prank(deals[0].provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CommitmentNeeded.selector, _id(deals[0])));
        market.submitResult(deals[0], _receipt());
    }

    function test_commit_inTheLastSecond_isRecorded() public {
        vm.warp(commitDeadline);
        bytes32 commitment = _commitment(deals[0], deals[0].provider, _receipt());
        vm.expectEmit(address(market));
        emit ILilypadMarket.ResultCommitted(_id(deals[0]), commitment);
        _commitResult(deals[0], _receipt());
        DealView memory d = lens.deal(deals[0]);
        assertTrue(d.state == DealState.Committed, "state");
        assertEq(d.receiptHash, bytes20(commitment), "commitment");
        assertEq(d.deadline, commitDeadline, "the same deadline");
        assertEq(d.revealDeadline, revealDeadline, "and one to reveal");
        assertEq(d.replicas.committed, 1, "counted");
    }

    /* REVEAL */

    /// @dev Whoever has not committed yet must not see a receipt.
    function test_reveal_revertsWhileOthersMayCommit() public {
        _commitResult(deals[0], _receipt());
        _commitResult(deals[1], _receipt());
        vm.warp(commitDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, commitDeadline + 1));
        _revealResult(deals[0], _receipt());
        vm.warp(commitDeadline + 1);
        _revealResult(deals[0], _receipt());
    }

    function test_reveal_revertsWithoutCommitment() public {
        vm.expectRevert(_wrongState(deals[0]));
        _revealResult(deals[0], _receipt());
    }

    function test_reveal_revertsOnAnotherReceiptOrSalt() public {
        _commitAll(_receipt());
        bytes20 posted = bytes20(_commitment(deals[0], deals[0].provider, _receipt()));
        bytes20 given = bytes20(_commitment(deals[0], deals[0].provider, _otherReceipt()));
        vm.startPrank(deals[0].provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CommitmentMismatch.selector, posted, given));
        market.revealResult(deals[0], _otherReceipt(), SALT);
        vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
        market.revealResult(deals[0], _receipt(), "another salt");
    }

    /// @dev A commitment names its deal and its provider: a copied one can't be opened by who copied it, not even with
    /// the receipt and the salt that the first reveal shows to all.
    function test_reveal_revertsOnACopiedCommitment() public {
        bytes32 commitment = _commitment(deals[0], deals[0].provider, _receipt());
        for (uint256 i; i < 3; ++i) {
            vm.prank(deals[i].provider);
            market.commitResult(deals[i], commitment);
        }
        _revealResult(deals[0], _receipt());
        for (uint256 i = 1; i < 3; ++i) {
            vm.prank(deals[i].provider);
            vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
            market.revealResult(deals[i], _receipt(), SALT);
        }
        // What the copier bought: its own time-out.
        vm.warp(revealDeadline + 1);
        market.timeoutSubmission(deals[1]);
        assertTrue(_settlement(deals[1]) == Settlement.SubmissionTimedOut, "timed out");
    }

    function test_reveal_revertsTwiceOrLate() public {
        _commitAll(_receipt());
        _revealResult(deals[0], _receipt());
        vm.expectRevert(_wrongState(deals[0]));
        _revealResult(deals[0], _receipt());
        vm.warp(revealDeadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, revealDeadline));
        _revealResult(deals[1], _receipt());
    }

    function test_reveal_revertsOnInvalidReceipt() public {
        JobReceipt memory r = _receipt();
        r.jobDigest = keccak256("another job");
        _commitAll(r);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ReceiptInvalid.selector, bytes32("jobDigest")));
        _revealResult(deals[0], r);
    }

    function test_reveal_isRecorded() public {
        _commitAll(_receipt());
        vm.warp(revealDeadline);
        vm.expectEmit(address(market));
        emit ILilypadMarket.ResultSubmitted(_id(deals[0]), _receipt());
        _revealResult(deals[0], _receipt());
        DealView memory d = lens.deal(deals[0]);
        assertTrue(d.state == DealState.Submitted, "state");
        assertEq(d.receiptHash, bytes20(keccak256(abi.encode(_receipt()))), "receipt");
        assertEq(d.deadline, revealDeadline + deals[0].rules.judgeWindow(), "judged after all could contradict");
        assertEq(d.revealDeadline, 0, "nothing to reveal any more");
        assertEq(d.replicas.revealed, 1, "counted");
        assertEq(d.replicas.receiptHash, d.receiptHash, "the first receipt");
        assertTrue(d.replicas.accord == Accord.Agreeing, "so far");
    }

    /* AGREEMENT */

    function test_agreement_settlesAtOnce() public {
        _commitAll(_receipt());
        for (uint256 i; i < 3; ++i) {
            _revealResult(deals[i], _receipt());
        }
        for (uint256 i; i < 3; ++i) {
            vm.prank(stranger);
            market.finalizeDeal(deals[i], _receipt());
            assertTrue(_settlement(deals[i]) == Settlement.Agreed, "in the same block");
            assertEq(_locked(deals[i].provider), 0, "paid out");
        }
        assertEq(_locked(creator), 0, "nothing stays locked");
    }

    function test_agreement_needsAll() public {
        _commitAll(_receipt());
        _revealResult(deals[0], _receipt());
        _revealResult(deals[1], _receipt());
        uint256 deadline = lens.deal(deals[0]).deadline;
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(deals[0], _receipt());
    }

    /// @dev Replicas in league agree too; so the draw goes on, and what it demands comes before agreement's pay.
    function test_agreement_isAuditedInSpiteOfIt() public {
        _rematch(10_000, 3);
        _commitAll(_receipt());
        for (uint256 i; i < 3; ++i) {
            _revealResult(deals[i], _receipt());
        }
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, lens.deal(deals[0]).anchorBlock));
        market.finalizeDeal(deals[0], _receipt());
        _passAnchor();
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.MediationDue.selector, _id(deals[0])));
        market.finalizeDeal(deals[0], _receipt());
        market.auditResult(deals[0], mediators);
        _mediate(deals[0], _otherReceipt(), 3);
        _conclude(deals[0], _receipt());
        assertTrue(_settlement(deals[0]) == Settlement.ProviderSlashed, "the audited one");
        for (uint256 i = 1; i < 3; ++i) {
            market.finalizeDeal(deals[i], _receipt());
            assertTrue(_settlement(deals[i]) == Settlement.ProviderSlashed, "and all that agreed with it");
        }
    }

    function test_creatorMayAcceptOneAtOnce() public {
        _commitAll(_receipt());
        _revealResult(deals[0], _receipt());
        vm.prank(creator);
        market.acceptResult(deals[0], _receipt());
        assertTrue(_settlement(deals[0]) == Settlement.Accepted, "accepted");
        _revealResult(deals[1], _receipt());
        _revealResult(deals[2], _receipt());
        market.finalizeDeal(deals[1], _receipt());
        assertTrue(_settlement(deals[1]) == Settlement.Agreed, "the others agree with it as before");
    }

    /* WHO VANISHES */

    /// @dev One never commits: the others wait for it, reveal, and are paid after the judge window.
    function test_vanishesBeforeCommitting() public {
        _commitResult(deals[0], _receipt());
        _commitResult(deals[1], _receipt());
        vm.warp(commitDeadline + 1);
        market.timeoutSubmission(deals[2]);
        assertTrue(_settlement(deals[2]) == Settlement.SubmissionTimedOut, "timed out");
        _finishTwo();
    }

    function test_declines() public {
        vm.prank(deals[2].provider);
        market.declineDeal(deals[2], DeclineReason.OverCapacity);
        _commitResult(deals[0], _receipt());
        _commitResult(deals[1], _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, commitDeadline + 1));
        _revealResult(deals[0], _receipt());
        vm.warp(commitDeadline + 1);
        _finishTwo();
    }

    function test_declining_isOverOnceCommitted() public {
        _commitResult(deals[0], _receipt());
        vm.prank(deals[0].provider);
        vm.expectRevert(_wrongState(deals[0]));
        market.declineDeal(deals[0], DeclineReason.HostFault);
    }

    /// @dev One commits and never reveals: it is timed out when nobody may reveal any more, not before.
    function test_vanishesBeforeRevealing() public {
        _commitAll(_receipt());
        vm.warp(revealDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, revealDeadline + 1));
        market.timeoutSubmission(deals[2]);
        _finishTwo();
        assertGt(vm.getBlockTimestamp(), revealDeadline, "later");
        market.timeoutSubmission(deals[2]);
        assertTrue(_settlement(deals[2]) == Settlement.SubmissionTimedOut, "timed out");
    }

    /// @dev Two of three reveal the same, and are paid though not all agreed.
    function _finishTwo() private {
        _revealResult(deals[0], _receipt());
        _revealResult(deals[1], _receipt());
        uint256 deadline = lens.deal(deals[0]).deadline;
        assertEq(deadline, revealDeadline + deals[0].rules.judgeWindow(), "the judge window");
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(deals[0], _receipt());
        vm.warp(deadline + 1);
        for (uint256 i; i < 2; ++i) {
            market.finalizeDeal(deals[i], _receipt());
            assertTrue(_settlement(deals[i]) == Settlement.Finalized, "finalized");
        }
    }
}
