// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {DealId, DealState, DealTerms, DeclineReason, JobOffer, ResourceOffer} from "../src/Types.sol";
import {Receipt as JobReceipt, Verification} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";
import {Consumer} from "./actors/Consumer.sol";
import {Indexer} from "./actors/Indexer.sol";

/// @title Random lives of many deals, with an indexer that reads along.
/// @dev A step that the market refuses leaves no event and is no harm.
abstract contract Script is MarketTest {
    Indexer internal indexer;
    Consumer internal consumer;
    address[] internal parties;
    DealTerms[] internal deals;
    JobOffer[] internal requests;
    mapping(DealId => JobReceipt) private _posted;

    uint256 private _random;
    uint64 private _nonce;

    function setUp() public override {
        indexer = new Indexer();
        vm.recordLogs();
        super.setUp();
        consumer = new Consumer(market);
        _fund(address(consumer), FUNDS);
        for (uint256 i; i < 3; ++i) {
            _fund(_replica(i), FUNDS);
            parties.push(_replica(i));
        }
        for (uint256 i; i < PANEL_SIZE; ++i) {
            parties.push(mediators[i]);
        }
        parties.push(creator);
        parties.push(provider);
        parties.push(solver);
        parties.push(address(consumer));
        parties.push(address(bytes20(panel)));
        parties.push(address(0xdEaD));
        _nonce = 1_000;
        _read();
    }

    /// @dev Everything since the last time. Deals are remembered by what their match event says.
    function _read() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(market) && logs[i].emitter != address(mediation)) continue;
            indexer.read(logs[i], vm.getBlockNumber(), vm.getBlockTimestamp());
            if (logs[i].topics[0] == ILilypadMarket.DealMatched.selector) {
                (DealTerms memory terms,,) = abi.decode(logs[i].data, (DealTerms, string, string));
                deals.push(terms);
            }
        }
    }

    function _play(uint256 seed, uint256 steps) internal {
        _random = uint256(keccak256(abi.encode(seed)));
        _matchSome();
        _read();
        for (uint256 i; i < steps; ++i) {
            _step();
            _read();
        }
    }

    function _roll(uint256 sides) private returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % sides;
    }

    /* STEPS */

    function _step() private {
        uint256 what = _roll(20);
        if (what == 0) return _matchSome();
        if (what == 1) return _request();
        if (what == 2) return _money();
        if (what == 3) return _pass();
        // Mostly a young deal: old ones have long been late.
        uint256 among = _roll(3) == 0 || deals.length < 4 ? deals.length : 4;
        DealTerms memory terms = deals[deals.length - 1 - _roll(among)];
        if (what < 9) return _provideAll(terms);
        if (what < 13) return _judge(terms);
        if (what < 17) return _mediateAny();
        if (what == 17) return _late(terms);
        if (what == 18) return _seedOrDecline(terms);
        _deliver(terms);
    }

    /// @dev What a reverted call logged never happened; forge records it all the same.
    function _try(address party, address to, bytes memory data) private returns (bool ok) {
        _read();
        vm.prank(party);
        (ok,) = to.call(data);
        if (!ok) vm.getRecordedLogs();
    }

    function _try(address party, bytes memory data) private returns (bool) {
        return _try(party, address(market), data);
    }

    function _matchSome() private {
        JobOffer memory job = _jobOffer();
        job.nonce = _nonce++;
        job.auditBps = uint16(_roll(3) * 3_000);
        job.availabilityFee = 0.5 ether;
        job.callbackGas = 300_000;
        job.replicas = _roll(2) == 0 ? 1 : 3;
        if (_roll(2) == 0) job.verification = Verification.Repeated;
        _matchWith(job, _signed(job));
    }

    function _matchWith(JobOffer memory job, bytes memory signature) private {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, signature);
        ResourceOffer[] memory resources = new ResourceOffer[](job.replicas);
        bytes[] memory resourceSigs = new bytes[](job.replicas);
        for (uint256 i; i < job.replicas; ++i) {
            resources[i] = _resourceOffer();
            resources[i].provider = _replica(i);
            resources[i].availabilityFeeMax = 1 ether;
            resources[i].slots = 1_000;
            resources[i].expiry = type(uint64).max;
            resourceSigs[i] = _sign(_replicaKey(i), lens.hashResourceOffer(resources[i]));
        }
        _try(solver, abi.encodeCall(ILilypadMarket.matchOffers, (jobs, jobSigs, resources, resourceSigs)));
    }

    function _request() private {
        if (_roll(2) == 0 || requests.length == 0) {
            JobOffer memory job = _jobOffer();
            job.creator = address(consumer);
            job.inputHash = keccak256("input");
            job.nonce = _nonce++;
            job.callbackGas = 300_000;
            job.replicas = uint8(1 + _roll(2));
            requests.push(job);
            consumer.request(job, "input");
        } else {
            JobOffer memory old = requests[_roll(requests.length)];
            if (_roll(4) == 0) _try(address(consumer), abi.encodeCall(ILilypadMarket.cancelRequest, (old)));
            else _matchWith(old, "");
        }
    }

    function _money() private {
        uint256 what = _roll(4);
        if (what == 0) _fund(creator, _roll(1 ether));
        if (what == 1) _try(solver, abi.encodeCall(ILilypadMarket.withdraw, (_roll(3 ether))));
        if (what == 2) _try(creator, abi.encodeCall(ILilypadMarket.cancelNonce, (uint64(900 + _roll(10)))));
        if (what == 3) market.payPanel(mediators);
    }

    function _pass() private {
        vm.warp(vm.getBlockTimestamp() + _roll(20 minutes));
        _passAnchor();
        if (_roll(10) == 0) vm.roll(vm.getBlockNumber() + 300);
    }

    function _receiptOf(DealId id) private view returns (JobReceipt memory) {
        return _posted[id];
    }

    /// @dev One provider, or as often all of one job.
    function _provideAll(DealTerms memory terms) private {
        if (terms.rules.replicas() == 1 || _roll(2) == 0) return _provide(terms);
        for (uint256 i; i < deals.length; ++i) {
            if (deals[i].jobOfferHash == terms.jobOfferHash) _provide(deals[i]);
        }
    }

    function _provide(DealTerms memory terms) private {
        DealId id = _id(terms);
        DealState state = lens.deal(terms).state;
        if (state == DealState.Matched) {
            JobReceipt memory r = _receipt();
            if (_roll(6) == 0) r.outputsDigest = keccak256("wrong outputs");
            r.fuelUsed = uint64(_roll(3) * 1e9);
            if (terms.rules.verification() == Verification.BitExact) r.fuelUsed = 4e9;
            _posted[id] = r;
            if (terms.rules.replicas() == 1) {
                _try(terms.provider, abi.encodeCall(ILilypadMarket.submitResult, (terms, r)));
            } else {
                bytes32 commitment = _commitment(terms, terms.provider, r);
                _try(terms.provider, abi.encodeCall(ILilypadMarket.commitResult, (terms, commitment)));
            }
        } else if (state == DealState.Committed) {
            _try(terms.provider, abi.encodeCall(ILilypadMarket.revealResult, (terms, _receiptOf(id), SALT)));
        }
    }

    function _judge(DealTerms memory terms) private {
        JobReceipt memory r = _receiptOf(_id(terms));
        uint256 what = _roll(5);
        if (_roll(2) == 0) _passAnchor();
        if (what == 0) _try(terms.creator, abi.encodeCall(ILilypadMarket.acceptResult, (terms, r)));
        if (what == 1) _try(terms.creator, abi.encodeCall(ILilypadMarket.challengeResult, (terms, mediators)));
        if (what == 2) _try(stranger, abi.encodeCall(ILilypadMarket.auditResult, (terms, mediators)));
        if (what > 2) _try(stranger, abi.encodeCall(ILilypadMarket.finalizeDeal, (terms, r)));
    }

    function _late(DealTerms memory terms) private {
        if (_roll(4) == 0) vm.warp(vm.getBlockTimestamp() + 2 hours);
        _try(stranger, abi.encodeCall(ILilypadMarket.timeoutSubmission, (terms)));
    }

    function _seedOrDecline(DealTerms memory terms) private {
        _try(stranger, abi.encodeCall(ILilypadMarket.fixSeed, (terms)));
        if (_roll(2) == 0) {
            _try(terms.provider, abi.encodeCall(ILilypadMarket.declineDeal, (terms, DeclineReason.HostFault)));
        }
    }

    function _deliver(DealTerms memory terms) private {
        consumer.be(_roll(3) == 0 ? Consumer.Mood.Reverting : Consumer.Mood.Good);
        JobReceipt memory r = _receiptOf(_id(terms));
        _try(stranger, abi.encodeCall(ILilypadMarket.deliverResult, (terms, r, "journal")));
        _try(stranger, abi.encodeCall(ILilypadMarket.deliverFailure, (terms)));
    }

    function _mediateAny() private {
        for (uint256 i = deals.length; i > 0; --i) {
            DealState state = lens.deal(deals[i - 1]).state;
            if (state == DealState.Challenged || state == DealState.Audited) return _mediateSome(deals[i - 1]);
        }
    }

    /// @dev A whole mediation at once, by the list that the event told: usually the right outputs, sometimes others,
    /// sometimes nobody.
    function _mediateSome(DealTerms memory terms) private {
        DealId id = _id(terms);
        address[] memory drawn = indexer.deal(id).drawn;
        uint256 mood = _roll(6);
        JobReceipt memory r = _receipt();
        if (terms.inputHash != 0) r.jobDigest = _receiptOf(id).jobDigest;
        for (uint256 pass; pass < 2; ++pass) {
            for (uint256 i; i < drawn.length; ++i) {
                if (mood == 0 || (mood == 1 && i == 0)) continue;
                r.outputsDigest = mood == 2 && i == 2 ? keccak256("third's") : _receipt().outputsDigest;
                if (pass == 0) _commitBy(drawn[i], terms, drawn, r);
                else _try(drawn[i], address(mediation), _revealCall(id, drawn, r));
            }
            if (mood < 2) vm.warp(vm.getBlockTimestamp() + 1 hours);
        }
        _try(stranger, abi.encodeCall(ILilypadMarket.concludeMediation, (terms, _receiptOf(id), drawn)));
    }

    function _commitBy(address mediator, DealTerms memory terms, address[] memory drawn, JobReceipt memory r) private {
        bytes32 commitment = _commitment(terms, mediator, r);
        _try(
            mediator,
            address(mediation),
            abi.encodeCall(ILilypadMediation.commitReceipt, (_id(terms), drawn, commitment))
        );
    }

    function _revealCall(DealId id, address[] memory drawn, JobReceipt memory r) private pure returns (bytes memory) {
        return abi.encodeCall(ILilypadMediation.revealReceipt, (id, drawn, r, SALT));
    }
}
