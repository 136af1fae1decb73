// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Accord, DealId, DealState, Receipt as JobReceipt, Settlement, Verdict, Verification} from "../../src/Types.sol";
import {Judging} from "./Judging.sol";

/// @title Mediators that run the job, lie alone or in league with the provider, come late, or never come.
abstract contract Mediators is Judging {
    bytes32 private constant VARIED = bytes32(uint256(1));

    /* STEPS */

    function commit(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pickMediation(which);
        if (!found || _late(_lives[i].commitDeadline)) return _idle(seed);
        Life storage l = _lives[i];
        // All of them most of the time; else one, and the others may never come.
        uint256 seats = l.drawn.length;
        if (seed % 4 == 0) return _commit(i, (seed >> 8) % seats, seed);
        for (uint256 seat; seat < seats; ++seat) {
            _commit(i, seat, uint256(keccak256(abi.encode(seed, seat))));
        }
    }

    function revealReceipts(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pickMediation(which);
        if (!found || !_revealsOpen(i)) return _idle(seed);
        uint256 seats = _lives[i].drawn.length;
        if (seed % 4 == 0) return _revealReceipt(i, (seed >> 8) % seats);
        for (uint256 seat; seat < seats; ++seat) {
            _revealReceipt(i, seat);
        }
    }

    function conclude(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pickMediation(which);
        if (!found || !_mayConclude(i)) return _idle(seed);
        _conclude(i);
    }

    /* INTERNALS */

    function _pickMediation(uint256 which) private view returns (bool found, uint256 i) {
        (found, i) = _pick(which, which % 2 == 0 ? DealState.Audited : DealState.Challenged);
        if (!found) (found, i) = _pick(which, which % 2 == 1 ? DealState.Audited : DealState.Challenged);
    }

    function _commit(uint256 i, uint256 seat, uint256 opinion) private {
        Life storage l = _lives[i];
        uint256 bit = 1 << seat;
        if (l.committed & bit != 0) return;
        JobReceipt memory r = _truth(l.terms, opinion);
        uint256 kind = (opinion >> 16) % 16;
        if (kind < 3) r = l.receipt; // copied from the provider
        if (kind == 3 || kind == 4) r.outputsDigest = "in league";
        if (kind == 5) r.outputsDigest = bytes32(opinion);
        if (kind == 6) return; // doesn't come
        if (kind == 7 && l.terms.rules.verification() == Verification.Repeated) r.status = 4;
        _found[i][seat] = r;
        l.committed |= bit;
        vm.prank(l.drawn[seat]);
        mediation.commitReceipt(DealId.wrap(_idOf(i)), l.drawn, _commitment(i, l.drawn[seat], r));
    }

    function _revealReceipt(uint256 i, uint256 seat) private {
        Life storage l = _lives[i];
        uint256 bit = 1 << seat;
        if (l.committed & bit == 0 || l.revealed & bit != 0) return;
        l.revealed |= bit;
        vm.prank(l.drawn[seat]);
        mediation.revealReceipt(DealId.wrap(_idOf(i)), l.drawn, _found[i][seat], "salt");
    }

    function _revealsOpen(uint256 i) private view returns (bool) {
        Life storage l = _lives[i];
        if (_late(l.commitDeadline + l.terms.rules.mediationWindow())) return false;
        return _late(l.commitDeadline) || l.committed == (1 << l.drawn.length) - 1;
    }

    function _mayConclude(uint256 i) internal view returns (bool) {
        Life storage l = _lives[i];
        if (_late(l.commitDeadline + l.terms.rules.mediationWindow())) return true;
        return l.revealed == l.committed && (_late(l.commitDeadline) || l.committed == (1 << l.drawn.length) - 1);
    }

    function _conclude(uint256 i) internal {
        Life storage l = _lives[i];
        (Verdict verdict, bytes32 agreed, address[] memory paid) = _verdict(i);
        Settlement how = Settlement.Inconclusive;
        if (verdict == Verdict.Varied) {
            how = Settlement.JobVaried;
        } else if (verdict == Verdict.Agreed) {
            if (agreed != _comparable(l.receipt, l.terms.rules.verification())) how = Settlement.ProviderSlashed;
            else how = l.state == DealState.Challenged ? Settlement.ProviderUpheld : Settlement.AuditPassed;
        }
        if (l.terms.rules.replicas() != 1) {
            Group storage g = _groupOf[l.terms.jobOfferHash];
            g.accord = verdict == Verdict.Agreed
                ? Accord.VerdictAgreed
                : verdict == Verdict.Varied ? Accord.VerdictVaried : Accord.VerdictInconclusive;
            g.receipt = agreed;
            if (how != Settlement.ProviderSlashed) g.feesDue = paid.length;
            ++happened["replicas' mediation"];
        }
        Book memory b = _open();
        market.concludeMediation(l.terms, l.receipt, l.drawn);
        _settled(b, i, how, paid, 0);
        _close(b);
    }

    /// @dev The rules of `ILilypadMediation.close`, written a second time.
    function _verdict(uint256 i) private view returns (Verdict verdict, bytes32 agreed, address[] memory paid) {
        bytes32[] memory shown = _shown(i);
        bool repeated = _lives[i].terms.rules.verification() == Verification.Repeated;
        verdict = Verdict.Inconclusive;
        uint256 came;
        for (uint256 a; a < shown.length; ++a) {
            if (shown[a] == 0) continue;
            ++came;
            if (_count(shown, shown[a]) * 2 > shown.length) agreed = shown[a];
        }
        if (!repeated) {
            if (agreed != 0) verdict = Verdict.Agreed;
        } else if (came * 2 > shown.length) {
            bool unanimous = agreed != 0 && agreed != VARIED && _count(shown, agreed) == came;
            verdict = unanimous ? Verdict.Agreed : Verdict.Varied;
        }
        if (verdict != Verdict.Agreed) agreed = 0;
        uint256 count = agreed == 0 ? came : _count(shown, agreed);
        paid = new address[](count);
        for (uint256 seat = shown.length; seat > 0; --seat) {
            bytes32 one = shown[seat - 1];
            if (one != 0 && (agreed == 0 || one == agreed)) paid[--count] = _lives[i].drawn[seat - 1];
        }
    }

    function _shown(uint256 i) private view returns (bytes32[] memory shown) {
        Life storage l = _lives[i];
        shown = new bytes32[](l.drawn.length);
        for (uint256 seat; seat < shown.length; ++seat) {
            if (l.revealed & (1 << seat) == 0) continue;
            JobReceipt memory r = _found[i][seat];
            shown[seat] = r.status == 4 ? VARIED : _comparable(r, l.terms.rules.verification());
        }
    }

    function _count(bytes32[] memory list, bytes32 what) private pure returns (uint256 count) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == what) ++count;
        }
    }
}
