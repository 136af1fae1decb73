// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Offers posted on chain by those who can't sign.
contract RequestTest is MarketTest {
    bytes private constant INPUT = '{"message":"moo"}';
    // 10 gigafuel at the highest price, the solver, three mediators.
    uint256 private constant LOCK_MAX = 20 ether + 1 ether + 6 ether;

    JobOffer private job;

    function setUp() public override {
        super.setUp();
        job = _jobOffer();
        job.inputHash = keccak256(INPUT);
    }

    function _request() private returns (bytes32) {
        vm.prank(creator);
        return market.requestJob(job, INPUT);
    }

    function _matchRequested() private returns (DealTerms memory) {
        ResourceOffer memory resource = _resourceOffer();
        return _match(job, "", resource, _signed(resource));
    }

    function testFuzz_request_revertsForOthers(address who) public {
        vm.assume(who != creator);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.requestJob(job, INPUT);
    }

    function testFuzz_request_revertsOnAnotherInput(bytes calldata input) public {
        vm.assume(keccak256(input) != keccak256(INPUT));
        vm.prank(creator);
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.InputHashMismatch.selector, keccak256(INPUT), keccak256(input))
        );
        market.requestJob(job, input);
    }

    function test_request_revertsWithoutFunds() public {
        vm.startPrank(creator);
        market.withdraw(FUNDS - LOCK_MAX + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.CreatorCannotPay.selector, creator, LOCK_MAX - 1, LOCK_MAX)
        );
        market.requestJob(job, INPUT);
    }

    function test_request_revertsTwice() public {
        bytes32 requestId = _request();
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestAlreadyPosted.selector, requestId));
        market.requestJob(job, INPUT);
    }

    function test_request_revertsAfterItsMatch() public {
        _request();
        _matchRequested();
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        market.requestJob(job, INPUT);
    }

    function test_request_revertsWhenFree() public {
        job.pricePerGigafuelMax = 0;
        job.solverFee = 0;
        job.mediatorFee = 0;
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, bytes32("price")));
        market.requestJob(job, INPUT);
    }

    function test_request_locksTheHighestPrice() public {
        bytes32 expected = market.hashJobOffer(job);
        vm.expectEmit();
        emit ILilypadMarket.JobRequested(expected, creator, job, INPUT);
        bytes32 requestId = _request();
        assertEq(requestId, expected, "the request is named by its offer");
        assertEq(market.requestLock(requestId), LOCK_MAX, "lock");
        assertEq(_locked(creator), LOCK_MAX, "locked");
    }

    function test_match_revertsForAnUnpostedTemplate() public {
        ResourceOffer memory resource = _resourceOffer();
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        market.matchOffers(job, "", resource, resourceSig);
    }

    function test_match_revertsForAChangedRequest() public {
        _request();
        job.solverFee = 0;
        ResourceOffer memory resource = _resourceOffer();
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        market.matchOffers(job, "", resource, resourceSig);
    }

    function test_match_unlocksTheDifference() public {
        bytes32 requestId = _request();
        DealTerms memory terms = _matchRequested();
        assertEq(_locked(creator), market.creatorLock(terms), "at the provider's price");
        assertEq(_locked(creator), 17 ether, "half the price");
        assertEq(_free(creator), FUNDS - 17 ether, "free");
        assertEq(market.requestLock(requestId), 0, "the deal has the lock now");
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, requestId));
        market.cancelRequest(job);
    }

    /// @dev The job that ran is the template completed by the input; its digest isn't known on chain.
    function test_submit_takesTheEffectiveJobsDigest() public {
        _request();
        DealTerms memory terms = _matchRequested();
        JobReceipt memory r = _receipt();
        r.jobDigest = keccak256("template and input");
        _submit(terms, r);
        assertTrue(_state(terms) == DealState.Submitted, "taken");
    }

    function testFuzz_cancel_revertsForOthersBeforeExpiry(address who) public {
        vm.assume(who != creator);
        _request();
        vm.warp(job.expiry);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.cancelRequest(job);
    }

    function test_cancel_byTheCreator() public {
        bytes32 requestId = _request();
        vm.prank(creator);
        vm.expectEmit();
        emit ILilypadMarket.RequestCancelled(requestId);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "all is free again");
        assertEq(_locked(creator), 0, "nothing is locked");
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        market.requestJob(job, INPUT);
    }

    function testFuzz_cancel_byAnyoneAfterExpiry(address who) public {
        _request();
        vm.warp(uint256(job.expiry) + 1);
        vm.prank(who);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "back to the creator, whoever asked");
    }
}
