// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {LilypadConsumer} from "../LilypadConsumer.sol";
import {DealId, JobOffer, Receipt, Settlement} from "../Types.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Sells cows to strangers: whoever asks pays, and gets its money back when no cow comes.
/// @dev Shows what a contract needs that spends other people's money: each asker's payment covers the most that its
/// job can lock, every way a request can end decides about that payment once, and refunds are pulled, never pushed.
/// What a cow cost less than its price stays with the contract and is the owner's.
contract CowsayKiosk is LilypadConsumer {
    using SafeERC20 for IERC20;

    error NotOwner(address caller);
    error PriceTooLow(uint256 price, uint256 locked);
    error NothingOwed(address asker);

    event Asked(bytes32 indexed requestId, address indexed asker, string message);
    event Answered(bytes32 indexed requestId, string cow);
    event JobFailed(bytes32 indexed requestId, uint8 status, uint32 exitCode);
    event Refunded(bytes32 indexed requestId, address indexed asker, uint256 amount);

    /// @notice Who takes what is left over.
    address public immutable owner;

    /// @notice What a cow costs, in base units of the market's token.
    uint256 public immutable price;

    /// @notice Who paid for a request that is still open.
    mapping(bytes32 requestId => address) public askerOf;

    /// @notice What an asker can take back.
    mapping(address asker => uint256) public owed;

    /// @notice What is owed to all askers, or will be if their open requests fail: the owner can't take it.
    uint256 public reserved;

    JobOffer private _template;

    /// @param template An offer with everything set but creator, inputHash, nonce and expiry.
    /// @param price_ At least the most that one request locks.
    constructor(ILilypadMarket market_, JobOffer memory template, uint256 price_) LilypadConsumer(market_) {
        owner = msg.sender;
        price = price_;
        _template = template;
        _template.creator = address(this);
        market_.token().forceApprove(address(market_), type(uint256).max);
    }

    /// @notice Asks for a cow. Approve this contract for `price` first.
    function ask(string calldata message) external returns (bytes32 requestId) {
        market.token().safeTransferFrom(msg.sender, address(this), price);
        market.deposit(price);
        reserved += price;
        bytes memory input = bytes(string.concat('{"message":"', Strings.escapeJSON(message), '"}'));
        JobOffer memory offer = _template;
        offer.inputHash = keccak256(input);
        offer.nonce = ++_template.nonce;
        offer.expiry = uint64(block.timestamp) + 1 hours;
        requestId = _requestJob(offer, input);
        uint256 locked = market.requestLock(requestId);
        if (locked > price) revert PriceTooLow(price, locked);
        askerOf[requestId] = msg.sender;
        emit Asked(requestId, msg.sender, message);
    }

    /// @notice Takes back what one is owed.
    function collect() external {
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        owed[msg.sender] = 0;
        reserved -= amount;
        _payOut(msg.sender, amount);
    }

    /// @notice What the owner can take without touching askers' money.
    function profit() public view returns (uint256) {
        (uint256 free, uint256 locked) = market.balanceOf(address(this));
        uint256 funds = free + locked;
        return funds > reserved ? funds - reserved : 0;
    }

    /// @notice Takes the profit.
    function takeProfit(uint256 amount) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        if (amount > profit()) revert NothingOwed(msg.sender);
        _payOut(owner, amount);
    }

    /// @inheritdoc LilypadConsumer
    function _onJobResult(bytes32 requestId, DealId, Receipt calldata receipt, bytes calldata journal)
        internal
        override
    {
        _refund(requestId, 0);
        // A verified failure was work too, and its asker's input made it fail: a refund could be farmed.
        if (receipt.status != 0 || receipt.exitCode != 0) emit JobFailed(requestId, receipt.status, receipt.exitCode);
        else emit Answered(requestId, string(journal));
    }

    /// @inheritdoc LilypadConsumer
    /// @dev The asker gets what came back for sure: not the fees of people who came for nothing, nor, where the job
    /// itself is at fault, anything. Else an asker in league with them could empty the kiosk.
    function _onJobFailed(bytes32 requestId, DealId, Settlement how) internal override {
        uint256 lost;
        if (how == Settlement.JobVaried) lost = price;
        if (how == Settlement.Inconclusive) {
            lost = _template.solverFee + uint256(_template.mediatorFee) * _template.mediatorCount;
        }
        _refund(requestId, price - lost);
    }

    /// @inheritdoc LilypadConsumer
    function _onJobCancelled(bytes32 requestId) internal override {
        _refund(requestId, price);
    }

    /// @dev Decides about a request's payment: `amount` of it is owed to the asker, the rest is the kiosk's.
    function _refund(bytes32 requestId, uint256 amount) private {
        address asker = askerOf[requestId];
        delete askerOf[requestId];
        reserved -= price - amount;
        if (amount == 0) return;
        owed[asker] += amount;
        emit Refunded(requestId, asker, amount);
    }

    function _payOut(address to, uint256 amount) private {
        market.withdraw(amount);
        market.token().safeTransfer(to, amount);
    }
}
