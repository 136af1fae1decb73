// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {CowsayClient} from "../../src/examples/CowsayClient.sol";
import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Settlement} from "../../src/Types.sol";
import {MarketTest} from "../MarketTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title The example client, from its question to the stored answer.
contract CowsayClientTest is MarketTest {
    bytes private constant COW = " _____\n< moo >\n -----\n";
    uint256 private constant BUDGET = 100 ether;
    uint256 private constant LOCK = 47 ether; // 20 price, 20 penalty, 1 solver, 3 times 2 mediators

    CowsayClient private client;
    address private owner;
    JobOffer private asked;
    bytes private input;

    function setUp() public override {
        super.setUp();
        owner = makeAddr("owner");
        JobOffer memory template = _jobOffer();
        template.auditBps = 10_000;
        template.callbackGas = 500_000;
        template.nonce = 0;
        vm.prank(owner);
        client = CowsayClient(deployCode("CowsayClient.sol:CowsayClient", abi.encode(market, template)));
        token.mint(owner, BUDGET);
        vm.startPrank(owner);
        token.approve(address(client), BUDGET);
        client.fund(BUDGET);
        vm.stopPrank();
    }

    function _ask(string memory message) private returns (bytes32 requestId) {
        vm.recordLogs();
        vm.prank(owner);
        requestId = client.ask(message);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (asked, input) = abi.decode(logs[0].data, (JobOffer, bytes));
    }

    function _answered(JobReceipt memory r) private returns (DealTerms memory terms) {
        ResourceOffer memory resource = _resourceOffer();
        terms = _match(asked, "", resource, _signed(resource));
        _submit(terms, r);
        _passAnchor();
        market.auditResult(terms, mediators);
        _mediate(terms, r, 3);
        _conclude(terms, r);
    }

    function test_onlyTheOwnerSpends() public {
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(CowsayClient.NotOwner.selector, stranger));
        client.ask("moo");
        vm.expectRevert(abi.encodeWithSelector(CowsayClient.NotOwner.selector, stranger));
        client.withdraw(1);
    }

    /// @dev A message can't become more than a message.
    function test_ask_escapesTheMessage() public {
        _ask('moo", "eyes": "\\xx\n');
        assertEq(string(input), '{"message":"moo\\", \\"eyes\\": \\"\\\\xx\\n"}', "JSON");
        assertEq(asked.inputHash, keccak256(input), "hash");
        assertEq(asked.creator, address(client), "creator");
    }

    function test_ask_eachIsAnotherRequest() public {
        assertTrue(_ask("moo") != _ask("moo"), "same message, another request");
        assertEq(_locked(address(client)), 2 * LOCK, "two locks");
    }

    function test_answerIsStoredAfterMediation() public {
        bytes32 requestId = _ask("moo");
        JobReceipt memory r = _receipt();
        r.journalHash = keccak256(COW);
        DealTerms memory terms = _answered(r);
        assertEq(client.answers(requestId), "", "not before the callback");
        market.deliverResult(terms, r, COW);
        assertEq(client.answers(requestId), string(COW), "the cow");
        assertEq(client.lastRequestId(), requestId, "request");
    }

    function test_verifiedFailureIsNoCow() public {
        bytes32 requestId = _ask("moo");
        JobReceipt memory r = _receipt();
        r.exitCode = 2;
        DealTerms memory terms = _answered(r);
        vm.expectEmit();
        emit CowsayClient.AskFailed(requestId, 0, 2);
        market.deliverResult(terms, r, "journal");
        assertEq(client.answers(requestId), "", "no cow");
        assertTrue(_state(terms) == DealState.Settled, "but paid for");
    }

    function test_withdraw_returnsWhatIsFree() public {
        _ask("moo");
        vm.prank(owner);
        client.withdraw(BUDGET - LOCK);
        assertEq(token.balanceOf(owner), BUDGET - LOCK, "owner");
        assertEq(_free(address(client)), 0, "client");
    }

    function test_unansweredIsToldAndItsMoneyIsFree() public {
        bytes32 requestId = _ask("moo");
        ResourceOffer memory resource = _resourceOffer();
        DealTerms memory terms = _match(asked, "", resource, _signed(resource));
        skip(terms.rules.submitWindow() + 1);
        market.timeoutSubmission(terms);
        vm.expectEmit();
        emit CowsayClient.AskUnanswered(requestId, Settlement.SubmissionTimedOut);
        market.deliverFailure(terms);
        assertFalse(client.requestOpen(requestId), "closed");
        assertEq(_free(address(client)), BUDGET + 10 ether, "compensated");
    }

    function test_expiredIsCancelledByAnyone() public {
        bytes32 requestId = _ask("moo");
        skip(1 days + 1);
        vm.startPrank(stranger);
        market.cancelRequest(asked);
        vm.expectEmit();
        emit CowsayClient.AskUnanswered(requestId, Settlement.None);
        client.onRequestCancelled(requestId);
        assertEq(_free(address(client)), BUDGET, "all back");
    }
}
