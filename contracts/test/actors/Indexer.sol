// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {
    Accord,
    Callback,
    DealId,
    DealState,
    DealTerms,
    JobOffer,
    Receipt as JobReceipt,
    ReplicaGroup,
    Settlement,
    Verification
} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../../src/interfaces/ILilypadMediation.sol";
import {Amounts} from "../../src/market/Amounts.sol";

/// @title Knows a market by its events alone, as anybody off chain does: balances, deals, replicas, slots, requests.
/// @dev Each log comes with its block's number and time, which an indexer has. It calls nobody.
contract Indexer {
    struct Known {
        DealTerms terms;
        DealState state;
        Settlement settlement;
        Callback callback;
        uint256 deadline;
        uint256 anchorBlock;
        bytes20 receiptHash;
        bytes20 comparable;
        address[] drawn;
    }

    mapping(address => uint256) public free;
    mapping(address => uint256) public locked;
    mapping(uint256 anchorBlock => bytes32) public seeds;
    mapping(bytes32 => uint256) public slotsUsed;
    mapping(bytes32 => uint256) public requestLock;
    mapping(address => mapping(uint64 => bool)) public cancelled;
    mapping(DealId => Known) private _deals;
    mapping(bytes32 => ReplicaGroup) private _groups;
    mapping(bytes32 => address) private _requesters;
    mapping(bytes32 => address[]) private _panels;
    mapping(DealId => mapping(address => bytes20)) private _revealed;

    function deal(DealId id) external view returns (Known memory) {
        return _deals[id];
    }

    function group(bytes32 jobOfferHash) external view returns (ReplicaGroup memory) {
        return _groups[jobOfferHash];
    }

    function read(Vm.Log memory log, uint256 number, uint256 time) external {
        bytes32 what = log.topics[0];
        if (!_readMoney(what, log) && !_readMatch(what, log) && !_readResult(what, log, number, time)) {
            _readMediation(what, log);
        }
    }

    /* MONEY */

    function _party(Vm.Log memory log) private pure returns (address) {
        return address(uint160(uint256(log.topics[1])));
    }

    function _readMoney(bytes32 what, Vm.Log memory log) private returns (bool) {
        if (what == ILilypadMarket.Deposited.selector) {
            free[_party(log)] += abi.decode(log.data, (uint256));
        } else if (what == ILilypadMarket.Withdrawn.selector) {
            free[_party(log)] -= abi.decode(log.data, (uint256));
        } else if (what == ILilypadMarket.PanelRegistered.selector) {
            _panels[log.topics[1]] = abi.decode(log.data, (address[]));
        } else if (what == ILilypadMarket.PanelPaid.selector) {
            address[] memory members = _panels[log.topics[1]];
            uint256 share = abi.decode(log.data, (uint256));
            free[_account(log.topics[1])] -= share * members.length;
            for (uint256 i; i < members.length; ++i) {
                free[members[i]] += share;
            }
        } else if (what == ILilypadMarket.OfferCancelled.selector) {
            cancelled[_party(log)][abi.decode(log.data, (uint64))] = true;
        } else {
            return false;
        }
        return true;
    }

    function _account(bytes32 panel) private pure returns (address) {
        return address(bytes20(panel));
    }

    function _lock(address party, uint256 amount) private {
        free[party] -= amount;
        locked[party] += amount;
    }

    function _unlock(address party, uint256 amount, uint256 back) private {
        locked[party] -= amount;
        free[party] += back;
    }

    /* MATCHES */

    function _readMatch(bytes32 what, Vm.Log memory log) private returns (bool) {
        if (what == ILilypadMarket.JobRequested.selector) {
            JobOffer memory offer = _requested(abi.decode(log.data, (bytes)));
            requestLock[log.topics[1]] = offer.replicas * _deposit(offer);
            _requesters[log.topics[1]] = offer.creator;
            _lock(offer.creator, requestLock[log.topics[1]]);
        } else if (what == ILilypadMarket.RequestCancelled.selector) {
            _closeRequest(log.topics[1]);
            requestLock[log.topics[1]] = type(uint256).max;
        } else if (what == ILilypadMarket.DealMatched.selector) {
            (DealTerms memory terms,,) = abi.decode(log.data, (DealTerms, string, string));
            _closeRequest(terms.jobOfferHash);
            Known storage d = _deals[DealId.wrap(log.topics[1])];
            d.terms = terms;
            d.state = DealState.Matched;
            d.deadline = terms.rules.matchedAt() + terms.rules.submitWindow();
            _lock(terms.creator, _depositOf(terms));
            _lock(terms.provider, _depositOf(terms));
            ++slotsUsed[terms.resourceOfferHash];
        } else {
            return false;
        }
        return true;
    }

    /// @dev The event carries the call; its arguments are behind the selector.
    function _requested(bytes memory call) private pure returns (JobOffer memory offer) {
        bytes memory arguments = new bytes(call.length - 4);
        for (uint256 i; i < arguments.length; ++i) {
            arguments[i] = call[i + 4];
        }
        (offer,) = abi.decode(arguments, (JobOffer, bytes));
    }

    /// @dev A request's lock ends with its cancellation or its first deal, which locks anew what it needs.
    function _closeRequest(bytes32 requestId) private {
        _unlock(_requesters[requestId], requestLock[requestId], requestLock[requestId]);
        requestLock[requestId] = 0;
    }

    function _deposit(JobOffer memory o) private pure returns (uint256) {
        return Amounts.deposit(
            Amounts.stakes(
                o.fuelLimit,
                o.pricePerGigafuelMax,
                o.penaltyBps,
                o.solverFee,
                o.mediatorFee,
                o.mediatorCount,
                o.availabilityFee
            )
        );
    }

    function _depositOf(DealTerms memory t) private pure returns (uint256) {
        return Amounts.deposit(
            Amounts.stakes(
                t.fuelLimit,
                t.pricePerGigafuel,
                t.rules.penaltyBps(),
                t.solverFee,
                t.mediatorFee,
                t.rules.mediatorCount(),
                t.availabilityFee
            )
        );
    }

    /* RESULTS */

    function _readResult(bytes32 what, Vm.Log memory log, uint256 number, uint256 time) private returns (bool) {
        Known storage d = _deals[DealId.wrap(log.topics[1])];
        if (what == ILilypadMarket.ResultCommitted.selector) {
            d.state = DealState.Committed;
            d.receiptHash = bytes20(abi.decode(log.data, (bytes32)));
            ++_groups[d.terms.jobOfferHash].committed;
        } else if (what == ILilypadMarket.ResultSubmitted.selector) {
            _submitted(d, abi.decode(log.data, (JobReceipt)), number, time);
        } else if (what == ILilypadMarket.DealDeclined.selector) {
            if (d.terms.rules.replicas() != 1) ++_groups[d.terms.jobOfferHash].committed;
        } else if (what == ILilypadMarket.SeedFixed.selector) {
            seeds[uint256(log.topics[1])] = abi.decode(log.data, (bytes32));
        } else if (what == ILilypadMarket.AnchorMoved.selector) {
            d.anchorBlock = abi.decode(log.data, (uint256));
        } else if (what == ILilypadMarket.CallbackDelivered.selector) {
            d.callback = Callback.Delivered;
        } else if (what == ILilypadMarket.CallbackFailed.selector) {
            d.callback = Callback.Failed;
        } else if (what == ILilypadMarket.DealSettled.selector) {
            _settled(d, log);
        } else {
            return false;
        }
        return true;
    }

    function _comparable(JobReceipt memory r, DealTerms memory terms) private pure returns (bytes20) {
        if (r.status == 4) return bytes20(0); // never a verdict's receipt
        JobReceipt memory part = r;
        if (terms.rules.verification() == Verification.Repeated) part.fuelUsed = 0;
        return bytes20(keccak256(abi.encode(part)));
    }

    function _submitted(Known storage d, JobReceipt memory r, uint256 number, uint256 time) private {
        ReplicaGroup storage g = _groups[d.terms.jobOfferHash];
        d.receiptHash = bytes20(keccak256(abi.encode(r)));
        d.comparable = _comparable(r, d.terms);
        d.anchorBlock = number + 1;
        d.deadline = time + d.terms.rules.judgeWindow();
        d.state = DealState.Submitted;
        if (d.terms.rules.replicas() == 1) return;
        d.deadline = d.terms.rules.matchedAt() + d.terms.rules.submitWindow() + d.terms.rules.mediationWindow()
            + d.terms.rules.judgeWindow();
        if (g.revealed == 0) g.anchorBlock = uint32(number + 1);
        d.anchorBlock = g.anchorBlock;
        if (g.accord == Accord.Agreeing) {
            if (g.revealed == 0) g.receiptHash = d.comparable;
            else if (g.receiptHash != d.comparable) g.accord = Accord.Disputed;
        }
        ++g.revealed;
    }

    /* MEDIATION */

    function _readMediation(bytes32 what, Vm.Log memory log) private {
        DealId id = DealId.wrap(log.topics[1]);
        Known storage d = _deals[id];
        if (what == ILilypadMediation.MediationOpened.selector) {
            bool audit;
            (audit, d.drawn,) = abi.decode(log.data, (bool, address[], uint256));
            d.state = audit ? DealState.Audited : DealState.Challenged;
            if (d.terms.rules.replicas() != 1) _groups[d.terms.jobOfferHash].accord = Accord.InMediation;
        } else if (what == ILilypadMediation.ReceiptRevealed.selector) {
            address mediator = address(uint160(uint256(log.topics[2])));
            _revealed[id][mediator] = _comparable(abi.decode(log.data, (JobReceipt)), d.terms);
        }
    }

    /* SETTLEMENT */

    struct Settled {
        Settlement how;
        uint256 creator;
        uint256 provider;
        uint256 solver;
        uint256 burned;
        address[] mediators;
    }

    function _settled(Known storage d, Vm.Log memory log) private {
        Settled memory s;
        (s.how, s.creator, s.provider, s.solver, s.burned, s.mediators) =
            abi.decode(log.data, (Settlement, uint256, uint256, uint256, uint256, address[]));
        if (d.terms.rules.replicas() != 1) _settledOfGroup(d, s, DealId.wrap(log.topics[1]));
        d.state = DealState.Settled;
        d.settlement = s.how;
        _pay(d.terms, s);
    }

    function _pay(DealTerms memory terms, Settled memory s) private {
        uint256 deposit = _depositOf(terms);
        _unlock(terms.creator, deposit, s.creator);
        _unlock(terms.provider, deposit, s.provider);
        free[terms.solver] += s.solver;
        free[0x000000000000000000000000000000000000dEaD] += s.burned;
        uint256 rest = 2 * deposit - s.creator - s.provider - s.solver - s.burned;
        for (uint256 i; i < s.mediators.length; ++i) {
            free[s.mediators[i]] += terms.mediatorFee;
            rest -= terms.mediatorFee;
        }
        free[_account(terms.panel)] += rest;
    }

    /// @dev The mediated replica's settlement tells the verdict; its siblings' tell who paid the mediators' fees back.
    function _settledOfGroup(Known storage d, Settled memory s, DealId id) private {
        ReplicaGroup storage g = _groups[d.terms.jobOfferHash];
        if (d.state != DealState.Challenged && d.state != DealState.Audited) {
            // One that committed and showed nothing is slashed too, and owes no fees.
            if (s.how == Settlement.ProviderSlashed && d.state == DealState.Submitted) g.feesDue = 0;
            return;
        }
        if (s.how == Settlement.JobVaried) g.accord = Accord.VerdictVaried;
        else if (s.how == Settlement.Inconclusive) g.accord = Accord.VerdictInconclusive;
        else g.accord = Accord.VerdictAgreed;
        if (s.how == Settlement.ProviderSlashed) g.receiptHash = _revealed[id][s.mediators[0]];
        else g.receiptHash = g.accord == Accord.VerdictAgreed ? d.comparable : bytes20(0);
        if (s.how != Settlement.ProviderSlashed) g.feesDue = uint8(s.mediators.length);
    }
}
