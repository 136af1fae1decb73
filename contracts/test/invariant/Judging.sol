// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    Accord,
    DealId,
    DealState,
    DealTerms,
    DealView,
    Receipt as JobReceipt,
    Settlement,
    Verdict,
    Verification
} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {Results} from "./Results.sol";

/// @title Creators that accept, challenge, or have vanished; anyone who finalizes, audits, or fixes a seed.
abstract contract Judging is Results {
    /* STEPS */

    function accept(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found || seed % 4 != 0 || _contradictable(i)) return _idle(seed);
        Book memory b = _open();
        _callAs(
            _lives[i].terms.creator, abi.encodeCall(ILilypadMarket.acceptResult, (_lives[i].terms, _lives[i].receipt))
        );
        _settled(b, i, Settlement.Accepted, new address[](0), 0);
        _close(b);
    }

    function finalize(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found || !_tryFinalize(i)) return _idle(seed);
    }

    function fixSeed(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found || vm.getBlockNumber() <= lens.deal(_lives[i].terms).anchorBlock) return _idle(seed);
        _fixSeed(i);
    }

    function challenge(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found) return _idle(seed);
        Life storage l = _lives[i];
        if (_late(l.deadline) || l.terms.rules.verification() == Verification.Unverified) return _idle(seed);
        if (l.terms.rules.replicas() != 1 && _groupOf[l.terms.jobOfferHash].accord > Accord.Disputed) {
            return _idle(seed);
        }
        if (lens.deal(l.terms).seed == 0) return _idle(seed);
        bytes memory call = abi.encodeCall(ILilypadMarket.challengeResult, (l.terms, _panelMembers));
        _callAs(l.terms.creator, call);
        _opened(i, DealState.Challenged);
    }

    function audit(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Submitted);
        if (!found || !_tryAudit(i)) return _idle(seed);
    }

    /* INTERNALS */

    /// @dev A replica that another contradicts, or still can.
    function _contradictable(uint256 i) private view returns (bool) {
        Life storage l = _lives[i];
        if (l.terms.rules.replicas() == 1) return false;
        Group storage g = _groupOf[l.terms.jobOfferHash];
        if (g.accord != Accord.Agreeing) return true;
        return g.revealed != l.terms.rules.replicas() && !_late(l.revealDeadline);
    }

    function _fixSeed(uint256 i) internal {
        bool lost = lens.deal(_lives[i].terms).seedLost;
        market.fixSeed(_lives[i].terms);
        ++happened[lost ? "anchor moved" : "seed fixed"];
    }

    /// @dev By nobody's demand, but the draw's or that of replicas that differ.
    function _tryAudit(uint256 i) internal returns (bool) {
        DealView memory v = lens.deal(_lives[i].terms);
        if (!v.auditDue || v.seed == 0) return false;
        market.auditResult(_lives[i].terms, _panelMembers);
        _opened(i, DealState.Audited);
        return true;
    }

    function _tryFinalize(uint256 i) internal returns (bool) {
        (bool possible, Settlement how, uint256 reimbursed) = _endOf(i);
        if (!possible) return false;
        Book memory b = _open();
        if (reimbursed != 0) ++happened["fees reimbursed"];
        if (_groupOf[_lives[i].terms.jobOfferHash].accord > Accord.InMediation) {
            ++happened[string.concat("sibling's end ", vm.toString(uint256(how)))];
        }
        if (how == Settlement.ProviderSlashed) _groupOf[_lives[i].terms.jobOfferHash].feesDue = 0;
        market.finalizeDeal(_lives[i].terms, _lives[i].receipt);
        _settled(b, i, how, new address[](0), reimbursed);
        _close(b);
        return true;
    }

    /// @dev How anyone may end a submitted deal now, if at all.
    function _endOf(uint256 i) internal view returns (bool possible, Settlement how, uint256 reimbursed) {
        Life storage l = _lives[i];
        how = Settlement.Finalized;
        if (l.terms.rules.replicas() != 1) {
            Group storage g = _groupOf[l.terms.jobOfferHash];
            if (g.accord == Accord.Disputed || g.accord == Accord.InMediation) return (false, how, 0);
            if (g.accord == Accord.VerdictVaried) return (true, Settlement.JobVaried, 0);
            if (g.accord == Accord.VerdictInconclusive) return (true, Settlement.Inconclusive, 0);
            if (g.accord == Accord.VerdictAgreed) {
                if (g.receipt == _comparable(l.receipt, l.terms.rules.verification())) {
                    return (true, Settlement.AuditPassed, 0);
                }
                reimbursed = g.feesDue * l.terms.mediatorFee;
                return (true, Settlement.ProviderSlashed, reimbursed);
            }
            if (g.revealed == l.terms.rules.replicas()) how = Settlement.Agreed;
        }
        if (how == Settlement.Finalized && !_late(l.deadline)) return (false, how, 0);
        DealView memory v = lens.deal(l.terms);
        possible = l.terms.rules.auditBps() == 0 || (v.seed != 0 && !v.auditDue);
    }

    function _opened(uint256 i, DealState state) private {
        Life storage l = _lives[i];
        l.state = state;
        l.commitDeadline = vm.getBlockTimestamp() + l.terms.rules.mediationWindow();
        l.drawn = _draw(l.terms);
        if (l.terms.rules.replicas() != 1) _groupOf[l.terms.jobOfferHash].accord = Accord.InMediation;
    }

    /// @dev Those that the seed puts in front, the two parties left out.
    function _draw(DealTerms memory terms) private view returns (address[] memory drawn) {
        bytes32 lot = terms.rules.replicas() == 1 ? keccak256(abi.encode(terms)) : terms.jobOfferHash;
        bytes32 seed = keccak256(abi.encode(lens.deal(terms).seed, lot));
        address[] memory members = _panelMembers;
        uint256 eligible;
        for (uint256 i; i < members.length; ++i) {
            if (members[i] != terms.creator && members[i] != terms.provider) members[eligible++] = members[i];
        }
        drawn = new address[](terms.rules.mediatorCount());
        for (uint256 i; i < drawn.length; ++i) {
            uint256 pick = i + uint256(keccak256(abi.encode(seed, i))) % (eligible - i);
            (drawn[i], members[pick]) = (members[pick], members[i]);
        }
    }
}
