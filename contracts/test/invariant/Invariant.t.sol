// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Settlement} from "../../src/Types.sol";
import {Lives} from "./Lives.sol";

/// @title What holds whatever the parties do.
contract InvariantTest is Test {
    Lives private lives;

    function setUp() public {
        lives = new Lives();
        targetContract(address(lives));
        bytes4[] memory moves = new bytes4[](10);
        moves[0] = Lives.make.selector;
        moves[1] = Lives.request.selector;
        moves[2] = Lives.takeUp.selector;
        moves[3] = Lives.cancel.selector;
        moves[4] = Lives.pass.selector;
        moves[5] = Lives.provide.selector;
        moves[6] = Lives.judge.selector;
        moves[7] = Lives.mediate.selector;
        moves[8] = Lives.conclude.selector;
        moves[9] = Lives.stirTheDead.selector;
        targetSelector(FuzzSelector(address(lives), moves));
        bytes4[] memory money = new bytes4[](1);
        money[0] = Lives.withdrawAndReturn.selector;
        targetSelector(FuzzSelector(address(lives), money));
    }

    /// @notice Every token in the contract is somebody's, and every balance is covered.
    function invariant_tokensCoverBalances() public view {
        (uint256 free, uint256 locked) = lives.sums();
        assertEq(lives.marketTokens(), free + locked, "token balance");
    }

    /// @notice Nothing is locked but by open deals and unmatched requests: no end leaves anything behind.
    function invariant_locksHaveAReason() public view {
        (, uint256 locked) = lives.sums();
        assertEq(locked, lives.lockedByLiving(), "locked");
    }

    /// @notice A deal ends once, and stays ended as it did.
    function invariant_endsAreFinal() public view {
        for (uint256 i; i < lives.dealCount(); ++i) {
            assertEq(uint8(lives.endOf(i)), uint8(lives.endedAs(i)), "settlement");
        }
    }

    /// @dev After each run: no deal is without a way out, and no token stays locked.
    function afterInvariant() public {
        lives.endEverything();
        (uint256 free, uint256 locked) = lives.sums();
        assertEq(locked, 0, "all ways lead out");
        assertEq(lives.marketTokens(), free, "and every token is somebody's");
    }

    /// @dev The moves do reach every end; without this the invariants could hold for lack of anything happening.
    function test_movesReachEveryEnd() public {
        for (uint256 i; i < 4_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("walk", i)));
            uint256 move = seed % 9;
            uint256 choice = seed >> 128;
            if (i % 400 == 399) lives = new Lives();
            if (move == 0) lives.make(choice);
            else if (move == 1) lives.pass(choice, seed >> 64);
            else if (move == 2) lives.provide(seed >> 64, choice);
            else if (move == 3) lives.judge(seed >> 64, choice);
            else if (move < 7) lives.mediate(seed >> 64, choice, choice >> 16);
            else lives.conclude(seed >> 64);
            for (uint8 how = 1; how <= uint8(type(Settlement).max); ++how) {
                if (lives.ends(Settlement(how)) != 0) reached |= 1 << how;
            }
        }
        assertEq(reached, 0xfe, "all seven ends");
    }

    uint256 private reached;
}
