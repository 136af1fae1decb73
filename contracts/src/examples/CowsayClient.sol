// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {LilypadConsumer} from "../LilypadConsumer.sol";
import {DealId, JobOffer, Receipt, Settlement} from "../Types.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Asks for a cow that says something, and keeps the verified answer.
/// @dev The whole of what a contract needs: a template job, money in the market, and a callback.
contract CowsayClient is LilypadConsumer {
    using SafeERC20 for IERC20;

    error NotOwner(address caller);

    event Asked(bytes32 indexed requestId, string message);
    event Answered(bytes32 indexed requestId, uint32 exitCode, string cow);
    event AskFailed(bytes32 indexed requestId, uint8 status, uint32 exitCode);
    event AskUnanswered(bytes32 indexed requestId, Settlement how);

    /// @notice Who pays for the cows and may take the rest of the money back.
    address public immutable owner;

    /// @notice What the cow said, by request.
    mapping(bytes32 requestId => string) public answers;

    /// @notice The newest request.
    bytes32 public lastRequestId;

    JobOffer private _template;

    /// @param template An offer with everything set but creator, inputHash, nonce and expiry.
    constructor(ILilypadMarket market_, JobOffer memory template) LilypadConsumer(market_) {
        owner = msg.sender;
        _template = template;
        _template.creator = address(this);
    }

    /// @notice Deposits tokens in the market for this contract's requests. Approve this contract first.
    function fund(uint256 amount) external {
        IERC20 token = market.token();
        token.safeTransferFrom(msg.sender, address(this), amount);
        token.forceApprove(address(market), amount);
        market.deposit(amount);
    }

    /// @notice Takes free balance back out of the market.
    function withdraw(uint256 amount) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        market.withdraw(amount);
        market.token().safeTransfer(owner, amount);
    }

    /// @notice Asks for a cow. Only the owner may: each cow costs this contract money.
    function ask(string calldata message) external returns (bytes32 requestId) {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        // The module's typed input is a JSON object; escaping keeps the message from becoming more than a message.
        bytes memory input = bytes(string.concat('{"message":"', Strings.escapeJSON(message), '"}'));
        JobOffer memory offer = _template;
        offer.inputHash = keccak256(input);
        offer.nonce = ++_template.nonce;
        offer.expiry = uint64(block.timestamp) + 1 days;
        requestId = _requestJob(offer, input);
        lastRequestId = requestId;
        emit Asked(requestId, message);
    }

    /// @inheritdoc LilypadConsumer
    function _onJobResult(bytes32 requestId, DealId, Receipt calldata receipt, bytes calldata journal)
        internal
        override
    {
        // A verified result may be the verified failure of the job; then there is no cow.
        if (receipt.status != 0 || receipt.exitCode != 0) {
            emit AskFailed(requestId, receipt.status, receipt.exitCode);
            return;
        }
        answers[requestId] = string(journal);
        emit Answered(requestId, receipt.exitCode, string(journal));
    }

    /// @inheritdoc LilypadConsumer
    /// @dev The refund stays in the market for the next cow.
    function _onJobFailed(bytes32 requestId, DealId, Settlement how) internal override {
        emit AskUnanswered(requestId, how);
    }

    /// @inheritdoc LilypadConsumer
    function _onJobCancelled(bytes32 requestId) internal override {
        emit AskUnanswered(requestId, Settlement.None);
    }
}
