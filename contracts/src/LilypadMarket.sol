// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LilypadLens} from "./LilypadLens.sol";
import {LilypadMediation} from "./LilypadMediation.sol";
import {
    Accord,
    Callback,
    DealId,
    DealState,
    DealTerms,
    DeclineReason,
    Receipt,
    ReplicaGroup,
    Settlement,
    Verdict,
    Verification
} from "./Types.sol";
import {ILilypadConsumer} from "./interfaces/ILilypadConsumer.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "./interfaces/ILilypadMediation.sol";
import {Amounts} from "./market/Amounts.sol";
import {Balances} from "./market/Balances.sol";
import {Batch} from "./market/Batch.sol";
import {Draw} from "./market/Draw.sol";
import {Hashes} from "./market/Hashes.sol";
import {Matching} from "./market/Matching.sol";

/// @title Results, judging, and settlement of deals. What mediators do is in `LilypadMediation`.
contract LilypadMarket is Matching, Batch {
    using Hashes for DealTerms;
    using Hashes for Receipt;

    /// @dev Gas that a delivery needs after its callback returns.
    uint256 private constant GAS_AFTER_CALLBACK = 40_000;

    /// @inheritdoc ILilypadMarket
    ILilypadMediation public immutable mediation;

    /// @inheritdoc ILilypadMarket
    address public immutable lens;

    /// @dev Only of deals whose seed somebody fixed; others' is the hash of their anchor block.
    mapping(DealId => bytes32) private _seeds;

    constructor(IERC20 token_) Balances(token_) {
        mediation = new LilypadMediation();
        lens = address(new LilypadLens());
    }

    /* THE PROVIDER */

    /// @inheritdoc ILilypadMarket
    function declineDeal(DealTerms calldata terms, DeclineReason reason) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (msg.sender != terms.provider) revert NotProvider(msg.sender);
        // Else a provider could keep the job to itself until the last second, and then let it lie for nothing.
        uint256 deadline = terms.rules.matchedAt() + terms.rules.submitWindow() / 2;
        if (block.timestamp > deadline) revert TooLate(deadline);
        emit DealDeclined(id, reason);
        _settle(id, d, terms, Settlement.Declined, 0, new address[](0), 0);
    }

    /// @inheritdoc ILilypadMarket
    function submitResult(DealTerms calldata terms, Receipt calldata receipt) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (msg.sender != terms.provider) revert NotProvider(msg.sender);
        if (terms.rules.replicas() != 1) revert CommitmentNeeded(id);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        _post(id, d, terms, receipt, block.timestamp + terms.rules.judgeWindow());
    }

    /// @inheritdoc ILilypadMarket
    function commitResult(DealTerms calldata terms, bytes32 commitment) external {
        (DealId id, Deal storage d) = _in(DealState.Matched, terms);
        if (msg.sender != terms.provider) revert NotProvider(msg.sender);
        if (terms.rules.replicas() == 1) revert CommitmentNotAsked(id);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        d.state = DealState.Committed;
        // Cut as every hash in this slot.
        // forge-lint: disable-next-line(unsafe-typecast)
        d.receiptHash = bytes20(commitment);
        ++_groups[terms.jobOfferHash].committed;
        emit ResultCommitted(id, commitment);
    }

    /// @inheritdoc ILilypadMarket
    function revealResult(DealTerms calldata terms, Receipt calldata receipt, bytes32 salt) external {
        (DealId id, Deal storage d) = _in(DealState.Committed, terms);
        uint256 revealDeadline = uint256(d.deadline) + terms.rules.mediationWindow();
        if (block.timestamp > revealDeadline) revert TooLate(revealDeadline);
        ReplicaGroup storage group = _groups[terms.jobOfferHash];
        // Whoever has not committed yet must not see a receipt before its time is over.
        if (block.timestamp <= d.deadline && group.committed != terms.rules.replicas()) {
            revert TooEarly(d.deadline + 1);
        }
        bytes20 given = bytes20(Hashes.commitment(id, msg.sender, receipt.hash(), salt));
        if (given != d.receiptHash) revert CommitmentMismatch(d.receiptHash, given);
        bytes20 part = bytes20(receipt.comparable(terms.rules.verification()));
        if (group.accord == Accord.Agreeing) {
            if (group.revealed == 0) {
                group.receiptHash = part;
            } else if (group.receiptHash != part) {
                group.accord = Accord.Disputed;
            }
        }
        ++group.revealed;
        // Not judged by silence before the others had their time to contradict.
        _post(id, d, terms, receipt, revealDeadline + terms.rules.judgeWindow());
    }

    /// @inheritdoc ILilypadMarket
    function timeoutSubmission(DealTerms calldata terms) external {
        DealId id = terms.id();
        Deal storage d = _deals[id];
        uint256 deadline = d.deadline;
        if (d.state == DealState.Committed) {
            deadline += terms.rules.mediationWindow();
        } else if (d.state != DealState.Matched) {
            revert WrongState(id);
        }
        if (block.timestamp <= deadline) revert TooEarly(deadline + 1);
        _settle(id, d, terms, Settlement.SubmissionTimedOut, 0, new address[](0), 0);
    }

    /* JUDGING */

    /// @inheritdoc ILilypadMarket
    function acceptResult(DealTerms calldata terms, Receipt calldata receipt) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (msg.sender != terms.creator) revert NotCreator(msg.sender);
        _settle(id, d, terms, Settlement.Accepted, _cost(d, terms, receipt), new address[](0), 0);
    }

    /// @inheritdoc ILilypadMarket
    function finalizeDeal(DealTerms calldata terms, Receipt calldata receipt) public {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        uint256 cost = _cost(d, terms, receipt);
        Settlement how = Settlement.Finalized;
        uint256 reimbursed;
        bool judged;
        if (terms.rules.replicas() != 1) {
            ReplicaGroup storage group = _groups[terms.jobOfferHash];
            Accord accord = group.accord;
            if (accord == Accord.Agreeing) {
                if (group.revealed == terms.rules.replicas()) how = Settlement.Agreed;
            } else if (accord == Accord.Disputed || accord == Accord.InMediation) {
                revert MediationDue(id);
            } else {
                judged = true;
                (how, reimbursed) = _byVerdict(group, terms, receipt);
            }
        }
        if (!judged) {
            if (how == Settlement.Finalized && block.timestamp <= d.deadline) revert TooEarly(uint256(d.deadline) + 1);
            if (terms.rules.auditBps() != 0 && Draw.audited(_seed(id, d), id, terms.rules.auditBps())) {
                revert MediationDue(id);
            }
        }
        _settle(id, d, terms, how, cost, new address[](0), reimbursed);
    }

    /// @inheritdoc ILilypadMarket
    function fixSeed(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (_seeds[id] != 0) return;
        if (block.number <= d.anchorBlock) revert SeedNotKnown(d.anchorBlock);
        bytes32 seed = Draw.blockHash(d.anchorBlock);
        if (seed == 0) {
            d.anchorBlock = uint32(block.number + 1);
            emit AnchorMoved(id, d.anchorBlock);
        } else {
            _seeds[id] = seed;
            emit SeedFixed(id, seed);
        }
    }

    /// @inheritdoc ILilypadMarket
    function challengeResult(DealTerms calldata terms, address[] calldata panel) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        if (msg.sender != terms.creator) revert NotCreator(msg.sender);
        if (block.timestamp > d.deadline) revert TooLate(d.deadline);
        if (terms.rules.verification() == Verification.Unverified) revert NotVerifiable(id);
        _startMediation(id, d, terms, panel, DealState.Challenged);
    }

    /// @inheritdoc ILilypadMarket
    function auditResult(DealTerms calldata terms, address[] calldata panel) external {
        (DealId id, Deal storage d) = _in(DealState.Submitted, terms);
        bool due = terms.rules.replicas() != 1 && _groups[terms.jobOfferHash].accord == Accord.Disputed;
        if (!due && !Draw.audited(_seed(id, d), id, terms.rules.auditBps())) revert AuditNotDrawn(id);
        _startMediation(id, d, terms, panel, DealState.Audited);
    }

    /// @inheritdoc ILilypadMarket
    function concludeMediation(DealTerms calldata terms, Receipt calldata providerReceipt, address[] calldata drawn)
        external
    {
        DealId id = terms.id();
        Deal storage d = _deals[id];
        DealState state = d.state;
        if (state != DealState.Challenged && state != DealState.Audited) revert WrongState(id);
        uint256 cost = _cost(d, terms, providerReceipt);
        (Verdict verdict, bytes32 agreed, address[] memory paid) = mediation.close(id, drawn);
        Settlement how = Settlement.Inconclusive;
        if (verdict == Verdict.Varied) {
            how = Settlement.JobVaried;
        } else if (verdict == Verdict.Agreed) {
            if (agreed != providerReceipt.comparable(terms.rules.verification())) how = Settlement.ProviderSlashed;
            else how = state == DealState.Challenged ? Settlement.ProviderUpheld : Settlement.AuditPassed;
        }
        if (terms.rules.replicas() != 1) {
            ReplicaGroup storage group = _groups[terms.jobOfferHash];
            // Verdicts and the accords after them stand in the same order.
            group.accord = Accord(uint8(Accord.InMediation) + uint8(verdict));
            // Who is right has paid for the proof; a replica that is found wrong by it pays that back.
            // Safe casts: cut as every hash in this slot; at most seven are paid.
            // forge-lint: disable-start(unsafe-typecast)
            group.receiptHash = bytes20(agreed);
            if (how != Settlement.ProviderSlashed) group.feesDue = uint8(paid.length);
            // forge-lint: disable-end(unsafe-typecast)
        }
        _settle(id, d, terms, how, cost, paid, 0);
    }

    /// @inheritdoc ILilypadMarket
    function payPanel(address[] calldata panel) external {
        bytes32 name = keccak256(abi.encode(panel));
        if (panelSize[name] == 0) revert PanelInvalid();
        uint256 amount = _drain(_account(name));
        uint256 share = amount / panel.length;
        for (uint256 i; i < panel.length; ++i) {
            _credit(panel[i], share);
        }
        // What can't be shared waits for more.
        _credit(_account(name), amount - share * panel.length);
        emit PanelPaid(name, share);
    }

    /* CALLBACKS */

    /// @inheritdoc ILilypadMarket
    function deliverResult(DealTerms calldata terms, Receipt calldata receipt, bytes calldata journal) external {
        DealId id = terms.id();
        Deal storage d = _deals[id];
        if (d.state == DealState.Submitted) finalizeDeal(terms, receipt);
        if (!_resultStands(d.settlement)) revert ResultNotPayable(id);
        _checkReceipt(d, receipt);
        bytes32 journalHash = keccak256(journal);
        if (journalHash != receipt.journalHash) revert JournalMismatch(receipt.journalHash, journalHash);
        _callBack(
            id, d, terms, abi.encodeCall(ILilypadConsumer.onJobResult, (terms.jobOfferHash, id, receipt, journal))
        );
    }

    /// @inheritdoc ILilypadMarket
    function deliverFailure(DealTerms calldata terms) external {
        (DealId id, Deal storage d) = _in(DealState.Settled, terms);
        // With replicas, another one may still bring the answer.
        if (_resultStands(d.settlement) || terms.rules.replicas() != 1) revert ResultNotFailed(id);
        _callBack(id, d, terms, abi.encodeCall(ILilypadConsumer.onJobFailed, (terms.jobOfferHash, id, d.settlement)));
    }

    function _callBack(DealId id, Deal storage d, DealTerms calldata terms, bytes memory data) private {
        if (terms.rules.callbackGas() == 0) revert CallbackNotAsked(id);
        if (d.callback == Callback.Delivered) revert CallbackAlreadyDelivered(id);
        // Set before the call, so that a callback that comes back here finds it done.
        d.callback = Callback.Delivered;
        address consumer = terms.creator;
        uint256 gasLimit = terms.rules.callbackGas();
        // EIP-150 hands over at most 63/64 of the gas; less than asked for would be the caller's choice, not ours.
        uint256 needed = gasLimit + gasLimit / 63 + GAS_AFTER_CALLBACK;
        if (gasleft() < needed) revert GasTooLow(gasleft(), needed);
        bool ok;
        assembly ("memory-safe") {
            // No return data is copied: a consumer can't make us pay for its size.
            ok := call(gasLimit, consumer, 0, add(data, 32), mload(data), 0, 0)
        }
        if (ok) {
            emit CallbackDelivered(id);
        } else {
            d.callback = Callback.Failed;
            emit CallbackFailed(id);
        }
    }

    /* VIEWS */

    /// @inheritdoc ILilypadMarket
    function extsload(bytes32[] calldata slots) external view returns (bytes32[] memory values) {
        values = new bytes32[](slots.length);
        for (uint256 i; i < slots.length; ++i) {
            bytes32 slot = slots[i];
            bytes32 value;
            assembly ("memory-safe") {
                value := sload(slot)
            }
            values[i] = value;
        }
    }

    /* INTERNALS */

    function _in(DealState expected, DealTerms calldata terms) private view returns (DealId id, Deal storage d) {
        id = terms.id();
        d = _deals[id];
        if (d.state != expected) revert WrongState(id);
    }

    function _checkReceipt(Deal storage d, Receipt calldata receipt) private view {
        bytes20 given = bytes20(receipt.hash());
        if (given != d.receiptHash) revert ReceiptMismatch(d.receiptHash, given);
    }

    /// @dev What the posted receipt's fuel costs.
    function _cost(Deal storage d, DealTerms calldata terms, Receipt calldata receipt) private view returns (uint256) {
        _checkReceipt(d, receipt);
        return Amounts.fuelCostUp(receipt.fuelUsed, terms.pricePerGigafuel);
    }

    function _post(DealId id, Deal storage d, DealTerms calldata terms, Receipt calldata receipt, uint256 deadline)
        private
    {
        // With an input, the effective job's digest is not computable here; mediation compares it.
        if (terms.inputHash == 0 && receipt.jobDigest != terms.jobDigest) revert ReceiptInvalid("jobDigest");
        if (receipt.profile != terms.profile) revert ReceiptInvalid("profile");
        if (receipt.fuelUsed > terms.fuelLimit) revert ReceiptInvalid("fuelUsed");
        if (receipt.status > 3) revert ReceiptInvalid("status");
        if (receipt.status == 3 && receipt.fuelUsed != 0) revert ReceiptInvalid("fuelUsed");
        d.state = DealState.Submitted;
        // Safe casts: three windows of at most 30 days, and blocks: see `Deal`.
        // forge-lint: disable-next-item(unsafe-typecast)
        d.deadline = uint40(deadline);
        d.anchorBlock = uint32(block.number + 1);
        d.receiptHash = bytes20(receipt.hash());
        emit ResultSubmitted(id, receipt);
    }

    /// @dev The deal's seed: the hash of a block that came after the result, so that whoever posted could not know it.
    function _seed(DealId id, Deal storage d) private view returns (bytes32 seed) {
        seed = _seeds[id];
        if (seed != 0) return seed;
        if (block.number <= d.anchorBlock) revert SeedNotKnown(d.anchorBlock);
        seed = Draw.blockHash(d.anchorBlock);
        if (seed == 0) revert SeedLost(d.anchorBlock);
    }

    function _startMediation(
        DealId id,
        Deal storage d,
        DealTerms calldata terms,
        address[] calldata panel,
        DealState state
    ) private {
        if (keccak256(abi.encode(panel)) != terms.panel) revert PanelInvalid();
        if (terms.rules.replicas() != 1) {
            ReplicaGroup storage group = _groups[terms.jobOfferHash];
            // One mediation judges them all.
            if (group.accord > Accord.Disputed) revert MediationDone(id);
            group.accord = Accord.InMediation;
        }
        d.state = state;
        mediation.open(
            id,
            panel,
            terms.creator,
            terms.provider,
            terms.rules.mediatorCount(),
            terms.rules.mediationWindow(),
            _seed(id, d),
            terms.rules.verification() == Verification.Repeated,
            state == DealState.Audited
        );
    }

    /// @dev What the mediation of one replica means for another.
    function _byVerdict(ReplicaGroup storage group, DealTerms calldata terms, Receipt calldata receipt)
        private
        returns (Settlement how, uint256 reimbursed)
    {
        if (group.accord == Accord.VerdictVaried) return (Settlement.JobVaried, 0);
        if (group.accord == Accord.VerdictInconclusive) return (Settlement.Inconclusive, 0);
        if (group.receiptHash == bytes20(receipt.comparable(terms.rules.verification()))) {
            return (Settlement.AuditPassed, 0);
        }
        reimbursed = uint256(group.feesDue) * terms.mediatorFee;
        group.feesDue = 0;
        return (Settlement.ProviderSlashed, reimbursed);
    }

    function _resultStands(Settlement how) private pure returns (bool) {
        return how == Settlement.Accepted || how == Settlement.Finalized || how == Settlement.Agreed
            || how == Settlement.ProviderUpheld || how == Settlement.AuditPassed;
    }

    /// @dev Where a panel's availability fees wait. Nobody has the key of half a hash.
    function _account(bytes32 panel) private pure returns (address) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return address(bytes20(panel));
    }

    /// @dev The only way out of both locks; what it pays out is their sum.
    function _settle(
        DealId id,
        Deal storage d,
        DealTerms calldata terms,
        Settlement how,
        uint256 cost,
        address[] memory paid,
        uint256 reimbursed
    ) private {
        Amounts.Stakes memory s = Amounts.stakes(
            terms.fuelLimit,
            terms.pricePerGigafuel,
            terms.rules.penaltyBps(),
            terms.solverFee,
            terms.mediatorFee,
            terms.rules.mediatorCount(),
            terms.availabilityFee
        );
        uint256 locked = Amounts.deposit(s);
        Amounts.Payoff memory p = Amounts.payoff(how, s, locked, cost, paid.length * terms.mediatorFee, reimbursed);
        d.state = DealState.Settled;
        d.settlement = how;
        _release(terms.creator, locked, p.creator);
        _release(terms.provider, locked, p.provider);
        _credit(terms.solver, p.solver);
        _credit(_account(terms.panel), p.panel);
        _credit(BURNED, p.burned);
        for (uint256 i; i < paid.length; ++i) {
            _credit(paid[i], terms.mediatorFee);
        }
        emit DealSettled(id, how, p.creator, p.provider, p.solver, p.burned, paid);
    }
}
