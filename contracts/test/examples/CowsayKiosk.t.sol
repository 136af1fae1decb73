// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {LilypadConsumer} from "../../src/LilypadConsumer.sol";
import {
    DealTerms,
    DeclineReason,
    JobOffer,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement
} from "../../src/Types.sol";
import {CowsayKiosk} from "../../src/examples/CowsayKiosk.sol";
import {MarketTest} from "../MarketTest.sol";

/// @title The kiosk: every way that a request can end, and whose money is whose after it.
contract CowsayKioskTest is MarketTest {
    bytes private constant COW = "moo";
    uint256 private constant PRICE = 50 ether;

    CowsayKiosk private kiosk;
    address private owner;
    address private asker;
    JobOffer private asked;

    function setUp() public override {
        super.setUp();
        owner = makeAddr("owner");
        asker = makeAddr("asker");
        vm.prank(owner);
        kiosk = _newKiosk(PRICE);
        token.mint(asker, PRICE);
        vm.prank(asker);
        token.approve(address(kiosk), PRICE);
    }

    function _newKiosk(uint256 price) private returns (CowsayKiosk) {
        JobOffer memory template = _jobOffer();
        template.callbackGas = 500_000;
        template.nonce = 0;
        return CowsayKiosk(deployCode("CowsayKiosk.sol:CowsayKiosk", abi.encode(market, template, price)));
    }

    function _ask() private returns (bytes32 requestId) {
        vm.recordLogs();
        vm.prank(asker);
        requestId = kiosk.ask("moo");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(market) && logs[i].topics.length == 3 && logs[i].topics[1] == requestId) {
                (asked,) = abi.decode(logs[i].data, (JobOffer, bytes));
            }
        }
    }

    function _taken() private returns (DealTerms memory) {
        ResourceOffer memory resource = _resourceOffer();
        return _match(asked, "", resource, _signed(resource));
    }

    /// @dev The asker gets `refund` back and not a unit more, the owner the rest, and then the kiosk is empty.
    function _assertSplit(bytes32 requestId, uint256 refund) private {
        assertFalse(kiosk.requestOpen(requestId), "closed");
        assertEq(kiosk.owed(asker), refund, "owed");
        assertEq(kiosk.reserved(), refund, "reserved");
        if (refund != 0) {
            vm.prank(asker);
            kiosk.collect();
        }
        assertEq(token.balanceOf(asker), refund, "asker");
        vm.prank(asker);
        vm.expectRevert(abi.encodeWithSelector(CowsayKiosk.NothingOwed.selector, asker));
        kiosk.collect();
        uint256 profit = kiosk.profit();
        vm.prank(owner);
        kiosk.takeProfit(profit);
        assertEq(token.balanceOf(owner), profit, "owner");
        assertEq(_free(address(kiosk)) + _locked(address(kiosk)), 0, "nothing left");
    }

    function test_answer() public {
        bytes32 requestId = _ask();
        assertEq(kiosk.profit(), 0, "an open request is no profit");
        JobReceipt memory r = _receipt();
        r.journalHash = keccak256(COW);
        DealTerms memory terms = _taken();
        _submit(terms, r);
        skip(terms.rules.judgeWindow() + 1);
        market.finalizeDeal(terms, r);
        vm.expectEmit();
        emit CowsayKiosk.Answered(requestId, "moo");
        market.deliverResult(terms, r, COW);
        _assertSplit(requestId, 0);
        assertEq(token.balanceOf(owner), PRICE - 4 ether - 1 ether, "what was not used");
    }

    function test_verifiedFailureIsPaidFor() public {
        bytes32 requestId = _ask();
        JobReceipt memory r = _receipt();
        r.exitCode = 1;
        DealTerms memory terms = _taken();
        _submit(terms, r);
        skip(terms.rules.judgeWindow() + 1);
        market.finalizeDeal(terms, r);
        vm.expectEmit();
        emit CowsayKiosk.JobFailed(requestId, 0, 1);
        market.deliverResult(terms, r, "journal");
        _assertSplit(requestId, 0);
    }

    function test_declined() public {
        bytes32 requestId = _ask();
        DealTerms memory terms = _taken();
        vm.prank(provider);
        market.declineDeal(terms, DeclineReason.OverCapacity);
        market.deliverFailure(terms);
        _assertSplit(requestId, PRICE);
    }

    function test_timedOut_compensationIsTheOwners() public {
        bytes32 requestId = _ask();
        DealTerms memory terms = _taken();
        skip(terms.rules.submitWindow() + 1);
        market.timeoutSubmission(terms);
        market.deliverFailure(terms);
        _assertSplit(requestId, PRICE);
        assertEq(token.balanceOf(owner), 10 ether, "the price again, from the provider");
    }

    function test_inconclusive_feesAreNotRefunded() public {
        JobOffer memory template = _jobOffer();
        template.callbackGas = 500_000;
        template.nonce = 0;
        template.auditBps = 10_000;
        vm.prank(owner);
        kiosk = CowsayKiosk(deployCode("CowsayKiosk.sol:CowsayKiosk", abi.encode(market, template, PRICE)));
        vm.prank(asker);
        token.approve(address(kiosk), PRICE);
        bytes32 requestId = _ask();
        DealTerms memory terms = _taken();
        _submit(terms, _receipt());
        _passAnchor();
        market.auditResult(terms, mediators);
        skip(2 * terms.rules.mediationWindow() + 1);
        _conclude(terms, _receipt());
        market.deliverFailure(terms);
        _assertSplit(requestId, PRICE - 1 ether - 6 ether);
    }

    function test_expired() public {
        bytes32 requestId = _ask();
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotCancelled.selector, requestId));
        kiosk.onRequestCancelled(requestId);
        skip(1 hours + 1);
        market.cancelRequest(asked);
        kiosk.onRequestCancelled(requestId);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.RequestNotOpen.selector, requestId));
        kiosk.onRequestCancelled(requestId);
        _assertSplit(requestId, PRICE);
    }

    function test_ownerCantTakeAskersMoney() public {
        _ask();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(CowsayKiosk.NothingOwed.selector, owner));
        kiosk.takeProfit(1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(CowsayKiosk.NotOwner.selector, stranger));
        kiosk.takeProfit(0);
    }

    function test_priceMustCoverTheLock() public {
        kiosk = _newKiosk(46 ether);
        _fund(address(kiosk), 10 ether); // the owner's float must not pay for askers
        vm.prank(address(kiosk));
        token.approve(address(market), type(uint256).max); // as it was before `_fund`
        vm.startPrank(asker);
        token.approve(address(kiosk), PRICE);
        vm.expectRevert(abi.encodeWithSelector(CowsayKiosk.PriceTooLow.selector, 46 ether, 47 ether));
        kiosk.ask("moo");
    }

    function test_onlyTheMarketAnswers() public {
        bytes32 requestId = _ask();
        DealTerms memory terms = _taken();
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.NotMarket.selector, stranger));
        kiosk.onJobResult(requestId, _id(terms), _receipt(), COW);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.NotMarket.selector, stranger));
        kiosk.onJobFailed(requestId, _id(terms), Settlement.Declined);
    }
}
