// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DealId, DealTerms, DeclineReason, JobOffer, Receipt, ResourceOffer, Settlement} from "../Types.sol";
import {ILilypadMediation} from "./ILilypadMediation.sol";

/// @title The market: deposits, deals, results, judging, payment.
/// @notice Parties deposit one ERC-20; a deal locks and unlocks within the contract.
/// @dev Assumptions on the token, without which amounts don't add up: a transfer moves exactly its amount
/// (checked at each deposit), balances don't change by themselves (rebasing tokens must not be used), and its whole
/// supply fits 128 bits (else a party could be so rich that paying it reverts).
/// Warning: time is block time and randomness is a block hash; whoever makes the anchor block can try contents
/// until the hash suits it, at no cost. The draws are fair only where no party to a deal makes that block.
/// Warning: where fuel counts time, a provider's claim is checked against the offer's limit and nothing else.
/// Warning: an `Unverified` deal pays for any answer.
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

    // Resource offers
    error ResourceOfferExpired(uint64 expiry);
    error ResourceOfferNonceUsed(address provider, uint64 nonce);
    error ResourceOfferSignatureInvalid(address provider);
    error ResourceOfferFull(bytes32 resourceOfferHash, uint32 slots);

    // Matching
    error OffersDoNotFit(bytes32 constraint);
    error PanelTooSmall(bytes32 panel, uint256 size, uint256 needed);
    error PanelInvalid();

    // Requests
    error NotCreator(address caller);
    error RequestUnknown(bytes32 requestId);
    error RequestAlreadyPosted(bytes32 requestId);
    error InputHashMismatch(bytes32 expected, bytes32 found);

    // Deals
    error WrongState(DealId dealId);
    error NotProvider(address caller);
    error CommitmentNeeded(DealId dealId);
    error CommitmentNotAsked(DealId dealId);
    error CommitmentMismatch(bytes20 posted, bytes20 given);
    error ReceiptInvalid(bytes32 field);
    error ReceiptMismatch(bytes20 posted, bytes20 given);
    error TooEarly(uint256 from);
    error TooLate(uint256 deadline);
    error SeedNotKnown(uint256 anchorBlock);
    error SeedLost(uint256 anchorBlock);
    error NotVerifiable(DealId dealId);
    error MediationDue(DealId dealId);
    error MediationDone(DealId dealId);
    error AuditNotDrawn(DealId dealId);

    // Callback
    error CallbackNotAsked(DealId dealId);
    error CallbackAlreadyDelivered(DealId dealId);
    error ResultNotPayable(DealId dealId);
    error ResultNotFailed(DealId dealId);
    error JournalMismatch(bytes32 expected, bytes32 found);
    error GasTooLow(uint256 available, uint256 needed);

    event Deposited(address indexed party, uint256 amount);
    event Withdrawn(address indexed party, uint256 amount);
    event PanelRegistered(bytes32 indexed panel, address[] mediators);
    event PanelPaid(bytes32 indexed panel, uint256 share);
    event OfferCancelled(address indexed party, uint64 nonce);
    /// @dev `call` is the calldata of `requestJob`, with offer and input. Check them against `requestId` and `inputHash`.
    event JobRequested(bytes32 indexed requestId, address indexed creator, bytes call);
    event RequestCancelled(bytes32 indexed requestId);
    event DealMatched(
        DealId indexed dealId,
        address indexed creator,
        address indexed provider,
        DealTerms terms,
        string jobGateway,
        string providerGateway
    );
    event DealDeclined(DealId indexed dealId, DeclineReason reason);
    event ResultCommitted(DealId indexed dealId, bytes32 commitment);
    event ResultSubmitted(DealId indexed dealId, Receipt receipt);
    event SeedFixed(uint256 indexed anchorBlock, bytes32 seed);
    event AnchorMoved(DealId indexed dealId, uint256 anchorBlock);
    /// @dev What each got, of both deposits. Each of `mediators` got the terms' mediator fee, the panel's account the rest.
    event DealSettled(
        DealId indexed dealId,
        Settlement how,
        uint256 creator,
        uint256 provider,
        uint256 solver,
        uint256 burned,
        address[] mediators
    );
    event CallbackDelivered(DealId indexed dealId);
    event CallbackFailed(DealId indexed dealId);
    event BatchCallFailed(uint256 index, bytes reason);

    /// @notice The ERC-20 that all balances are in.
    function token() external view returns (IERC20);

    /// @notice Where drawn mediators commit and reveal.
    function mediation() external view returns (ILilypadMediation);

    /// @notice Views of this market that take more room than it has: a `LilypadLens`.
    function lens() external view returns (address);

    /// @notice The EIP-712 domain that offers are signed for: name "LilypadMarket", version "1", this chain, this contract.
    function domainSeparator() external view returns (bytes32);

    /* MONEY */

    /// @notice Moves tokens from the caller's wallet into its free balance. Approve first.
    function deposit(uint256 amount) external;

    /// @notice Deposits with an EIP-2612 permit instead of an approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Moves free balance back to the caller's wallet.
    function withdraw(uint256 amount) external;

    /// @notice A party's balance: free to lock or withdraw, and locked in deals.
    function balanceOf(address account) external view returns (uint256 free, uint256 locked);

    /// @notice Shares out what availability fees have gathered for a panel, equally. Anyone may call it.
    function payPanel(address[] calldata panel) external;

    /// @notice Calls several verbs of this contract in one transaction.
    /// @param calls ABI-encoded calls.
    /// @param allOrNothing Whether one that fails reverts all; else it leaves `BatchCallFailed` and the rest goes on.
    /// @return results What each returned, or its revert data.
    function batch(bytes[] calldata calls, bool allOrNothing) external returns (bytes[] memory results);

    /* OFFERS */

    /// @notice Makes a list of mediators nameable by offers. Anyone may; naming one in an offer is trusting it.
    /// @param mediators In ascending order, at most 256.
    /// @return panel keccak256 of the ABI-encoded list.
    function registerPanel(address[] calldata mediators) external returns (bytes32 panel);

    /// @notice How many members a panel has; zero if it isn't registered. Its members are in `PanelRegistered`.
    function panelSize(bytes32 panel) external view returns (uint256);

    /// @notice Makes an own offer unmatchable. Deals already matched go on.
    /// @dev A party has one space of nonces for its job offers and its resource offers.
    function cancelNonce(uint64 nonce) external;

    /// @notice A party's 256 nonces from `word * 256` on, a bit each: set when spent or cancelled.
    function nonceBitmap(address party, uint256 word) external view returns (uint256);

    /// @notice How many deals a resource offer with more than one slot has made; one slot is known by its nonce.
    function slotsUsed(bytes32 resourceOfferHash) external view returns (uint256);

    /// @notice Makes a deal of each job offer with each resource offer: usually one with one, one with as many as it
    /// wants replicas, or many jobs with one provider.
    /// @dev The caller is the deals' solver and earns their fees. Every constraint of all offers is checked here: a
    /// solver can't make a bad match. Each side of a deal locks the lens's `depositOf` its terms.
    /// @param jobs At least one; each wants as many replicas as there are resource offers.
    /// @param jobSignatures The creators' EIP-712 or ERC-1271 signatures; empty for a requested job.
    /// @param resources Of different providers.
    /// @return The deals' ids, those of the first job first.
    function matchOffers(
        JobOffer[] calldata jobs,
        bytes[] calldata jobSignatures,
        ResourceOffer[] calldata resources,
        bytes[] calldata resourceSignatures
    ) external returns (DealId[] memory);

    /// @notice Posts a job offer on chain and locks its deposits; for contracts, which can't sign.
    /// @param input Bytes that become the job's standard input; `offer.inputHash` is their keccak256.
    /// @return requestId The offer's EIP-712 struct hash.
    function requestJob(JobOffer calldata offer, bytes calldata input) external returns (bytes32 requestId);

    /// @notice Takes an unmatched request back and spends its nonce: by its creator at any time, by anyone after its
    /// expiry.
    function cancelRequest(JobOffer calldata offer) external;

    /// @notice What a posted request has locked; zero once it is matched, `type(uint256).max` once it is cancelled.
    function requestLock(bytes32 requestId) external view returns (uint256);

    /* RESULTS */

    /// @notice The provider says no, in the first half of the submit window; both sides get back what they locked.
    /// @dev Warning: the solver is not paid. A fee from either side could be farmed by matching friends' offers.
    function declineDeal(DealTerms calldata terms, DeclineReason reason) external;

    /// @notice The only provider of a job posts its result.
    function submitResult(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice One of a job's replicas commits to its result.
    /// @param commitment keccak256(abi.encode(dealId, provider, keccak256(abi.encode(receipt)), salt)).
    function commitResult(DealTerms calldata terms, bytes32 commitment) external;

    /// @notice A replica shows its result, once all have committed or the time is over.
    function revealResult(DealTerms calldata terms, Receipt calldata receipt, bytes32 salt) external;

    /// @notice Settles a deal whose provider posted nothing in time; one that committed and did not reveal is slashed.
    function timeoutSubmission(DealTerms calldata terms) external;

    /* JUDGING */

    /// @notice The creator takes the result; everybody is paid at once.
    /// @dev A replica's only once no other can contradict it any more; `finalizeDeal` settles those that agree.
    function acceptResult(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice Settles a result that nobody challenged in time; at once where all replicas agree; and, where another
    /// replica's mediation gave a verdict, by that.
    /// @dev An audit that the draw demands, or a dispute among replicas, comes first.
    function finalizeDeal(DealTerms calldata terms, Receipt calldata receipt) external;

    /// @notice Stores the hash of the deal's anchor block, for all deals that have it, or moves the deal's anchor when
    /// that hash is lost.
    function fixSeed(DealTerms calldata terms) external;

    /// @notice The creator demands mediation.
    /// @param panel The members, as registered.
    function challengeResult(DealTerms calldata terms, address[] calldata panel) external;

    /// @notice Anyone starts the mediation that the draw, or replicas that differ, demand.
    function auditResult(DealTerms calldata terms, address[] calldata panel) external;

    /// @notice Compares the mediators' receipts with the provider's and settles, as soon as no mediator can change what
    /// is found: who has not committed by the first deadline is not waited for, who has is until the second.
    /// @param drawn The list of the mediation's `MediationOpened`.
    function concludeMediation(DealTerms calldata terms, Receipt calldata providerReceipt, address[] calldata drawn)
        external;

    /* CALLBACKS */

    /// @notice Calls the requesting contract back with a result that stands; finalizes the deal first where that is due.
    /// @dev A failing callback changes nothing else and may be tried again by anyone.
    function deliverResult(DealTerms calldata terms, Receipt calldata receipt, bytes calldata journal) external;

    /// @notice Tells the requesting contract that its only deal brought no result that stands.
    function deliverFailure(DealTerms calldata terms) external;

    /* VIEWS */

    /// @notice Raw storage, for `LilypadLens`, which knows what lies where.
    function extsload(bytes32[] calldata slots) external view returns (bytes32[] memory);
}
