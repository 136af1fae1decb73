// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Settlement} from "../../src/Types.sol";
import {World} from "./World.sol";

/// @title What each settlement must move, written here a second time, and compared with what it moved.
/// @dev The rows are `PAYOFFS.md`'s. A party with several roles in a deal is in several cells, which add up.
abstract contract Ledger is World {
    /// @dev One or several settlements: everybody's balances before, what each must gain, and the most each may lose.
    struct Book {
        bytes32[] before;
        int256[] gains;
        uint256[] losses;
    }

    /// @dev Of one deal.
    struct Row {
        address creator;
        address provider;
        address solver;
        uint256 price;
        uint256 penalty;
        uint256 solverFee;
        uint256 mediatorFee;
        uint256 availabilityFee;
        uint256 deposit;
        uint256 cost;
        uint256 reimbursed;
        address[] paid; // mediators
    }

    /// @dev What open deals and requests have locked of each party.
    mapping(address => uint256) internal _lockedOfParty;

    function _open() internal view returns (Book memory b) {
        b.before = _balances();
        b.gains = new int256[](b.before.length);
        b.losses = new uint256[](b.before.length);
    }

    function _write(Book memory b, Settlement how, Row memory r) internal {
        _lockedOfParty[r.creator] -= r.deposit;
        _lockedOfParty[r.provider] -= r.deposit;
        if (how == Settlement.Declined) return;
        uint256 fees = r.paid.length * r.mediatorFee;
        uint256 fault = how == Settlement.ProviderUpheld || how == Settlement.JobVaried ? r.penalty : 0;
        _gain(b, r.solver, r.solverFee);
        for (uint256 i; i < r.paid.length; ++i) {
            _gain(b, r.paid[i], r.mediatorFee);
        }
        if (how == Settlement.ProviderSlashed) {
            _gain(b, r.creator, r.price + r.reimbursed);
            _gain(b, _panelAccount(), r.availabilityFee);
            _gain(b, BURNED, r.deposit - r.price - r.solverFee - r.availabilityFee - fees - r.reimbursed);
            _lose(b, r.provider, r.deposit, r.deposit);
        } else if (how == Settlement.SubmissionTimedOut) {
            _gain(b, r.creator, r.price);
            _lose(b, r.provider, r.price + r.solverFee, r.price + r.solverFee);
        } else if (how == Settlement.Inconclusive) {
            _lose(b, r.creator, r.solverFee + fees, r.solverFee + fees);
        } else {
            _gain(b, r.provider, r.cost);
            _gain(b, _panelAccount(), 2 * r.availabilityFee);
            _gain(b, BURNED, fault);
            _lose(b, r.provider, r.availabilityFee, r.availabilityFee);
            // Price, fees, and only for who is at fault a penalty.
            uint256 named = r.cost + r.solverFee + r.availabilityFee + fees;
            _lose(b, r.creator, named + fault, named + fault);
        }
    }

    /// @dev Everybody's money moved as the rows say, all of it, and nobody lost more than its offer names.
    function _close(Book memory b) internal view {
        bytes32[] memory found = _balances();
        int256 sum;
        for (uint256 i; i < found.length; ++i) {
            int256 moved = int256(_totalOf(found[i])) - int256(_totalOf(b.before[i]));
            sum += moved;
            if (moved != b.gains[i]) {
                assertEq(moved, b.gains[i], string.concat("moved as the row says: ", vm.getLabel(_everybody[i])));
            }
            assertGe(moved, -int256(b.losses[i]), "nobody loses more than its offer names");
        }
        assertEq(sum, 0, "what was locked was paid, refunded, slashed or burned");
    }

    function _totalOf(bytes32 packed) internal pure returns (uint256) {
        return _freeOf(packed) + _lockedOf(packed);
    }

    function _gain(Book memory b, address who, uint256 amount) private view {
        b.gains[_place(who)] += int256(amount);
    }

    function _lose(Book memory b, address who, uint256 amount, uint256 atMost) private view {
        b.gains[_place(who)] -= int256(amount);
        b.losses[_place(who)] += atMost;
    }
}
