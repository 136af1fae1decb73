// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {DealId, DealState, DealTerms, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Several verbs in one transaction: all or nothing, or each for itself.
contract BatchTest is MarketTest {
    DealTerms[] private deals;

    function setUp() public override {
        super.setUp();
        JobOffer memory job = _jobOffer();
        for (uint64 i; i < 3; ++i) {
            job.nonce = 100 + i;
            deals.push(_match(job, _resourceOffer()));
        }
    }

    function _submits() private view returns (bytes[] memory calls) {
        calls = new bytes[](3);
        for (uint256 i; i < 3; ++i) {
            calls[i] = abi.encodeCall(ILilypadMarket.submitResult, (deals[i], _receipt()));
        }
    }

    function _accepts() private view returns (bytes[] memory calls) {
        calls = new bytes[](3);
        for (uint256 i; i < 3; ++i) {
            calls[i] = abi.encodeCall(ILilypadMarket.acceptResult, (deals[i], _receipt()));
        }
    }

    /// @dev Each verb sees the batch's caller, not the market.
    function test_everyVerbSeesTheCaller() public {
        vm.prank(provider);
        market.batch(_submits(), true);
        vm.prank(creator);
        market.batch(_accepts(), true);
        for (uint256 i; i < 3; ++i) {
            assertTrue(_settlement(deals[i]) == Settlement.Accepted, "accepted");
        }
    }

    function test_allOrNothing_revertsWithTheFirstError() public {
        bytes[] memory calls = _submits();
        calls[1] = abi.encodeCall(ILilypadMarket.withdraw, (FUNDS * 2));
        bytes memory error =
            abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, provider, _free(provider), FUNDS * 2);
        vm.expectRevert(error);
        vm.prank(provider);
        market.batch(calls, true);
        assertTrue(_state(deals[0]) == DealState.Matched, "nothing happened");
    }

    function test_tolerant_goesOn() public {
        bytes[] memory calls = _submits();
        calls[1] = abi.encodeCall(ILilypadMarket.withdraw, (FUNDS * 2));
        bytes memory error =
            abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, provider, _free(provider), FUNDS * 2);
        vm.expectEmit(address(market));
        emit ILilypadMarket.BatchCallFailed(1, error);
        vm.prank(provider);
        bytes[] memory results = market.batch(calls, false);
        assertEq(results[0].length, 0, "a verb that returns nothing");
        assertEq(results[1], error, "why");
        assertTrue(_state(deals[0]) == DealState.Submitted, "before");
        assertTrue(_state(deals[1]) == DealState.Matched, "not this one");
        assertTrue(_state(deals[2]) == DealState.Submitted, "after");
    }

    /// @dev What fails in a tolerant batch leaves nothing behind, not even half of itself.
    function test_tolerant_failsWhole() public {
        JobOffer memory job = _jobOffer();
        job.nonce = 200;
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = (new JobOffer[](2), new bytes[](2));
        (jobs[0], jobs[1]) = (job, job); // the second is a replay of the first
        (jobSigs[0], jobSigs[1]) = (_signed(job), _signed(job));
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) =
            _one(_resourceOffer(), _signed(_resourceOffer()));
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(ILilypadMarket.matchOffers, (jobs, jobSigs, resources, resourceSigs));
        uint256 locked = _locked(creator);
        vm.recordLogs();
        market.batch(calls, false);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "one event");
        assertEq(logs[0].topics[0], ILilypadMarket.BatchCallFailed.selector, "which says so");
        assertEq(_locked(creator), locked, "nothing is locked");
        assertEq(market.nonceBitmap(creator, 0), uint256(7) << 100, "no nonce is spent");
    }

    function test_returnsWhatEachReturned() public {
        address[] memory list = new address[](1);
        list[0] = stranger;
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(ILilypadMarket.registerPanel, (list));
        calls[1] = abi.encodeCall(ILilypadMarket.balanceOf, (provider));
        bytes[] memory results = market.batch(calls, true);
        assertEq(abi.decode(results[0], (bytes32)), keccak256(abi.encode(list)), "panel");
        (uint256 free, uint256 locked) = abi.decode(results[1], (uint256, uint256));
        assertEq(free + locked, FUNDS, "balance");
        assertEq(market.batch(new bytes[](0), true).length, 0, "nothing");
    }

    function test_unknownCalls() public {
        bytes[] memory calls = new bytes[](1);
        calls[0] = hex"deadbeef";
        vm.expectRevert(bytes(""));
        market.batch(calls, true);
        vm.expectEmit(address(market));
        emit ILilypadMarket.BatchCallFailed(0, "");
        market.batch(calls, false);
    }

    /// @dev A batch within a batch is as tolerant as it says itself.
    function test_nested() public {
        bytes[] memory inner = _submits();
        inner[2] = abi.encodeCall(ILilypadMarket.fixSeed, (deals[2])); // reverts: no result yet
        bytes[] memory outer = new bytes[](2);
        outer[0] = abi.encodeCall(ILilypadMarket.batch, (inner, true));
        outer[1] = abi.encodeCall(ILilypadMarket.batch, (_submits(), true));
        vm.prank(provider);
        bytes[] memory results = market.batch(outer, false);
        assertEq(results[0], _wrongState(deals[2]), "the inner error comes through");
        for (uint256 i; i < 3; ++i) {
            assertTrue(_state(deals[i]) == DealState.Submitted, "by the second");
        }
        inner = _accepts();
        inner[0] = hex"deadbeef";
        outer[0] = abi.encodeCall(ILilypadMarket.batch, (inner, false));
        outer[1] = abi.encodeCall(ILilypadMarket.acceptResult, (deals[0], _receipt()));
        vm.prank(creator);
        market.batch(outer, true);
        for (uint256 i; i < 3; ++i) {
            assertTrue(_settlement(deals[i]) == Settlement.Accepted, "accepted");
        }
    }

    /// @dev No verb takes ether, so none can be counted more than once.
    function test_takesNoEther() public {
        vm.deal(address(this), 1 ether);
        (bool ok,) = address(market).call{value: 1}(abi.encodeCall(ILilypadMarket.batch, (new bytes[](0), false)));
        assertFalse(ok, "refused");
    }

    /// @dev Matching is the solver's: a batch makes its caller the solver, never the market.
    function test_matchesAsTheCaller() public {
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        job.nonce = 200;
        job.solver = solver;
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(ILilypadMarket.matchOffers, (jobs, jobSigs, resources, resourceSigs));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("job.solver")));
        vm.prank(stranger);
        market.batch(calls, true);
        vm.recordLogs();
        vm.prank(solver);
        bytes[] memory results = market.batch(calls, true);
        DealTerms memory terms = _matched()[0];
        assertEq(terms.solver, solver, "solver");
        assertEq(DealId.unwrap(abi.decode(results[0], (DealId[]))[0]), DealId.unwrap(_id(terms)), "its id");
    }
}
