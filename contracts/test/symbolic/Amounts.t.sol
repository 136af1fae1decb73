// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Settlement} from "../../src/Types.sol";
import {Amounts} from "../../src/market/Amounts.sol";

/// @title What holds of the settlement arithmetic for all inputs: `check_` functions are proofs, for halmos.
/// @dev `contracts/analyze` runs them with every Panic taken for a failure, so that a proof also says: no overflow, no
/// underflow. forge runs the same functions as fuzz tests.
contract AmountsSymbolicTest is Test {
    /// @dev Widths as they come out of `stakes`: a price has less than 163 bits, a penalty less than 182.
    struct Case {
        uint8 how;
        uint168 price;
        uint184 penalty;
        uint128 solverFee;
        uint136 budget;
        uint128 availabilityFee;
        uint168 cost;
        uint136 mediatorFees;
        uint136 reimbursed;
    }

    function _stakes(Case memory c) private pure returns (Amounts.Stakes memory) {
        return Amounts.Stakes({
            price: c.price,
            penalty: c.penalty,
            solverFee: c.solverFee,
            mediationBudget: c.budget,
            availabilityFee: c.availabilityFee
        });
    }

    /// @dev What the market can call it with: mediators are paid where there was mediation, and only a slashed replica
    /// reimburses.
    function _payoff(Case memory c) private pure returns (Settlement how, Amounts.Payoff memory p) {
        vm.assume(c.how <= uint8(type(Settlement).max));
        vm.assume(c.cost <= c.price);
        vm.assume(uint256(c.mediatorFees) + c.reimbursed <= c.budget);
        how = Settlement(c.how);
        if (!_mediated(how)) c.mediatorFees = 0;
        if (how != Settlement.ProviderSlashed) c.reimbursed = 0;
        Amounts.Stakes memory s = _stakes(c);
        p = Amounts.payoff(how, s, Amounts.deposit(s), c.cost, c.mediatorFees, c.reimbursed);
    }

    /// @dev For each way to end: the parts are both deposits, to the last unit, and nothing underflows.
    function check_partsAreBothDeposits(Case memory c) public pure {
        (, Amounts.Payoff memory p) = _payoff(c);
        uint256 parts = p.creator + p.provider + p.solver + p.panel + p.mediators + p.burned;
        assertEq(parts, 2 * Amounts.deposit(_stakes(c)), "parts are both deposits");
    }

    /// @dev Whoever is not at fault loses at most what its own offer names.
    function check_lossesAreNamed(Case memory c) public pure {
        (Settlement how, Amounts.Payoff memory p) = _payoff(c);
        uint256 locked = Amounts.deposit(_stakes(c));
        if (how == Settlement.ProviderSlashed || how == Settlement.SubmissionTimedOut) {
            assertGe(p.creator, locked, "a creator that got nothing loses nothing");
            assertLe(p.provider, locked, "a provider at fault gains nothing");
            return;
        }
        assertGe(p.provider + c.availabilityFee, locked, "a provider loses at most the availability fee");
        uint256 named = uint256(c.cost) + c.solverFee + c.mediatorFees + c.availabilityFee;
        if (how == Settlement.ProviderUpheld || how == Settlement.JobVaried) {
            assertGe(p.creator + named + c.penalty, locked, "a creator at fault loses the penalty besides");
        } else {
            assertGe(p.creator + named, locked, "a creator loses at most price and fees");
            assertEq(p.burned, 0, "nothing burns where nobody is at fault");
        }
    }

    /// @dev A deposit is what its offers name, so it covers each of its parts.
    function check_depositIsTheSum(Case memory c) public pure {
        Amounts.Stakes memory s = _stakes(c);
        uint256 deposit = Amounts.deposit(s);
        assertLt(deposit, 1 << 185, "no overflow, also not times replicas");
        assertGe(deposit, c.price, "covers the price");
        assertGe(deposit, c.budget, "covers mediation");
        assertEq(deposit - s.price - s.penalty - s.solverFee - c.budget, c.availabilityFee, "and nothing else");
    }

    function check_mediationBudgetFits(uint128 mediatorFee, uint8 mediatorCount) public pure {
        Amounts.Stakes memory s = Amounts.stakes(0, 0, 0, 0, mediatorFee, mediatorCount, 0);
        assertLt(s.mediationBudget, 1 << 136, "budget fits 136 bits");
        assertEq(s.price + s.penalty + s.solverFee + s.availabilityFee, 0, "nothing costs nothing");
    }

    /* LEMMAS */

    // That `cost` is at most `price`, and that prices and penalties have the widths assumed above, follows from these:
    // products and quotients grow with what they are of, so the greatest values, which are tried below, bound them all.

    function check_productsGrow(uint128 less, uint128 more, uint128 factor) public pure {
        vm.assume(less <= more);
        unchecked {
            assertLe(uint256(less) * factor, uint256(more) * factor, "fuel times price grows in both");
        }
    }

    function check_penaltyProductsGrow(uint168 less, uint168 more, uint32 factor) public pure {
        vm.assume(less <= more);
        unchecked {
            assertLe(uint256(less) * factor, uint256(more) * factor, "a price times basis points grows in the price");
        }
    }

    function check_penaltyProductsGrowInPoints(uint32 less, uint32 more, uint168 factor) public pure {
        vm.assume(less <= more);
        unchecked {
            assertLe(uint256(less) * factor, uint256(more) * factor, "and in the basis points");
        }
    }

    function check_quotientsGrow(uint200 less, uint200 more) public pure {
        vm.assume(less <= more);
        uint256 low = (uint256(less) + Amounts.GIGAFUEL - 1) / Amounts.GIGAFUEL;
        uint256 high = (uint256(more) + Amounts.GIGAFUEL - 1) / Amounts.GIGAFUEL;
        assertLe(low, high, "costs grow");
        low = (uint256(less) + Amounts.BPS - 1) / Amounts.BPS;
        high = (uint256(more) + Amounts.BPS - 1) / Amounts.BPS;
        assertLe(low, high, "penalties grow");
    }

    /// @dev Rounded up by less than one unit.
    function check_quotientIsRoundedUp(uint192 amount) public pure {
        uint256 up = (uint256(amount) + Amounts.GIGAFUEL - 1) / Amounts.GIGAFUEL;
        assertGe(up * Amounts.GIGAFUEL, amount, "never too little");
        assertLt(up * Amounts.GIGAFUEL, uint256(amount) + Amounts.GIGAFUEL, "nor a unit too much");
    }

    function test_greatestPriceAndPenalty() public pure {
        uint256 price = Amounts.fuelCostUp(type(uint64).max, type(uint128).max);
        assertLt(price, 1 << 163, "a price has less than 163 bits");
        assertLt(Amounts.penaltyUp((1 << 163) - 1, type(uint32).max), 1 << 182, "a penalty has less than 182 bits");
    }

    /* THE SAME, BY FORGE */

    function testFuzz_payoffs(Case memory c) public pure {
        c.how = uint8(bound(c.how, 0, uint8(type(Settlement).max)));
        c.cost = uint168(bound(c.cost, 0, c.price));
        c.mediatorFees = uint136(bound(c.mediatorFees, 0, c.budget));
        c.reimbursed = uint136(bound(c.reimbursed, 0, c.budget - c.mediatorFees));
        check_depositIsTheSum(c);
        check_partsAreBothDeposits(c);
        check_lossesAreNamed(c);
    }

    function testFuzz_widths(uint64 fuel, uint128 price, uint32 bps, uint8 count) public pure {
        check_mediationBudgetFits(price, count);
        uint256 cost = Amounts.fuelCostUp(fuel, price);
        assertLt(cost, 1 << 163, "price");
        assertLt(Amounts.penaltyUp(cost, bps), 1 << 182, "penalty");
    }

    function testFuzz_growth(uint168 a, uint168 b, uint128 factor, uint32 bps, uint32 more) public pure {
        (uint168 less, uint168 greater) = a < b ? (a, b) : (b, a);
        check_penaltyProductsGrow(less, greater, bps);
        check_penaltyProductsGrowInPoints(bps < more ? bps : more, bps < more ? more : bps, a);
        check_quotientsGrow(less, greater);
        (less, greater) = (less >> 40, greater >> 40);
        check_productsGrow(uint128(less), uint128(greater), factor);
        check_quotientIsRoundedUp(a);
    }

    /// @dev What the lemmas come to.
    function testFuzz_usedCostsAtMostTheLimit(uint64 used, uint64 limit, uint128 price) public pure {
        used = uint64(bound(used, 0, limit));
        assertLe(Amounts.fuelCostUp(used, price), Amounts.fuelCostUp(limit, price), "used at most the limit");
    }

    function _mediated(Settlement how) private pure returns (bool) {
        return how == Settlement.ProviderSlashed || how == Settlement.ProviderUpheld || how == Settlement.AuditPassed
            || how == Settlement.JobVaried || how == Settlement.Inconclusive;
    }
}
