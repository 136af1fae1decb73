// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, Receipt, Verdict, Verification} from "./Types.sol";
import {ILilypadMediation} from "./interfaces/ILilypadMediation.sol";
import {Draw} from "./market/Draw.sol";
import {Hashes} from "./market/Hashes.sol";

/// @title Draws, commits, reveals and verdicts. The market opens and closes; mediators do the rest here.
contract LilypadMediation is ILilypadMediation {
    using Hashes for Receipt;

    /// @dev A receipt's `status` that says: my own runs of this job differ.
    uint8 private constant STATUS_VARIED = 4;

    /// @dev What is posted for it. No hash of a receipt is 1.
    bytes32 private constant VARIED = bytes32(uint256(1));

    /// @inheritdoc ILilypadMediation
    address public immutable market;

    mapping(DealId => Docket) private _dockets;
    mapping(DealId => mapping(uint256 seat => bytes32)) private _posts;

    modifier onlyMarket() {
        if (msg.sender != market) revert NotMarket(msg.sender);
        _;
    }

    constructor() {
        market = msg.sender;
    }

    /// @inheritdoc ILilypadMediation
    function open(
        DealId dealId,
        address[] calldata panel,
        address creator,
        address provider,
        uint256 count,
        uint256 window,
        bytes32 seed,
        bool repeated,
        bool audit
    ) external onlyMarket {
        address[] memory drawn = Draw.mediators(panel, creator, provider, count, seed, dealId);
        uint256 deadline = block.timestamp + window;
        // Safe casts: the market bounds the window by 30 days and the count by 7; time fits 40 bits for 34,000 years.
        // forge-lint: disable-next-item(unsafe-typecast)
        _dockets[dealId] = Docket({
            commitDeadline: uint40(deadline),
            window: uint24(window),
            seats: uint8(count),
            committed: 0,
            revealed: 0,
            repeated: repeated,
            drawnHash: bytes20(keccak256(abi.encodePacked(drawn)))
        });
        emit MediationOpened(dealId, audit, drawn, deadline);
    }

    /// @inheritdoc ILilypadMediation
    function commitReceipt(DealId dealId, address[] calldata drawn, bytes32 commitment) external {
        Docket memory d = _docket(dealId, drawn);
        if (block.timestamp > d.commitDeadline) revert TooLate(d.commitDeadline);
        (uint256 seat, uint8 bit) = _seat(drawn);
        if (d.committed & bit != 0) revert AlreadyCommitted(msg.sender);
        if (commitment == 0) revert NotCommitted(msg.sender);
        _posts[dealId][seat] = commitment;
        _dockets[dealId].committed = d.committed | bit;
        emit ReceiptCommitted(dealId, msg.sender, commitment);
    }

    /// @inheritdoc ILilypadMediation
    function revealReceipt(DealId dealId, address[] calldata drawn, Receipt calldata receipt, bytes32 salt) external {
        Docket memory d = _docket(dealId, drawn);
        uint256 revealDeadline = uint256(d.commitDeadline) + d.window;
        if (block.timestamp > revealDeadline) revert TooLate(revealDeadline);
        if (block.timestamp <= d.commitDeadline && d.committed != _all(d)) revert TooEarly(d.commitDeadline + 1);
        (uint256 seat, uint8 bit) = _seat(drawn);
        if (d.committed & bit == 0) revert NotCommitted(msg.sender);
        if (d.revealed & bit != 0) revert AlreadyRevealed(msg.sender);
        bytes32 posted = _posts[dealId][seat];
        bytes32 given = Hashes.commitment(dealId, msg.sender, receipt.hash(), salt);
        if (given != posted) revert CommitmentMismatch(posted, given);
        _posts[dealId][seat] = _comparable(receipt, d.repeated);
        _dockets[dealId].revealed = d.revealed | bit;
        emit ReceiptRevealed(dealId, msg.sender, receipt);
    }

    /// @inheritdoc ILilypadMediation
    function close(DealId dealId, address[] calldata drawn)
        external
        onlyMarket
        returns (Verdict verdict, bytes32 agreed, address[] memory paid)
    {
        Docket memory d = _docket(dealId, drawn);
        uint256 revealDeadline = uint256(d.commitDeadline) + d.window;
        // Waits for who can still post: commits until the first deadline, reveals of commits until the second.
        bool waiting = d.revealed != d.committed || (block.timestamp <= d.commitDeadline && d.committed != _all(d));
        if (waiting && block.timestamp <= revealDeadline) revert TooEarly(revealDeadline + 1);

        bytes32[] memory found = new bytes32[](d.seats);
        for (uint256 seat; seat < d.seats; ++seat) {
            // forge-lint: disable-next-line(incorrect-shift)
            if (d.revealed & (1 << seat) != 0) found[seat] = _posts[dealId][seat];
            delete _posts[dealId][seat];
        }
        delete _dockets[dealId];
        (verdict, agreed) = d.repeated ? _unanimity(found) : _majority(found);
        bool onlyAgreeing = verdict == Verdict.Agreed;
        paid = new address[](d.seats);
        uint256 count;
        for (uint256 seat; seat < d.seats; ++seat) {
            if (found[seat] != 0 && (!onlyAgreeing || found[seat] == agreed)) paid[count++] = drawn[seat];
        }
        assembly ("memory-safe") {
            // Shortens the list to those that were written.
            mstore(paid, count)
        }
    }

    /// @inheritdoc ILilypadMediation
    function docket(DealId dealId) external view returns (Docket memory d, bytes32[] memory posts) {
        d = _dockets[dealId];
        posts = new bytes32[](d.seats);
        for (uint256 seat; seat < d.seats; ++seat) {
            posts[seat] = _posts[dealId][seat];
        }
    }

    function _docket(DealId dealId, address[] calldata drawn) private view returns (Docket memory d) {
        d = _dockets[dealId];
        if (d.seats == 0) revert NotOpen(dealId);
        bytes32 given;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let size := mul(drawn.length, 32)
            calldatacopy(p, drawn.offset, size)
            given := keccak256(p, size)
        }
        // Cut as it was stored.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (bytes20(given) != d.drawnHash) revert DrawnMismatch(dealId);
    }

    function _seat(address[] calldata drawn) private view returns (uint256 seat, uint8 bit) {
        for (; seat < drawn.length; ++seat) {
            // Safe cast: at most seven seats. The bit by its number; the lint expects shifts of variables.
            // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift)
            if (drawn[seat] == msg.sender) return (seat, uint8(1 << seat));
        }
        revert NotDrawnMediator(msg.sender);
    }

    function _all(Docket memory d) private pure returns (uint256) {
        // forge-lint: disable-next-line(incorrect-shift)
        return (1 << d.seats) - 1;
    }

    function _comparable(Receipt calldata receipt, bool repeated) private pure returns (bytes32) {
        if (receipt.status > STATUS_VARIED) revert ReceiptInvalid("status");
        if (receipt.status == STATUS_VARIED) {
            if (!repeated) revert ReceiptInvalid("status");
            return VARIED;
        }
        return receipt.comparable(repeated ? Verification.Repeated : Verification.BitExact);
    }

    /// @dev The receipt that more than half of all drawn mediators revealed.
    function _majority(bytes32[] memory found) private pure returns (Verdict, bytes32) {
        for (uint256 i; i < found.length; ++i) {
            if (found[i] == 0) continue;
            uint256 votes;
            for (uint256 j; j < found.length; ++j) {
                if (found[j] == found[i]) ++votes;
            }
            if (votes * 2 > found.length) return (Verdict.Agreed, found[i]);
        }
        return (Verdict.Inconclusive, 0);
    }

    /// @dev The paper's rule: the receipt that all runs of those who came gave, if more than half came.
    function _unanimity(bytes32[] memory found) private pure returns (Verdict, bytes32 agreed) {
        uint256 came;
        bool varied;
        for (uint256 i; i < found.length; ++i) {
            if (found[i] == 0) continue;
            if (++came == 1) agreed = found[i];
            if (found[i] != agreed || found[i] == VARIED) varied = true;
        }
        if (came * 2 <= found.length) return (Verdict.Inconclusive, 0);
        return varied ? (Verdict.Varied, bytes32(0)) : (Verdict.Agreed, agreed);
    }
}
