// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {DealState, DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @dev A wallet contract that signs with its owner's key.
contract Wallet is IERC1271 {
    address private immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(digest, signature) == OWNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract MatchTest is MarketTest {
    JobOffer private job;
    ResourceOffer private resource;

    function setUp() public override {
        super.setUp();
        job = _jobOffer();
        resource = _resourceOffer();
    }

    function _expectUnfit(bytes32 constraint) private {
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, constraint));
    }

    function _expectJobInvalid(bytes32 field) private {
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, field));
    }

    function test_reverts_afterExpiry() public {
        job.expiry = uint64(vm.getBlockTimestamp() - 1);
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.JobOfferExpired.selector, job.expiry));
        job = _jobOffer();
        resource.expiry = uint64(vm.getBlockTimestamp() - 1);
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.ResourceOfferExpired.selector, resource.expiry)
        );
    }

    function test_reverts_onConstraints() public {
        job.solver = stranger;
        _expectUnfit("job.solver");
        job.solver = solver;
        resource.solver = stranger;
        _expectUnfit("resource.solver");
        resource.solver = solver;
        job.provider = stranger;
        _expectUnfit("provider");
        job.provider = provider;
        resource.profile = "lilypad-2";
        _expectUnfit("profile");
        resource.profile = PROFILE;
        resource.panel = keccak256("another panel");
        _expectUnfit("panel");
        resource.panel = panel;
        resource.fuelLimitMax = job.fuelLimit - 1;
        _expectUnfit("fuelLimit");
        resource.fuelLimitMax = job.fuelLimit;
        resource.memoryBytesMax = job.memoryBytesMax - 1;
        _expectUnfit("memoryBytesMax");
        resource.memoryBytesMax = job.memoryBytesMax;
        resource.pricePerGigafuel = job.pricePerGigafuelMax + 1;
        _expectUnfit("pricePerGigafuel");
        resource.pricePerGigafuel = 1 ether;
        resource.submitWindowMin = job.submitWindow + 1;
        _expectUnfit("submitWindow");
        resource.submitWindowMin = job.submitWindow;
        resource.collateral = job.collateralMin - 1;
        _expectUnfit("collateral");
        // The penalty must cover everybody: 10 of price, 1 for the solver, 3 times 2 for the mediators.
        job.collateralMin = 0;
        resource.collateral = 17 ether - 1;
        _expectUnfit("collateral");
        resource.collateral = 17 ether;
        DealTerms memory terms = _match(job, resource);
        assertTrue(_state(terms) == DealState.Matched, "the tightest offers that fit do match");
    }

    function test_reverts_onDealWithOneself() public {
        resource.provider = creator;
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _sign(creatorKey, market.hashResourceOffer(resource));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("creator")));
        vm.prank(solver);
        market.matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_onInvalidJobOffer() public {
        job.mediatorCount = 2;
        _expectJobInvalid("mediatorCount");
        job.mediatorCount = 0;
        _expectJobInvalid("mediatorCount");
        job.mediatorCount = 9;
        _expectJobInvalid("mediatorCount");
        job.mediatorCount = 3;
        job.auditBps = 10_001;
        _expectJobInvalid("auditBps");
        job.auditBps = 0;
        job.submitWindow = 30 days + 1;
        _expectJobInvalid("submitWindow");
        job.submitWindow = 1 hours;
        job.judgeWindow = 0;
        _expectJobInvalid("judgeWindow");
        job.judgeWindow = 1 hours;
        job.mediationWindow = 30 days + 1;
        _expectJobInvalid("mediationWindow");
        job.mediationWindow = 1 hours;
        job.pricePerGigafuelMax = type(uint128).max;
        _expectJobInvalid("price");
        job = _jobOffer();
        // Nobody could know the bytes that complete a template which was signed off chain.
        job.inputHash = keccak256("input");
        _expectJobInvalid("inputHash");
    }

    function test_reverts_whenThePanelIsTooSmall() public {
        address[] memory few = new address[](3);
        (few[0], few[1], few[2]) = (mediators[0], mediators[1], provider);
        bytes32 small = market.registerPanel(few);
        job.panel = small;
        resource.panel = small;
        // The provider can't judge itself, which leaves two of the three.
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.PanelTooSmall.selector, small, 2, 3));
        bytes32 unregistered = keccak256("unregistered");
        job.panel = unregistered;
        resource.panel = unregistered;
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.PanelTooSmall.selector, unregistered, 0, 3));
    }

    function test_reverts_whenSomebodyCannotPay() public {
        vm.prank(creator);
        market.withdraw(FUNDS - 17 ether + 1);
        bytes4 cannot = ILilypadMarket.CreatorCannotPay.selector;
        _expectNoMatch(job, resource, abi.encodeWithSelector(cannot, creator, 17 ether - 1, 17 ether));
        _fund(creator, 1);
        vm.prank(provider);
        market.withdraw(FUNDS - 1);
        cannot = ILilypadMarket.ProviderCannotPay.selector;
        _expectNoMatch(job, resource, abi.encodeWithSelector(cannot, provider, 1, 30 ether));
        assertEq(_free(creator), 17 ether, "nothing was spent");
    }

    function testFuzz_reverts_onForgedSignature(uint256 key) public {
        key = bound(key, 1, 1 << 250);
        vm.assume(key != creatorKey && key != providerKey);
        bytes memory good = _signed(resource);
        bytes memory forged = _sign(key, market.hashJobOffer(job));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        market.matchOffers(job, forged, resource, good);
        good = _signed(job);
        forged = _sign(key, market.hashResourceOffer(resource));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        market.matchOffers(job, good, resource, forged);
    }

    function test_reverts_onChangedOffer() public {
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _signed(resource);
        job.solverFee += 1;
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        market.matchOffers(job, jobSig, resource, resourceSig);
        job.solverFee -= 1;
        resource.gateway = "http://elsewhere.example";
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        market.matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_onReplay() public {
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _signed(resource);
        _match(job, jobSig, resource, resourceSig);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        vm.prank(solver);
        market.matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_onReplayInAnotherMarketOrChain() public {
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _signed(resource);
        ILilypadMarket other = _newMarket(address(token));
        other.registerPanel(mediators);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        other.matchOffers(job, jobSig, resource, resourceSig);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        market.matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_afterCancellation() public {
        vm.prank(creator);
        vm.expectEmit();
        emit ILilypadMarket.OfferCancelled(creator, job.nonce);
        market.cancelNonce(job.nonce);
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce)
        );
        job.nonce = 2;
        vm.prank(provider);
        market.cancelNonce(resource.nonce);
        _expectNoMatch(
            job,
            resource,
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferNonceUsed.selector, provider, resource.nonce)
        );
    }

    /// @dev Nobody cancels for others, and neighbours in the bitmap keep their bits.
    function testFuzz_cancelNonce_spendsOneOfTheCallers(uint64 nonce, uint64 neighbour) public {
        vm.assume(nonce != neighbour);
        vm.prank(stranger);
        market.cancelNonce(nonce);
        assertTrue(market.nonceUsed(stranger, nonce), "spent");
        assertFalse(market.nonceUsed(stranger, neighbour), "neighbour");
        assertFalse(market.nonceUsed(creator, nonce), "another's");
    }

    function test_slots_areUsedUp() public {
        resource.slots = 2;
        bytes32 offerHash = market.hashResourceOffer(resource);
        for (uint32 i; i < 2; ++i) {
            job.nonce = 100 + i;
            DealTerms memory terms = _match(job, resource);
            assertEq(terms.slot, i, "slot");
        }
        assertEq(market.slotsUsed(offerHash), 2, "used");
        job.nonce = 102;
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, offerHash, 2));
    }

    function testFuzz_locksBothSides(uint128 price, uint64 fuelLimit, uint128 solverFee, uint128 mediatorFee) public {
        price = uint128(bound(price, 0, 1e20));
        job.pricePerGigafuelMax = price;
        resource.pricePerGigafuel = price;
        job.fuelLimit = uint64(bound(fuelLimit, 0, 100e9));
        job.solverFee = uint128(bound(solverFee, 0, 1_000 ether));
        job.mediatorFee = uint128(bound(mediatorFee, 0, 1_000 ether));
        job.collateralMin = 0;
        uint256 product = uint256(job.fuelLimit) * price;
        uint256 lock = product / 1e9 + (product % 1e9 == 0 ? 0 : 1) + job.solverFee + 3 * uint256(job.mediatorFee);
        // forge-lint: disable-next-line(unsafe-typecast)
        resource.collateral = uint128(lock);
        DealTerms memory terms = _match(job, resource);
        assertEq(market.creatorLock(terms), lock, "creatorLock");
        assertEq(_locked(creator), lock, "creator's");
        assertEq(_locked(provider), lock, "provider's");
        assertEq(_free(creator) + _free(provider), 2 * FUNDS - 2 * lock, "free");
        assertEq(terms.solver, solver, "whoever matched is the solver");
        assertTrue(market.nonceUsed(creator, job.nonce), "the job's nonce is spent");
        assertFalse(market.nonceUsed(provider, resource.nonce), "the resource offer goes on");
    }

    function test_contractWalletSigns() public {
        Wallet wallet = new Wallet(creator);
        _fund(address(wallet), 100 ether);
        job.creator = address(wallet);
        DealTerms memory terms = _match(job, _signed(job), resource, _signed(resource));
        assertEq(terms.creator, address(wallet), "the wallet's deal");
        assertEq(_locked(address(wallet)), 17 ether, "the wallet's lock");
        job.nonce = 2;
        bytes memory forged = _sign(providerKey, market.hashJobOffer(job));
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert();
        market.matchOffers(job, forged, resource, resourceSig);
    }

    function test_registerPanel() public {
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(new address[](0));
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(new address[](257));
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(new address[](1));
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (solver, solver);
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(twice);
        assertEq(panel, keccak256(abi.encode(mediators)), "named by its content");
        assertEq(market.registerPanel(mediators), panel, "twice is once");
        assertEq(market.panelMembers(panel), mediators, "members");
    }
}
