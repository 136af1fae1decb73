// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DealId, DealState, DealTerms, DealView, PaymentReason, Receipt, Settlement} from "./Types.sol";
import {ILilypadConsumer} from "./interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";
import {Amounts} from "./market/Amounts.sol";
import {Balances} from "./market/Balances.sol";
import {Draw} from "./market/Draw.sol";
import {Matching} from "./market/Matching.sol";

/// @title Results, judging, mediation and settlement of deals.
contract LilypadMarket is Matching {
    /// @dev What one drawn mediator has posted.
    struct Seat {
        bytes32 commitment;
        bytes32 revealed;
    }

    /// @dev Gas that `deliverResult` needs after its callback returns.
    uint256 private constant GAS_AFTER_CALLBACK = 40_000;

    mapping(DealId => address[]) private _mediators;
    mapping(DealId => mapping(address mediator => Seat)) private _seats;

    constructor(IERC20 token_) Balances(token_) {}

    /* THE PROVIDER */

    /// @inheritdoc ILilypadMarket
    function declineDeal(DealTerms calldata terms, uint8 reason) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (msg.sender != terms.provider) revert NotProvider(msg.sender);
        // Else whoever is late could decline instead of paying for it.
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        emit DealDeclined(id, reason);
        _open(id, terms);
        // Nobody pays the solver: whoever did could be matched again and again with its friends' unrunnable offers.
        _pay(id, terms.creator, PaymentReason.CreatorRefund, Amounts.creatorLock(terms));
        _pay(id, terms.provider, PaymentReason.CollateralReturn, terms.collateral);
        _close(id, Settlement.Declined);
    }

    /// @inheritdoc ILilypadMarket
    function submitResult(DealTerms calldata terms, Receipt calldata receipt) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (msg.sender != terms.provider) revert NotProvider(msg.sender);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        // With an input, the effective job's digest is not computable here; mediation compares it.
        if (terms.inputHash == 0 && receipt.jobDigest != terms.jobDigest) revert ReceiptInvalid("jobDigest");
        if (receipt.profile != terms.profile) revert ReceiptInvalid("profile");
        if (receipt.fuelUsed > terms.fuelLimit) revert ReceiptInvalid("fuelUsed");
        if (receipt.status > 3) revert ReceiptInvalid("status");
        if (receipt.status == 3 && receipt.fuelUsed != 0) revert ReceiptInvalid("fuelUsed");
        d.state = DealState.Submitted;
        d.receiptHash = keccak256(abi.encode(receipt));
        d.anchorBlock = uint64(block.number) + 1;
        d.deadline = uint64(block.timestamp) + terms.judgeWindow;
        emit ResultSubmitted(id, receipt);
    }

    /// @inheritdoc ILilypadMarket
    function timeoutSubmission(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (block.timestamp <= d.deadline) revert TooEarly(d.deadline + 1);
        uint256 compensation = Amounts.priceMax(terms);
        _open(id, terms);
        _pay(id, terms.creator, PaymentReason.CreatorRefund, Amounts.creatorLock(terms));
        _pay(id, terms.creator, PaymentReason.Compensation, compensation);
        _pay(id, terms.solver, PaymentReason.SolverFee, terms.solverFee);
        // Not negative: the match checked that the collateral covers the creator's whole lock.
        _pay(id, terms.provider, PaymentReason.CollateralReturn, terms.collateral - compensation - terms.solverFee);
        _close(id, Settlement.SubmissionTimedOut);
    }

    /* JUDGING */

    /// @inheritdoc ILilypadMarket
    function acceptResult(DealTerms calldata terms, Receipt calldata receipt) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (msg.sender != terms.creator) revert NotCreator(msg.sender);
        _checkReceipt(d, receipt);
        _settlePayable(id, terms, receipt, Settlement.Accepted, 0);
    }

    /// @inheritdoc ILilypadMarket
    function finalizeDeal(DealTerms calldata terms, Receipt calldata receipt) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (block.timestamp <= d.deadline) revert TooEarly(d.deadline + 1);
        _checkReceipt(d, receipt);
        if (terms.auditBps != 0 && Draw.audited(_seed(id, d), id, terms.auditBps)) revert AuditDue(id);
        _settlePayable(id, terms, receipt, Settlement.Finalized, 0);
    }

    /// @inheritdoc ILilypadMarket
    function fixSeed(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (d.seed != 0) return;
        if (block.number > d.anchorBlock && Draw.blockHash(d.anchorBlock) == 0) {
            d.anchorBlock = uint64(block.number) + 1;
            emit AnchorMoved(id, d.anchorBlock);
        } else {
            _seed(id, d);
        }
    }

    /// @inheritdoc ILilypadMarket
    function challengeResult(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (msg.sender != terms.creator) revert NotCreator(msg.sender);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        _startMediation(id, d, terms, false);
    }

    /// @inheritdoc ILilypadMarket
    function auditResult(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (!Draw.audited(_seed(id, d), id, terms.auditBps)) revert AuditNotDrawn(id);
        _startMediation(id, d, terms, true);
    }

    /* MEDIATION */

    /// @inheritdoc ILilypadMarket
    function commitReceipt(DealTerms calldata terms, bytes32 commitment) external {
        (DealId id, Deal storage d) = _in(DealState.Challenged, terms);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        if (!_isDrawn(id, msg.sender)) revert NotDrawnMediator(msg.sender);
        Seat storage seat = _seats[id][msg.sender];
        if (seat.commitment != 0) revert AlreadyCommitted(msg.sender);
        if (commitment == 0) revert NotCommitted(msg.sender);
        seat.commitment = commitment;
        emit ReceiptCommitted(id, msg.sender, commitment);
    }

    /// @inheritdoc ILilypadMarket
    function revealReceipt(DealTerms calldata terms, Receipt calldata receipt, bytes32 salt) external {
        (DealId id, Deal storage d) = _in(DealState.Challenged, terms);
        uint256 revealDeadline = d.deadline + terms.mediationWindow;
        if (block.timestamp > revealDeadline) revert TooLate(revealDeadline);
        if (block.timestamp <= d.deadline && !_allCommitted(id)) revert TooEarly(d.deadline + 1);
        Seat storage seat = _seats[id][msg.sender];
        if (seat.commitment == 0) revert NotCommitted(msg.sender);
        if (seat.revealed != 0) revert AlreadyRevealed(msg.sender);
        bytes32 receiptHash = keccak256(abi.encode(receipt));
        bytes32 commitment = keccak256(abi.encode(id, msg.sender, receiptHash, salt));
        if (commitment != seat.commitment) revert CommitmentMismatch(seat.commitment, commitment);
        seat.revealed = receiptHash;
        emit ReceiptRevealed(id, msg.sender, receipt);
    }

    /// @inheritdoc ILilypadMarket
    function concludeMediation(DealTerms calldata terms, Receipt calldata providerReceipt) external {
        (DealId id, Deal storage d) = _in(DealState.Challenged, terms);
        _checkReceipt(d, providerReceipt);
        address[] memory drawn = _mediators[id];
        bytes32[] memory revealed = new bytes32[](drawn.length);
        uint256 revealedCount;
        bool waiting;
        for (uint256 i; i < drawn.length; ++i) {
            Seat storage seat = _seats[id][drawn[i]];
            revealed[i] = seat.revealed;
            if (seat.revealed != 0) ++revealedCount;
            // Waits for who can still post: commits until the deadline, reveals of commits until the second one.
            else if (seat.commitment != 0 || block.timestamp <= d.deadline) waiting = true;
        }
        uint256 revealDeadline = d.deadline + terms.mediationWindow;
        if (waiting && block.timestamp <= revealDeadline) revert TooEarly(revealDeadline + 1);

        bytes32 agreed = _majority(revealed);
        uint256 fees = revealedCount * terms.mediatorFee;
        if (agreed == d.receiptHash) {
            _settlePayable(id, terms, providerReceipt, Settlement.ProviderUpheld, fees);
        } else if (agreed != 0) {
            _settleSlashed(id, terms, fees);
        } else {
            _open(id, terms);
            _pay(id, terms.solver, PaymentReason.SolverFee, terms.solverFee);
            _pay(id, terms.creator, PaymentReason.CreatorRefund, Amounts.creatorLock(terms) - terms.solverFee - fees);
            _pay(id, terms.provider, PaymentReason.CollateralReturn, terms.collateral);
            _close(id, Settlement.Inconclusive);
        }
        // Whoever showed its work is paid, whatever it found; silence is not.
        for (uint256 i; i < drawn.length; ++i) {
            if (revealed[i] != 0) _pay(id, drawn[i], PaymentReason.MediatorFee, terms.mediatorFee);
        }
    }

    /* THE CALLBACK */

    /// @inheritdoc ILilypadMarket
    function deliverResult(DealTerms calldata terms, Receipt calldata receipt, bytes calldata journal) external {
        (DealId id, Deal storage d) = _in(DealState.Settled, terms);
        if (terms.callbackGas == 0) revert CallbackNotAsked(id);
        if (!_resultStands(d.settlement)) revert ResultNotPayable(id);
        if (d.callbackDelivered) revert CallbackAlreadyDelivered(id);
        _checkReceipt(d, receipt);
        bytes32 journalHash = keccak256(journal);
        if (journalHash != receipt.journalHash) revert JournalMismatch(receipt.journalHash, journalHash);
        // Set before the call, so that a callback that comes back here finds it done.
        d.callbackDelivered = true;
        bytes memory data = abi.encodeCall(ILilypadConsumer.onJobResult, (terms.jobOfferHash, id, receipt, journal));
        address consumer = terms.creator;
        uint256 gasLimit = terms.callbackGas;
        // EIP-150 hands over at most 63/64 of the gas; less than asked for would be the caller's choice, not ours.
        uint256 needed = gasLimit + gasLimit / 63 + GAS_AFTER_CALLBACK;
        if (gasleft() < needed) revert GasTooLow(gasleft(), needed);
        bool ok;
        assembly ("memory-safe") {
            // No return data is copied: a consumer can't make us pay for its size.
            ok := call(gasLimit, consumer, 0, add(data, 32), mload(data), 0, 0)
        }
        if (ok) {
            d.callbackFailed = false;
            emit CallbackDelivered(id);
        } else {
            d.callbackDelivered = false;
            d.callbackFailed = true;
            emit CallbackFailed(id);
        }
    }

    /* VIEWS */

    /// @inheritdoc ILilypadMarket
    function creatorLock(DealTerms calldata terms) external pure returns (uint256) {
        return Amounts.creatorLock(terms);
    }

    /// @inheritdoc ILilypadMarket
    function deal(DealTerms calldata terms) external view returns (DealView memory v) {
        DealId id = DealId.wrap(keccak256(abi.encode(terms)));
        Deal storage d = _deals[id];
        v.state = d.state;
        v.settlement = d.settlement;
        v.deadline = d.deadline;
        v.anchorBlock = d.anchorBlock;
        v.receiptHash = d.receiptHash;
        v.callbackDelivered = d.callbackDelivered;
        v.callbackFailed = d.callbackFailed;
        v.seed = d.seed;
        if (v.seed == 0 && v.anchorBlock != 0 && block.number > v.anchorBlock) {
            v.seed = Draw.blockHash(v.anchorBlock);
            v.seedLost = v.seed == 0;
        }
        v.auditDue = d.state == DealState.Submitted && v.seed != 0 && Draw.audited(v.seed, id, terms.auditBps);
        v.mediators = _mediators[id];
        uint256 count = v.mediators.length;
        if (count != 0) v.revealDeadline = d.deadline + terms.mediationWindow;
        v.commitments = new bytes32[](count);
        v.revealed = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            Seat storage seat = _seats[id][v.mediators[i]];
            v.commitments[i] = seat.commitment;
            v.revealed[i] = seat.revealed;
        }
    }

    /* INTERNALS */

    function _in(DealState expected, DealTerms calldata terms) private view returns (DealId id, Deal storage d) {
        id = DealId.wrap(keccak256(abi.encode(terms)));
        d = _deals[id];
        if (d.state != expected) revert WrongState(id);
    }

    function _checkReceipt(Deal storage d, Receipt calldata receipt) private view {
        bytes32 given = keccak256(abi.encode(receipt));
        if (given != d.receiptHash) revert ReceiptMismatch(d.receiptHash, given);
    }

    /// @dev The deal's seed: the hash of a block that came after the result, so that whoever posted could not know it.
    function _seed(DealId id, Deal storage d) private returns (bytes32 seed) {
        seed = d.seed;
        if (seed != 0) return seed;
        if (block.number <= d.anchorBlock) revert SeedNotKnown(d.anchorBlock);
        seed = Draw.blockHash(d.anchorBlock);
        if (seed == 0) revert SeedLost(d.anchorBlock);
        d.seed = seed;
        emit SeedFixed(id, seed);
    }

    function _startMediation(DealId id, Deal storage d, DealTerms calldata terms, bool audit) private {
        bytes32 seed = _seed(id, d);
        address[] memory drawn =
            Draw.mediators(panelMembers(terms.panel), terms.creator, terms.provider, terms.mediatorCount, seed, id);
        d.state = DealState.Challenged;
        d.deadline = uint64(block.timestamp) + terms.mediationWindow;
        _mediators[id] = drawn;
        emit DealChallenged(id, msg.sender, audit, drawn);
    }

    function _isDrawn(DealId id, address who) private view returns (bool) {
        address[] storage drawn = _mediators[id];
        for (uint256 i; i < drawn.length; ++i) {
            if (drawn[i] == who) return true;
        }
        return false;
    }

    function _allCommitted(DealId id) private view returns (bool) {
        address[] storage drawn = _mediators[id];
        for (uint256 i; i < drawn.length; ++i) {
            if (_seats[id][drawn[i]].commitment == 0) return false;
        }
        return true;
    }

    /// @dev The receipt hash that more than half of all drawn mediators revealed; zero when there is none.
    function _majority(bytes32[] memory revealed) private pure returns (bytes32) {
        for (uint256 i; i < revealed.length; ++i) {
            if (revealed[i] == 0) continue;
            uint256 votes;
            for (uint256 j; j < revealed.length; ++j) {
                if (revealed[j] == revealed[i]) ++votes;
            }
            if (votes * 2 > revealed.length) return revealed[i];
        }
        return 0;
    }

    function _resultStands(Settlement how) private pure returns (bool) {
        return how == Settlement.Accepted || how == Settlement.Finalized || how == Settlement.ProviderUpheld;
    }

    /// @dev Takes both parties' locked tokens; what follows pays out exactly their sum.
    function _open(DealId, DealTerms calldata terms) private {
        _take(terms.creator, Amounts.creatorLock(terms));
        _take(terms.provider, terms.collateral);
    }

    function _close(DealId id, Settlement how) private {
        Deal storage d = _deals[id];
        d.state = DealState.Settled;
        d.settlement = how;
        emit DealSettled(id, how);
    }

    /// @param fees What mediators get besides, paid by the caller of this function from what is left out here.
    function _settlePayable(DealId id, DealTerms calldata terms, Receipt calldata receipt, Settlement how, uint256 fees)
        private
    {
        uint256 cost = Amounts.fuelCostUp(receipt.fuelUsed, terms.pricePerGigafuel);
        _open(id, terms);
        _pay(id, terms.provider, PaymentReason.Fuel, cost);
        _pay(id, terms.provider, PaymentReason.CollateralReturn, terms.collateral);
        _pay(id, terms.solver, PaymentReason.SolverFee, terms.solverFee);
        _pay(id, terms.creator, PaymentReason.CreatorRefund, Amounts.creatorLock(terms) - cost - terms.solverFee - fees);
        _close(id, how);
    }

    function _settleSlashed(DealId id, DealTerms calldata terms, uint256 fees) private {
        uint256 compensation = Amounts.priceMax(terms);
        _open(id, terms);
        _pay(id, terms.creator, PaymentReason.CreatorRefund, Amounts.creatorLock(terms));
        _pay(id, terms.creator, PaymentReason.Compensation, compensation);
        _pay(id, terms.solver, PaymentReason.SolverFee, terms.solverFee);
        // Not negative: the match checked that the collateral covers price, solver and all mediators.
        _pay(id, BURNED, PaymentReason.Burned, terms.collateral - compensation - terms.solverFee - fees);
        _close(id, Settlement.ProviderSlashed);
    }
}
