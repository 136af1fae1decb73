// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, DealView, DeclineReason, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What a job's only provider does with a deal: submit, decline, or nothing.
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

    /* SUBMIT */

    function testFuzz_submit_revertsForOthers(address who) public {
        vm.assume(who != provider);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.submitResult(terms, _receipt());
    }

    /// @dev One bit anywhere in the terms is another deal, which nobody matched.
    function testFuzz_submit_revertsOnForeignTerms(uint256 bit) public {
        bytes memory data = abi.encodeCall(ILilypadMarket.submitResult, (terms, _receipt()));
        bit = bound(bit, 0, 15 * 256 - 1);
        // A selector and 15 words of terms; bits of the first byte are the highest.
        data[4 + bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.prank(provider);
        (bool ok, bytes memory answer) = address(market).call(data);
        assertFalse(ok, "reverts");
        bytes32 id;
        assembly {
            id := keccak256(add(data, 36), 480)
        }
        assertEq(answer, abi.encodeWithSelector(ILilypadMarket.WrongState.selector, id), "an unknown deal");
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
        r.status = 4; // only a mediator may find that runs vary
        _expectInvalid(r, "status");
        r.status = 3; // a refused job burns nothing
        _expectInvalid(r, "fuelUsed");
    }

    /// @dev A receipt with stray bits would have two hashes.
    function test_submit_revertsOnStrayBitsInTheReceipt() public {
        bytes memory good = abi.encodeCall(ILilypadMarket.submitResult, (terms, _receipt()));
        // status, trapKind, exitCode, fuelUsed: the third to the sixth word after 15 words of terms.
        for (uint256 word = 17; word <= 20; ++word) {
            bytes memory call = bytes.concat(good);
            call[4 + 32 * word] = 0x01;
            vm.prank(provider);
            (bool ok,) = address(market).call(call);
            assertFalse(ok, "stray bit");
        }
        vm.prank(provider);
        (bool fine,) = address(market).call(good);
        assertTrue(fine, "without them it is taken");
    }

    function testFuzz_submit_revertsAfterTheDeadline(uint32 late) public {
        uint256 deadline = vm.getBlockTimestamp() + terms.rules.submitWindow();
        vm.warp(deadline + bound(late, 1, 365 days));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        _submit(terms, _receipt());
    }

    function test_submit_revertsTheSecondTime() public {
        _submit(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        _submit(terms, _otherReceipt());
    }

    /// @dev The commit verbs are for jobs with more than one provider.
    function test_commitAndReveal_revertForTheOnlyProvider() public {
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CommitmentNotAsked.selector, _id(terms)));
        market.commitResult(terms, keccak256("commitment"));
        vm.expectRevert(_wrongState(terms));
        market.revealResult(terms, _receipt(), SALT);
    }

    function testFuzz_submit_records(uint64 fuelUsed, uint32 wait) public {
        JobReceipt memory r = _receipt();
        r.fuelUsed = uint64(bound(fuelUsed, 0, terms.fuelLimit));
        skip(bound(wait, 0, terms.rules.submitWindow()));
        vm.expectEmit(address(market));
        emit ILilypadMarket.ResultSubmitted(_id(terms), r);
        _submit(terms, r);
        DealView memory d = lens.deal(terms);
        assertTrue(d.state == DealState.Submitted, "state");
        assertEq(d.receiptHash, bytes20(keccak256(abi.encode(r))), "receipt");
        assertEq(d.anchorBlock, vm.getBlockNumber() + 1, "the seed is of a block to come");
        assertEq(d.deadline, vm.getBlockTimestamp() + terms.rules.judgeWindow(), "judge window");
        assertEq(d.seed, 0, "no seed yet");
        assertFalse(d.seedLost, "nor lost");
    }

    /* DECLINE */

    function testFuzz_decline_revertsForOthers(address who) public {
        vm.assume(who != provider);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.declineDeal(terms, DeclineReason.JobInvalid);
    }

    function test_decline_revertsAfterAResult() public {
        _submit(terms, _receipt());
        vm.prank(provider);
        vm.expectRevert(_wrongState(terms));
        market.declineDeal(terms, DeclineReason.HostFault);
    }

    /// @dev Who held the job for half the time must bring a result, or pay.
    function testFuzz_decline_revertsInTheSecondHalf(uint32 late) public {
        uint256 half = vm.getBlockTimestamp() + terms.rules.submitWindow() / 2;
        vm.warp(half + bound(late, 1, type(uint32).max));
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, half));
        market.declineDeal(terms, DeclineReason.OverCapacity);
    }

    function test_decline_revertsOnAnUnknownReason() public {
        bytes memory call = abi.encodeCall(ILilypadMarket.declineDeal, (terms, DeclineReason.OverCapacity));
        call[call.length - 1] = bytes1(uint8(type(DeclineReason).max) + 1);
        vm.prank(provider);
        (bool ok,) = address(market).call(call);
        assertFalse(ok, "no such reason");
        assertTrue(_state(terms) == DealState.Matched, "nothing happened");
    }

    /// @dev Any reason, at any time of the first half: both get all back and nobody earns.
    function testFuzz_decline_saysWhy(uint8 why, uint32 wait) public {
        DeclineReason reason = DeclineReason(bound(why, 0, uint8(type(DeclineReason).max)));
        skip(bound(wait, 0, terms.rules.submitWindow() / 2));
        vm.prank(provider);
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealDeclined(_id(terms), reason);
        market.declineDeal(terms, reason);
        assertTrue(_settlement(terms) == Settlement.Declined, "declined");
        assertEq(_free(creator), FUNDS, "creator");
        assertEq(_free(provider), FUNDS, "provider");
        assertEq(_free(solver), 0, "solver");
    }

    /* TIME OUT */

    function testFuzz_timeout_revertsWithinTheWindow(uint32 wait) public {
        uint256 deadline = vm.getBlockTimestamp() + terms.rules.submitWindow();
        skip(bound(wait, 0, terms.rules.submitWindow()));
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
        skip(terms.rules.submitWindow() + 1);
        vm.prank(who);
        market.timeoutSubmission(terms);
        assertTrue(_settlement(terms) == Settlement.SubmissionTimedOut, "timed out");
        vm.expectRevert(_wrongState(terms));
        market.timeoutSubmission(terms);
    }
}
