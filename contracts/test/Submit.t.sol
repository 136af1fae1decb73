// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, DealView, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What the provider does with a deal: submit, decline, or nothing.
contract SubmitTest is MarketTest {
    DealTerms private terms;

    function setUp() public override {
        super.setUp();
        terms = _match();
    }

    function _expectInvalid(JobReceipt memory receipt, bytes32 field) private {
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ReceiptInvalid.selector, field));
        _submit(terms, receipt);
    }

    function testFuzz_submit_revertsForOthers(address who) public {
        vm.assume(who != provider);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.submitResult(terms, _receipt());
    }

    function test_submit_revertsOnForeignTerms() public {
        DealTerms memory forged = terms;
        forged.collateral = 0;
        vm.expectRevert(_wrongState(forged));
        _submit(forged, _receipt());
    }

    function test_submit_revertsOnInvalidReceipt() public {
        JobReceipt memory r = _receipt();
        r.jobDigest = keccak256("another job");
        _expectInvalid(r, "jobDigest");
        r = _receipt();
        r.profile = "lilypad-2";
        _expectInvalid(r, "profile");
        r = _receipt();
        r.fuelUsed = terms.fuelLimit + 1;
        _expectInvalid(r, "fuelUsed");
        r = _receipt();
        r.status = 4;
        _expectInvalid(r, "status");
        r.status = 3;
        _expectInvalid(r, "fuelUsed");
    }

    function testFuzz_submit_revertsAfterTheDeadline(uint32 late) public {
        uint256 deadline = vm.getBlockTimestamp() + terms.submitWindow;
        vm.warp(deadline + bound(late, 1, 365 days));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        _submit(terms, _receipt());
    }

    function test_submit_revertsTheSecondTime() public {
        _submit(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        _submit(terms, _otherReceipt());
    }

    function testFuzz_submit_records(uint64 fuelUsed, uint32 wait) public {
        JobReceipt memory r = _receipt();
        r.fuelUsed = uint64(bound(fuelUsed, 0, terms.fuelLimit));
        skip(bound(wait, 0, terms.submitWindow));
        vm.expectEmit();
        emit ILilypadMarket.ResultSubmitted(_id(terms), r);
        _submit(terms, r);
        DealView memory d = market.deal(terms);
        assertTrue(d.state == DealState.Submitted, "state");
        assertEq(d.receiptHash, keccak256(abi.encode(r)), "receipt");
        assertEq(d.anchorBlock, vm.getBlockNumber() + 1, "the seed is of a block to come");
        assertEq(d.deadline, vm.getBlockTimestamp() + terms.judgeWindow, "judge window");
        assertEq(d.seed, 0, "no seed yet");
    }

    function testFuzz_decline_revertsForOthers(address who) public {
        vm.assume(who != provider);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.declineDeal(terms, 1);
    }

    function test_decline_revertsAfterAResult() public {
        _submit(terms, _receipt());
        vm.prank(provider);
        vm.expectRevert(_wrongState(terms));
        market.declineDeal(terms, 1);
    }

    /// @dev Late is late: a decline would be the way around the time-out's compensation.
    function testFuzz_decline_revertsAfterTheDeadline(uint32 late) public {
        uint256 deadline = market.deal(terms).deadline;
        vm.warp(deadline + bound(late, 1, type(uint32).max));
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        market.declineDeal(terms, 1);
    }

    function test_decline_saysWhy() public {
        vm.prank(provider);
        vm.expectEmit();
        emit ILilypadMarket.DealDeclined(_id(terms), 3);
        market.declineDeal(terms, 3);
        assertTrue(_settlement(terms) == Settlement.Declined, "declined");
    }

    function testFuzz_timeout_revertsWithinTheWindow(uint32 wait) public {
        uint256 deadline = vm.getBlockTimestamp() + terms.submitWindow;
        skip(bound(wait, 0, terms.submitWindow));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.timeoutSubmission(terms);
    }

    function test_timeout_revertsAfterAResult() public {
        _submit(terms, _receipt());
        skip(1 days);
        vm.expectRevert(_wrongState(terms));
        market.timeoutSubmission(terms);
    }

    function testFuzz_timeout_isForAnyone(address who) public {
        skip(terms.submitWindow + 1);
        vm.prank(who);
        market.timeoutSubmission(terms);
        assertTrue(_settlement(terms) == Settlement.SubmissionTimedOut, "timed out");
        vm.expectRevert(_wrongState(terms));
        market.timeoutSubmission(terms);
    }
}
