// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    Callback,
    DealId,
    DealState,
    DealTerms,
    JobOffer,
    Meter,
    ReplicaGroup,
    ResourceOffer,
    Settlement,
    Verification
} from "../Types.sol";
import {Amounts} from "./Amounts.sol";
import {Balances} from "./Balances.sol";
import {Hashes} from "./Hashes.sol";
import {Rules} from "./Rules.sol";
import {Signatures} from "./Signatures.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Panels, offers, requests, and the making of deals. Money is locked here and never paid out.
abstract contract Matching is Balances, Signatures {
    using Hashes for DealTerms;
    using Hashes for JobOffer;
    using Hashes for ResourceOffer;

    /// @dev One slot, full: 8 + 8 + 8 + 40 + 32 + 160 bits.
    struct Deal {
        DealState state;
        Settlement settlement;
        Callback callback;
        uint40 deadline;
        uint32 anchorBlock; // blocks of a quarter second fill it in 34 years
        // Of 32 bytes the first 20: two receipts that share them take 2^80 work, a given one's double 2^160.
        bytes20 receiptHash;
    }

    /// @notice Most members of a panel, so that a draw has a bounded cost.
    uint256 internal constant PANEL_MEMBERS_MAX = 256;

    /// @notice Most mediators of one deal.
    uint256 internal constant MEDIATORS_MAX = 7;

    /// @notice Most replicas of one job.
    uint256 internal constant REPLICAS_MAX = 7;

    /// @notice Longest window, so that no balance is locked for ever.
    uint256 internal constant WINDOW_SECONDS_MAX = 30 days;

    /// @dev What stands in the place of a cancelled request's lock.
    uint256 internal constant CANCELLED = type(uint256).max;

    /// @inheritdoc ILilypadMarket
    mapping(bytes32 panel => uint256) public panelSize;

    /// @inheritdoc ILilypadMarket
    mapping(address party => mapping(uint256 word => uint256)) public nonceBitmap;

    /// @inheritdoc ILilypadMarket
    mapping(bytes32 resourceOfferHash => uint256) public slotsUsed;

    /// @inheritdoc ILilypadMarket
    mapping(bytes32 requestId => uint256) public requestLock;

    mapping(DealId => Deal) internal _deals;
    mapping(bytes32 jobOfferHash => ReplicaGroup) internal _groups;

    /// @inheritdoc ILilypadMarket
    function registerPanel(address[] calldata mediators) external returns (bytes32 panel) {
        uint256 count = mediators.length;
        if (count == 0 || count > PANEL_MEMBERS_MAX) revert PanelInvalid();
        address last;
        for (uint256 i; i < count; ++i) {
            if (mediators[i] <= last) revert PanelInvalid();
            last = mediators[i];
        }
        panel = keccak256(abi.encode(mediators));
        if (panelSize[panel] != 0) return panel;
        panelSize[panel] = count;
        emit PanelRegistered(panel, mediators);
    }

    /// @inheritdoc ILilypadMarket
    function cancelNonce(uint64 nonce) external {
        _spendNonce(msg.sender, nonce);
        emit OfferCancelled(msg.sender, nonce);
    }

    function _nonceUsed(address party, uint64 nonce) private view returns (bool) {
        // The bit by its number. The lint expects shifts of variables.
        // forge-lint: disable-next-line(incorrect-shift)
        return nonceBitmap[party][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    /// @inheritdoc ILilypadMarket
    function requestJob(JobOffer calldata offer, bytes calldata input) external returns (bytes32 requestId) {
        if (offer.creator != msg.sender) revert NotCreator(msg.sender);
        bytes32 inputHash = keccak256(input);
        if (inputHash != offer.inputHash) revert InputHashMismatch(offer.inputHash, inputHash);
        requestId = offer.hash();
        if (requestLock[requestId] != 0) revert RequestAlreadyPosted(requestId);
        _checkOpen(offer);
        _checkFields(offer);
        uint256 lock = _deposit(offer, offer.pricePerGigafuelMax) * offer.replicas;
        // A request of price zero has no lock to know it by.
        _valid(lock != 0, "price");
        requestLock[requestId] = lock;
        _lock(msg.sender, lock);
        emit JobRequested(requestId, msg.sender, offer, input);
    }

    /// @inheritdoc ILilypadMarket
    function cancelRequest(JobOffer calldata offer) external {
        bytes32 requestId = offer.hash();
        uint256 lock = requestLock[requestId];
        if (lock == 0 || lock == CANCELLED) revert RequestUnknown(requestId);
        if (msg.sender != offer.creator && block.timestamp <= offer.expiry) revert NotCreator(msg.sender);
        // Not zero: its contract must be able to tell it from one that was matched.
        requestLock[requestId] = CANCELLED;
        _spendNonce(offer.creator, offer.nonce);
        _release(offer.creator, lock, lock);
        emit RequestCancelled(requestId);
    }

    /// @inheritdoc ILilypadMarket
    function matchOffers(
        JobOffer[] calldata jobs,
        bytes[] calldata jobSignatures,
        ResourceOffer[] calldata resources,
        bytes[] calldata resourceSignatures
    ) external returns (DealId[] memory ids) {
        uint256 count = resources.length;
        // Else anybody could spend the only slot of an offer for nothing.
        _fit(jobs.length != 0, "jobs");
        _fit(jobs.length == jobSignatures.length && count == resourceSignatures.length, "signatures");
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            for (uint256 j; j < i; ++j) {
                _fit(resources[j].provider != resources[i].provider, "replicas");
            }
            hashes[i] = resources[i].hash();
            _takeResourceOffer(resources[i], resourceSignatures[i], hashes[i], jobs.length);
        }
        ids = new DealId[](jobs.length * count);
        for (uint256 i; i < jobs.length; ++i) {
            _matchJob(jobs[i], jobSignatures[i], resources, hashes, ids, i * count);
        }
    }

    /// @dev One job with all the resource offers, each of which makes a deal; their ids go to `ids` from `at` on.
    function _matchJob(
        JobOffer calldata job,
        bytes calldata signature,
        ResourceOffer[] calldata resources,
        bytes32[] memory hashes,
        DealId[] memory ids,
        uint256 at
    ) private {
        _fit(resources.length == job.replicas, "replicas");
        _checkOpen(job);
        _fit(job.solver == address(0) || job.solver == msg.sender, "job.solver");
        DealTerms memory terms = _terms(job);
        uint256 requested = signature.length == 0 ? requestLock[terms.jobOfferHash] : 0;
        if (requested == 0) _checkSigned(job, signature, terms.jobOfferHash);
        uint256 lock;
        for (uint256 i; i < resources.length; ++i) {
            ResourceOffer calldata resource = resources[i];
            _checkFit(job, resource);
            terms.resourceOfferHash = hashes[i];
            terms.provider = resource.provider;
            terms.pricePerGigafuel = resource.pricePerGigafuel;
            uint256 deposit = _deposit(job, resource.pricePerGigafuel);
            _fit(deposit <= resource.collateralMax, "collateralMax");
            _lock(resource.provider, deposit);
            lock += deposit;
            DealId id = terms.idOf();
            Deal storage d = _deals[id];
            d.state = DealState.Matched;
            d.deadline = uint40(block.timestamp + job.submitWindow);
            ids[at + i] = id;
            emit DealMatched(id, job.creator, resource.provider, terms, job.gateway, resource.gateway);
        }
        _spendNonce(job.creator, job.nonce);
        if (requested == 0) return _lock(job.creator, lock);
        // Locked at the highest price when it was posted; the providers may be cheaper.
        delete requestLock[terms.jobOfferHash];
        _release(job.creator, requested - lock, requested - lock);
    }

    function _terms(JobOffer calldata job) private view returns (DealTerms memory terms) {
        terms.jobOfferHash = job.hash();
        terms.creator = job.creator;
        terms.solver = msg.sender;
        terms.jobDigest = job.jobDigest;
        terms.inputHash = job.inputHash;
        terms.profile = job.profile;
        terms.fuelLimit = job.fuelLimit;
        terms.solverFee = job.solverFee;
        terms.panel = job.panel;
        terms.mediatorFee = job.mediatorFee;
        terms.availabilityFee = job.availabilityFee;
        terms.rules = Rules.pack(job, block.timestamp);
    }

    function _checkOpen(JobOffer calldata o) private view {
        if (block.timestamp > o.expiry) revert JobOfferExpired(o.expiry);
        if (_nonceUsed(o.creator, o.nonce)) revert JobOfferNonceUsed(o.creator, o.nonce);
    }

    /// @dev What never changes about an offer: a request has been checked when it was posted.
    function _checkFields(JobOffer calldata o) private view {
        _valid(o.replicas != 0 && o.replicas <= REPLICAS_MAX, "replicas");
        if (o.verification == Verification.Unverified) {
            _valid(o.mediatorCount == 0 && o.auditBps == 0 && o.availabilityFee == 0 && o.replicas == 1, "verification");
        } else {
            // Time is never the same twice, so it can't be compared bit by bit.
            _valid(o.verification != Verification.BitExact || o.meter == Meter.Fuel, "meter");
            _valid(o.mediatorCount % 2 == 1 && o.mediatorCount <= MEDIATORS_MAX, "mediatorCount");
            _valid(o.auditBps <= Amounts.BPS, "auditBps");
            _valid(o.runs != 0, "runs");
            // Two more than are drawn, in case that both parties sit in it.
            uint256 size = panelSize[o.panel];
            if (size < uint256(o.mediatorCount) + 2) revert PanelTooSmall(o.panel, size, uint256(o.mediatorCount) + 2);
        }
        _valid(o.submitWindow != 0 && o.submitWindow <= WINDOW_SECONDS_MAX, "submitWindow");
        _valid(o.judgeWindow != 0 && o.judgeWindow <= WINDOW_SECONDS_MAX, "judgeWindow");
        _valid(o.mediationWindow != 0 && o.mediationWindow <= WINDOW_SECONDS_MAX, "mediationWindow");
    }

    function _deposit(JobOffer calldata o, uint128 pricePerGigafuel) private pure returns (uint256) {
        return Amounts.deposit(
            Amounts.stakes(
                o.fuelLimit,
                pricePerGigafuel,
                o.penaltyBps,
                o.solverFee,
                o.mediatorFee,
                o.mediatorCount,
                o.availabilityFee
            )
        );
    }

    function _takeResourceOffer(ResourceOffer calldata o, bytes calldata signature, bytes32 offerHash, uint256 deals)
        private
    {
        if (block.timestamp > o.expiry) revert ResourceOfferExpired(o.expiry);
        if (_nonceUsed(o.provider, o.nonce)) revert ResourceOfferNonceUsed(o.provider, o.nonce);
        if (!_signed(o.provider, offerHash, signature)) revert ResourceOfferSignatureInvalid(o.provider);
        uint256 used = o.slots == 1 ? deals : slotsUsed[offerHash] + deals;
        if (used > o.slots) revert ResourceOfferFull(offerHash, o.slots);
        // A single slot is remembered by its nonce.
        if (o.slots == 1) _spendNonce(o.provider, o.nonce);
        else slotsUsed[offerHash] = used;
    }

    function _checkFit(JobOffer calldata job, ResourceOffer calldata resource) private view {
        _fit(resource.solver == address(0) || resource.solver == msg.sender, "resource.solver");
        _fit(job.provider == address(0) || job.provider == resource.provider, "provider");
        _fit(job.creator != resource.provider, "creator");
        _fit(job.profile == resource.profile, "profile");
        _fit(job.meter == resource.meter, "meter");
        _fit(job.fuelLimit <= resource.fuelLimitMax, "fuelLimit");
        _fit(job.memoryBytesMax <= resource.memoryBytesMax, "memoryBytesMax");
        _fit(job.diskBytesMax <= resource.diskBytesMax, "diskBytesMax");
        _fit(job.cores <= resource.cores, "cores");
        _fit(job.gpus <= resource.gpus, "gpus");
        _fit(job.gpuMemoryMib <= resource.gpuMemoryMib, "gpuMemoryMib");
        _fit(resource.pricePerGigafuel <= job.pricePerGigafuelMax, "pricePerGigafuel");
        if (job.verification != Verification.Unverified) {
            _fit(job.panel == resource.panel, "panel");
            _fit(job.mediatorFee >= resource.mediatorFeeMin, "mediatorFee");
        }
        _fit(job.availabilityFee <= resource.availabilityFeeMax, "availabilityFee");
        _fit(job.submitWindow >= resource.submitWindowMin, "submitWindow");
        _fit(job.judgeWindow <= resource.judgeWindowMax, "judgeWindow");
        _fit(job.mediationWindow >= resource.mediationWindowMin, "mediationWindow");
    }

    function _checkSigned(JobOffer calldata job, bytes calldata signature, bytes32 offerHash) private view {
        _checkFields(job);
        if (!_signed(job.creator, offerHash, signature)) revert JobOfferSignatureInvalid(job.creator);
        // The input of a template is known from the request's event, which a signed offer doesn't have.
        _valid(job.inputHash == 0, "inputHash");
    }

    function _spendNonce(address party, uint64 nonce) private {
        // forge-lint: disable-next-line(incorrect-shift)
        nonceBitmap[party][nonce >> 8] |= 1 << (nonce & 0xff);
    }

    function _fit(bool fits, bytes32 constraint) private pure {
        if (!fits) revert OffersDoNotFit(constraint);
    }

    function _valid(bool valid, bytes32 field) private pure {
        if (!valid) revert JobOfferInvalid(field);
    }
}
