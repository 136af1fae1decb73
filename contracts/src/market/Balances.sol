// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Who has how much. Tokens enter and leave the contract here and nowhere else.
/// @dev Invariant: the token balance is at least the sum of all free and locked balances.
abstract contract Balances is ILilypadMarket, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @dev One slot a party.
    struct Balance {
        uint128 free;
        uint128 locked;
    }

    /// @notice Whose free balance burned tokens become: nobody has its key, so they stay in the contract for good.
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc ILilypadMarket
    IERC20 public immutable token;

    mapping(address party => Balance) private _balances;

    constructor(IERC20 token_) {
        token = token_;
    }

    /// @inheritdoc ILilypadMarket
    function deposit(uint256 amount) external nonReentrant {
        _deposit(amount);
    }

    /// @inheritdoc ILilypadMarket
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        // A permit that somebody else already used leaves the allowance it was for; only that matters.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(amount);
    }

    /// @inheritdoc ILilypadMarket
    function withdraw(uint256 amount) external nonReentrant {
        Balance storage balance = _balances[msg.sender];
        if (amount > balance.free) revert InsufficientBalance(msg.sender, balance.free, amount);
        // Safe cast: amount <= free, which is uint128.
        // forge-lint: disable-next-line(unsafe-typecast)
        balance.free -= uint128(amount);
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc ILilypadMarket
    function balanceOf(address account) external view returns (uint256 free, uint256 locked) {
        Balance storage balance = _balances[account];
        return (balance.free, balance.locked);
    }

    function _deposit(uint256 amount) private {
        if (amount > type(uint128).max) revert AmountTooLarge(amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert TransferFeeNotSupported(amount, received);
        // Safe cast: compared at the top.
        // forge-lint: disable-next-line(unsafe-typecast)
        _balances[msg.sender].free += uint128(amount);
        emit Deposited(msg.sender, amount);
    }

    // Amounts below are parts of what has been locked, which fits 128 bits.
    // forge-lint: disable-start(unsafe-typecast)

    /// @dev What is free has 128 bits, so what can be locked has.
    function _lock(address party, uint256 amount) internal {
        Balance memory balance = _balances[party];
        if (amount > balance.free) revert InsufficientBalance(party, balance.free, amount);
        balance.free -= uint128(amount);
        balance.locked += uint128(amount);
        _balances[party] = balance;
    }

    /// @dev Takes `unlocked` out of what a party has locked, and adds `amount` to what it has free.
    function _release(address party, uint256 unlocked, uint256 amount) internal {
        Balance memory balance = _balances[party];
        balance.locked -= uint128(unlocked);
        balance.free += uint128(amount);
        _balances[party] = balance;
    }

    function _credit(address party, uint256 amount) internal {
        if (amount != 0) _balances[party].free += uint128(amount);
    }

    /// @dev Empties an account that is nobody's: a panel's.
    function _drain(address account) internal returns (uint256 amount) {
        amount = _balances[account].free;
        _balances[account].free = 0;
    }
    // forge-lint: disable-end(unsafe-typecast)
}
