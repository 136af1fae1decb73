// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {DealTerms, JobOffer, PaymentReason, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Off-chain parties see the market by its events alone: each says what happened, and payments add up.
/// @dev Events of single verbs that their own tests expect are not repeated here.
contract EventsTest is MarketTest {
    address private constant BURNED = 0x000000000000000000000000000000000000dEaD;

    function test_panelRegistered_onceOnly() public {
        address[] memory members = new address[](1);
        members[0] = stranger;
        vm.expectEmit(address(market));
        emit ILilypadMarket.PanelRegistered(keccak256(abi.encode(members)), members);
        market.registerPanel(members);
        vm.recordLogs();
        market.registerPanel(members);
        assertEq(vm.getRecordedLogs().length, 0, "registering again says nothing");
    }

    function test_dealMatched_carriesEverythingThatLaterCallsNeed() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        uint256 snapshot = vm.snapshotState();
        DealTerms memory terms = _match(job, resource);
        assertTrue(vm.revertToState(snapshot), "back");
        assertEq(terms.jobOfferHash, market.hashJobOffer(job), "job offer");
        assertEq(terms.resourceOfferHash, market.hashResourceOffer(resource), "resource offer");
        assertEq(terms.solver, solver, "solver");
        assertEq(terms.matchedAt, vm.getBlockTimestamp(), "matchedAt");
        (bytes memory jobSignature, bytes memory resourceSignature) = (_signed(job), _signed(resource));
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealMatched(_id(terms), creator, provider, terms, job.gateway, resource.gateway);
        vm.prank(solver);
        market.matchOffers(job, jobSignature, resource, resourceSignature);
    }

    function test_anchorMoved() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        vm.roll(vm.getBlockNumber() + 300);
        uint256 anchor = vm.getBlockNumber() + 1;
        vm.expectEmit(address(market));
        emit ILilypadMarket.AnchorMoved(_id(terms), anchor);
        market.fixSeed(terms);
    }

    function test_mediation_fromChallengeToReveal() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        _passAnchor();
        uint256 snapshot = vm.snapshotState();
        vm.prank(creator);
        market.challengeResult(terms);
        address[] memory drawn = market.deal(terms).mediators;
        assertTrue(vm.revertToState(snapshot), "back");
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealChallenged(_id(terms), creator, false, drawn);
        vm.prank(creator);
        market.challengeResult(terms);
        for (uint256 i; i < drawn.length; ++i) {
            vm.expectEmit(address(market));
            emit ILilypadMarket.ReceiptCommitted(_id(terms), drawn[i], _commitment(terms, drawn[i], _otherReceipt()));
            _commit(terms, drawn[i], _otherReceipt());
        }
        for (uint256 i; i < drawn.length; ++i) {
            vm.expectEmit(address(market));
            emit ILilypadMarket.ReceiptRevealed(_id(terms), drawn[i], _otherReceipt());
            _reveal(terms, drawn[i], _otherReceipt());
        }
    }

    function test_audit_saysThatItIsOne() public {
        JobOffer memory job = _jobOffer();
        job.auditBps = 10_000;
        DealTerms memory terms = _match(job, _resourceOffer());
        _submit(terms, _receipt());
        _passAnchor();
        vm.expectEmit(true, false, false, false, address(market));
        emit ILilypadMarket.DealChallenged(_id(terms), stranger, true, new address[](0));
        vm.recordLogs();
        vm.prank(stranger);
        market.auditResult(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (address by, bool audit,) = abi.decode(logs[logs.length - 1].data, (address, bool, address[]));
        assertEq(by, stranger, "by");
        assertTrue(audit, "audit");
    }

    /// @dev The "who paid whom" table of a verdict is these lines, in this order.
    function test_slashing_paidLineByLine() public {
        DealTerms memory terms = _challenged();
        _mediate(terms, _otherReceipt(), 3);
        address[] memory drawn = market.deal(terms).mediators;
        uint256 price = uint256(terms.fuelLimit) * terms.pricePerGigafuel / 1e9;
        uint256 fees = 3 * uint256(terms.mediatorFee);
        _expectPaid(terms, creator, PaymentReason.CreatorRefund, price + terms.solverFee + fees);
        _expectPaid(terms, creator, PaymentReason.Compensation, price);
        _expectPaid(terms, solver, PaymentReason.SolverFee, terms.solverFee);
        _expectPaid(terms, BURNED, PaymentReason.Burned, terms.collateral - price - terms.solverFee - fees);
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealSettled(_id(terms), Settlement.ProviderSlashed);
        for (uint256 i; i < 3; ++i) {
            _expectPaid(terms, drawn[i], PaymentReason.MediatorFee, terms.mediatorFee);
        }
        market.concludeMediation(terms, _receipt());
    }

    function test_accepting_paidLineByLine() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        uint256 price = uint256(terms.fuelLimit) * terms.pricePerGigafuel / 1e9;
        uint256 cost = uint256(_receipt().fuelUsed) * terms.pricePerGigafuel / 1e9;
        _expectPaid(terms, provider, PaymentReason.Fuel, cost);
        _expectPaid(terms, provider, PaymentReason.CollateralReturn, terms.collateral);
        _expectPaid(terms, solver, PaymentReason.SolverFee, terms.solverFee);
        _expectPaid(terms, creator, PaymentReason.CreatorRefund, price - cost + 3 * uint256(terms.mediatorFee));
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealSettled(_id(terms), Settlement.Accepted);
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
    }

    function _expectPaid(DealTerms memory terms, address party, PaymentReason reason, uint256 amount) private {
        vm.expectEmit(address(market));
        emit ILilypadMarket.Paid(_id(terms), party, reason, amount);
    }
}
