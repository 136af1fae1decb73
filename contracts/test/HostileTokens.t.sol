// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {IWitness, LyingToken, PermissiveToken, RefusingToken, WitnessedToken} from "./actors/HostileTokens.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Tokens that lie, refuse, or look while they move. More of them are in `Balances.t.sol`.
contract HostileTokensTest is MarketTest, IWitness {
    address private party;
    ILilypadMarket private watched;
    uint256 private looks;

    function setUp() public override {
        super.setUp();
        party = makeAddr("party");
    }

    function _balance(ILilypadMarket other) private view returns (uint256 free) {
        (free,) = other.balanceOf(party);
    }

    function test_refusingToken_creditsNothing() public {
        RefusingToken no = new RefusingToken();
        ILilypadMarket other = _newMarket(address(no));
        no.mint(party, 1_000);
        vm.startPrank(party);
        no.approve(address(other), 1_000);
        no.refuse(true, false);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, no));
        other.deposit(1_000);
        assertEq(_balance(other), 0, "nothing in");
    }

    /// @dev A withdrawal that the token refuses leaves the balance, for when it doesn't.
    function test_refusingToken_keepsTheBalance() public {
        RefusingToken no = new RefusingToken();
        ILilypadMarket other = _newMarket(address(no));
        no.mint(party, 1_000);
        vm.startPrank(party);
        no.approve(address(other), 1_000);
        other.deposit(1_000);
        no.refuse(false, true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, no));
        other.withdraw(400);
        assertEq(_balance(other), 1_000, "still there");
        no.refuse(false, false);
        other.withdraw(1_000);
        assertEq(no.balanceOf(party), 1_000, "and out");
    }

    /// @dev Nothing at all, almost all, too much: none is what was asked for.
    function test_lyingTokens_areRefused() public {
        uint256[4] memory percents = [uint256(0), 1, 99, 101];
        for (uint256 i; i < percents.length; ++i) {
            LyingToken lie = new LyingToken(percents[i]);
            ILilypadMarket other = _newMarket(address(lie));
            lie.mint(party, 2_000);
            uint256 moved = 10 * percents[i];
            vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TransferFeeNotSupported.selector, 1_000, moved));
            vm.prank(party);
            other.deposit(1_000);
            assertEq(lie.balanceOf(party), 2_000, "wallet");
            assertEq(_balance(other), 0, "free");
        }
    }

    /// @dev A permit that seems to succeed gives no allowance, and only allowances move tokens.
    function test_permissiveToken_hasNoPermit() public {
        PermissiveToken any = new PermissiveToken();
        ILilypadMarket other = _newMarket(address(any));
        any.mint(party, 1_000);
        vm.startPrank(party);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(other), 0, 1_000)
        );
        other.depositWithPermit(1_000, type(uint256).max, 27, "r", "s");
        any.approve(address(other), 1_000);
        other.depositWithPermit(1_000, type(uint256).max, 27, "r", "s");
        assertEq(_balance(other), 1_000, "by the allowance");
    }

    function test_noToken_takesNothing() public {
        address nobody = makeAddr("no contract");
        ILilypadMarket other = _newMarket(nobody);
        vm.expectRevert();
        vm.prank(party);
        other.deposit(1_000);
        assertEq(_balance(other), 0, "free");
    }

    /// @dev Also in the middle of a transfer no balance is without its tokens, so nobody who looks then is misled.
    function test_witnessedToken_isCoveredAtAnyTime() public {
        WitnessedToken see = new WitnessedToken(address(this));
        ILilypadMarket other = _newMarket(address(see));
        see.mint(party, 1_000);
        watched = other;
        vm.startPrank(party);
        see.approve(address(other), 1_000);
        other.deposit(1_000);
        other.withdraw(600);
        assertEq(looks, 4, "looked four times");
        assertEq(_balance(other), 400, "free");
    }

    function look() external {
        if (address(watched) == address(0)) return;
        ++looks;
        (uint256 free, uint256 locked) = watched.balanceOf(party);
        assertGe(watched.token().balanceOf(address(watched)), free + locked, "covered");
    }
}
