// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DealId, DealTerms, DealView, JobOffer, PaymentReason, Receipt, ResourceOffer, Settlement} from "../Types.sol";

/// @title The market: deposits, deals, results, mediation, payment.
/// @notice Parties deposit one ERC-20; a deal locks and unlocks within the contract.
/// @dev Assumptions on the token, without which amounts don't add up: a transfer moves exactly its amount
/// (checked at each deposit), balances don't change by themselves (rebasing tokens must not be used), and its whole
/// supply fits 128 bits (else a party could be so rich that paying it reverts).
/// Warning: time is block time and randomness is a block hash; whoever makes the anchor block can try contents
/// until the hash suits it, at no cost. The draws are fair only where no party to a deal makes that block.
/// Warning: mediators see the provider's receipt and can copy it instead of running the job.
interface ILilypadMarket {
    // Money
    error InsufficientBalance(address party, uint256 free, uint256 needed);
    error TransferFeeNotSupported(uint256 expected, uint256 received);
    error AmountTooLarge(uint256 amount);

    // Job offers
    error JobOfferExpired(uint64 expiry);
    error JobOfferNonceUsed(address creator, uint64 nonce);
    error JobOfferSignatureInvalid(address creator);
    error JobOfferInvalid(bytes32 field);
    error CreatorCannotPay(address creator, uint256 free, uint256 needed);

    // Resource offers
    error ResourceOfferExpired(uint64 expiry);
    error ResourceOfferNonceUsed(address provider, uint64 nonce);
    error ResourceOfferSignatureInvalid(address provider);
    error ResourceOfferFull(bytes32 resourceOfferHash, uint32 slots);
    error ProviderCannotPay(address provider, uint256 free, uint256 needed);

    // Matching
    error OffersDoNotFit(bytes32 constraint);
    error PanelTooSmall(bytes32 panel, uint256 eligible, uint256 needed);
    error PanelInvalid();

    // Requests
    error NotCreator(address caller);
    error RequestUnknown(bytes32 offerHash);
    error RequestAlreadyPosted(bytes32 offerHash);
    error InputHashMismatch(bytes32 expected, bytes32 found);

    // Deals
    error WrongState(DealId dealId);
    error NotProvider(address caller);
    error NotDrawnMediator(address caller);
    error ReceiptInvalid(bytes32 field);
    error ReceiptMismatch(bytes32 posted, bytes32 given);
    error TooEarly(uint256 from);
    error TooLate(uint256 deadline);
    error SeedNotKnown(uint256 anchorBlock);
    error SeedLost(uint256 anchorBlock);
    error AuditDue(DealId dealId);
    error AuditNotDrawn(DealId dealId);
    error AlreadyCommitted(address mediator);
    error NotCommitted(address mediator);
    error AlreadyRevealed(address mediator);
    error CommitmentMismatch(bytes32 posted, bytes32 given);

    // Callback
    error CallbackNotAsked(DealId dealId);
    error CallbackAlreadyDelivered(DealId dealId);
    error ResultNotPayable(DealId dealId);
    error JournalMismatch(bytes32 expected, bytes32 found);
    error GasTooLow(uint256 available, uint256 needed);

    event Deposited(address indexed party, uint256 amount);
    event Withdrawn(address indexed party, uint256 amount);
    event PanelRegistered(bytes32 indexed panel, address[] mediators);
    event OfferCancelled(address indexed party, uint64 nonce);
    event JobRequested(bytes32 indexed offerHash, address indexed creator, JobOffer offer, bytes input);
    event RequestCancelled(bytes32 indexed offerHash);
    event DealMatched(
        DealId indexed dealId,
        address indexed creator,
        address indexed provider,
        DealTerms terms,
        string jobGateway,
        string providerGateway
    );
    event ResultSubmitted(DealId indexed dealId, Receipt receipt);
    event SeedFixed(DealId indexed dealId, bytes32 seed);
    event AnchorMoved(DealId indexed dealId, uint256 anchorBlock);
    event DealChallenged(DealId indexed dealId, address by, bool audit, address[] mediators);
    event ReceiptCommitted(DealId indexed dealId, address indexed mediator, bytes32 commitment);
    event ReceiptRevealed(DealId indexed dealId, address indexed mediator, Receipt receipt);
    event DealDeclined(DealId indexed dealId, uint8 reason);
    event Paid(DealId indexed dealId, address indexed party, PaymentReason reason, uint256 amount);
    event DealSettled(DealId indexed dealId, Settlement how);
    event CallbackDelivered(DealId indexed dealId);
    event CallbackFailed(DealId indexed dealId);

    /// @notice The ERC-20 that all balances are in.
    function token() external view returns (IERC20);

    /// @notice Moves tokens from the caller's wallet into its free balance. Approve first.
    function deposit(uint256 amount) external;

    /// @notice Deposits with an EIP-2612 permit instead of an approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Moves free balance back to the caller's wallet.
    function withdraw(uint256 amount) external;

    /// @notice A party's balance: free to lock or withdraw, and locked in deals.
    function balanceOf(address account) external view returns (uint256 free, uint256 locked);

    /// @notice Makes a list of mediators nameable by offers. Anyone may; naming one in an offer is trusting it.
    /// @return panel keccak256 of the ABI-encoded list.
    function registerPanel(address[] calldata mediators) external returns (bytes32 panel);

    /// @notice A panel's members.
    function panelMembers(bytes32 panel) external view returns (address[] memory);

    /// @notice Makes an own offer unmatchable. Deals already matched go on.
    /// @dev A party has one space of nonces for its job offers and its resource offers.
    function cancelNonce(uint64 nonce) external;

    /// @notice Whether an offer nonce of a party is spent or cancelled.
    function nonceUsed(address party, uint64 nonce) external view returns (bool);

    /// @notice Makes a deal of two offers; the caller is the deal's solver and earns its fee.
    /// @dev Every constraint of both offers is checked here: a solver can't make a bad match.
    /// @param jobSignature The creator's EIP-712 or ERC-1271 signature; ignored for a requested job.
    function matchOffers(
        JobOffer calldata job,
        bytes calldata jobSignature,
        ResourceOffer calldata resource,
        bytes calldata resourceSignature
    ) external returns (DealId);

    /// @notice Posts a job offer on chain and locks its price; for contracts, which can't sign.
    /// @param input Bytes that become the job's standard input; `offer.inputHash` is their keccak256.
    /// @return requestId The offer's EIP-712 struct hash.
    function requestJob(JobOffer calldata offer, bytes calldata input) external returns (bytes32 requestId);

    /// @notice Takes an unmatched request back: by its creator at any time, by anyone after its expiry.
    function cancelRequest(JobOffer calldata offer) external;

    /// @notice What a posted and unmatched request has locked; zero otherwise.
    function requestLock(bytes32 requestId) external view returns (uint256);

    /// @notice The provider says no in time, instead of posting a result; both sides get back what they locked.
    /// @dev Warning: the solver is not paid. A fee from either side could be farmed by matching friends' offers.
    function declineDeal(DealTerms calldata terms, uint8 reason) external;

    /// @notice The provider posts its result.
    function submitResult(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice The creator takes the result; everybody is paid at once.
    function acceptResult(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice Stores the hash of the anchor block as the deal's seed, or moves the anchor when that hash is lost.
    function fixSeed(DealTerms calldata terms) external;

    /// @notice The creator demands mediation.
    function challengeResult(DealTerms calldata terms) external;

    /// @notice Anyone starts the audit that the draw demands.
    function auditResult(DealTerms calldata terms) external;

    /// @notice A drawn mediator commits to its own receipt.
    /// @param commitment keccak256(abi.encode(dealId, mediator, receiptHash, salt)).
    function commitReceipt(DealTerms calldata terms, bytes32 commitment) external;

    /// @notice A drawn mediator shows the receipt it committed to, once all have committed or the time is over.
    function revealReceipt(DealTerms calldata terms, Receipt calldata receipt, bytes32 salt) external;

    /// @notice Compares the revealed receipts with the provider's and settles.
    function concludeMediation(DealTerms calldata terms, Receipt calldata providerReceipt) external;

    /// @notice Settles a result that nobody challenged in time.
    function finalizeDeal(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice Settles a deal whose provider posted nothing in time.
    function timeoutSubmission(DealTerms calldata terms) external;

    /// @notice Calls the requesting contract back with a result that stands.
    /// @dev A failing callback changes nothing else and may be tried again by anyone.
    function deliverResult(DealTerms calldata terms, Receipt calldata receipt, bytes calldata journal) external;

    /// @notice Where a deal stands.
    function deal(DealTerms calldata terms) external view returns (DealView memory);

    /// @notice What a deal on these terms locks of its creator's balance.
    function creatorLock(DealTerms calldata terms) external pure returns (uint256);

    /// @notice An offer's EIP-712 struct hash.
    function hashJobOffer(JobOffer calldata offer) external pure returns (bytes32);

    /// @notice An offer's EIP-712 struct hash.
    function hashResourceOffer(ResourceOffer calldata offer) external pure returns (bytes32);

    /// @notice How many deals a resource offer has made.
    function slotsUsed(bytes32 resourceOfferHash) external view returns (uint32);
}
