// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {
    Accord,
    DealId,
    DealState,
    DealTerms,
    JobOffer,
    Meter,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement,
    Verification
} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {Ledger} from "./Ledger.sol";

/// @title Offers, requests, matches; and what is to be known of each deal, kept apart from the market.
abstract contract Deals is Ledger {
    uint256 internal constant DEALS_MAX = 48;

    struct Life {
        DealState state;
        Settlement how;
        bool copied; // its provider committed to what another replica committed to
        uint256 deadline;
        uint256 deposit;
        uint256 revealDeadline; // of a replica
        bytes32 lastWord; // the market's slot once settled
        // Mediation
        uint256 commitDeadline;
        uint256 committed; // a bit a seat
        uint256 revealed;
        address[] drawn;
        DealTerms terms;
        JobReceipt receipt;
    }

    /// @dev How replicas stand; the market's is compared with this only by what follows from it.
    struct Group {
        uint256 committed;
        uint256 revealed;
        Accord accord;
        uint256 feesDue;
        bytes32 receipt; // what the first showed, then the verdict
    }

    Life[] internal _lives;
    JobOffer[] internal _requests;
    mapping(bytes32 jobOfferHash => Group) internal _groupOf;
    mapping(uint256 life => mapping(uint256 seat => JobReceipt)) internal _found;
    uint64 private _nonce;

    /* STEPS */

    /// @notice One or two jobs with one to three providers.
    function matchOffers(uint256 seed) public {
        uint256 replicas = seed % 2 == 0 ? 2 + (seed >> 2) % 2 : 1;
        uint256 count = 1 + (seed >> 4) % 2;
        if (_lives.length + replicas * count > DEALS_MAX) return _idle(seed);
        JobOffer[] memory jobs = new JobOffer[](count);
        bytes[] memory signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            jobs[i] = _jobOffer(uint256(keccak256(abi.encode(seed, i))), _party((seed >> 8) + i), replicas);
            jobs[i].meter = jobs[0].meter;
            jobs[i].verification = jobs[0].verification;
            _classify(jobs[i]);
            _topUp(jobs[i].creator, count * replicas * _depositFor(jobs[i], jobs[i].pricePerGigafuelMax));
            signatures[i] = _sign(jobs[i].creator, lens.hashJobOffer(jobs[i]));
        }
        // Creators are the parties from (seed >> 8) on, providers those after them.
        _match(seed, jobs, signatures, (seed >> 8) + count);
        ++happened["match"];
    }

    function requestJob(uint256 seed) external {
        if (_requests.length >= DEALS_MAX / 2) return _idle(seed);
        address creator = seed % 3 == 0 ? _party(seed >> 2) : address(_consumers[(seed >> 2) % CONSUMERS]);
        JobOffer memory job = _jobOffer(seed, creator, seed % 8 == 1 ? 2 : 1);
        _classify(job);
        job.inputHash = keccak256("input");
        job.callbackGas = seed % 5 == 0 ? 0 : 3_000_000;
        uint256 lock = _depositFor(job, job.pricePerGigafuelMax) * job.replicas;
        if (lock == 0) return _idle(seed);
        _topUp(creator, lock);
        _lockedOfParty[creator] += lock;
        _callAs(creator, abi.encodeCall(ILilypadMarket.requestJob, (job, "input")));
        _requests.push(job);
        ++happened["request"];
    }

    function matchRequest(uint256 which, uint256 seed) external {
        (bool found, JobOffer memory job) = _pickRequest(which);
        if (!found || _late(job.expiry) || _lives.length + job.replicas > DEALS_MAX) return _idle(seed);
        _lockedOfParty[job.creator] -= market.requestLock(lens.hashJobOffer(job));
        JobOffer[] memory jobs = new JobOffer[](1);
        jobs[0] = job;
        uint256 first = seed >> 8;
        // Providers other than the creator.
        for (uint256 i; i < PARTIES; ++i) {
            if (_party(first + i) == job.creator) first = first + i + 1;
        }
        _match(seed, jobs, new bytes[](1), first);
        ++happened["match of a request"];
    }

    /// @dev By its creator, or once expired by a stranger.
    function cancelRequest(uint256 which, uint256 seed) external {
        (bool found, JobOffer memory job) = _pickRequest(which);
        if (!found || seed % 4 != 0) return _idle(seed);
        _cancel(job, _late(job.expiry) ? address(this) : job.creator);
        ++happened["cancel"];
    }

    /* INTERNALS */

    /// @dev What a step does that finds nothing to do.
    function _idle(uint256 seed) internal {
        ++happened["idle"];
        _pass(12 * (1 + seed % 3));
    }

    function _cancel(JobOffer memory job, address who) internal {
        Book memory b = _open();
        uint256 lock = market.requestLock(lens.hashJobOffer(job));
        _lockedOfParty[job.creator] -= lock;
        if (who == address(this)) market.cancelRequest(job);
        else _callAs(who, abi.encodeCall(ILilypadMarket.cancelRequest, (job)));
        _close(b);
    }

    function _requestOpen(JobOffer memory job) internal view returns (bool) {
        uint256 lock = market.requestLock(lens.hashJobOffer(job));
        return lock != 0 && lock != type(uint256).max;
    }

    function _pickRequest(uint256 which) private view returns (bool, JobOffer memory job) {
        uint256 count = _requests.length;
        for (uint256 k; k < count; ++k) {
            job = _requests[(which % count + k) % count];
            if (_requestOpen(job)) return (true, job);
        }
        return (false, job);
    }

    /// @dev Provider `i` is party `first + i`.
    function _match(uint256 seed, JobOffer[] memory jobs, bytes[] memory signatures, uint256 first) private {
        uint256 replicas = jobs[0].replicas;
        ResourceOffer[] memory resources = new ResourceOffer[](replicas);
        bytes[] memory resourceSignatures = new bytes[](replicas);
        for (uint256 i; i < replicas; ++i) {
            address provider = _party(first + i);
            if (provider == jobs[0].creator) provider = _party(first + replicas);
            resources[i] = _resourceOffer(seed, provider, jobs);
            resourceSignatures[i] = _sign(provider, lens.hashResourceOffer(resources[i]));
        }
        address solver = _party(seed >> 16);
        vm.recordLogs();
        vm.prank(solver);
        DealId[] memory ids = market.matchOffers(jobs, signatures, resources, resourceSignatures);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(ids.length, jobs.length * replicas, "each job with each provider");
        uint256 count;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != ILilypadMarket.DealMatched.selector) continue;
            (DealTerms memory terms,,) = abi.decode(logs[i].data, (DealTerms, string, string));
            assertEq(DealId.unwrap(ids[count++]), keccak256(abi.encode(terms)), "the id is the hash of the terms");
            _begin(terms);
        }
        assertEq(count, ids.length, "an event a deal");
    }

    function _begin(DealTerms memory terms) private {
        Life storage l = _lives.push();
        l.terms = terms;
        l.state = DealState.Matched;
        l.deadline = terms.rules.matchedAt() + terms.rules.submitWindow();
        l.deposit = _rowOf(terms).deposit;
        _lockedOfParty[terms.creator] += l.deposit;
        _lockedOfParty[terms.provider] += l.deposit;
    }

    function _jobOffer(uint256 seed, address creator, uint256 replicas) private returns (JobOffer memory o) {
        o.creator = creator;
        o.jobDigest = keccak256(abi.encode("job", seed));
        o.profile = "lilypad-1";
        o.replicas = uint8(replicas);
        o.verification = Verification(replicas == 1 ? (seed >> 24) % 3 : (seed >> 24) % 2);
        o.meter = Meter((seed >> 32) % 3);
        o.fuelLimit = uint64(_amount(seed, "fuel", 0, 1e12));
        o.pricePerGigafuelMax = uint128(_amount(seed, "highest price", 0, 1 ether));
        o.solverFee = uint128(_amount(seed, "solver fee", 0, 10 ether));
        o.mediatorFee = uint128(_amount(seed, "mediator fee", 0, 10 ether));
        o.availabilityFee = uint128(seed % 3 == 0 ? 0 : _amount(seed, "availability fee", 0, 3 ether));
        o.penaltyBps = uint32(_amount(seed, "penalty", 0, 30_000));
        o.panel = _panel;
        o.mediatorCount = uint8(1 + 2 * _amount(seed, "mediators", 0, 3));
        o.runs = 1;
        o.auditBps = (seed >> 40) % 2 == 0 ? 0 : uint16(_amount(seed, "audits", 1, 10_000));
        o.submitWindow = 1 hours;
        o.judgeWindow = 2 hours;
        o.mediationWindow = 1 hours;
        o.callbackGas = (seed >> 41) % 4 == 0 ? 50_000 : 0;
        o.nonce = ++_nonce;
        o.expiry = uint64(vm.getBlockTimestamp()) + 1 days;
    }

    /// @dev What the class allows.
    function _classify(JobOffer memory o) private pure {
        if (o.verification == Verification.BitExact) o.meter = Meter.Fuel;
        if (o.verification != Verification.Unverified) return;
        o.mediatorCount = 0;
        o.auditBps = 0;
        o.availabilityFee = 0;
    }

    function _resourceOffer(uint256 seed, address provider, JobOffer[] memory jobs)
        private
        returns (ResourceOffer memory o)
    {
        o.provider = provider;
        o.profile = jobs[0].profile;
        o.meter = jobs[0].meter;
        o.fuelLimitMax = type(uint64).max;
        o.collateralMax = type(uint128).max;
        o.panel = _panel;
        o.availabilityFeeMax = type(uint128).max;
        o.judgeWindowMax = 1 days;
        o.slots = uint32(jobs.length + seed % 2);
        o.nonce = ++_nonce;
        o.expiry = type(uint64).max;
        uint256 highest = jobs[0].pricePerGigafuelMax;
        for (uint256 i = 1; i < jobs.length; ++i) {
            if (jobs[i].pricePerGigafuelMax < highest) highest = jobs[i].pricePerGigafuelMax;
        }
        o.pricePerGigafuel = uint128(_amount(seed, string.concat("price of ", vm.toString(provider)), 0, highest));
        uint256 needed;
        for (uint256 i; i < jobs.length; ++i) {
            needed += _depositFor(jobs[i], o.pricePerGigafuel);
        }
        _topUp(provider, needed);
    }

    function _depositFor(JobOffer memory o, uint256 pricePerGigafuel) private pure returns (uint256) {
        uint256 price = _ceil(uint256(o.fuelLimit) * pricePerGigafuel, 1e9);
        return price + _ceil(price * o.penaltyBps, 10_000) + o.solverFee + uint256(o.mediatorFee) * o.mediatorCount
            + o.availabilityFee;
    }

    /// @dev A deal's row, without what its end decides.
    function _rowOf(DealTerms memory t) internal pure returns (Row memory r) {
        r.creator = t.creator;
        r.provider = t.provider;
        r.solver = t.solver;
        r.price = _ceil(uint256(t.fuelLimit) * t.pricePerGigafuel, 1e9);
        r.penalty = _ceil(r.price * t.rules.penaltyBps(), 10_000);
        r.solverFee = t.solverFee;
        r.mediatorFee = t.mediatorFee;
        r.availabilityFee = t.availabilityFee;
        r.deposit = r.price + r.penalty + r.solverFee + r.mediatorFee * t.rules.mediatorCount() + r.availabilityFee;
    }

    function _ceil(uint256 a, uint256 b) internal pure returns (uint256) {
        return a / b + (a % b == 0 ? 0 : 1);
    }
}
