// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {LilypadLens} from "../src/LilypadLens.sol";
import {
    Accord,
    Callback,
    DealId,
    DealState,
    DealTerms,
    DealView,
    JobOffer,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement
} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What the lens says, at each point of lives that lead everywhere.
contract LensTest is MarketTest {
    function test_unknownDeal() public view {
        DealTerms memory terms;
        DealView memory v = lens.deal(terms);
        assertTrue(v.state == DealState.None && v.settlement == Settlement.None, "none");
        assertEq(v.seed, 0, "no seed");
        assertFalse(v.seedLost || v.auditDue, "nothing due");
    }

    function test_lifeOfADeal() public {
        JobOffer memory job = _jobOffer();
        job.auditBps = 10_000;
        DealTerms memory terms = _match(job, _resourceOffer());
        DealView memory v = lens.deal(terms);
        assertTrue(v.state == DealState.Matched, "matched");
        assertEq(v.deadline, vm.getBlockTimestamp() + 1 hours, "to submit");
        assertEq(v.anchorBlock, 0, "no anchor yet");

        _submit(terms, _receipt());
        v = lens.deal(terms);
        assertTrue(v.state == DealState.Submitted, "submitted");
        assertEq(v.receiptHash, bytes20(keccak256(abi.encode(_receipt()))), "receipt");
        assertEq(v.anchorBlock, vm.getBlockNumber() + 1, "anchor");
        assertEq(v.seed, 0, "not known yet");
        assertFalse(v.auditDue, "not known yet");

        _passAnchor();
        v = lens.deal(terms);
        assertEq(v.seed, blockhash(v.anchorBlock), "seed");
        assertTrue(v.auditDue, "always audited");

        market.auditResult(terms, mediators);
        v = lens.deal(terms);
        assertTrue(v.state == DealState.Audited, "audited");
        assertFalse(v.auditDue, "not twice");
        _mediate(terms, _receipt(), 3);
        _conclude(terms, _receipt());
        v = lens.deal(terms);
        assertTrue(v.state == DealState.Settled && v.settlement == Settlement.AuditPassed, "settled");
        assertTrue(v.callback == Callback.None, "not asked");
    }

    function test_lostSeed() public {
        JobOffer memory job = _jobOffer();
        job.auditBps = 10_000;
        DealTerms memory terms = _match(job, _resourceOffer());
        _submit(terms, _receipt());
        vm.roll(vm.getBlockNumber() + 300);
        DealView memory v = lens.deal(terms);
        assertTrue(v.seedLost, "lost");
        assertEq(v.seed, 0, "so not known");
        assertFalse(v.auditDue, "so not due");
    }

    function test_replicas() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 2;
        DealTerms[] memory terms = _matchReplicas(job);
        _commitResult(terms[0], _receipt());
        DealView memory v = lens.deal(terms[0]);
        assertTrue(v.state == DealState.Committed, "committed");
        assertEq(v.revealDeadline, v.deadline + 30 minutes, "to reveal");
        assertEq(v.replicas.committed, 1, "one");
        _commitResult(terms[1], _otherReceipt());
        _revealResult(terms[0], _receipt());
        _revealResult(terms[1], _otherReceipt());
        (DealView[] memory views, uint256 timestamp) = lens.deals(terms);
        assertEq(timestamp, vm.getBlockTimestamp(), "time");
        for (uint256 i; i < 2; ++i) {
            assertEq(views[i].replicas.revealed, 2, "both");
            assertTrue(views[i].replicas.accord == Accord.Disputed, "differ");
            assertTrue(views[i].auditDue, "mediation is due, whatever the draw says");
        }
        assertEq(views[1].replicas.receiptHash, bytes20(keccak256(abi.encode(_receipt()))), "the first's");
    }

    function test_accounts() public {
        _match();
        address[] memory parties = new address[](3);
        (parties[0], parties[1], parties[2]) = (creator, provider, stranger);
        LilypadLens.Account[] memory found = lens.accounts(parties, 0);
        uint256 deposit = 10 ether + 10 ether + 1 ether + 6 ether;
        for (uint256 i; i < 2; ++i) {
            assertEq(found[i].locked, deposit, "locked");
            assertEq(found[i].free, FUNDS - deposit, "free");
        }
        assertEq(found[0].nonceBitmap, 1 << 1, "the creator's nonce");
        assertEq(found[1].nonceBitmap, 0, "the provider's offer has slots left");
        assertEq(found[2].free + found[2].locked + found[2].nonceBitmap, 0, "nobody");
    }

    function test_slotsLeft() public {
        ResourceOffer[] memory offers = new ResourceOffer[](4);
        for (uint256 i; i < 4; ++i) {
            offers[i] = _resourceOffer();
            offers[i].nonce = uint64(300 + i);
        }
        offers[1].slots = 1;
        offers[3].expiry = uint64(block.timestamp) + 1;
        uint256[] memory left = lens.slotsLeft(offers);
        assertEq(left[0], 4, "many");
        assertEq(left[1], 1, "one");
        assertEq(left[3], 4, "not expired yet");

        JobOffer memory job = _jobOffer();
        _match(job, offers[0]);
        job.nonce = 2;
        _match(job, offers[1]);
        vm.prank(provider);
        market.cancelNonce(302);
        skip(2);
        left = lens.slotsLeft(offers);
        assertEq(left[0], 3, "one used");
        assertEq(left[1], 0, "the only one used");
        assertEq(left[2], 0, "cancelled");
        assertEq(left[3], 0, "expired");
    }

    /// @dev The deposit is what a match locks, on both sides, whatever the numbers are.
    function testFuzz_depositOf(uint64 fuelLimit, uint64 price, uint64 fee, uint32 penaltyBps) public {
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        job.fuelLimit = uint64(bound(fuelLimit, 0, 1e12));
        resource.fuelLimitMax = type(uint64).max;
        resource.collateralMax = type(uint128).max;
        resource.availabilityFeeMax = type(uint128).max;
        resource.pricePerGigafuel = uint128(bound(price, 0, 1 ether));
        job.mediatorFee = 1 ether + uint128(fee);
        job.availabilityFee = fee / 3;
        job.penaltyBps = uint32(bound(penaltyBps, 0, 1_000_000));
        DealTerms memory terms = _match(job, resource);
        assertEq(lens.depositOf(terms), _locked(creator), "creator");
        assertEq(lens.depositOf(terms), _locked(provider), "provider");
        assertEq(DealId.unwrap(lens.dealId(terms)), keccak256(abi.encode(terms)), "id");
    }
}
