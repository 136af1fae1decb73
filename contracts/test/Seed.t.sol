// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Where a deal's randomness comes from: the hash of the block after its result, fixed, kept, or lost and moved.
contract SeedTest is MarketTest {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    DealTerms private terms;

    function setUp() public override {
        super.setUp();
        terms = _submitted(0, 1);
    }

    function _submitted(uint16 auditBps, uint64 nonce) private returns (DealTerms memory t) {
        JobOffer memory job = _jobOffer();
        job.auditBps = auditBps;
        job.nonce = nonce;
        t = _match(job, _resourceOffer());
        _submit(t, _receipt());
    }

    function test_isOfTheBlockAfterTheResult() public {
        uint256 posted = vm.getBlockNumber();
        assertEq(lens.deal(terms).anchorBlock, posted + 1, "anchor");
        bytes memory unknown = abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, posted + 1);
        for (uint256 i; i < 2; ++i) {
            vm.roll(posted + i);
            vm.expectRevert(unknown);
            vm.prank(creator);
            market.challengeResult(terms, mediators);
            // Nor can the anchor be moved while its own block is being made.
            vm.expectRevert(unknown);
            market.fixSeed(terms);
            assertEq(lens.deal(terms).seed, 0, "not known");
        }
        vm.roll(posted + 2);
        assertEq(lens.deal(terms).seed, blockhash(posted + 1), "seed");
        vm.prank(creator);
        market.challengeResult(terms, mediators);
    }

    function test_fix_revertsWithoutAResult() public {
        JobOffer memory job = _jobOffer();
        job.nonce = 2;
        terms = _match(job, _resourceOffer());
        vm.expectRevert(_wrongState(terms));
        market.fixSeed(terms);
    }

    function testFuzz_fix_outlivesTheBlockHash(address who) public {
        _passAnchor();
        bytes32 seed = lens.deal(terms).seed;
        vm.expectEmit(address(market));
        emit ILilypadMarket.SeedFixed(_id(terms), seed);
        vm.prank(who);
        market.fixSeed(terms);
        vm.roll(vm.getBlockNumber() + 10_000);
        assertEq(lens.deal(terms).seed, seed, "the seed did not change");
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        assertTrue(_state(terms) == DealState.Challenged, "usable");
    }

    /// @dev A seed that is known can't be exchanged for one that somebody likes better.
    function test_fix_againChangesNothing() public {
        _passAnchor();
        market.fixSeed(terms);
        bytes32 seed = lens.deal(terms).seed;
        vm.roll(vm.getBlockNumber() + 10_000);
        vm.recordLogs();
        market.fixSeed(terms);
        assertEq(vm.getRecordedLogs().length, 0, "says nothing");
        assertEq(lens.deal(terms).seed, seed, "the same");
    }

    /// @dev An audited deal whose seed nobody fixed in time is not stuck: the anchor moves, and the audit can be drawn.
    function test_fix_movesALostAnchor() public {
        terms = _submitted(5_000, 2);
        uint256 anchor = lens.deal(terms).anchorBlock;
        vm.roll(anchor + 300);
        vm.warp(lens.deal(terms).deadline + 1);
        assertTrue(lens.deal(terms).seedLost, "lost");
        bytes memory lost = abi.encodeWithSelector(ILilypadMarket.SeedLost.selector, anchor);
        vm.expectRevert(lost);
        market.finalizeDeal(terms, _receipt());
        vm.expectRevert(lost);
        market.auditResult(terms, mediators);
        vm.expectEmit(address(market));
        emit ILilypadMarket.AnchorMoved(_id(terms), anchor + 301);
        market.fixSeed(terms);
        assertEq(lens.deal(terms).anchorBlock, anchor + 301, "moved");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.SeedNotKnown.selector, anchor + 301));
        market.fixSeed(terms);
        _passAnchor();
        if (lens.deal(terms).auditDue) market.auditResult(terms, mediators);
        else market.finalizeDeal(terms, _receipt());
        assertTrue(_state(terms) != DealState.Submitted, "went on");
    }

    /// @dev Where no audit was agreed on, nobody needs a seed to be paid.
    function test_lost_doesNotMatterWithoutAudits() public {
        vm.roll(vm.getBlockNumber() + 300);
        vm.warp(lens.deal(terms).deadline + 1);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_state(terms) == DealState.Settled, "settled");
    }

    /// @dev Where the chain keeps more hashes (EIP-2935), an anchor is lost after 8,191 blocks instead of 256.
    function test_history_isRead() public {
        // The code that the EIP gives for that address; it answers from slot `number % 8191`.
        vm.etch(
            HISTORY,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        uint256 anchor = lens.deal(terms).anchorBlock;
        bytes32 kept = keccak256("a hash that the chain kept");
        vm.store(HISTORY, bytes32(anchor % 8_191), kept);
        vm.roll(anchor + 8_191);
        assertEq(lens.deal(terms).seed, kept, "the oldest that is kept");
        uint256 snapshot = vm.snapshotState();
        market.fixSeed(terms);
        assertEq(lens.deal(terms).anchorBlock, anchor, "the anchor stays");
        assertTrue(vm.revertToState(snapshot), "back");
        vm.roll(anchor + 8_192);
        assertTrue(lens.deal(terms).seedLost, "one block later it is lost");
        market.fixSeed(terms);
        assertEq(lens.deal(terms).anchorBlock, anchor + 8_193, "the anchor moves");
    }

    /// @dev Something else at that address that answers with another length is not believed.
    function test_history_strangeAnswersAreNotRead() public {
        uint256 anchor = lens.deal(terms).anchorBlock;
        vm.roll(anchor + 300);
        vm.etch(HISTORY, hex"60405ff3"); // returns 64 zero bytes
        assertTrue(lens.deal(terms).seedLost, "64 bytes");
        vm.etch(HISTORY, hex"00"); // returns nothing
        assertTrue(lens.deal(terms).seedLost, "no bytes");
        market.fixSeed(terms);
        assertEq(lens.deal(terms).anchorBlock, anchor + 301, "the anchor moves");
    }
}
