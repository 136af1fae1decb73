// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Commit, reveal, conclude.
contract MediationTest is MarketTest {
    DealTerms private terms;
    address[] private drawn;
    uint256 private commitDeadline;
    uint256 private revealDeadline;

    function setUp() public override {
        super.setUp();
        terms = _challenged();
        drawn = market.deal(terms).mediators;
        commitDeadline = market.deal(terms).deadline;
        revealDeadline = market.deal(terms).revealDeadline;
    }

    function _commitAll() private {
        for (uint256 i; i < drawn.length; ++i) {
            _commit(terms, drawn[i], _receipt());
        }
    }

    function testFuzz_commit_revertsForOthers(address who) public {
        vm.assume(who != drawn[0] && who != drawn[1] && who != drawn[2]);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotDrawnMediator.selector, who));
        market.commitReceipt(terms, keccak256("commitment"));
    }

    function test_commit_revertsOutsideMediation() public {
        DealTerms memory other = terms;
        other.slot = 9;
        vm.prank(drawn[0]);
        vm.expectRevert(_wrongState(other));
        market.commitReceipt(other, keccak256("commitment"));
    }

    function test_commit_revertsTwiceOrEmptyOrLate() public {
        vm.startPrank(drawn[0]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCommitted.selector, drawn[0]));
        market.commitReceipt(terms, 0);
        market.commitReceipt(terms, keccak256("commitment"));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AlreadyCommitted.selector, drawn[0]));
        market.commitReceipt(terms, keccak256("another"));
        vm.stopPrank();
        vm.warp(commitDeadline + 1);
        vm.prank(drawn[1]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, commitDeadline));
        market.commitReceipt(terms, keccak256("commitment"));
    }

    /// @dev Who reveals first would show the others what to copy.
    function test_reveal_revertsWhileOthersMayCommit() public {
        _commit(terms, drawn[0], _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, commitDeadline + 1));
        _reveal(terms, drawn[0], _receipt());
    }

    function test_reveal_revertsWithoutCommitment() public {
        vm.warp(commitDeadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCommitted.selector, drawn[0]));
        _reveal(terms, drawn[0], _receipt());
    }

    function test_reveal_revertsOnAnotherReceipt() public {
        _commitAll();
        vm.prank(drawn[0]);
        vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
        market.revealReceipt(terms, _otherReceipt(), SALT);
        vm.prank(drawn[0]);
        vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
        market.revealReceipt(terms, _receipt(), "another salt");
    }

    /// @dev A commitment names its mediator, so a copied one can't be opened.
    function test_reveal_revertsOnACopiedCommitment() public {
        bytes32 commitment = _commitment(terms, drawn[0], _receipt());
        for (uint256 i; i < drawn.length; ++i) {
            vm.prank(drawn[i]);
            market.commitReceipt(terms, commitment);
        }
        _reveal(terms, drawn[0], _receipt());
        vm.prank(drawn[1]);
        vm.expectPartialRevert(ILilypadMarket.CommitmentMismatch.selector);
        market.revealReceipt(terms, _receipt(), SALT);
    }

    function test_reveal_revertsTwiceOrLate() public {
        _commitAll();
        _reveal(terms, drawn[0], _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AlreadyRevealed.selector, drawn[0]));
        _reveal(terms, drawn[0], _receipt());
        vm.warp(revealDeadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, revealDeadline));
        _reveal(terms, drawn[1], _receipt());
    }

    function test_conclude_revertsWhileWaiting() public {
        bytes memory early = abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, revealDeadline + 1);
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt());
        _commitAll();
        _reveal(terms, drawn[0], _receipt());
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt());
        vm.warp(commitDeadline + 1);
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt());
    }

    function test_conclude_revertsOnAnotherReceipt() public {
        _mediate(terms, _receipt(), 3);
        vm.expectPartialRevert(ILilypadMarket.ReceiptMismatch.selector);
        market.concludeMediation(terms, _otherReceipt());
    }

    function testFuzz_conclude_isForAnyoneAndOnce(address who) public {
        _mediate(terms, _receipt(), 3);
        vm.prank(who);
        market.concludeMediation(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.concludeMediation(terms, _receipt());
    }

    function test_conclude_majorityUpholds() public {
        _mediate(terms, _receipt(), 2);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "two of three agree");
    }

    function test_conclude_majoritySlashes() public {
        _mediate(terms, _otherReceipt(), 2);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "two of three found another result");
    }

    function test_conclude_withoutMajority() public {
        _mediate(terms, _receipt(), 1);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one each");
    }

    /// @dev Nobody came: no deal is stuck, nobody is at fault.
    function test_conclude_afterSilence() public {
        vm.warp(commitDeadline + 1);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "no commitments to wait for");
    }

    /// @dev One honest mediator alone is no majority of three, so that silencing two changes nothing to the good.
    function test_conclude_afterSilenceOfTwo() public {
        _commit(terms, drawn[0], _otherReceipt());
        _commit(terms, drawn[1], _otherReceipt());
        vm.warp(commitDeadline + 1);
        _reveal(terms, drawn[0], _otherReceipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, revealDeadline + 1));
        market.concludeMediation(terms, _receipt());
        vm.warp(revealDeadline + 1);
        market.concludeMediation(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one of three");
        assertEq(_free(drawn[0]), terms.mediatorFee, "who revealed is paid");
        assertEq(_free(drawn[1]), 0, "who did not is not");
    }
}
