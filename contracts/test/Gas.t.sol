// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {DealTerms, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What each verb costs, as whole transactions: `forge test --isolate --match-contract GasTest`.
/// @dev With `--isolate` each call is a transaction of its own, with its base cost, calldata and cold slots, and only
/// then figures are written to `snapshots/GasTest.json`, which is committed. Nothing is asserted about gas here.
/// The parties have met before: their balances and nonce words are not new.
contract GasTest is MarketTest {
    uint256 private constant BATCH = 20;

    uint256 private _sum;

    /// @dev Also of a call that is part of a chapter's sum.
    function _note(string memory verb) private {
        Vm.Gas memory call = vm.lastCallGas();
        uint256 refund = uint256(uint64(call.gasRefunded));
        // Within one transaction, without `--isolate`, refunds can be of other calls; then nothing is written anyway.
        uint256 gas = call.gasTotalUsed > refund ? call.gasTotalUsed - refund : 0;
        _sum += gas;
        emit log_named_uint(verb, gas);
        if (gas > 21_000 && vm.envOr("GAS_SNAPSHOTS", false)) vm.snapshotValue(verb, gas);
    }

    function _total(string memory chapter, uint256 per) private {
        emit log_named_uint(chapter, _sum / per);
        if (vm.envOr("GAS_SNAPSHOTS", false)) vm.snapshotValue(chapter, _sum / per);
        _sum = 0;
    }

    function _matchAs(JobOffer memory job, ResourceOffer memory resource) private returns (DealTerms memory) {
        return _match(job, _signed(job), resource, _signed(resource));
    }

    /// @dev A deal before, so that the provider, the solver, the offer's slots and the creator's nonces are known.
    function _warmed() private returns (JobOffer memory job, ResourceOffer memory resource) {
        job = _jobOffer();
        resource = _resourceOffer();
        resource.slots = 100;
        DealTerms memory before = _matchAs(job, resource);
        _submit(before, _receipt());
        vm.prank(creator);
        market.acceptResult(before, _receipt());
        job.nonce = 2;
    }

    function test_happyPath() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        DealTerms memory terms = _matchTimed(job, resource);
        _submit(terms, _receipt());
        _note("submitResult");
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        _note("acceptResult");
        _total("from signed offers to an accepted result", 1);
        assertTrue(_settlement(terms) == Settlement.Accepted, "accepted");
    }

    function _matchTimed(JobOffer memory job, ResourceOffer memory resource) private returns (DealTerms memory) {
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _signed(resource);
        vm.recordLogs();
        vm.prank(solver);
        _matchOffers(job, jobSig, resource, resourceSig);
        _note("matchOffers");
        return _matched()[0];
    }

    function test_batches() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        JobOffer[] memory jobs = new JobOffer[](BATCH);
        bytes[] memory jobSigs = new bytes[](BATCH);
        for (uint256 i; i < BATCH; ++i) {
            jobs[i] = abi.decode(abi.encode(job), (JobOffer)); // a copy: memory is assigned by reference
            jobs[i].nonce = uint64(10 + i);
            jobSigs[i] = _signed(jobs[i]);
        }
        vm.recordLogs();
        vm.prank(solver);
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
        _note("matchOffers of 20 jobs with one provider");
        bytes[] memory calls = new bytes[](BATCH);
        DealTerms[] memory terms = _matched();
        for (uint256 i; i < BATCH; ++i) {
            calls[i] = abi.encodeCall(ILilypadMarket.submitResult, (terms[i], _receipt()));
        }
        vm.prank(provider);
        market.batch(calls, true);
        _note("batch of 20 submitResult");
        for (uint256 i; i < BATCH; ++i) {
            calls[i] = abi.encodeCall(ILilypadMarket.acceptResult, (terms[i], _receipt()));
        }
        vm.prank(creator);
        market.batch(calls, true);
        _note("batch of 20 acceptResult");
        _total("from signed offers to an accepted result, each of a batch of 20", BATCH);
        assertTrue(_settlement(terms[BATCH - 1]) == Settlement.Accepted, "accepted");
    }

    function test_finalize() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        DealTerms memory terms = _matchAs(job, resource);
        _submit(terms, _receipt());
        skip(terms.rules.judgeWindow() + 1);
        market.finalizeDeal(terms, _receipt());
        _note("finalizeDeal");
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }

    function test_mediation() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        for (uint256 i; i < mediators.length; ++i) {
            _fund(mediators[i], 1 ether); // they have earned before
        }
        _fund(address(0xdEaD), 1 ether); // and something was burned before
        DealTerms memory terms = _matchAs(job, resource);
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        _note("challengeResult");
        address[] memory drawn = _drawn(terms);
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], _otherReceipt());
            _note("commitReceipt");
        }
        for (uint256 i; i < 3; ++i) {
            _reveal(terms, drawn[i], _otherReceipt());
            _note("revealReceipt");
        }
        _conclude(terms, _receipt());
        _note("concludeMediation");
        _total("from challenge to verdict with three mediators", 1);
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "slashed");
    }

    /// @dev The client's own work in its callback is not the market's.
    function test_requestWithCallback() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        GasConsumer consumer = new GasConsumer();
        _fund(address(consumer), 100 ether);
        job.creator = address(consumer);
        job.inputHash = keccak256("input");
        job.callbackGas = 100_000;
        job.nonce = 1;
        for (uint256 i; i < 2; ++i) {
            // Once before, so that the consumer's nonces are known.
            delete _sum;
            job.nonce += 1;
            vm.prank(address(consumer));
            market.requestJob(job, "input");
            _note("requestJob");
            DealTerms memory terms = _matchRequest(job, resource);
            _submit(terms, _receipt());
            _note("submitResult, of a request");
            skip(terms.rules.judgeWindow() + 1);
            market.deliverResult(terms, _receipt(), "journal");
            _note("deliverResult, which finalizes");
        }
        _total("an on-chain request, from requestJob to the callback, without the callback's own gas", 1);
    }

    function _matchRequest(JobOffer memory job, ResourceOffer memory resource) private returns (DealTerms memory) {
        bytes memory resourceSig = _signed(resource);
        vm.recordLogs();
        vm.prank(solver);
        _matchOffers(job, "", resource, resourceSig);
        _note("matchOffers, of a request");
        return _matched()[0];
    }
}

/// @dev Takes every call and does nothing, so that what a delivery costs is the market's.
contract GasConsumer {
    fallback() external {}
}
