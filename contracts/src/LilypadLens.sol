// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    Accord,
    Callback,
    DealId,
    DealState,
    DealTerms,
    DealView,
    JobOffer,
    ReplicaGroup,
    ResourceOffer,
    Settlement
} from "./Types.sol";
import {ILilypadMarket} from "./interfaces/ILilypadMarket.sol";
import {Amounts} from "./market/Amounts.sol";
import {Draw} from "./market/Draw.sol";
import {Hashes} from "./market/Hashes.sol";

/// @title Views that a user interface or a host needs of one market, as many at a time as it likes.
/// @dev Reads the market's raw storage: the slots are its layout, which a test pins. Writes nothing, holds nothing.
contract LilypadLens {
    using Hashes for DealTerms;
    using Hashes for JobOffer;
    using Hashes for ResourceOffer;

    uint256 private constant SLOT_DEALS = 5;
    uint256 private constant SLOT_GROUPS = 6;
    uint256 private constant SLOT_SEEDS = 7;

    /// @notice The market that made this lens.
    ILilypadMarket public immutable market;

    /// @notice A party's money and one word of its nonces.
    struct Account {
        uint256 free;
        uint256 locked;
        uint256 nonceBitmap; // of the word asked for
    }

    constructor() {
        market = ILilypadMarket(msg.sender);
    }

    /// @notice Where a deal stands.
    function deal(DealTerms calldata terms) public view returns (DealView memory v) {
        DealId id = terms.id();
        bytes32[] memory slots = new bytes32[](3);
        slots[0] = keccak256(abi.encode(id, SLOT_DEALS));
        slots[1] = keccak256(abi.encode(terms.jobOfferHash, SLOT_GROUPS));
        slots[2] = keccak256(abi.encode(id, SLOT_SEEDS));
        bytes32[] memory words = market.extsload(slots);
        uint256 word = uint256(words[0]);
        // What a cast cuts off is what the next line takes.
        // forge-lint: disable-start(unsafe-typecast)
        v.state = DealState(uint8(word));
        v.settlement = Settlement(uint8(word >> 8));
        v.callback = Callback(uint8(word >> 16));
        v.deadline = uint40(word >> 24);
        v.anchorBlock = uint32(word >> 64);
        v.receiptHash = bytes20(uint160(word >> 96));
        // forge-lint: disable-end(unsafe-typecast)
        if (v.state == DealState.Committed) {
            v.revealDeadline = v.deadline + uint64(terms.rules.mediationWindow());
        }
        v.replicas = _group(uint256(words[1]));
        v.seed = words[2];
        if (v.seed == 0 && v.anchorBlock != 0 && block.number > v.anchorBlock) {
            v.seed = Draw.blockHash(v.anchorBlock);
            v.seedLost = v.seed == 0;
        }
        v.auditDue = v.state == DealState.Submitted
            && (v.replicas.accord == Accord.Disputed
                || (v.replicas.accord == Accord.Agreeing
                    && v.seed != 0
                    && Draw.audited(v.seed, id, terms.rules.auditBps())));
    }

    /// @notice Where many deals stand, and the time of the block that says so.
    function deals(DealTerms[] calldata terms) external view returns (DealView[] memory views, uint256 timestamp) {
        views = new DealView[](terms.length);
        for (uint256 i; i < terms.length; ++i) {
            views[i] = deal(terms[i]);
        }
        timestamp = block.timestamp;
    }

    /// @notice Many parties' money and nonces.
    function accounts(address[] calldata parties, uint256 nonceWord) external view returns (Account[] memory found) {
        found = new Account[](parties.length);
        for (uint256 i; i < parties.length; ++i) {
            (found[i].free, found[i].locked) = market.balanceOf(parties[i]);
            found[i].nonceBitmap = market.nonceBitmap(parties[i], nonceWord);
        }
    }

    /// @notice How many more deals each resource offer can make: zero once cancelled, expired or full.
    function slotsLeft(ResourceOffer[] calldata offers) external view returns (uint256[] memory left) {
        left = new uint256[](offers.length);
        for (uint256 i; i < offers.length; ++i) {
            ResourceOffer calldata offer = offers[i];
            uint256 word = market.nonceBitmap(offer.provider, offer.nonce >> 8);
            // The bit by its number. The lint expects shifts of variables.
            // forge-lint: disable-next-line(incorrect-shift)
            if (block.timestamp > offer.expiry || word & (1 << (offer.nonce & 0xff)) != 0) continue;
            left[i] = offer.slots - market.slotsUsed(offer.hash());
        }
    }

    /// @notice What a deal on these terms locks of each side's balance.
    function depositOf(DealTerms calldata terms) external pure returns (uint256) {
        return Amounts.deposit(
            Amounts.stakes(
                terms.fuelLimit,
                terms.pricePerGigafuel,
                terms.rules.penaltyBps(),
                terms.solverFee,
                terms.mediatorFee,
                terms.rules.mediatorCount(),
                terms.availabilityFee
            )
        );
    }

    /// @notice A deal's id.
    function dealId(DealTerms calldata terms) external pure returns (DealId) {
        return terms.id();
    }

    /// @notice An offer's EIP-712 struct hash.
    function hashJobOffer(JobOffer calldata offer) external pure returns (bytes32) {
        return offer.hash();
    }

    /// @notice An offer's EIP-712 struct hash.
    function hashResourceOffer(ResourceOffer calldata offer) external pure returns (bytes32) {
        return offer.hash();
    }

    // As above.
    // forge-lint: disable-start(unsafe-typecast)
    function _group(uint256 word) private pure returns (ReplicaGroup memory) {
        return ReplicaGroup({
            committed: uint8(word),
            revealed: uint8(word >> 8),
            accord: Accord(uint8(word >> 16)),
            feesDue: uint8(word >> 24),
            receiptHash: bytes20(uint160(word >> 32))
        });
    }
    // forge-lint: disable-end(unsafe-typecast)
}
