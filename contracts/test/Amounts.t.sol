// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";
import {JobOffer, Meter, Settlement, Verification} from "../src/Types.sol";
import {Amounts} from "../src/market/Amounts.sol";
import {DealRules, Rules} from "../src/market/Rules.sol";

/// @title The arithmetic on money by itself, over everything that a match lets through.
contract AmountsTest is Test {
    /// @dev What a deal may be about: its deposit times seven fits 128 bits.
    uint256 private constant DEPOSIT_MAX = type(uint128).max / 7;

    struct Case {
        uint256 price;
        uint256 penalty;
        uint256 solverFee;
        uint256 budget;
        uint256 availabilityFee;
        uint256 cost;
        uint256 fees;
        uint256 reimbursed;
    }

    function _case(Case memory c) private pure returns (Amounts.Stakes memory s) {
        s.price = bound(c.price, 0, DEPOSIT_MAX);
        s.penalty = bound(c.penalty, 0, DEPOSIT_MAX - s.price);
        s.solverFee = bound(c.solverFee, 0, DEPOSIT_MAX - s.price - s.penalty);
        s.mediationBudget = bound(c.budget, 0, DEPOSIT_MAX - s.price - s.penalty - s.solverFee);
        s.availabilityFee =
            bound(c.availabilityFee, 0, DEPOSIT_MAX - s.price - s.penalty - s.solverFee - s.mediationBudget);
        c.cost = bound(c.cost, 0, s.price);
        c.fees = bound(c.fees, 0, s.mediationBudget);
        c.reimbursed = bound(c.reimbursed, 0, s.mediationBudget - c.fees);
    }

    /// @dev For every way to end: no overflow, no underflow, and the parts are both deposits.
    function testFuzz_payoff_conserves(Case memory c) public pure {
        Amounts.Stakes memory s = _case(c);
        uint256 locked = Amounts.deposit(s);
        assertLe(locked, DEPOSIT_MAX, "deposit");
        for (uint8 how = 1; how <= uint8(type(Settlement).max); ++how) {
            Amounts.Payoff memory p = Amounts.payoff(Settlement(how), s, c.cost, _fees(how, c), _owed(how, c));
            uint256 sum = p.creator + p.provider + p.solver + p.panel + p.mediators + p.burned;
            assertEq(sum, 2 * locked, string.concat("conserved: settlement ", vm.toString(how)));
        }
    }

    /// @dev Only a slashed provider owes another mediation's fees.
    function _owed(uint8 how, Case memory c) private pure returns (uint256) {
        return Settlement(how) == Settlement.ProviderSlashed ? c.reimbursed : 0;
    }

    /// @dev A time-out comes without a mediation.
    function _fees(uint8 how, Case memory c) private pure returns (uint256) {
        return Settlement(how) == Settlement.SubmissionTimedOut ? 0 : c.fees;
    }

    /// @dev Who is not at fault loses no more than the fees that it signed.
    function testFuzz_payoff_sparesTheInnocent(Case memory c) public pure {
        Amounts.Stakes memory s = _case(c);
        uint256 locked = Amounts.deposit(s);
        for (uint8 how = 1; how <= uint8(type(Settlement).max); ++how) {
            Settlement h = Settlement(how);
            Amounts.Payoff memory p = Amounts.payoff(h, s, c.cost, _fees(how, c), _owed(how, c));
            bool providersFault = h == Settlement.ProviderSlashed || h == Settlement.SubmissionTimedOut;
            bool creatorsFault = h == Settlement.ProviderUpheld || h == Settlement.JobVaried;
            if (providersFault) {
                assertEq(p.creator, locked + s.price + _owed(how, c), "the creator gains the price and what it is owed");
                assertLe(p.provider, locked - s.price - s.solverFee, "the provider pays it");
            } else {
                assertGe(p.provider + s.availabilityFee, locked, "the provider loses the availability fee at most");
                uint256 most = c.cost + s.solverFee + s.availabilityFee + c.fees + (creatorsFault ? s.penalty : 0);
                assertGe(p.creator + most, locked, "the creator loses what it signed at most");
            }
            assertEq(p.burned != 0 && !providersFault && !creatorsFault, false, "only a fault burns");
        }
    }

    /// @dev However creator, solver, panel and mediators stand in league, a slashed provider brings them no more than
    /// the price and fees; what its penalty is worth nobody gets.
    function testFuzz_payoff_burnsThePenalty(Case memory c) public pure {
        Amounts.Stakes memory s = _case(c);
        Amounts.Payoff memory p = Amounts.payoff(Settlement.ProviderSlashed, s, 0, c.fees, c.reimbursed);
        assertGe(p.burned, s.penalty, "the penalty");
        p = Amounts.payoff(Settlement.ProviderUpheld, s, c.cost, c.fees, 0);
        assertEq(p.burned, s.penalty, "the creator's");
    }

    function testFuzz_fuelCostUp(uint64 fuel, uint64 more, uint128 price) public pure {
        uint256 cost = Amounts.fuelCostUp(fuel, price);
        assertEq(cost, Math.mulDiv(fuel, price, 1e9, Math.Rounding.Ceil), "rounded up");
        more = uint64(bound(more, fuel, type(uint64).max));
        assertLe(cost, Amounts.fuelCostUp(more, price), "more fuel is not cheaper");
    }

    function testFuzz_penaltyUp(uint64 fuel, uint128 price, uint32 bps) public pure {
        uint256 most = Amounts.fuelCostUp(fuel, price);
        assertEq(
            Amounts.penaltyUp(most, bps), Math.mulDiv(most, bps, 10_000, Math.Rounding.Ceil), "rounded up, no overflow"
        );
    }

    function test_roundsUpToTheUnit() public pure {
        assertEq(Amounts.fuelCostUp(1, 1), 1, "one of 10^9 parts");
        assertEq(Amounts.fuelCostUp(1e9, 1), 1, "exactly one");
        assertEq(Amounts.fuelCostUp(1e9 + 1, 1), 2, "one more");
        assertEq(Amounts.fuelCostUp(0, type(uint128).max), 0, "nothing");
        assertEq(Amounts.penaltyUp(1, 1), 1, "one of 10^4 parts");
        assertEq(Amounts.penaltyUp(10_000, 1), 1, "exactly one");
        assertEq(Amounts.penaltyUp(10_001, 1), 2, "one more");
        assertEq(Amounts.penaltyUp(7, 0), 0, "no penalty");
    }

    function testFuzz_deposit_isThePapers(uint64 fuel, uint128 price, uint32 bps, uint128 fee, uint8 count)
        public
        pure
    {
        Amounts.Stakes memory s = Amounts.stakes(fuel, price, bps, fee, fee, count, fee);
        assertEq(
            Amounts.deposit(s),
            Amounts.fuelCostUp(fuel, price) + Amounts.penaltyUp(s.price, bps) + fee + uint256(fee) * count + fee,
            "price, penalty, solver, mediators, availability"
        );
    }

    /// @dev Every field in its own bits, the rest zero: two rules are the same word only if they are the same rules.
    function testFuzz_rules(uint256 seed) public view {
        JobOffer memory o;
        uint256[12] memory widths = [uint256(2), 2, 8, 8, 8, 16, 32, 21, 21, 21, 32, 40];
        uint256[12] memory v;
        for (uint256 i; i < 12; ++i) {
            v[i] = uint256(keccak256(abi.encode(seed, i))) >> (256 - widths[i]);
        }
        (v[0], v[1]) = (v[0] % 3, v[1] % 3);
        (o.verification, o.meter, o.replicas) = (Verification(v[0]), Meter(v[1]), uint8(v[2]));
        (o.mediatorCount, o.runs, o.auditBps, o.penaltyBps) = (uint8(v[3]), uint8(v[4]), uint16(v[5]), uint32(v[6]));
        (o.submitWindow, o.judgeWindow, o.mediationWindow) = (uint32(v[7]), uint32(v[8]), uint32(v[9]));
        o.callbackGas = uint32(v[10]);
        uint256 rebuilt;
        uint256[12] memory places = [uint256(0), 8, 16, 24, 32, 40, 56, 88, 112, 136, 160, 192];
        for (uint256 i; i < 12; ++i) {
            rebuilt += v[i] * 2 ** places[i];
        }
        assertEq(DealRules.unwrap(this.pack(o, v[11])), rebuilt, "as the bit table says");
    }

    /// @dev From calldata, as the market has it.
    function pack(JobOffer calldata o, uint256 time) external pure returns (DealRules) {
        return Rules.pack(o, time);
    }
}
