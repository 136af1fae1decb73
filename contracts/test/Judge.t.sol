// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealState, DealTerms, DealView, JobOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {Draw} from "../src/market/Draw.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What can be done with a posted result: accept, challenge, audit, finalize.
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
        return market.deal(terms).deadline;
    }

    function testFuzz_accept_revertsForOthers(address who) public {
        vm.assume(who != creator);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.acceptResult(terms, _receipt());
    }

    function test_accept_revertsOnAnotherReceipt() public {
        bytes32 posted = keccak256(abi.encode(_receipt()));
        bytes32 given = keccak256(abi.encode(_otherReceipt()));
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ReceiptMismatch.selector, posted, given));
        market.acceptResult(terms, _otherReceipt());
    }

    function test_accept_revertsTheSecondTime() public {
        vm.startPrank(creator);
        market.acceptResult(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.acceptResult(terms, _receipt());
    }

    function testFuzz_challenge_revertsForOthers(address who) public {
        vm.assume(who != creator);
        _passAnchor();
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.challengeResult(terms);
    }

    function test_challenge_revertsAfterTheWindow() public {
        _passAnchor();
        uint256 deadline = _judgeDeadline();
        vm.warp(deadline + 1);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        market.challengeResult(terms);
    }

    function test_challenge_revertsBeforeTheSeedIsKnown() public {
        bytes memory error = abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, vm.getBlockNumber() + 1);
        vm.startPrank(creator);
        vm.expectRevert(error);
        market.challengeResult(terms);
        vm.roll(vm.getBlockNumber() + 1);
        vm.expectRevert(error);
        market.challengeResult(terms);
    }

    function test_challenge_drawsFromThePanel() public {
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms);
        DealView memory d = market.deal(terms);
        assertTrue(d.state == DealState.Challenged, "state");
        assertEq(d.mediators.length, 3, "count");
        assertEq(d.deadline, vm.getBlockTimestamp() + terms.mediationWindow, "commit deadline");
        assertEq(d.revealDeadline, d.deadline + terms.mediationWindow, "reveal deadline");
        vm.prank(creator);
        vm.expectRevert(_wrongState(terms));
        market.challengeResult(terms);
    }

    /// @dev Distinct members, never a party, and everybody's turn comes.
    function testFuzz_draw_isWithoutReplacementOrParties(bytes32 seed, uint8 size, uint8 count) public pure {
        uint256 members = bound(size, 1, 40);
        address[] memory list = new address[](members + 2);
        for (uint160 i; i < list.length; ++i) {
            list[i] = address(i + 1);
        }
        address a = list[uint256(seed) % list.length];
        address b = list[(uint256(seed) + 1) % list.length];
        uint256 wanted = bound(count, 1, members < 7 ? members : 7);
        address[] memory drawn = Draw.mediators(list, a, b, wanted, seed, DealId.wrap(seed));
        assertEq(drawn.length, wanted, "count");
        for (uint256 i; i < wanted; ++i) {
            assertTrue(drawn[i] != a && drawn[i] != b && drawn[i] != address(0), "no party");
            for (uint256 j; j < i; ++j) {
                assertTrue(drawn[i] != drawn[j], "no replacement");
            }
        }
    }

    function test_draw_reachesEverybody() public view {
        uint256[PANEL_SIZE] memory times;
        for (uint256 i; i < 500; ++i) {
            address[] memory drawn =
                Draw.mediators(mediators, creator, provider, 3, keccak256(abi.encode(i)), DealId.wrap(0));
            for (uint256 j; j < 3; ++j) {
                for (uint256 k; k < PANEL_SIZE; ++k) {
                    if (mediators[k] == drawn[j]) ++times[k];
                }
            }
        }
        // 300 expected; the chance that a fair draw leaves this band is below 1e-9, and the seeds are fixed.
        for (uint256 k; k < PANEL_SIZE; ++k) {
            assertTrue(times[k] > 230 && times[k] < 370, "about equally often");
        }
    }

    function test_draw_auditsItsShare() public pure {
        uint256 audits;
        for (uint256 i; i < 2_000; ++i) {
            if (Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 2_500)) ++audits;
            assertFalse(Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 0), "never");
            assertTrue(Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 10_000), "always");
        }
        assertTrue(audits > 400 && audits < 600, "about a quarter");
    }

    function test_audit_revertsWhenNotDrawn() public {
        _passAnchor();
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditNotDrawn.selector, _id(terms)));
        market.auditResult(terms);
    }

    function testFuzz_audit_isForAnyoneWhenDrawn(address who) public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        _passAnchor();
        assertTrue(market.deal(terms).auditDue, "due");
        vm.prank(who);
        market.auditResult(terms);
        assertTrue(_state(terms) == DealState.Challenged, "mediated");
    }

    function test_finalize_revertsWithinTheWindow() public {
        _passAnchor();
        uint256 deadline = _judgeDeadline();
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(terms, _receipt());
    }

    function test_finalize_revertsOnAnotherReceipt() public {
        _passAnchor();
        vm.warp(_judgeDeadline() + 1);
        vm.expectRevert();
        market.finalizeDeal(terms, _otherReceipt());
    }

    function test_finalize_revertsWhileAnAuditIsDue() public {
        terms = _matchAudited(10_000);
        _submit(terms, _receipt());
        _passAnchor();
        vm.warp(_judgeDeadline() + 365 days);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AuditDue.selector, _id(terms)));
        market.finalizeDeal(terms, _receipt());
        // The way out: anyone audits, however late.
        market.auditResult(terms);
        assertTrue(_state(terms) == DealState.Challenged, "audited");
    }

    function testFuzz_finalize_isForAnyone(address who) public {
        _passAnchor();
        vm.warp(_judgeDeadline() + 1);
        vm.prank(who);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }

    function test_fixSeed_outlivesTheBlockHash() public {
        _passAnchor();
        bytes32 seed = market.deal(terms).seed;
        vm.expectEmit();
        emit ILilypadMarket.SeedFixed(_id(terms), seed);
        market.fixSeed(terms);
        vm.roll(vm.getBlockNumber() + 10_000);
        vm.prank(creator);
        market.challengeResult(terms);
        assertEq(market.deal(terms).seed, seed, "the seed did not change");
    }

    /// @dev An audited deal whose seed nobody fixed in time is not stuck: the anchor moves, and the audit can be drawn.
    function test_fixSeed_movesALostAnchor() public {
        terms = _matchAudited(5_000);
        _submit(terms, _receipt());
        uint256 anchor = market.deal(terms).anchorBlock;
        vm.roll(anchor + 300);
        vm.warp(_judgeDeadline() + 1);
        assertTrue(market.deal(terms).seedLost, "lost");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedLost.selector, anchor));
        market.finalizeDeal(terms, _receipt());
        market.fixSeed(terms);
        assertEq(market.deal(terms).anchorBlock, anchor + 301, "moved");
        _passAnchor();
        if (market.deal(terms).auditDue) market.auditResult(terms);
        else market.finalizeDeal(terms, _receipt());
        assertTrue(_state(terms) != DealState.Submitted, "went on");
    }

    /// @dev Where the chain keeps more hashes (EIP-2935), an anchor is lost after 8,191 blocks instead of 256.
    function test_fixSeed_readsTheHistoryContract() public {
        address history = 0x0000F90827F1C53a10cb7A02335B175320002935;
        // The code that the EIP gives for that address; it answers from slot `number % 8191`.
        vm.etch(
            history,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        uint256 anchor = market.deal(terms).anchorBlock;
        bytes32 kept = keccak256("a hash that the chain kept");
        vm.store(history, bytes32(anchor % 8_191), kept);
        vm.roll(anchor + 8_191);
        assertEq(market.deal(terms).seed, kept, "the oldest that is kept");
        uint256 snapshot = vm.snapshotState();
        market.fixSeed(terms);
        assertEq(market.deal(terms).anchorBlock, anchor, "the anchor stays");
        assertTrue(vm.revertToState(snapshot), "back");
        vm.roll(anchor + 8_192);
        assertTrue(market.deal(terms).seedLost, "one block later it is lost");
        market.fixSeed(terms);
        assertEq(market.deal(terms).anchorBlock, anchor + 8_193, "the anchor moves");
    }

    function test_fixSeed_revertsBeforeTheAnchor() public {
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, vm.getBlockNumber() + 1));
        market.fixSeed(terms);
    }
}
