// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, Receipt, Settlement} from "../Types.sol";

/// @notice What a contract implements to be called back with the answer of a job it requested.
/// @dev Inherit `LilypadConsumer` rather than implement this: it checks who calls and that each answer comes once.
interface ILilypadConsumer {
    /// @notice Hands over a settled result.
    /// @param requestId What `requestJob` returned.
    /// @param dealId The deal that answered it.
    /// @param receipt The result's record; check `status` and `exitCode` before trusting the journal.
    /// @param journal The bytes the job wrote for this contract.
    function onJobResult(bytes32 requestId, DealId dealId, Receipt calldata receipt, bytes calldata journal) external;

    /// @notice Says that a request's only deal ended without a result that stands; its refund is in the market.
    /// @param requestId What `requestJob` returned.
    /// @param dealId The deal that failed.
    /// @param how `ProviderSlashed`, `JobVaried`, `Inconclusive`, `SubmissionTimedOut` or `Declined`.
    function onJobFailed(bytes32 requestId, DealId dealId, Settlement how) external;
}
