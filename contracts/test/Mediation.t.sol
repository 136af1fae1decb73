// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Mediators commit and reveal, and a verdict is found: where every run of a job gives the same receipt.
contract MediationTest is MarketTest {
    DealTerms private terms;
    DealId private id;
    address[] private drawn;
    uint256 private commitDeadline;
    uint256 private revealDeadline;

    function setUp() public override {
        super.setUp();
        terms = _challenged();
        id = _id(terms);
        drawn = _drawn(terms);
        commitDeadline = vm.getBlockTimestamp() + terms.rules.mediationWindow();
        revealDeadline = commitDeadline + terms.rules.mediationWindow();
    }

    function _commitAll() private {
        for (uint256 i; i < drawn.length; ++i) {
            _commit(terms, drawn[i], _receipt());
        }
    }

    function _error(bytes4 selector, address who) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, who);
    }

    /* WHO MAY */

    function testFuzz_openAndClose_revertForOthers(address who) public {
        vm.assume(who != address(market));
        vm.startPrank(who);
        vm.expectRevert(_error(ILilypadMediation.NotMarket.selector, who));
        mediation.open(id, drawn, creator, provider, 3, 1 hours, "seed", false, false);
        vm.expectRevert(_error(ILilypadMediation.NotMarket.selector, who));
        mediation.close(id, drawn);
        assertEq(mediation.market(), address(market), "its market");
    }

    function testFuzz_revertForOthers(address who) public {
        vm.assume(who != drawn[0] && who != drawn[1] && who != drawn[2]);
        vm.prank(who);
        vm.expectRevert(_error(ILilypadMediation.NotDrawnMediator.selector, who));
        mediation.commitReceipt(id, drawn, keccak256("commitment"));
        _commitAll();
        vm.prank(who);
        vm.expectRevert(_error(ILilypadMediation.NotDrawnMediator.selector, who));
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    function testFuzz_revertWhereNothingIsOpen(bytes32 name) public {
        DealId other = DealId.wrap(name);
        vm.assume(name != DealId.unwrap(id));
        bytes memory notOpen = abi.encodeWithSelector(ILilypadMediation.NotOpen.selector, other);
        vm.startPrank(drawn[0]);
        vm.expectRevert(notOpen);
        mediation.commitReceipt(other, drawn, keccak256("commitment"));
        vm.expectRevert(notOpen);
        mediation.revealReceipt(other, drawn, _receipt(), SALT);
        vm.stopPrank();
        vm.prank(address(market));
        vm.expectRevert(notOpen);
        mediation.close(other, drawn);
    }

    /// @dev Nobody puts itself on the list, takes somebody off it, or changes the order.
    function testFuzz_revertOnAnotherList(uint256 which, address who) public {
        address[] memory list = drawn;
        which = bound(which, 0, 3);
        if (which < 3) {
            vm.assume(who != list[which]);
            list[which] = who;
        } else {
            (list[0], list[1]) = (list[1], list[0]);
        }
        _revertOn(list);
        _revertOn(new address[](0));
        address[] memory longer = new address[](4);
        (longer[0], longer[1], longer[2], longer[3]) = (drawn[0], drawn[1], drawn[2], who);
        _revertOn(longer);
    }

    function _revertOn(address[] memory list) private {
        bytes memory mismatch = abi.encodeWithSelector(ILilypadMediation.DrawnMismatch.selector, id);
        vm.expectRevert(mismatch);
        vm.prank(drawn[0]);
        mediation.commitReceipt(id, list, keccak256("commitment"));
        vm.expectRevert(mismatch);
        vm.prank(drawn[0]);
        mediation.revealReceipt(id, list, _receipt(), SALT);
        vm.expectRevert(mismatch);
        market.concludeMediation(terms, _receipt(), list);
    }

    /* COMMIT */

    function test_commit_revertsTwiceOrEmptyOrLate() public {
        vm.startPrank(drawn[0]);
        vm.expectRevert(_error(ILilypadMediation.NotCommitted.selector, drawn[0]));
        mediation.commitReceipt(id, drawn, 0);
        mediation.commitReceipt(id, drawn, keccak256("commitment"));
        vm.expectRevert(_error(ILilypadMediation.AlreadyCommitted.selector, drawn[0]));
        mediation.commitReceipt(id, drawn, keccak256("another"));
        vm.stopPrank();
        vm.warp(commitDeadline + 1);
        vm.prank(drawn[1]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.TooLate.selector, commitDeadline));
        mediation.commitReceipt(id, drawn, keccak256("commitment"));
    }

    function test_commit_isPosted() public {
        bytes32 commitment = _commitment(terms, drawn[1], _receipt());
        vm.expectEmit(address(mediation));
        emit ILilypadMediation.ReceiptCommitted(id, drawn[1], commitment);
        _commit(terms, drawn[1], _receipt());
        (ILilypadMediation.Docket memory d, bytes32[] memory posts) = mediation.docket(id);
        assertEq(d.committed, 2, "the second bit");
        assertEq(posts[1], commitment, "posted");
        assertEq(posts[0], 0, "the first seat's is empty");
    }

    /* REVEAL */

    /// @dev Who reveals first would show the others what to copy.
    function test_reveal_revertsWhileOthersMayCommit() public {
        _commit(terms, drawn[0], _receipt());
        _commit(terms, drawn[1], _receipt());
        vm.warp(commitDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.TooEarly.selector, commitDeadline + 1));
        vm.prank(drawn[0]);
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    function test_reveal_atOnceWhenAllHaveCommitted_inAnyOrder() public {
        _commitAll();
        for (uint256 i = 3; i > 0; --i) {
            vm.expectEmit(address(mediation));
            emit ILilypadMediation.ReceiptRevealed(id, drawn[i - 1], _receipt());
            _reveal(terms, drawn[i - 1], _receipt());
        }
        (ILilypadMediation.Docket memory d, bytes32[] memory posts) = mediation.docket(id);
        assertEq(d.revealed, 7, "all");
        assertEq(posts[0], keccak256(abi.encode(_receipt())), "the receipt's hash");
    }

    function test_reveal_revertsWithoutCommitment() public {
        vm.warp(commitDeadline + 1);
        vm.prank(drawn[0]);
        vm.expectRevert(_error(ILilypadMediation.NotCommitted.selector, drawn[0]));
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    function test_reveal_revertsOnAnotherReceiptOrSalt() public {
        _commitAll();
        vm.startPrank(drawn[0]);
        bytes32 posted = _commitment(terms, drawn[0], _receipt());
        bytes32 given = _commitment(terms, drawn[0], _otherReceipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.CommitmentMismatch.selector, posted, given));
        mediation.revealReceipt(id, drawn, _otherReceipt(), SALT);
        vm.expectPartialRevert(ILilypadMediation.CommitmentMismatch.selector);
        mediation.revealReceipt(id, drawn, _receipt(), "another salt");
    }

    /// @dev A commitment names its mediator, so a copied one can't be opened.
    function test_reveal_revertsOnACopiedCommitment() public {
        bytes32 commitment = _commitment(terms, drawn[0], _receipt());
        for (uint256 i; i < drawn.length; ++i) {
            vm.prank(drawn[i]);
            mediation.commitReceipt(id, drawn, commitment);
        }
        _reveal(terms, drawn[0], _receipt());
        vm.prank(drawn[1]);
        vm.expectPartialRevert(ILilypadMediation.CommitmentMismatch.selector);
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    function test_reveal_revertsTwiceOrLate() public {
        _commitAll();
        _reveal(terms, drawn[0], _receipt());
        vm.prank(drawn[0]);
        vm.expectRevert(_error(ILilypadMediation.AlreadyRevealed.selector, drawn[0]));
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
        vm.warp(revealDeadline + 1);
        vm.prank(drawn[1]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.TooLate.selector, revealDeadline));
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    /// @dev There is no status 5; and that runs vary is no answer where they must not.
    function test_reveal_revertsOnUnknownStatus() public {
        JobReceipt memory r = _receipt();
        for (uint8 status = 4; status <= 5; ++status) {
            r.status = status;
            _commit(terms, drawn[status - 4], r);
        }
        vm.warp(commitDeadline + 1);
        bytes memory invalid = abi.encodeWithSelector(ILilypadMediation.ReceiptInvalid.selector, bytes32("status"));
        vm.expectRevert(invalid);
        vm.prank(drawn[1]);
        mediation.revealReceipt(id, drawn, r, SALT);
        r.status = 4;
        vm.expectRevert(invalid);
        vm.prank(drawn[0]);
        mediation.revealReceipt(id, drawn, r, SALT);
    }

    /* CONCLUDE */

    function test_conclude_revertsWhileWaiting() public {
        bytes memory early = abi.encodeWithSelector(ILilypadMediation.TooEarly.selector, revealDeadline + 1);
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt(), drawn);
        _commitAll();
        _reveal(terms, drawn[0], _receipt());
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt(), drawn);
        vm.warp(commitDeadline + 1);
        vm.expectRevert(early);
        market.concludeMediation(terms, _receipt(), drawn);
    }

    function test_conclude_revertsWithoutAMediation() public {
        JobOffer memory job = _jobOffer();
        job.nonce = 2;
        DealTerms memory other = _match(job, _resourceOffer());
        vm.expectRevert(_wrongState(other));
        market.concludeMediation(other, _receipt(), drawn);
        _submit(other, _receipt());
        vm.expectRevert(_wrongState(other));
        market.concludeMediation(other, _receipt(), drawn);
    }

    function test_conclude_revertsOnAnotherReceipt() public {
        _mediate(terms, _receipt(), 3);
        vm.expectPartialRevert(ILilypadMarket.ReceiptMismatch.selector);
        market.concludeMediation(terms, _otherReceipt(), drawn);
    }

    function testFuzz_conclude_isForAnyoneAndOnce(address who) public {
        _mediate(terms, _receipt(), 3);
        vm.prank(who);
        market.concludeMediation(terms, _receipt(), drawn);
        vm.expectRevert(_wrongState(terms));
        market.concludeMediation(terms, _receipt(), drawn);
        (ILilypadMediation.Docket memory d, bytes32[] memory posts) = mediation.docket(id);
        assertEq(d.seats, 0, "forgotten");
        assertEq(posts.length, 0, "no posts");
        vm.prank(drawn[0]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.NotOpen.selector, id));
        mediation.revealReceipt(id, drawn, _receipt(), SALT);
    }

    function test_verdict_majorityUpholds_minorityIsNotPaid() public {
        _mediate(terms, _receipt(), 2);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "two of three agree");
        assertEq(_free(drawn[0]), terms.mediatorFee, "first");
        assertEq(_free(drawn[1]), terms.mediatorFee, "second");
        assertEq(_free(drawn[2]), 0, "whoever found something else");
    }

    function test_verdict_majoritySlashes_minorityIsNotPaid() public {
        _mediate(terms, _otherReceipt(), 2);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "two of three found another result");
        assertEq(_free(drawn[0]) + _free(drawn[1]), 2 * terms.mediatorFee, "those two");
        assertEq(_free(drawn[2]), 0, "not the third");
    }

    /// @dev The same outputs by another amount of fuel are not the same receipt, where every run must be alike.
    function test_verdict_fuelCounts() public {
        JobReceipt memory r = _receipt();
        r.fuelUsed -= 1;
        _mediate(terms, r, 3);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "one unit too many");
    }

    function test_verdict_withoutMajority() public {
        _mediate(terms, _receipt(), 1);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one each");
        for (uint256 i; i < 3; ++i) {
            assertEq(_free(drawn[i]), terms.mediatorFee, "nobody is shown to be wrong");
        }
    }

    /// @dev Nobody came: no deal is stuck, nobody is at fault, and no second window is waited for.
    function test_verdict_afterSilence() public {
        vm.warp(commitDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.TooEarly.selector, revealDeadline + 1));
        market.concludeMediation(terms, _receipt(), drawn);
        vm.warp(commitDeadline + 1);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "no commitments to wait for");
    }

    /// @dev One honest mediator alone is no majority of three, so that silencing two changes nothing to the good.
    function test_verdict_afterSilenceOfTwo() public {
        _commit(terms, drawn[0], _otherReceipt());
        _commit(terms, drawn[1], _otherReceipt());
        vm.warp(commitDeadline + 1);
        _reveal(terms, drawn[0], _otherReceipt());
        vm.warp(revealDeadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.TooEarly.selector, revealDeadline + 1));
        market.concludeMediation(terms, _receipt(), drawn);
        vm.warp(revealDeadline + 1);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.Inconclusive, "one of three");
        assertEq(_free(drawn[0]), terms.mediatorFee, "who revealed is paid");
        assertEq(_free(drawn[1]), 0, "who did not is not");
    }

    /// @dev Two of three are enough, whenever the third is known not to come.
    function test_verdict_ofTwo_inTheLastSecond() public {
        vm.warp(commitDeadline);
        _commit(terms, drawn[0], _receipt());
        _commit(terms, drawn[2], _receipt());
        vm.warp(revealDeadline);
        _reveal(terms, drawn[0], _receipt());
        _reveal(terms, drawn[2], _receipt());
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "two of three");
        assertEq(_free(drawn[1]), 0, "the silent one");
    }
}
