// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Attacks that fail: calls in an order that nobody meant.
contract AttacksTest is MarketTest {
    /* PANELS */

    function test_payPanelTakesOnlyTheRegisteredList() public {
        JobOffer memory job = _jobOffer();
        job.availabilityFee = 1 ether;
        ResourceOffer memory resource = _resourceOffer();
        resource.availabilityFeeMax = 1 ether;
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        vm.prank(creator);
        market.acceptResult(terms, _receipt());

        address[] memory lists = new address[](5);
        for (uint256 i; i < 5; ++i) {
            lists[i] = mediators[4 - i];
        }
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.payPanel(lists);
        for (uint256 i; i < 5; ++i) {
            lists[i] = mediators[0];
        }
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.payPanel(lists);
        market.payPanel(mediators);
        market.payPanel(mediators);
        for (uint256 i; i < 5; ++i) {
            assertEq(_free(mediators[i]), 0.4 ether, "a fifth of both sides' fees, once");
        }
    }

    /* BATCHES */

    /// @dev A tolerant batch leaves nothing of a call that failed, whatever it is nested in.
    function test_nestedBatches() public {
        uint256 free = _free(creator);
        token.mint(creator, 5 ether);
        bytes[] memory inner = new bytes[](2);
        inner[0] = abi.encodeCall(ILilypadMarket.deposit, (5 ether));
        inner[1] = abi.encodeCall(ILilypadMarket.withdraw, (type(uint256).max));
        bytes[] memory outer = new bytes[](2);
        outer[0] = abi.encodeCall(ILilypadMarket.batch, (inner, true));
        outer[1] = abi.encodeCall(ILilypadMarket.cancelNonce, (99));
        vm.startPrank(creator);
        token.approve(address(market), 5 ether);
        market.batch(outer, false);
        vm.stopPrank();
        assertEq(_free(creator), free, "the inner deposit is undone");
        assertEq(token.balanceOf(creator), 5 ether, "and the tokens are back");
        assertTrue(market.nonceBitmap(creator, 0) & (1 << 99) != 0, "the rest went on");
        // And the guard is open again.
        vm.prank(creator);
        market.deposit(5 ether);
    }

    /* REQUESTS */

    function test_aRequestEndsOnce() public {
        JobOffer memory job = _jobOffer();
        job.inputHash = keccak256("input");
        vm.prank(creator);
        bytes32 id = market.requestJob(job, "input");
        DealTerms memory terms = _match(job, "", _resourceOffer(), _signed(_resourceOffer()));
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, id));
        market.cancelRequest(job);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        market.requestJob(job, "input");
        assertEq(_locked(creator), lens.depositOf(terms), "locked once");

        job.nonce = 2;
        vm.startPrank(creator);
        id = market.requestJob(job, "input");
        market.cancelRequest(job);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestUnknown.selector, id));
        market.cancelRequest(job);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.RequestAlreadyPosted.selector, id));
        market.requestJob(job, "input");
        vm.stopPrank();
        _expectNoMatch(
            job, _resourceOffer(), abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, 2)
        );
        // A signature for what is a request is worth nothing.
        job.nonce = 3;
        vm.prank(creator);
        market.requestJob(job, "input");
        _expectNoMatch(
            job, _resourceOffer(), abi.encodeWithSelector(ILilypadMarket.JobOfferInvalid.selector, bytes32("inputHash"))
        );
    }

    /* CALLBACKS */

    /// @dev A callback that calls back: nothing is delivered, paid or withdrawn twice.
    function test_theCallbackComesBack() public {
        Reentrant consumer = new Reentrant(market);
        _fund(address(consumer), 100 ether);
        JobOffer memory job = _jobOffer();
        job.creator = address(consumer);
        job.inputHash = keccak256("input");
        job.callbackGas = 2_000_000;
        consumer.request(job, "input");
        DealTerms memory terms = _match(job, "", _resourceOffer(), _signed(_resourceOffer()));
        JobReceipt memory r = _receipt();
        _submit(terms, r);
        skip(terms.rules.judgeWindow() + 1);
        consumer.aim(terms, r);
        uint256 had = _free(address(consumer)) + _locked(address(consumer));
        market.deliverResult(terms, r, "journal");
        assertEq(consumer.calls(), 4, "came back with all it has");
        assertEq(consumer.worked(), 0, "and none of it worked");
        assertEq(had - _free(address(consumer)), 5 ether, "cost and solver's fee, once");
        assertEq(_free(provider) + _locked(provider), FUNDS + 4 ether, "paid once");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.CallbackAlreadyDelivered.selector, _id(terms)));
        market.deliverResult(terms, r, "journal");
    }

    /// @dev However little gas a caller gives, a callback either gets all that it was promised or isn't tried.
    function test_noGasLessThanPromised(uint32 gas) public {
        Counting consumer = new Counting(market);
        _fund(address(consumer), 100 ether);
        JobOffer memory job = _jobOffer();
        job.creator = address(consumer);
        job.inputHash = keccak256("input");
        job.callbackGas = 300_000;
        consumer.request(job, "input");
        DealTerms memory terms = _match(job, "", _resourceOffer(), _signed(_resourceOffer()));
        JobReceipt memory r = _receipt();
        _submit(terms, r);
        skip(terms.rules.judgeWindow() + 1);
        market.finalizeDeal(terms, r);
        bytes memory data = abi.encodeCall(ILilypadMarket.deliverResult, (terms, r, "journal"));
        (bool ok,) = address(market).call{gas: bound(gas, 30_000, 500_000)}(data);
        if (ok) assertGe(consumer.got(), 299_000, "all the gas but what it took to look");
        else assertEq(consumer.got(), 0, "not tried");
    }

    /* REPLICAS */

    /// @dev One wrong replica pays the mediators back, the next doesn't, and the sum of all money is what it was.
    function test_feesAreReimbursedOnce() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 3;
        DealTerms[] memory terms = _matchReplicas(job);
        for (uint256 i; i < 3; ++i) {
            _commitResult(terms[i], i == 0 ? _receipt() : _otherReceipt());
        }
        for (uint256 i; i < 3; ++i) {
            _revealResult(terms[i], i == 0 ? _receipt() : _otherReceipt());
        }
        _passAnchor();
        market.auditResult(terms[0], mediators);
        _mediate(terms[0], _receipt(), 3);
        _conclude(terms[0], _receipt());
        uint256 before = _free(creator) + _locked(creator);
        market.finalizeDeal(terms[1], _otherReceipt());
        assertEq(_free(creator) + _locked(creator) - before, 10 ether + 6 ether, "price and mediators' fees");
        before = _free(creator) + _locked(creator);
        market.finalizeDeal(terms[2], _otherReceipt());
        assertEq(_free(creator) + _locked(creator) - before, 10 ether, "price alone");
        uint256 sum = _free(creator) + _free(solver) + _free(address(0xdEaD));
        for (uint256 i; i < 3; ++i) {
            sum += _free(_replica(i));
            assertEq(_locked(_replica(i)), 0, "nothing stays locked");
        }
        for (uint256 i; i < 5; ++i) {
            sum += _free(mediators[i]);
        }
        assertEq(_locked(creator), 0, "nothing stays locked of the creator's");
        assertEq(sum, 4 * FUNDS, "conserved");
        assertEq(token.balanceOf(address(market)), 5 * FUNDS, "with the idle provider's");
    }

    /// @dev The last second to commit is not yet one to reveal, and the last to reveal none to time out.
    function test_windowsOfReplicasDoNotOverlap() public {
        JobOffer memory job = _jobOffer();
        job.replicas = 2;
        DealTerms[] memory terms = _matchReplicas(job);
        _commitResult(terms[0], _receipt());
        uint256 deadline = lens.deal(terms[0]).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        vm.prank(terms[0].provider);
        market.revealResult(terms[0], _receipt(), SALT);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.timeoutSubmission(terms[1]);
        uint256 snapshot = vm.snapshotState();
        _commitResult(terms[1], _receipt());
        vm.revertToState(snapshot);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooLate.selector, deadline));
        vm.prank(terms[1].provider);
        market.commitResult(terms[1], keccak256("late"));
        uint256 end = deadline + 30 minutes;
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, end + 1));
        market.timeoutSubmission(terms[0]);
        _revealResult(terms[0], _receipt());
        assertTrue(_state(terms[0]) == DealState.Submitted, "revealed in its last second");
    }

    /// @dev The lens counts what is left, also of offers that can't make a deal at all.
    function test_slotsLeftNeverFails() public {
        ResourceOffer[] memory offers = new ResourceOffer[](3);
        for (uint256 i; i < 3; ++i) {
            offers[i] = _resourceOffer();
        }
        offers[0].slots = 0;
        offers[1].slots = 1;
        offers[2].slots = 2;
        JobOffer memory job = _jobOffer();
        _match(job, offers[2]);
        job.nonce = 2;
        _match(job, offers[2]);
        uint256[] memory left = lens.slotsLeft(offers);
        assertEq(left[0], 0, "none");
        assertEq(left[1], 1, "one");
        assertEq(left[2], 0, "full");
    }
}

/// @dev Tries to be paid, delivered and accepted again from within its callback.
contract Reentrant {
    ILilypadMarket private immutable _market;
    DealTerms private _terms;
    JobReceipt private _receipt;
    uint256 public calls;
    uint256 public worked;

    constructor(ILilypadMarket market) {
        _market = market;
    }

    function request(JobOffer calldata job, bytes calldata input) external {
        _market.requestJob(job, input);
    }

    function aim(DealTerms calldata terms, JobReceipt calldata receipt) external {
        _terms = terms;
        _receipt = receipt;
    }

    function onJobResult(bytes32, bytes32, JobReceipt calldata, bytes calldata journal) external {
        _try(abi.encodeCall(ILilypadMarket.deliverResult, (_terms, _receipt, journal)));
        _try(abi.encodeCall(ILilypadMarket.acceptResult, (_terms, _receipt)));
        _try(abi.encodeCall(ILilypadMarket.deliverFailure, (_terms)));
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(ILilypadMarket.finalizeDeal, (_terms, _receipt));
        _try(abi.encodeCall(ILilypadMarket.batch, (inner, true)));
    }

    function _try(bytes memory data) private {
        ++calls;
        (bool ok,) = address(_market).call(data);
        if (ok) ++worked;
    }
}

/// @dev Notes how much gas its callback got.
contract Counting {
    ILilypadMarket private immutable _market;
    uint256 public got;

    constructor(ILilypadMarket market) {
        _market = market;
    }

    function request(JobOffer calldata job, bytes calldata input) external {
        _market.requestJob(job, input);
    }

    fallback() external {
        got = gasleft();
    }
}
