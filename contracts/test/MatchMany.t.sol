// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealState, DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Matches of more than one deal: slots of resource offers, many jobs with one provider, replicas.
contract MatchManyTest is MarketTest {
    JobOffer private job;
    ResourceOffer private resource;

    function setUp() public override {
        super.setUp();
        job = _jobOffer();
        resource = _resourceOffer();
    }

    function _jobs(uint256 count) private view returns (JobOffer[] memory jobs, bytes[] memory signatures) {
        jobs = new JobOffer[](count);
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            jobs[i] = job;
            jobs[i].nonce = uint64(100 + i);
            signatures[i] = _signed(jobs[i]);
        }
    }

    function _resources(uint256 count) private returns (ResourceOffer[] memory resources, bytes[] memory signatures) {
        resources = new ResourceOffer[](count);
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            resources[i] = resource;
            resources[i].provider = _replica(i);
            signatures[i] = _sign(_replicaKey(i), lens.hashResourceOffer(resources[i]));
            _fund(_replica(i), FUNDS);
        }
    }

    function _unfit(bytes32 constraint) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, constraint);
    }

    /* SLOTS */

    function test_slots_areUsedUp() public {
        resource.slots = 2;
        bytes32 offerHash = lens.hashResourceOffer(resource);
        for (uint32 i; i < 2; ++i) {
            job.nonce = 100 + i;
            _match(job, resource);
        }
        assertEq(market.slotsUsed(offerHash), 2, "used");
        job.nonce = 102;
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, offerHash, 2));
    }

    /// @dev One slot is known by its nonce, whose word is there already.
    function test_slots_one() public {
        resource.slots = 1;
        _match(job, resource);
        assertEq(market.slotsUsed(lens.hashResourceOffer(resource)), 0, "not counted");
        assertEq(market.nonceBitmap(provider, 0), 1 << 7, "spent");
        job.nonce = 2;
        _expectNoMatch(
            job,
            resource,
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferNonceUsed.selector, provider, resource.nonce)
        );
    }

    function test_slots_none() public {
        resource.slots = 0;
        bytes32 offerHash = lens.hashResourceOffer(resource);
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, offerHash, 0));
    }

    /// @dev Offers that differ in anything are counted apart, unless they share a nonce that is spent.
    function test_slots_areOfOneOffer() public {
        resource.slots = 2;
        _match(job, resource);
        ResourceOffer memory other = resource;
        other.collateralMax += 1;
        job.nonce = 2;
        _match(job, other);
        assertEq(market.slotsUsed(lens.hashResourceOffer(resource)), 1, "the first");
        assertEq(market.slotsUsed(lens.hashResourceOffer(other)), 1, "the second");
    }

    /* MANY JOBS */

    function testFuzz_manyJobs_withOneProvider(uint8 count) public {
        uint256 wanted = bound(count, 1, 12);
        resource.slots = 12;
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(wanted);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.recordLogs();
        vm.prank(solver);
        DealId[] memory ids = market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        DealTerms[] memory terms = _matched();
        assertEq(ids.length, wanted, "ids");
        for (uint256 i; i < wanted; ++i) {
            assertEq(DealId.unwrap(ids[i]), DealId.unwrap(_id(terms[i])), "in the order of the jobs");
            assertEq(terms[i].jobOfferHash, lens.hashJobOffer(jobs[i]), "job");
            assertTrue(_state(terms[i]) == DealState.Matched, "state");
        }
        assertEq(market.slotsUsed(lens.hashResourceOffer(resource)), wanted, "slots");
        assertEq(_locked(provider), wanted * lens.depositOf(terms[0]), "locked");
        assertEq(_locked(creator), _locked(provider), "as much");
    }

    function test_manyJobs_revertBeyondTheSlots() public {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(5);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, lens.hashResourceOffer(resource), 4)
        );
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        resource.slots = 1;
        (jobs, jobSigs) = _jobs(2);
        (resources, resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, lens.hashResourceOffer(resource), 1)
        );
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
    }

    function test_manyJobs_revertWhenOneIsThereTwice() public {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(2);
        (jobs[1], jobSigs[1]) = (jobs[0], jobSigs[0]);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, 100));
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
    }

    function test_reverts_onMissingSignatures() public {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(1);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(_unfit("signatures"));
        market.matchOffers(jobs, new bytes[](2), resources, resourceSigs);
        vm.expectRevert(_unfit("signatures"));
        market.matchOffers(jobs, jobSigs, resources, new bytes[](0));
    }

    /// @dev A match without a job would spend the only slot of anybody's offer, for nothing and by anybody.
    function test_reverts_withoutJobs() public {
        resource.slots = 1;
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(_unfit("jobs"));
        vm.prank(stranger);
        market.matchOffers(new JobOffer[](0), new bytes[](0), resources, resourceSigs);
        assertEq(market.nonceBitmap(provider, 0), 0, "the offer is still good");
    }

    function test_reverts_withoutResources() public {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(1);
        vm.expectRevert(_unfit("replicas"));
        market.matchOffers(jobs, jobSigs, new ResourceOffer[](0), new bytes[](0));
    }

    /* REPLICAS */

    function testFuzz_replicas_eachADealOfItsOwn(uint8 count) public {
        job.replicas = uint8(bound(count, 1, 7));
        DealTerms[] memory terms = _matchReplicas(job);
        assertEq(terms.length, job.replicas, "deals");
        for (uint256 i; i < terms.length; ++i) {
            assertEq(terms[i].provider, _replica(i), "provider");
            assertEq(terms[i].jobOfferHash, lens.hashJobOffer(job), "one job");
            assertEq(_locked(_replica(i)), 27 ether, "provider's lock");
        }
        assertEq(_locked(creator), terms.length * 27 ether, "creator's locks");
    }

    function test_replicas_revertOnAnotherNumber() public {
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _resources(3);
        uint8[4] memory wrong = [uint8(0), 1, 2, 4];
        for (uint256 i; i < wrong.length; ++i) {
            job.replicas = wrong[i];
            (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
            vm.expectRevert(_unfit("replicas"));
            market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        }
    }

    function test_replicas_revertOutOfBounds() public {
        bytes memory invalid = abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, bytes32("replicas"));
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _resources(8);
        job.replicas = 8;
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        vm.expectRevert(invalid);
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        job.replicas = 0;
        (jobs, jobSigs) = _one(job, _signed(job));
        vm.expectRevert(invalid);
        market.matchOffers(jobs, jobSigs, new ResourceOffer[](0), new bytes[](0));
    }

    /// @dev A provider that runs a job twice confirms itself.
    function test_replicas_revertWithOneProviderTwice() public {
        job.replicas = 3;
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _resources(3);
        resources[2].provider = _replica(0);
        resources[2].nonce = 99;
        resourceSigs[2] = _sign(_replicaKey(0), lens.hashResourceOffer(resources[2]));
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        vm.expectRevert(_unfit("replicas"));
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
    }

    /// @dev Two jobs with two replicas each, with the same two providers.
    function test_manyJobs_ofManyReplicas() public {
        job.replicas = 2;
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _jobs(2);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _resources(2);
        vm.recordLogs();
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        DealTerms[] memory terms = _matched();
        assertEq(terms.length, 4, "deals");
        for (uint256 i; i < 4; ++i) {
            assertEq(terms[i].jobOfferHash, lens.hashJobOffer(jobs[i / 2]), "first all of the first job");
            assertEq(terms[i].provider, _replica(i % 2), "provider");
        }
        assertEq(market.slotsUsed(lens.hashResourceOffer(resources[0])), 2, "slots of the first");
        assertEq(market.slotsUsed(lens.hashResourceOffer(resources[1])), 2, "slots of the second");
        assertEq(_locked(creator), 4 * 27 ether, "locked");
    }

    /* LENS */

    function test_lens_slotsLeft() public {
        ResourceOffer[] memory offers = new ResourceOffer[](4);
        for (uint256 i; i < 4; ++i) {
            offers[i] = resource;
            offers[i].nonce = uint64(7 + i);
        }
        offers[1].slots = 1;
        _match(job, offers[0]);
        job.nonce = 2;
        _match(job, offers[1]);
        vm.prank(provider);
        market.cancelNonce(offers[2].nonce);
        offers[3].expiry = uint64(vm.getBlockTimestamp() - 1);
        uint256[] memory left = lens.slotsLeft(offers);
        assertEq(left[0], 3, "three of four");
        assertEq(left[1], 0, "none of one");
        assertEq(left[2], 0, "cancelled");
        assertEq(left[3], 0, "expired");
    }

    /// @dev It makes no deal, so it must not use up an offer either.
    function test_aMatchOfNoJobsIsRefusedAndSpendsNoSlot() public {
        ResourceOffer memory single = _resourceOffer();
        single.slots = 1;
        (ResourceOffer[] memory resources, bytes[] memory signatures) = _one(single, _signed(single));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("jobs")));
        vm.prank(stranger);
        market.matchOffers(new JobOffer[](0), new bytes[](0), resources, signatures);
        assertEq(market.nonceBitmap(provider, 0), 0, "the single slot's nonce is not spent");
        _match(_jobOffer(), single);
    }
}
