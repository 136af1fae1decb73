// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealState, DealTerms, JobOffer, Meter, ResourceOffer, Verification} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Which offers match, and what their match locks. Signatures have a file of their own.
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

    /* REVERTS */

    function test_reverts_afterExpiry() public {
        job.expiry = uint64(vm.getBlockTimestamp() - 1);
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.JobOfferExpired.selector, job.expiry));
        job = _jobOffer();
        resource.expiry = uint64(vm.getBlockTimestamp() - 1);
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.ResourceOfferExpired.selector, resource.expiry)
        );
    }

    function test_reverts_onWho() public {
        job.solver = stranger;
        _expectUnfit("job.solver");
        job.solver = solver;
        resource.solver = stranger;
        _expectUnfit("resource.solver");
        resource.solver = solver;
        job.provider = stranger;
        _expectUnfit("provider");
        job.provider = provider;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "who is named does match");
    }

    function test_reverts_onWhat() public {
        resource.profile = "lilypad-2";
        _expectUnfit("profile");
        resource.profile = PROFILE;
        resource.meter = Meter.CoreNanoseconds;
        _expectUnfit("meter");
        resource.meter = Meter.Fuel;
        resource.fuelLimitMax = job.fuelLimit - 1;
        _expectUnfit("fuelLimit");
        resource.fuelLimitMax = job.fuelLimit;
        resource.memoryBytesMax = job.memoryBytesMax - 1;
        _expectUnfit("memoryBytesMax");
        resource.memoryBytesMax = job.memoryBytesMax;
        job.diskBytesMax = 1;
        _expectUnfit("diskBytesMax");
        resource.diskBytesMax = 1;
        job.cores = 1;
        _expectUnfit("cores");
        resource.cores = 1;
        job.gpus = 1;
        _expectUnfit("gpus");
        resource.gpus = 1;
        job.gpuMemoryMib = 1;
        _expectUnfit("gpuMemoryMib");
        resource.gpuMemoryMib = 1;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "the tightest offers that fit do match");
    }

    function test_reverts_onHow() public {
        resource.pricePerGigafuel = job.pricePerGigafuelMax + 1;
        _expectUnfit("pricePerGigafuel");
        resource.pricePerGigafuel = job.pricePerGigafuelMax;
        resource.panel = keccak256("another panel");
        _expectUnfit("panel");
        resource.panel = panel;
        resource.mediatorFeeMin = job.mediatorFee + 1;
        _expectUnfit("mediatorFee");
        resource.mediatorFeeMin = job.mediatorFee;
        job.availabilityFee = 1 ether;
        resource.availabilityFeeMax = 1 ether - 1;
        _expectUnfit("availabilityFee");
        resource.availabilityFeeMax = 1 ether;
        resource.submitWindowMin = job.submitWindow + 1;
        _expectUnfit("submitWindow");
        resource.submitWindowMin = job.submitWindow;
        resource.judgeWindowMax = job.judgeWindow - 1;
        _expectUnfit("judgeWindow");
        resource.judgeWindowMax = job.judgeWindow;
        resource.mediationWindowMin = job.mediationWindow + 1;
        _expectUnfit("mediationWindow");
        resource.mediationWindowMin = job.mediationWindow;
        // 20 of price, 20 of penalty, 1 for the solver, 3 times 2 for the mediators, 1 for their being there.
        resource.collateralMax = 48 ether - 1;
        _expectUnfit("collateralMax");
        resource.collateralMax = 48 ether;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "the tightest offers that fit do match");
    }

    /// @dev Who can't be judged needs no common panel and no mediators' fee.
    function test_unverified_needsNoPanel() public {
        job.verification = Verification.Unverified;
        job.mediatorCount = 0;
        job.mediatorFee = 0;
        job.panel = 0;
        resource.panel = keccak256("another panel");
        resource.mediatorFeeMin = 5 ether;
        DealTerms memory terms = _match(job, resource);
        assertEq(lens.depositOf(terms), 21 ether, "price, penalty, solver");
    }

    function test_reverts_onDealWithOneself() public {
        resource.provider = creator;
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _sign(creatorKey, lens.hashResourceOffer(resource));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("creator")));
        vm.prank(solver);
        _matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_onInvalidJobOffer_mediation() public {
        for (uint8 even; even <= 8; even += 2) {
            job.mediatorCount = even;
            _expectJobInvalid("mediatorCount");
        }
        job.mediatorCount = 9;
        _expectJobInvalid("mediatorCount");
        job.mediatorCount = 3;
        job.auditBps = 10_001;
        _expectJobInvalid("auditBps");
        job.auditBps = 0;
        job.runs = 0;
        _expectJobInvalid("runs");
        job.runs = 1;
        // Time is never the same twice.
        for (uint8 meter = 1; meter <= uint8(type(Meter).max); ++meter) {
            job.meter = Meter(meter);
            resource.meter = Meter(meter);
            _expectJobInvalid("meter");
        }
        job.verification = Verification.Repeated;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "repeated runs may be told by their time");
    }

    /// @dev What nobody can judge has no mediators, no audits, no panel to pay, no replicas to compare.
    function test_reverts_onInvalidJobOffer_unverified() public {
        job.verification = Verification.Unverified;
        _expectJobInvalid("verification");
        job.mediatorCount = 0;
        job.auditBps = 1;
        _expectJobInvalid("verification");
        job.auditBps = 0;
        job.availabilityFee = 1;
        _expectJobInvalid("verification");
        job.availabilityFee = 0;
        assertTrue(_state(_match(job, resource)) == DealState.Matched, "without all these it matches");
        job.nonce = 2;
        job.replicas = 2;
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, bytes32("verification")));
        this.matchReplicas(job);
    }

    /// @dev A call of its own, so that the expected revert is the match's and not the funding's.
    function matchReplicas(JobOffer calldata offer) external {
        _matchReplicas(offer);
    }

    function test_reverts_onInvalidJobOffer_windows() public {
        uint32[2] memory bad = [uint32(0), 30 days + 1];
        for (uint256 i; i < 2; ++i) {
            job.submitWindow = bad[i];
            _expectJobInvalid("submitWindow");
            job.submitWindow = 1 hours;
            job.judgeWindow = bad[i];
            _expectJobInvalid("judgeWindow");
            job.judgeWindow = 1 hours;
            job.mediationWindow = bad[i];
            _expectJobInvalid("mediationWindow");
            job.mediationWindow = 1 hours;
        }
    }

    /// @dev Sums of amounts of any size are compared with what the provider and the creator can lock, not cut.
    function test_reverts_onAmountsBeyondWhatFits() public {
        bytes memory unfit = abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("collateralMax"));
        job.solverFee = type(uint128).max;
        _expectNoMatch(job, resource, unfit);
        job.solverFee = 1 ether;
        job.mediatorFee = type(uint128).max;
        _expectNoMatch(job, resource, unfit);
        job.mediatorFee = 2 ether;
        job.penaltyBps = type(uint32).max;
        _expectNoMatch(job, resource, unfit);
        resource.collateralMax = type(uint128).max;
        job.solverFee = type(uint128).max / 2;
        uint256 price = 10 ether;
        uint256 deposit = price + price * type(uint32).max / 10_000 + uint256(job.solverFee) + 6 ether;
        _expectNoMatch(
            job,
            resource,
            abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, provider, _free(provider), deposit)
        );
    }

    /// @dev Nobody could know the bytes that complete a template which was signed off chain.
    function test_reverts_onSignedTemplate() public {
        job.inputHash = keccak256("input");
        _expectJobInvalid("inputHash");
    }

    function test_reverts_whenSomebodyCannotPay() public {
        vm.prank(creator);
        market.withdraw(FUNDS - 27 ether + 1);
        bytes4 cannot = ILilypadMarket.InsufficientBalance.selector;
        _expectNoMatch(job, resource, abi.encodeWithSelector(cannot, creator, 27 ether - 1, 27 ether));
        _fund(creator, 1);
        vm.prank(provider);
        market.withdraw(FUNDS - 1);
        _expectNoMatch(job, resource, abi.encodeWithSelector(cannot, provider, 1, 27 ether));
        assertEq(_free(creator), 27 ether, "nothing was spent");
    }

    /* WHAT A MATCH DOES */

    /// @dev The paper's deposit, by a plain reference: whole units, and one more for any rest.
    function testFuzz_locksTheSameOfBothSides(uint256 amounts) public {
        job.pricePerGigafuelMax = uint128(_pick(amounts, "price", 0, 1e20));
        resource.pricePerGigafuel = job.pricePerGigafuelMax;
        job.fuelLimit = uint64(_pick(amounts, "fuel", 0, 100e9));
        job.solverFee = uint128(_pick(amounts, "solver", 0, 1_000 ether));
        job.mediatorFee = uint128(_pick(amounts, "mediator", 0, 1_000 ether));
        job.availabilityFee = uint128(_pick(amounts, "availability", 0, 1_000 ether));
        job.penaltyBps = uint32(_pick(amounts, "penalty", 0, 100_000));
        resource.mediatorFeeMin = 0;
        resource.availabilityFeeMax = job.availabilityFee;
        uint256 price = _divUp(uint256(job.fuelLimit) * job.pricePerGigafuelMax, 1e9);
        uint256 deposit = price + _divUp(price * job.penaltyBps, 10_000) + job.solverFee + 3 * uint256(job.mediatorFee)
            + job.availabilityFee;
        resource.collateralMax = uint128(deposit);
        DealTerms memory terms = _match(job, resource);
        assertEq(lens.depositOf(terms), deposit, "depositOf");
        assertEq(_locked(creator), deposit, "creator's");
        assertEq(_locked(provider), deposit, "provider's");
        assertEq(_free(creator) + _free(provider), 2 * FUNDS - 2 * deposit, "free");
        assertEq(terms.solver, solver, "whoever matched is the solver");
    }

    function _pick(uint256 amounts, string memory what, uint256 min, uint256 max) private pure returns (uint256) {
        return bound(uint256(keccak256(abi.encode(amounts, what))), min, max);
    }

    function _divUp(uint256 a, uint256 b) private pure returns (uint256 c) {
        c = a / b;
        if (c * b < a) ++c;
    }

    /// @dev Each of the packed numbers comes back as it was offered.
    function testFuzz_terms_carryTheRules(uint256 seed) public {
        job.mediatorCount = uint8(1 + 2 * _pick(seed, "count", 0, 1)); // a panel of five has three to spare
        job.runs = uint8(_pick(seed, "runs", 1, 255));
        job.auditBps = uint16(_pick(seed, "audit", 0, 10_000));
        job.penaltyBps = uint32(_pick(seed, "penalty", 0, 50_000));
        job.submitWindow = uint32(_pick(seed, "submit", 10 minutes, 30 days));
        job.judgeWindow = uint32(_pick(seed, "judge", 1, 1 days));
        job.mediationWindow = uint32(_pick(seed, "mediation", 10 minutes, 30 days));
        job.callbackGas = uint32(_pick(seed, "gas", 0, type(uint32).max));
        job.verification = Verification(_pick(seed, "verification", 0, 1));
        job.meter = job.verification == Verification.BitExact ? Meter.Fuel : Meter(_pick(seed, "meter", 0, 2));
        resource.meter = job.meter;
        DealTerms memory t = _match(job, resource);
        assertTrue(t.rules.verification() == job.verification, "verification");
        assertTrue(t.rules.meter() == job.meter, "meter");
        assertEq(t.rules.replicas(), 1, "replicas");
        assertEq(t.rules.mediatorCount(), job.mediatorCount, "mediatorCount");
        assertEq(t.rules.runs(), job.runs, "runs");
        assertEq(t.rules.auditBps(), job.auditBps, "auditBps");
        assertEq(t.rules.penaltyBps(), job.penaltyBps, "penaltyBps");
        assertEq(t.rules.submitWindow(), job.submitWindow, "submitWindow");
        assertEq(t.rules.judgeWindow(), job.judgeWindow, "judgeWindow");
        assertEq(t.rules.mediationWindow(), job.mediationWindow, "mediationWindow");
        assertEq(t.rules.callbackGas(), job.callbackGas, "callbackGas");
        assertEq(t.rules.matchedAt(), vm.getBlockTimestamp(), "matchedAt");
    }

    function test_lens_namesTheDeal() public {
        DealTerms memory terms = _match(job, resource);
        assertEq(DealId.unwrap(lens.dealId(terms)), keccak256(abi.encode(terms)), "deal id");
        assertEq(terms.jobOfferHash, lens.hashJobOffer(job), "job offer");
        assertEq(terms.resourceOfferHash, lens.hashResourceOffer(resource), "resource offer");
    }
}
