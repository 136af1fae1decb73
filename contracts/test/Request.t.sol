// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";
import {Wallet} from "./actors/Wallet.sol";

/// @title Offers posted on chain by those who can't sign.
contract RequestTest is MarketTest {
    bytes private constant INPUT = '{"message":"moo"}';
    // 10 gigafuel at the highest price, as much penalty, the solver, three mediators.
    uint256 private constant LOCK_MAX = 20 ether + 20 ether + 1 ether + 6 ether;
    // The same at the provider's price.
    uint256 private constant LOCK = 10 ether + 10 ether + 1 ether + 6 ether;

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

    /* REQUEST */

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
            abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, creator, LOCK_MAX - 1, LOCK_MAX)
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

    function test_request_revertsWhenExpired() public {
        vm.warp(job.expiry + 1);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferExpired.selector, job.expiry));
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
        bytes32 expected = lens.hashJobOffer(job);
        vm.expectEmit(address(market));
        emit ILilypadMarket.JobRequested(expected, creator, job, INPUT);
        bytes32 requestId = _request();
        assertEq(requestId, expected, "the request is named by its offer");
        assertEq(market.requestLock(requestId), LOCK_MAX, "lock");
        assertEq(_locked(creator), LOCK_MAX, "locked");
        assertEq(_free(creator), FUNDS - LOCK_MAX, "free");
    }

    function testFuzz_request_locksForEachReplica(uint8 replicas) public {
        job.replicas = uint8(bound(replicas, 1, 7));
        bytes32 requestId = _request();
        assertEq(market.requestLock(requestId), job.replicas * LOCK_MAX, "lock");
        assertEq(_locked(creator), job.replicas * LOCK_MAX, "locked");
    }

    /* MATCH */

    function test_match_revertsForAnUnpostedTemplate() public {
        _expectNoMatch("", abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
    }

    function test_match_revertsForAChangedRequest() public {
        _request();
        job.solverFee = 0;
        _expectNoMatch("", abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
    }

    /// @dev A signature on top of a request would lock its money a second time. A signed offer has no input hash, and
    /// each request has one, so the two ways never meet.
    function test_match_revertsForARequestThatIsSignedToo() public {
        bytes32 requestId = _request();
        _expectNoMatch(
            _signed(job), abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, bytes32("inputHash"))
        );
        assertEq(market.requestLock(requestId), LOCK_MAX, "still open");
        assertTrue(_state(_matchRequested()) == DealState.Matched, "without the signature it matches");
        assertEq(_locked(creator), LOCK, "locked once");
    }

    /// @dev A wallet that says yes to an empty signature gets no deal without a request or a signature that it meant.
    function test_match_emptySignatureIsAskedOfTheWallet() public {
        Wallet wallet = new Wallet(creator);
        _fund(address(wallet), 100 ether);
        job.creator = address(wallet);
        job.inputHash = 0;
        _expectNoMatch("", abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, wallet));
        wallet.sayYes(true);
        DealTerms memory terms = _matchRequested();
        assertEq(_locked(address(wallet)), lens.depositOf(terms), "the wallet's own word");
    }

    function test_match_unlocksTheDifference() public {
        bytes32 requestId = _request();
        DealTerms memory terms = _matchRequested();
        assertEq(_locked(creator), lens.depositOf(terms), "at the provider's price");
        assertEq(_locked(creator), LOCK, "half the price");
        assertEq(_free(creator), FUNDS - LOCK, "free");
        assertEq(market.requestLock(requestId), 0, "the deal has the lock now");
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, requestId));
        market.cancelRequest(job);
    }

    function test_match_unlocksTheDifferenceOfEachReplica() public {
        job.replicas = 3;
        _request();
        ResourceOffer[] memory resources = new ResourceOffer[](3);
        bytes[] memory signatures = new bytes[](3);
        uint128[3] memory prices = [uint128(2 ether), 1 ether, 0];
        for (uint256 i; i < 3; ++i) {
            resources[i] = _resourceOffer();
            resources[i].provider = _replica(i);
            resources[i].pricePerGigafuel = prices[i];
            signatures[i] = _sign(_replicaKey(i), lens.hashResourceOffer(resources[i]));
            _fund(_replica(i), FUNDS);
        }
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, "");
        market.matchOffers(jobs, jobSigs, resources, signatures);
        assertEq(_locked(_replica(0)), LOCK_MAX, "the dearest");
        assertEq(_locked(_replica(1)), LOCK, "the middle");
        assertEq(_locked(_replica(2)), 7 ether, "the cheapest");
        assertEq(_locked(creator), LOCK_MAX + LOCK + 7 ether, "as much as its providers");
        assertEq(_free(creator), FUNDS - _locked(creator), "the rest is free");
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

    /* CANCEL */

    function testFuzz_cancel_revertsForOthersBeforeExpiry(address who, uint64 when) public {
        vm.assume(who != creator);
        _request();
        vm.warp(bound(when, vm.getBlockTimestamp(), job.expiry));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.cancelRequest(job);
    }

    function test_cancel_revertsForAnUnpostedRequest() public {
        bytes32 requestId = lens.hashJobOffer(job);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, requestId));
        market.cancelRequest(job);
    }

    function test_cancel_byTheCreator() public {
        bytes32 requestId = _request();
        vm.prank(creator);
        vm.expectEmit(address(market));
        emit ILilypadMarket.RequestCancelled(requestId);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "all is free again");
        assertEq(_locked(creator), 0, "nothing is locked");
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestAlreadyPosted.selector, requestId));
        market.requestJob(job, INPUT);
        assertEq(market.requestLock(requestId), type(uint256).max, "known as cancelled");
    }

    /// @dev `cancelNonce` makes a request unmatchable too; its lock is still there to take back.
    function test_cancel_afterItsNonceWasCancelled() public {
        _request();
        vm.startPrank(creator);
        market.cancelNonce(job.nonce);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "all is free again");
    }

    function testFuzz_cancel_byAnyoneAfterExpiry(address who) public {
        _request();
        vm.warp(uint256(job.expiry) + 1);
        vm.prank(who);
        market.cancelRequest(job);
        assertEq(_free(creator), FUNDS, "back to the creator, whoever asked");
        bytes32 requestId = lens.hashJobOffer(job);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, requestId));
        market.cancelRequest(job);
    }

    function _expectNoMatch(bytes memory jobSig, bytes memory error) private {
        ResourceOffer memory resource = _resourceOffer();
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert(error);
        vm.prank(solver);
        _matchOffers(job, jobSig, resource, resourceSig);
    }
}
