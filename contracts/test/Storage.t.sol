// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What lies where in the storage of the market and of its mediation, and that views say the same.
/// @dev The invariants read balances raw. The slots that the lens reads are in `Lens.t.sol`.
contract StorageTest is MarketTest {
    uint256 private constant SLOT_BALANCES = 0;
    uint256 private constant SLOT_PANELS = 1;
    uint256 private constant SLOT_NONCES = 2;
    uint256 private constant SLOT_SLOTS_USED = 3;
    uint256 private constant SLOT_REQUESTS = 4;
    uint256 private constant SLOT_DOCKETS = 0;
    uint256 private constant SLOT_POSTS = 1;

    function _at(address contract_, bytes32 key, uint256 slot) private view returns (uint256) {
        return uint256(vm.load(contract_, keccak256(abi.encode(key, slot))));
    }

    function _word(address party) private pure returns (bytes32) {
        return bytes32(uint256(uint160(party)));
    }

    /// @dev From the lowest bit: 128 free, 128 locked.
    function test_balances() public {
        DealTerms memory terms = _match();
        uint256 deposit = lens.depositOf(terms);
        uint256 expected = (FUNDS - deposit) | (deposit << 128);
        assertEq(_at(address(market), _word(creator), SLOT_BALANCES), expected, "creator");
        assertEq(_at(address(market), _word(provider), SLOT_BALANCES), expected, "provider");
        assertEq(_free(creator) | (_locked(creator) << 128), expected, "balanceOf");
    }

    function test_panels() public view {
        assertEq(_at(address(market), panel, SLOT_PANELS), PANEL_SIZE, "panel");
        assertEq(market.panelSize(panel), PANEL_SIZE, "panelSize");
    }

    function testFuzz_nonces(uint64 nonce) public {
        vm.prank(creator);
        market.cancelNonce(nonce);
        bytes32 ofParty = keccak256(abi.encode(creator, SLOT_NONCES));
        uint256 word = uint256(vm.load(address(market), keccak256(abi.encode(uint256(nonce) / 256, ofParty))));
        assertEq(word, 1 << (nonce % 256), "a bit");
        assertEq(market.nonceBitmap(creator, nonce / 256), word, "nonceBitmap");
    }

    function test_slotsUsed() public {
        ResourceOffer memory resource = _resourceOffer();
        _match(_jobOffer(), resource);
        bytes32 name = lens.hashResourceOffer(resource);
        assertEq(_at(address(market), name, SLOT_SLOTS_USED), 1, "one of four");
        assertEq(market.slotsUsed(name), 1, "slotsUsed");
    }

    function test_requests() public {
        JobOffer memory job = _jobOffer();
        job.inputHash = keccak256("input");
        vm.prank(creator);
        bytes32 id = market.requestJob(job, "input");
        assertEq(_at(address(market), id, SLOT_REQUESTS), _locked(creator), "lock");
        assertEq(market.requestLock(id), _locked(creator), "requestLock");
    }

    /// @dev From the lowest bit: 40 deadline, 24 window, 8 seats, 8 committed, 8 revealed, 8 repeated, 160 drawn.
    function test_dockets() public {
        DealTerms memory terms = _challenged();
        uint256 opened = vm.getBlockTimestamp();
        address[] memory drawn = _drawn(terms);
        bytes32 id = DealId.unwrap(_id(terms));
        _commit(terms, drawn[1], _receipt());
        bytes20 names = bytes20(keccak256(abi.encode(drawn[0], drawn[1], drawn[2])));
        uint256 window = terms.rules.mediationWindow();
        uint256 expected = (opened + window) | (window << 40) | (3 << 64) | (2 << 72) | (uint256(uint160(names)) << 96);
        assertEq(_at(address(mediation), id, SLOT_DOCKETS), expected, "one has committed");
        (ILilypadMediation.Docket memory d, bytes32[] memory posts) = mediation.docket(_id(terms));
        assertEq(d.commitDeadline, opened + window, "deadline");
        assertEq(d.window, window, "window");
        assertEq(d.seats, 3, "seats");
        assertEq(d.committed, 2, "committed");
        assertEq(d.revealed, 0, "revealed");
        assertFalse(d.repeated, "repeated");
        assertEq(d.drawnHash, names, "drawn");
        bytes32 ofDeal = keccak256(abi.encode(id, SLOT_POSTS));
        bytes32 post = vm.load(address(mediation), keccak256(abi.encode(1, ofDeal)));
        assertEq(post, _commitment(terms, drawn[1], _receipt()), "post");
        assertEq(posts[1], post, "docket's post");
    }

    function test_dockets_areClearedByTheVerdict() public {
        DealTerms memory terms = _challenged();
        bytes32 id = DealId.unwrap(_id(terms));
        _mediate(terms, _receipt(), 3);
        assertGt(_at(address(mediation), id, SLOT_DOCKETS), 0, "open");
        _conclude(terms, _receipt());
        assertEq(_at(address(mediation), id, SLOT_DOCKETS), 0, "docket");
        bytes32 ofDeal = keccak256(abi.encode(id, SLOT_POSTS));
        for (uint256 seat; seat < 3; ++seat) {
            assertEq(vm.load(address(mediation), keccak256(abi.encode(seat, ofDeal))), 0, "post");
        }
    }
}
