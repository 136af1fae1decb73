// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {DealId, DealState, DealTerms, JobOffer, ResourceOffer, Settlement} from "../Types.sol";
import {Amounts} from "./Amounts.sol";
import {Balances} from "./Balances.sol";
import {OfferHash} from "./OfferHash.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Panels, offers, requests, and the making of deals. Money is locked here and never paid out.
abstract contract Matching is Balances, EIP712 {
    using OfferHash for JobOffer;
    using OfferHash for ResourceOffer;

    /// @dev Three slots: the first is packed, then the two hashes. Mediators and their posts lie elsewhere.
    struct Deal {
        DealState state;
        Settlement settlement;
        uint64 deadline;
        uint64 anchorBlock;
        bool callbackDelivered;
        bool callbackFailed;
        bytes32 receiptHash;
        bytes32 seed;
    }

    /// @notice Most members of a panel, so that a draw has a bounded cost.
    uint256 public constant PANEL_MEMBERS_MAX = 256;

    /// @notice Most mediators of one deal.
    uint256 public constant MEDIATORS_MAX = 7;

    /// @notice Longest window, so that no balance is locked for ever.
    uint256 public constant WINDOW_SECONDS_MAX = 30 days;

    mapping(bytes32 panel => address[]) private _panels;
    mapping(bytes32 panel => mapping(address => bool)) private _isMember;
    mapping(address party => mapping(uint256 word => uint256)) private _nonces;
    mapping(bytes32 resourceOfferHash => uint32) private _slotsUsed;
    mapping(bytes32 offerHash => uint256) private _requestLocks;
    mapping(DealId => Deal) internal _deals;

    constructor() EIP712("LilypadMarket", "1") {}

    /// @inheritdoc ILilypadMarket
    function registerPanel(address[] calldata mediators) external returns (bytes32 panel) {
        uint256 count = mediators.length;
        if (count == 0 || count > PANEL_MEMBERS_MAX) revert PanelInvalid();
        panel = keccak256(abi.encode(mediators));
        if (_panels[panel].length != 0) return panel;
        for (uint256 i; i < count; ++i) {
            address mediator = mediators[i];
            if (mediator == address(0) || _isMember[panel][mediator]) revert PanelInvalid();
            _isMember[panel][mediator] = true;
        }
        _panels[panel] = mediators;
        emit PanelRegistered(panel, mediators);
    }

    /// @inheritdoc ILilypadMarket
    function panelMembers(bytes32 panel) public view returns (address[] memory) {
        return _panels[panel];
    }

    /// @inheritdoc ILilypadMarket
    function cancelNonce(uint64 nonce) external {
        _spendNonce(msg.sender, nonce);
        emit OfferCancelled(msg.sender, nonce);
    }

    /// @inheritdoc ILilypadMarket
    function nonceUsed(address party, uint64 nonce) public view returns (bool) {
        // The bit by its number. The lint expects shifts of variables.
        // forge-lint: disable-next-line(incorrect-shift)
        return _nonces[party][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    /// @inheritdoc ILilypadMarket
    function slotsUsed(bytes32 resourceOfferHash) external view returns (uint32) {
        return _slotsUsed[resourceOfferHash];
    }

    /// @inheritdoc ILilypadMarket
    function requestLock(bytes32 requestId) external view returns (uint256) {
        return _requestLocks[requestId];
    }

    /// @inheritdoc ILilypadMarket
    function hashJobOffer(JobOffer calldata offer) external pure returns (bytes32) {
        return offer.hash();
    }

    /// @inheritdoc ILilypadMarket
    function hashResourceOffer(ResourceOffer calldata offer) external pure returns (bytes32) {
        return offer.hash();
    }

    /// @inheritdoc ILilypadMarket
    function requestJob(JobOffer calldata offer, bytes calldata input) external returns (bytes32 requestId) {
        if (offer.creator != msg.sender) revert NotCreator(msg.sender);
        bytes32 inputHash = keccak256(input);
        if (inputHash != offer.inputHash) revert InputHashMismatch(offer.inputHash, inputHash);
        requestId = offer.hash();
        if (_requestLocks[requestId] != 0) revert RequestAlreadyPosted(requestId);
        _checkJobOffer(offer);
        uint256 lock = Amounts.creatorLockMax(offer);
        // A request of price zero has no lock to know it by.
        if (lock == 0) revert JobOfferInvalid("price");
        if (lock > _free(msg.sender)) revert CreatorCannotPay(msg.sender, _free(msg.sender), lock);
        _requestLocks[requestId] = lock;
        _lock(msg.sender, lock);
        emit JobRequested(requestId, msg.sender, offer, input);
    }

    /// @inheritdoc ILilypadMarket
    function cancelRequest(JobOffer calldata offer) external {
        bytes32 requestId = offer.hash();
        uint256 lock = _requestLocks[requestId];
        if (lock == 0) revert RequestUnknown(requestId);
        if (msg.sender != offer.creator && block.timestamp <= offer.expiry) revert NotCreator(msg.sender);
        delete _requestLocks[requestId];
        _spendNonce(offer.creator, offer.nonce);
        _unlock(offer.creator, lock);
        emit RequestCancelled(requestId);
    }

    /// @inheritdoc ILilypadMarket
    function matchOffers(
        JobOffer calldata job,
        bytes calldata jobSignature,
        ResourceOffer calldata resource,
        bytes calldata resourceSignature
    ) external returns (DealId id) {
        DealTerms memory terms = _terms(job, resource);
        _checkJobOffer(job);
        _checkResourceOffer(resource, resourceSignature, terms.resourceOfferHash);
        _checkFit(job, resource, terms);
        terms.slot = _slotsUsed[terms.resourceOfferHash]++;
        _lockBoth(job, jobSignature, terms);
        _spendNonce(job.creator, job.nonce);
        id = DealId.wrap(keccak256(abi.encode(terms)));
        Deal storage d = _deals[id];
        d.state = DealState.Matched;
        d.deadline = uint64(block.timestamp) + terms.submitWindow;
        emit DealMatched(id, job.creator, resource.provider, terms, job.gateway, resource.gateway);
    }

    function _terms(JobOffer calldata job, ResourceOffer calldata resource)
        private
        view
        returns (DealTerms memory terms)
    {
        terms.jobOfferHash = job.hash();
        terms.resourceOfferHash = resource.hash();
        terms.creator = job.creator;
        terms.provider = resource.provider;
        terms.solver = msg.sender;
        terms.jobDigest = job.jobDigest;
        terms.inputHash = job.inputHash;
        terms.profile = job.profile;
        terms.panel = job.panel;
        terms.fuelLimit = job.fuelLimit;
        terms.pricePerGigafuel = resource.pricePerGigafuel;
        terms.solverFee = job.solverFee;
        terms.mediatorFee = job.mediatorFee;
        terms.collateral = resource.collateral;
        terms.mediatorCount = job.mediatorCount;
        terms.auditBps = job.auditBps;
        terms.submitWindow = job.submitWindow;
        terms.judgeWindow = job.judgeWindow;
        terms.mediationWindow = job.mediationWindow;
        terms.callbackGas = job.callbackGas;
        terms.matchedAt = uint64(block.timestamp);
    }

    function _checkJobOffer(JobOffer calldata o) private view {
        if (block.timestamp > o.expiry) revert JobOfferExpired(o.expiry);
        if (nonceUsed(o.creator, o.nonce)) revert JobOfferNonceUsed(o.creator, o.nonce);
        if (o.mediatorCount % 2 == 0 || o.mediatorCount > MEDIATORS_MAX) revert JobOfferInvalid("mediatorCount");
        if (o.auditBps > 10_000) revert JobOfferInvalid("auditBps");
        if (o.submitWindow == 0 || o.submitWindow > WINDOW_SECONDS_MAX) revert JobOfferInvalid("submitWindow");
        if (o.judgeWindow == 0 || o.judgeWindow > WINDOW_SECONDS_MAX) revert JobOfferInvalid("judgeWindow");
        if (o.mediationWindow == 0 || o.mediationWindow > WINDOW_SECONDS_MAX) {
            revert JobOfferInvalid("mediationWindow");
        }
        if (Amounts.creatorLockMax(o) > type(uint128).max) revert JobOfferInvalid("price");
    }

    function _checkResourceOffer(ResourceOffer calldata o, bytes calldata signature, bytes32 offerHash) private view {
        if (block.timestamp > o.expiry) revert ResourceOfferExpired(o.expiry);
        if (nonceUsed(o.provider, o.nonce)) revert ResourceOfferNonceUsed(o.provider, o.nonce);
        if (_slotsUsed[offerHash] >= o.slots) revert ResourceOfferFull(offerHash, o.slots);
        if (!SignatureChecker.isValidSignatureNow(o.provider, _hashTypedDataV4(offerHash), signature)) {
            revert ResourceOfferSignatureInvalid(o.provider);
        }
    }

    function _checkFit(JobOffer calldata job, ResourceOffer calldata resource, DealTerms memory terms) private view {
        if (job.solver != address(0) && job.solver != msg.sender) revert OffersDoNotFit("job.solver");
        if (resource.solver != address(0) && resource.solver != msg.sender) revert OffersDoNotFit("resource.solver");
        if (job.provider != address(0) && job.provider != resource.provider) revert OffersDoNotFit("provider");
        if (job.creator == resource.provider) revert OffersDoNotFit("creator");
        if (job.profile != resource.profile) revert OffersDoNotFit("profile");
        if (job.panel != resource.panel) revert OffersDoNotFit("panel");
        if (job.fuelLimit > resource.fuelLimitMax) revert OffersDoNotFit("fuelLimit");
        if (job.memoryBytesMax > resource.memoryBytesMax) revert OffersDoNotFit("memoryBytesMax");
        if (resource.pricePerGigafuel > job.pricePerGigafuelMax) revert OffersDoNotFit("pricePerGigafuel");
        if (job.submitWindow < resource.submitWindowMin) revert OffersDoNotFit("submitWindow");
        // The collateral makes everybody whole when the provider is at fault: creator, solver, mediators.
        if (resource.collateral < job.collateralMin || resource.collateral < Amounts.creatorLock(terms)) {
            revert OffersDoNotFit("collateral");
        }
        uint256 eligible = _panels[job.panel].length;
        if (_isMember[job.panel][job.creator]) --eligible;
        if (_isMember[job.panel][resource.provider]) --eligible;
        if (eligible < job.mediatorCount) revert PanelTooSmall(job.panel, eligible, job.mediatorCount);
    }

    function _lockBoth(JobOffer calldata job, bytes calldata jobSignature, DealTerms memory terms) private {
        uint256 lock = Amounts.creatorLock(terms);
        uint256 requested = _requestLocks[terms.jobOfferHash];
        if (requested != 0) {
            // Locked at the highest price when it was posted; the provider may be cheaper.
            delete _requestLocks[terms.jobOfferHash];
            _unlock(job.creator, requested - lock);
        } else {
            bytes32 digest = _hashTypedDataV4(terms.jobOfferHash);
            if (!SignatureChecker.isValidSignatureNow(job.creator, digest, jobSignature)) {
                revert JobOfferSignatureInvalid(job.creator);
            }
            // The input of a template is known from the request's event, which a signed offer doesn't have.
            if (job.inputHash != 0) revert JobOfferInvalid("inputHash");
            if (lock > _free(job.creator)) revert CreatorCannotPay(job.creator, _free(job.creator), lock);
            _lock(job.creator, lock);
        }
        uint256 free = _free(terms.provider);
        if (terms.collateral > free) revert ProviderCannotPay(terms.provider, free, terms.collateral);
        _lock(terms.provider, terms.collateral);
    }

    function _spendNonce(address party, uint64 nonce) private {
        // forge-lint: disable-next-line(incorrect-shift)
        _nonces[party][nonce >> 8] |= 1 << (nonce & 0xff);
    }
}
