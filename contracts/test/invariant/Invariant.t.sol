// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, Settlement} from "../../src/Types.sol";
import {MarketTest} from "../MarketTest.sol";
import {Handler} from "./Handler.sol";

/// @title What holds after any sequence of calls by anybody at any time.
contract InvariantTest is MarketTest {
    address private constant BURNED = 0x000000000000000000000000000000000000dEaD;

    Handler private handler;

    function setUp() public override {
        super.setUp();
        handler = new Handler(market, token);
        targetContract(address(handler));
        bytes4[] memory notSteps = new bytes4[](2);
        notSteps[0] = Handler.settleEverything.selector;
        notSteps[1] = Handler.withdrawEverything.selector;
        excludeSelector(FuzzSelector({addr: address(handler), selectors: notSteps}));
    }

    /// @dev Not "at least": nobody donates here, so a token too many is as wrong as one too few.
    function invariant_tokenBalanceIsTheSumOfAllBalances() public view {
        assertEq(token.balanceOf(address(market)), _sum() + 2 * FUNDS, "tokens and balances");
    }

    /// @dev Per party, what is locked is what its open deals and requests locked.
    function invariant_lockedIsWhatOpenDealsLocked() public view {
        address[] memory parties = handler.allParties();
        uint256[] memory expected = handler.expectedLocks();
        for (uint256 i; i < parties.length; ++i) {
            assertEq(_locked(parties[i]), expected[i], string.concat("locked of ", vm.getLabel(parties[i])));
        }
    }

    /// @dev The handler tries to settle settled deals again and counts what went through.
    function invariant_eachDealSettlesOnce() public view {
        assertEq(handler.settledTwice(), 0, "settled twice");
    }

    /// @dev The last word of each run: time passes, strangers call, and nothing stays locked.
    function afterInvariant() public {
        handler.settleEverything();
        address[] memory parties = handler.allParties();
        for (uint256 i; i < parties.length; ++i) {
            assertEq(_locked(parties[i]), 0, "a way out for every token");
        }
        for (uint256 i; i < handler.dealCount(); ++i) {
            assertTrue(handler.dealState(i) == DealState.Settled, "a way out of every deal");
        }
        assertEq(token.balanceOf(address(market)), _sum() + 2 * FUNDS, "tokens and balances at the end");
        handler.withdrawEverything();
        // What is left is burned, or belongs to the two actors that this test doesn't use.
        assertEq(token.balanceOf(address(market)), _free(BURNED) + 2 * FUNDS, "everybody got their tokens");
    }

    /// @dev Without this the invariants could hold for lack of anything happening.
    function test_stepsReachEveryEnd() public {
        uint256 reached;
        for (uint256 walk; walk < 12; ++walk) {
            handler = new Handler(_newMarket(address(token)), token);
            for (uint256 step; step < 200; ++step) {
                _step(uint256(keccak256(abi.encode(walk, step))));
            }
            for (uint256 i; i < handler.dealCount(); ++i) {
                reached |= 1 << uint256(handler.dealEnd(i));
            }
        }
        for (uint256 how = 1; how <= uint256(type(Settlement).max); ++how) {
            assertTrue(reached & (1 << how) != 0, string.concat("reached end ", vm.toString(how)));
        }
    }

    function _step(uint256 seed) private {
        uint256 which = seed >> 128;
        uint256 kind = seed % 12;
        if (kind == 0) handler.matchOffers(which, seed);
        if (kind == 1) handler.decline(which, seed >> 8);
        if (kind == 2) handler.submit(which, uint64(seed >> 8));
        if (kind == 3) handler.timeoutSubmission(which);
        if (kind == 4) handler.accept(which, seed >> 8);
        if (kind == 5) handler.finalize(which);
        if (kind == 6) handler.challenge(which);
        if (kind == 7) handler.commitAll(which, _opinions(seed));
        if (kind == 8) handler.revealAll(which);
        if (kind == 9) handler.conclude(which);
        if (kind == 10) handler.pass(seed >> 8);
        if (kind == 11) handler.passABlock();
    }

    function _opinions(uint256 seed) private pure returns (uint8[7] memory opinions) {
        for (uint256 i; i < 7; ++i) {
            opinions[i] = uint8(seed >> (16 + 8 * i));
        }
    }

    function _sum() private view returns (uint256 sum) {
        address[] memory parties = handler.allParties();
        for (uint256 i; i < parties.length; ++i) {
            sum += _free(parties[i]) + _locked(parties[i]);
        }
        sum += _free(BURNED) + _locked(BURNED);
    }
}
