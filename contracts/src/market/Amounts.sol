// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer} from "../Types.sol";

/// @title What things cost. Rounding is in the names.
library Amounts {
    uint256 internal constant GIGAFUEL = 1e9;

    /// @notice Tokens for an amount of fuel. No overflow: 64 bits times 128 bits.
    function fuelCostUp(uint64 fuel, uint128 pricePerGigafuel) internal pure returns (uint256) {
        return (uint256(fuel) * pricePerGigafuel + GIGAFUEL - 1) / GIGAFUEL;
    }

    /// @notice What mediation can cost.
    function mediationBudget(uint128 mediatorFee, uint8 mediatorCount) internal pure returns (uint256) {
        return uint256(mediatorFee) * mediatorCount;
    }

    /// @notice The most that the provider can earn by a deal.
    function priceMax(DealTerms memory terms) internal pure returns (uint256) {
        return fuelCostUp(terms.fuelLimit, terms.pricePerGigafuel);
    }

    /// @notice What a deal locks of its creator's balance.
    function creatorLock(DealTerms memory terms) internal pure returns (uint256) {
        return priceMax(terms) + terms.solverFee + mediationBudget(terms.mediatorFee, terms.mediatorCount);
    }

    /// @notice What an offer locks of its creator's balance at its highest price.
    function creatorLockMax(JobOffer calldata offer) internal pure returns (uint256) {
        return fuelCostUp(offer.fuelLimit, offer.pricePerGigafuelMax) + offer.solverFee
            + mediationBudget(offer.mediatorFee, offer.mediatorCount);
    }
}
