// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, Receipt, Verdict} from "../Types.sol";

/// @title Where drawn mediators show what they got: commit, reveal, compare. Holds no money and knows no prices.
/// @dev A deal under mediation has one slot here, and each of its mediators one; all are cleared by the verdict.
/// The drawn list is in `MediationOpened`; calls pass it and the contract keeps its hash.
/// Warning: mediators can see the provider's receipt and could copy it instead of running the job. No commitment can
/// prevent that, since a provider that wants to be copied can tell them; offers name the panels that they trust.
interface ILilypadMediation {
    /// @notice One deal's mediation.
    struct Docket {
        uint40 commitDeadline; // last second to commit
        uint24 window; // seconds to reveal after that
        uint8 seats;
        uint8 committed; // a bit a seat
        uint8 revealed; // a bit a seat
        bool repeated; // compares what honest runs have in common, and knows "varied"
        bytes20 drawnHash; // the first 20 bytes of keccak256 of the drawn addresses, a word each
    }

    error NotMarket(address caller);
    error NotOpen(DealId dealId);
    error DrawnMismatch(DealId dealId);
    error NotDrawnMediator(address caller);
    error AlreadyCommitted(address mediator);
    error NotCommitted(address mediator);
    error AlreadyRevealed(address mediator);
    error CommitmentMismatch(bytes32 posted, bytes32 given);
    error ReceiptInvalid(bytes32 field);
    error TooEarly(uint256 from);
    error TooLate(uint256 deadline);

    /// @dev `audit`: nobody's accusation, but the draw's, or replicas' that differ.
    event MediationOpened(DealId indexed dealId, bool audit, address[] drawn, uint256 commitDeadline);
    event ReceiptCommitted(DealId indexed dealId, address indexed mediator, bytes32 commitment);
    event ReceiptRevealed(DealId indexed dealId, address indexed mediator, Receipt receipt);

    /// @notice The only caller that opens and closes mediations.
    function market() external view returns (address);

    /// @notice Draws mediators and starts their clock. For the market.
    /// @param panel The registered list, which the market has checked.
    /// @param seed What the lots are drawn from: keccak256 of the anchor block's hash and the deal's id, or, for
    /// replicas, their job offer's hash.
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
    ) external;

    /// @notice A drawn mediator commits to its own receipt.
    /// @param drawn The list of `MediationOpened`.
    /// @param commitment keccak256(abi.encode(dealId, mediator, keccak256(abi.encode(receipt)), salt)).
    function commitReceipt(DealId dealId, address[] calldata drawn, bytes32 commitment) external;

    /// @notice A drawn mediator shows the receipt it committed to, once all have committed or the time is over.
    /// @dev Status 4 says that the mediator's own runs differed; only `Repeated` deals know it.
    function revealReceipt(DealId dealId, address[] calldata drawn, Receipt calldata receipt, bytes32 salt) external;

    /// @notice Compares, forgets the mediation, and says who is to be paid. For the market.
    /// @dev Bit-exact: a receipt that more than half of all drawn mediators revealed; those who revealed it are paid.
    /// Repeated: all revealed receipts agree, and more than half of the drawn came; all who came are paid.
    /// Without a verdict, all who came are paid.
    /// @return verdict What was found.
    /// @return agreed The receipt hash that was found, of its comparable part.
    /// @return paid Who earned the fee.
    function close(DealId dealId, address[] calldata drawn)
        external
        returns (Verdict verdict, bytes32 agreed, address[] memory paid);

    /// @notice A mediation and what its seats have posted: commitments, then hashes of revealed receipts.
    function docket(DealId dealId) external view returns (Docket memory, bytes32[] memory posts);
}
