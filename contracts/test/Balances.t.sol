// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {DealTerms} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";
import {FeeToken, ReentrantToken, SilentToken} from "./actors/Tokens.sol";

/// @title Deposits and withdrawals, by well-behaved and by strange tokens.
contract BalancesTest is MarketTest {
    address internal newcomer = makeAddr("newcomer");

    /* REVERTS */

    function test_deposit_reverts_withoutApproval(uint256 amount) public {
        amount = bound(amount, 1, type(uint128).max);
        token.mint(newcomer, amount);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, amount)
        );
        vm.prank(newcomer);
        market.deposit(amount);
    }

    function test_deposit_reverts_aboveUint128(uint256 amount) public {
        amount = bound(amount, uint256(type(uint128).max) + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.AmountTooLarge.selector, amount));
        market.deposit(amount);
    }

    function test_withdraw_reverts_aboveFreeBalance(uint256 amount) public {
        amount = bound(amount, FUNDS + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, creator, FUNDS, amount));
        vm.prank(creator);
        market.withdraw(amount);
    }

    function test_withdraw_reverts_forLockedTokens() public {
        DealTerms memory t = _match();
        uint256 free = _free(creator);
        assertEq(_locked(creator), lens.depositOf(t), "locked");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.InsufficientBalance.selector, creator, free, free + 1));
        vm.prank(creator);
        market.withdraw(free + 1);
    }

    /* WHAT THEY DO */

    function test_deposit_movesExactlyTheAmount(uint128 amount) public {
        // The market's whole balance has to stay countable by the token.
        amount = uint128(bound(amount, 0, type(uint128).max - 2 * FUNDS));
        token.mint(newcomer, amount);
        vm.startPrank(newcomer);
        token.approve(address(market), amount);
        vm.expectEmit(address(market));
        emit ILilypadMarket.Deposited(newcomer, amount);
        market.deposit(amount);
        vm.stopPrank();
        assertEq(_free(newcomer), amount, "free");
        assertEq(_locked(newcomer), 0, "locked");
        assertEq(token.balanceOf(newcomer), 0, "wallet");
        _assertConserved();
    }

    function test_withdraw_movesExactlyTheAmount(uint128 deposited, uint128 withdrawn) public {
        deposited = uint128(bound(deposited, 0, type(uint128).max - 2 * FUNDS));
        withdrawn = uint128(bound(withdrawn, 0, deposited));
        _fund(newcomer, deposited);
        vm.expectEmit(address(market));
        emit ILilypadMarket.Withdrawn(newcomer, withdrawn);
        vm.prank(newcomer);
        market.withdraw(withdrawn);
        assertEq(_free(newcomer), deposited - withdrawn, "free");
        assertEq(token.balanceOf(newcomer), withdrawn, "wallet");
        _assertConserved();
    }

    function test_depositWithPermit_needsNoApproval(uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max - 2 * FUNDS));
        (address party, uint256 key) = makeAddrAndKey("permitter");
        token.mint(party, amount);
        (uint8 v, bytes32 r, bytes32 s) = _signPermit(party, key, amount, block.timestamp + 1);
        vm.prank(party);
        market.depositWithPermit(amount, block.timestamp + 1, v, r, s);
        assertEq(_free(party), amount, "free");
    }

    /// @dev Whoever sees a permit can use it first; that must not stop the deposit it was for.
    function test_depositWithPermit_survivesAFrontRunner() public {
        (address party, uint256 key) = makeAddrAndKey("permitter");
        token.mint(party, 7);
        (uint8 v, bytes32 r, bytes32 s) = _signPermit(party, key, 7, block.timestamp + 1);
        vm.prank(stranger);
        token.permit(party, address(market), 7, block.timestamp + 1, v, r, s);
        vm.prank(party);
        market.depositWithPermit(7, block.timestamp + 1, v, r, s);
        assertEq(_free(party), 7, "free");
    }

    function test_depositWithPermit_reverts_withSomebodyElsesPermit() public {
        (address party, uint256 key) = makeAddrAndKey("permitter");
        token.mint(party, 7);
        (uint8 v, bytes32 r, bytes32 s) = _signPermit(party, key, 7, block.timestamp + 1);
        uint256 deadline = block.timestamp + 1;
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, 7));
        vm.prank(stranger);
        market.depositWithPermit(7, deadline, v, r, s);
    }

    /// @dev Tokens sent without a deposit are nobody's; they only make the contract richer.
    function test_donations_creditNobody(uint64 amount) public {
        token.mint(address(market), amount);
        assertEq(_free(creator) + _free(provider), 2 * FUNDS, "balances");
        assertEq(token.balanceOf(address(market)), 2 * FUNDS + amount, "tokens");
    }

    /* STRANGE TOKENS */

    function test_feeToken_isRefusedAtDeposit() public {
        FeeToken fee = new FeeToken();
        ILilypadMarket other = _newMarket(address(fee));
        fee.mint(newcomer, 1_000);
        vm.startPrank(newcomer);
        fee.approve(address(other), 1_000);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TransferFeeNotSupported.selector, 1_000, 990));
        other.deposit(1_000);
        vm.stopPrank();
        assertEq(fee.balanceOf(newcomer), 1_000, "wallet");
    }

    function test_silentToken_isAccepted() public {
        SilentToken silent = new SilentToken();
        ILilypadMarket other = _newMarket(address(silent));
        silent.mint(newcomer, 1_000);
        vm.startPrank(newcomer);
        silent.approve(address(other), 1_000);
        other.deposit(1_000);
        other.withdraw(400);
        vm.stopPrank();
        (uint256 free,) = other.balanceOf(newcomer);
        assertEq(free, 600, "free");
        assertEq(silent.balanceOf(newcomer), 400, "wallet");
    }

    function test_reentrantToken_cannotWithdrawTwice() public {
        (ReentrantToken evil, ILilypadMarket other) = _reentrant();
        evil.attack(other, abi.encodeCall(ILilypadMarket.withdraw, (1_000)));
        vm.prank(address(evil));
        other.withdraw(1_000);
        assertEq(bytes4(evil.lastError()), ReentrancyGuard.ReentrancyGuardReentrantCall.selector, "second withdrawal");
        (uint256 free,) = other.balanceOf(address(evil));
        assertEq(free, 0, "free");
        assertEq(evil.balanceOf(address(other)), 5_000, "the other party's tokens");
    }

    function test_reentrantToken_cannotCountADepositTwice() public {
        (ReentrantToken evil, ILilypadMarket other) = _reentrant();
        evil.attack(other, abi.encodeCall(ILilypadMarket.deposit, (1_000)));
        evil.mint(address(evil), 2_000);
        evil.approveAs(address(other), 2_000);
        vm.prank(address(evil));
        other.deposit(1_000);
        assertEq(bytes4(evil.lastError()), ReentrancyGuard.ReentrancyGuardReentrantCall.selector, "second deposit");
        (uint256 free,) = other.balanceOf(address(evil));
        assertEq(free, 2_000, "free");
        assertEq(evil.balanceOf(address(other)), 7_000, "tokens");
    }

    /// @dev A batch is no way around the guard: the inner call still finds it closed.
    function test_reentrantToken_cannotWithdrawByABatch() public {
        (ReentrantToken evil, ILilypadMarket other) = _reentrant();
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(ILilypadMarket.withdraw, (1_000));
        evil.attack(other, abi.encodeCall(ILilypadMarket.batch, (calls, true)));
        vm.prank(address(evil));
        other.withdraw(1_000);
        assertEq(bytes4(evil.lastError()), ReentrancyGuard.ReentrancyGuardReentrantCall.selector, "second withdrawal");
        assertEq(evil.balanceOf(address(other)), 5_000, "the other party's tokens");
    }

    /// @dev Both guarded verbs in one transaction, one after the other, are no re-entry.
    function test_deposit_twiceInABatch() public {
        token.mint(newcomer, 10);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(ILilypadMarket.deposit, (7));
        calls[1] = abi.encodeCall(ILilypadMarket.deposit, (3));
        calls[2] = abi.encodeCall(ILilypadMarket.withdraw, (4));
        vm.startPrank(newcomer);
        token.approve(address(market), 10);
        market.batch(calls, true);
        vm.stopPrank();
        assertEq(_free(newcomer), 6, "free");
        assertEq(token.balanceOf(newcomer), 4, "wallet");
        _assertConserved();
    }

    /* HELPERS */

    /// @dev Every token in the contract is somebody's, and the other way round.
    function _assertConserved() private view {
        uint256 sum = 2 * FUNDS + _free(newcomer);
        assertEq(token.balanceOf(address(market)), sum, "the token balance is the sum of all balances");
    }

    /// @dev A market of a token that calls back while it moves; the token itself holds a balance of 1,000.
    function _reentrant() private returns (ReentrantToken evil, ILilypadMarket other) {
        evil = new ReentrantToken();
        other = _newMarket(address(evil));
        evil.mint(newcomer, 5_000);
        vm.startPrank(newcomer);
        evil.approve(address(other), 5_000);
        other.deposit(5_000);
        vm.stopPrank();
        evil.mint(address(evil), 1_000);
        evil.approveAs(address(other), 1_000);
        vm.prank(address(evil));
        other.deposit(1_000);
    }

    function _signPermit(address owner, uint256 key, uint256 amount, uint256 deadline)
        private
        view
        returns (uint8, bytes32, bytes32)
    {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                address(market),
                amount,
                token.nonces(owner),
                deadline
            )
        );
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
    }
}
