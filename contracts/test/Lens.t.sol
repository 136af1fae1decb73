// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Accord, Callback, DealState, DealTerms, DealView, JobOffer, Settlement} from "../src/Types.sol";
import {LilypadLens} from "../src/LilypadLens.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Views of many things at a time, and where in the market's storage they lie.
contract LensTest is MarketTest {
    /// @dev Fixed here as in the lens: who moves a variable of the market must see this fail.
    uint256 private constant SLOT_DEALS = 5;
    uint256 private constant SLOT_GROUPS = 6;
    uint256 private constant SLOT_SEEDS = 7;

    function test_itsMarket() public view {
        assertEq(address(lens.market()), address(market), "market");
    }

    function _word(bytes32 key, uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(market), keccak256(abi.encode(key, slot))));
    }

    /// @dev From the lowest bit: 8 state, 8 settlement, 8 callback, 40 deadline, 32 anchor block, 160 receipt.
    function test_slot_ofADeal() public {
        DealTerms memory terms = _match();
        bytes32 id = keccak256(abi.encode(terms));
        uint256 deadline = terms.rules.matchedAt() + terms.rules.submitWindow();
        assertEq(_word(id, SLOT_DEALS), uint256(DealState.Matched) | (deadline << 24), "matched");
        _submit(terms, _receipt());
        uint256 word = uint256(DealState.Submitted) | ((vm.getBlockTimestamp() + terms.rules.judgeWindow()) << 24)
            | ((vm.getBlockNumber() + 1) << 64) | (uint256(uint160(bytes20(keccak256(abi.encode(_receipt()))))) << 96);
        assertEq(_word(id, SLOT_DEALS), word, "submitted");
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        word = (word & ~uint256(0xffff)) | uint256(DealState.Settled) | (uint256(Settlement.Accepted) << 8);
        assertEq(_word(id, SLOT_DEALS), word, "accepted");
        assertEq(market.extsload(_one(keccak256(abi.encode(id, SLOT_DEALS))))[0], bytes32(word), "extsload");
    }

    /// @dev From the lowest bit: 8 committed, 8 revealed, 8 accord, 8 fees due, 160 receipt.
    function test_slot_ofAGroup() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 2;
        DealTerms[] memory deals = _matchReplicas(job);
        _commitResult(deals[0], _receipt());
        _commitResult(deals[1], _otherReceipt());
        _revealResult(deals[0], _receipt());
        _revealResult(deals[1], _otherReceipt());
        uint256 word = 2 | (2 << 8) | (uint256(Accord.Disputed) << 16)
            | (uint256(uint160(bytes20(keccak256(abi.encode(_receipt()))))) << 32);
        assertEq(_word(deals[0].jobOfferHash, SLOT_GROUPS), word, "group");
    }

    function test_slot_ofASeed() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        _passAnchor();
        bytes32 seed = lens.deal(terms).seed;
        assertEq(_word(keccak256(abi.encode(terms)), SLOT_SEEDS), 0, "nobody stored it");
        market.fixSeed(terms);
        assertEq(_word(keccak256(abi.encode(terms)), SLOT_SEEDS), uint256(seed), "stored");
    }

    function _one(bytes32 slot) private pure returns (bytes32[] memory slots) {
        slots = new bytes32[](1);
        slots[0] = slot;
    }

    /* MANY AT A TIME */

    function test_deals() public {
        DealTerms[] memory terms = new DealTerms[](3);
        JobOffer memory job = _jobOffer();
        for (uint64 i; i < 2; ++i) {
            job.nonce = 10 + i;
            terms[i] = _match(job, _resourceOffer());
        }
        terms[2] = terms[1];
        _submit(terms[1], _receipt());
        (DealView[] memory views, uint256 timestamp) = lens.deals(terms);
        assertEq(timestamp, vm.getBlockTimestamp(), "as of");
        assertTrue(views[0].state == DealState.Matched, "first");
        assertTrue(views[1].state == DealState.Submitted, "second");
        assertEq(abi.encode(views[2]), abi.encode(views[1]), "the same again");
        assertEq(abi.encode(views[0]), abi.encode(lens.deal(terms[0])), "as one by one");
    }

    function test_deal_thatNobodyMatched() public view {
        DealTerms memory terms;
        DealView memory v = lens.deal(terms);
        assertTrue(v.state == DealState.None, "state");
        assertTrue(v.settlement == Settlement.None, "settlement");
        assertTrue(v.callback == Callback.None, "callback");
        assertFalse(v.seedLost, "no seed to lose");
        assertFalse(v.auditDue, "no audit");
    }

    function test_accounts() public {
        DealTerms memory terms = _match();
        vm.prank(provider);
        market.cancelNonce(300);
        address[] memory parties = new address[](3);
        (parties[0], parties[1], parties[2]) = (creator, provider, stranger);
        LilypadLens.Account[] memory found = lens.accounts(parties, 0);
        uint256 deposit = lens.depositOf(terms);
        assertEq(found[0].free, FUNDS - deposit, "creator's free");
        assertEq(found[0].locked, deposit, "creator's locked");
        assertEq(found[0].nonceBitmap, 1 << 1, "creator's nonces");
        assertEq(found[1].locked, deposit, "provider's locked");
        assertEq(found[1].nonceBitmap, 0, "provider's first nonces");
        assertEq(found[2].free + found[2].locked + found[2].nonceBitmap, 0, "stranger");
        found = lens.accounts(parties, 1);
        assertEq(found[1].nonceBitmap, 1 << 44, "provider's second word");
    }
}
