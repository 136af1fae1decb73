// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Settlement} from "../Types.sol";

/// @title What things cost, and who gets what at the end: all arithmetic on money, and nothing else.
/// @dev Pure. Rounding is in the names. `PAYOFFS.md` has the rows in words.
library Amounts {
    uint256 internal constant GIGAFUEL = 1e9;
    uint256 internal constant BPS = 10_000;

    /// @notice What a deal is about. Each side locks `deposit`.
    struct Stakes {
        uint256 price; // the most the provider can earn
        uint256 penalty; // what whoever is at fault loses besides
        uint256 solverFee;
        uint256 mediationBudget; // what mediation can cost
        uint256 availabilityFee;
    }

    /// @notice What leaves the two deposits, and to whom. The parts add up to both deposits.
    struct Payoff {
        uint256 creator;
        uint256 provider;
        uint256 solver;
        uint256 panel;
        uint256 mediators;
        uint256 burned;
    }

    /// @notice Tokens for an amount of fuel. No overflow: 64 bits times 128 bits.
    function fuelCostUp(uint64 fuel, uint128 pricePerGigafuel) internal pure returns (uint256) {
        return (uint256(fuel) * pricePerGigafuel + GIGAFUEL - 1) / GIGAFUEL;
    }

    /// @notice The penalty on a price. No overflow: the price has less than 163 bits.
    function penaltyUp(uint256 price, uint32 penaltyBps) internal pure returns (uint256) {
        return (price * penaltyBps + BPS - 1) / BPS;
    }

    /// @notice What a deal on these terms is about.
    function stakes(
        uint64 fuelLimit,
        uint128 pricePerGigafuel,
        uint32 penaltyBps,
        uint128 solverFee,
        uint128 mediatorFee,
        uint8 mediatorCount,
        uint128 availabilityFee
    ) internal pure returns (Stakes memory s) {
        s.price = fuelCostUp(fuelLimit, pricePerGigafuel);
        s.penalty = penaltyUp(s.price, penaltyBps);
        s.solverFee = solverFee;
        s.mediationBudget = uint256(mediatorFee) * mediatorCount;
        s.availabilityFee = availabilityFee;
    }

    /// @notice What each side locks: after the paper's deposit, (theta + n) times the price, and pi_a.
    function deposit(Stakes memory s) internal pure returns (uint256) {
        return s.price + s.penalty + s.solverFee + s.mediationBudget + s.availabilityFee;
    }

    /// @notice Who gets what.
    /// @param locked What each side has locked: `deposit(s)`.
    /// @param cost What was used, at most the price.
    /// @param mediatorFees What mediators are paid, at most the budget.
    /// @param reimbursed Mediators' fees that this deal's provider owes the creator from another replica's mediation.
    /// Not both: `mediatorFees + reimbursed` is at most the budget.
    function payoff(
        Settlement how,
        Stakes memory s,
        uint256 locked,
        uint256 cost,
        uint256 mediatorFees,
        uint256 reimbursed
    ) internal pure returns (Payoff memory p) {
        p.creator = locked;
        p.provider = locked;
        if (how == Settlement.Declined) return p;
        p.solver = s.solverFee;
        p.mediators = mediatorFees;
        if (how == Settlement.ProviderSlashed) {
            // The provider's deposit makes everybody whole, pays the price for lost time, and the rest burns.
            p.provider = 0;
            p.creator = locked + s.price + reimbursed;
            p.panel = s.availabilityFee;
            p.burned = locked - s.price - s.solverFee - s.availabilityFee - mediatorFees - reimbursed;
        } else if (how == Settlement.SubmissionTimedOut) {
            p.provider = locked - s.price - s.solverFee;
            p.creator = locked + s.price;
        } else if (how == Settlement.Inconclusive) {
            // Nobody is shown to be at fault, and the panel was not there.
            p.creator = locked - s.solverFee - mediatorFees;
        } else {
            // The provider is paid. The creator is at fault where its challenge was wrong, or its job varies.
            if (how == Settlement.ProviderUpheld || how == Settlement.JobVaried) p.burned = s.penalty;
            p.panel = 2 * s.availabilityFee;
            p.provider = locked + cost - s.availabilityFee;
            p.creator = locked - cost - s.solverFee - s.availabilityFee - mediatorFees - p.burned;
        }
    }
}
