// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    Accord,
    DealId,
    DealState,
    DealTerms,
    DeclineReason,
    Receipt as JobReceipt,
    Settlement,
    Verification
} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {Deals} from "./Deals.sol";

/// @title Providers: honest, lying, in league, silent, declining; replicas that copy what others committed to.
abstract contract Results is Deals {
    /* STEPS */

    /// @dev Seldom, so that the rest of the life cycle has deals to happen to.
    function decline(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Matched);
        if (!found || seed % 4 != 0) return _idle(seed);
        Life storage l = _lives[i];
        if (_late(l.terms.rules.matchedAt() + l.terms.rules.submitWindow() / 2)) return _idle(seed);
        Book memory b = _open();
        vm.prank(l.terms.provider);
        market.declineDeal(l.terms, DeclineReason(seed % 5));
        ++_groupOf[l.terms.jobOfferHash].committed;
        _settled(b, i, Settlement.Declined, new address[](0), 0);
        _close(b);
    }

    /// @notice A lone provider's result, or a replica's commitment; and those of some deals after it.
    function submit(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Matched);
        if (!found || _late(_lives[i].deadline)) return _idle(seed);
        for (uint256 last = i + seed % 4; i <= last && i < _lives.length; ++i) {
            if (_lives[i].state != DealState.Matched || _late(_lives[i].deadline)) continue;
            _submit(i, uint256(keccak256(abi.encode(seed, i))));
        }
    }

    /// @notice All replicas of a job commit, if there is time; a lone provider's deal is passed over.
    function commitTogether(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Matched);
        while (found && _lives[i].terms.rules.replicas() == 1 && ++i < _lives.length) {}
        if (!found || i == _lives.length || _late(_lives[i].deadline)) return _idle(seed);
        bytes32 job = _lives[i].terms.jobOfferHash;
        while (i != 0 && _lives[i - 1].terms.jobOfferHash == job) --i;
        for (; i < _lives.length && _lives[i].terms.jobOfferHash == job; ++i) {
            if (_lives[i].state != DealState.Matched || _late(_lives[i].deadline)) continue;
            _submit(i, uint256(keccak256(abi.encode(seed, i))));
        }
    }

    function reveal(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Committed);
        if (!found) return _idle(seed);
        bytes32 job = _lives[i].terms.jobOfferHash;
        // Each of them in turn; or the first alone.
        while (i != 0 && _lives[i - 1].terms.jobOfferHash == job) --i;
        for (; i < _lives.length && _lives[i].terms.jobOfferHash == job; ++i) {
            if (_lives[i].state != DealState.Committed) continue;
            _reveal(i);
            if (seed % 4 == 0) return;
        }
    }

    function timeoutSubmission(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, seed % 2 == 0 ? DealState.Matched : DealState.Committed);
        if (!found || !_mayTimeOut(i)) return _idle(seed);
        Book memory b = _open();
        market.timeoutSubmission(_lives[i].terms);
        _settled(b, i, _timeOutOf(i), new address[](0), 0);
        _close(b);
    }

    /* INTERNALS */

    function _mayTimeOut(uint256 i) internal view returns (bool) {
        Life storage l = _lives[i];
        if (l.state == DealState.Matched) return _late(l.deadline);
        return l.state == DealState.Committed && _late(l.revealDeadline);
    }

    /// @dev Who has committed could have seen that it is wrong.
    function _timeOutOf(uint256 i) internal view returns (Settlement) {
        return _lives[i].state == DealState.Committed ? Settlement.ProviderSlashed : Settlement.SubmissionTimedOut;
    }

    function _submit(uint256 i, uint256 seed) private {
        Life storage l = _lives[i];
        l.receipt = _receiptOf(i, seed);
        if (l.terms.rules.replicas() != 1) return _commitResult(i, seed);
        vm.prank(l.terms.provider);
        market.submitResult(l.terms, l.receipt);
        l.state = DealState.Submitted;
        l.deadline = vm.getBlockTimestamp() + l.terms.rules.judgeWindow();
    }

    function _commitResult(uint256 i, uint256 seed) private {
        Life storage l = _lives[i];
        bytes32 commitment = _commitment(i, l.terms.provider, l.receipt);
        // Whatever the replica before it committed to, without knowing what it is.
        if (seed % 8 == 7 && i != 0 && _lives[i - 1].terms.jobOfferHash == l.terms.jobOfferHash) {
            commitment = _commitment(i - 1, _lives[i - 1].terms.provider, _lives[i - 1].receipt);
            l.copied = true;
            ++happened["commitment copied"];
        }
        vm.prank(l.terms.provider);
        market.commitResult(l.terms, commitment);
        l.state = DealState.Committed;
        l.revealDeadline = l.deadline + l.terms.rules.mediationWindow();
        ++_groupOf[l.terms.jobOfferHash].committed;
    }

    function _reveal(uint256 i) private {
        Life storage l = _lives[i];
        Group storage g = _groupOf[l.terms.jobOfferHash];
        if (_late(l.revealDeadline) || (!_late(l.deadline) && g.committed != l.terms.rules.replicas())) return;
        if (l.copied) return _revealCopied(i);
        vm.prank(l.terms.provider);
        market.revealResult(l.terms, l.receipt, "salt");
        l.state = DealState.Submitted;
        l.deadline = l.revealDeadline + l.terms.rules.judgeWindow();
        bytes32 shown = _comparable(l.receipt, l.terms.rules.verification());
        if (g.revealed++ == 0) {
            if (g.accord == Accord.Agreeing) g.receipt = shown;
        } else if (g.accord == Accord.Agreeing && g.receipt != shown) {
            g.accord = Accord.Disputed;
        }
    }

    /// @dev Now that the receipt is known, the copy still can't be opened: it names another deal and party.
    function _revealCopied(uint256 i) private {
        Life storage copy = _lives[i];
        vm.prank(copy.terms.provider);
        try market.revealResult(copy.terms, _lives[i - 1].receipt, "salt") {
            assertTrue(false, "a copied commitment was opened");
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), ILilypadMarket.CommitmentMismatch.selector, "a copied commitment");
        }
        ++happened["copy refused"];
    }

    /// @dev The honest answer, a lie of one's own, or the lie that those in league agreed on.
    function _receiptOf(uint256 i, uint256 seed) internal view returns (JobReceipt memory r) {
        DealTerms memory t = _lives[i].terms;
        r = _truth(t, seed);
        if (seed % 4 == 1) r.outputsDigest = "in league";
        if (seed % 16 == 2) r.outputsDigest = bytes32(seed);
        if (seed % 16 == 6) r.fuelUsed = t.fuelLimit;
        if (seed % 16 == 10) (r.status, r.fuelUsed) = (3, 0);
    }

    /// @dev Of a bit-exact job all runs are the same; of another its outputs are, but not the time.
    function _truth(DealTerms memory t, uint256 seed) internal pure returns (JobReceipt memory r) {
        r.jobDigest = t.jobDigest;
        r.profile = t.profile;
        r.outputsDigest = keccak256(abi.encode(t.jobDigest));
        r.journalHash = keccak256("journal");
        uint256 luck = t.rules.verification() == Verification.BitExact ? uint256(t.jobOfferHash) : seed;
        r.fuelUsed = uint64(luck % (uint256(t.fuelLimit) + 1));
    }

    function _comparable(JobReceipt memory r, Verification verification) internal pure returns (bytes32) {
        uint64 fuel = verification == Verification.Repeated ? 0 : r.fuelUsed;
        return keccak256(
            abi.encode(
                JobReceipt(
                    r.jobDigest, r.profile, r.status, r.trapKind, r.exitCode, fuel, r.outputsDigest, r.journalHash
                )
            )
        );
    }

    function _idOf(uint256 i) internal view returns (bytes32) {
        return keccak256(abi.encode(_lives[i].terms));
    }

    function _commitment(uint256 i, address party, JobReceipt memory receipt) internal view returns (bytes32) {
        return keccak256(abi.encode(_idOf(i), party, keccak256(abi.encode(receipt)), bytes32("salt")));
    }

    /// @dev The first deal from `which` on that is in this state.
    function _pick(uint256 which, DealState state) internal view returns (bool, uint256) {
        uint256 count = _lives.length;
        for (uint256 k; k < count; ++k) {
            uint256 i = (which % count + k) % count;
            if (_lives[i].state == state) return (true, i);
        }
        return (false, 0);
    }

    /// @dev The market must say the same of how it ended; and from now on always the same.
    function _settled(Book memory b, uint256 i, Settlement how, address[] memory paid, uint256 reimbursed) internal {
        Life storage l = _lives[i];
        Row memory r = _rowOf(l.terms);
        r.cost = _ceil(uint256(l.receipt.fuelUsed) * l.terms.pricePerGigafuel, 1e9);
        r.paid = paid;
        r.reimbursed = reimbursed;
        _write(b, how, r);
        l.state = DealState.Settled;
        l.how = how;
        l.lastWord = _word(i);
        assertEq(uint8(uint256(l.lastWord)), uint8(DealState.Settled), "settled");
        assertEq(uint8(uint256(l.lastWord) >> 8), uint8(how), "how it ended");
        ++happened[string.concat("end ", vm.toString(uint256(how)))];
    }

    /// @dev A deal's slot without its callback, which may still change.
    function _word(uint256 i) internal view returns (bytes32) {
        bytes32[] memory slots = new bytes32[](1);
        slots[0] = keccak256(abi.encode(_idOf(i), SLOT_DEALS));
        return market.extsload(slots)[0] & ~bytes32(uint256(0xff0000));
    }
}
