// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Attacks that fail: calldata that no compiler writes.
contract CalldataAuditTest is MarketTest {
    function _word(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), at))
        }
    }

    function _poke(bytes memory data, uint256 at, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 32), at), word)
        }
    }

    /// @dev Where the only element of the array named by the `head`-th word lies.
    function _element(bytes memory data, uint256 head) private pure returns (uint256) {
        uint256 list = 4 + _word(data, 4 + 32 * head) + 32;
        return list + _word(data, list);
    }

    function _matchCall(JobOffer memory job, bytes memory jobSig) private view returns (bytes memory) {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, jobSig);
        (ResourceOffer[] memory resources, bytes[] memory sigs) = _one(_resourceOffer(), _signed(_resourceOffer()));
        return abi.encodeCall(ILilypadMarket.matchOffers, (jobs, jobSigs, resources, sigs));
    }

    /// @dev Every word of a job offer but full ones, with its highest bit set and signed so by its creator.
    function test_strayBitsInOffers() public {
        JobOffer memory job = _jobOffer();
        uint256 refused;
        for (uint256 field; field < 30; ++field) {
            if (field == 1 || field == 2 || field == 3 || field == 15) continue; // 32 bytes
            bytes memory hashCall = abi.encodeCall(lens.hashJobOffer, (job));
            uint256 at = 4 + 32 + 32 * field;
            _poke(hashCall, at, _word(hashCall, at) | (1 << 255));
            (bool ok, bytes memory hash) = address(lens).staticcall(hashCall);
            assertTrue(ok, "else its hash is not known");
            bytes memory data = _matchCall(job, _sign(creatorKey, abi.decode(hash, (bytes32))));
            at = _element(data, 0) + 32 * field;
            _poke(data, at, _word(data, at) | (1 << 255));
            vm.prank(solver);
            (ok,) = address(market).call(data);
            assertFalse(ok, string.concat("field ", vm.toString(field)));
            ++refused;
        }
        assertEq(refused, 26, "all short fields were tried");
        // Untouched, the same call is good.
        bytes memory good = _matchCall(job, _signed(job));
        vm.prank(solver);
        (bool fits,) = address(market).call(good);
        assertTrue(fits, "else nothing was shown");
    }

    /// @dev The gateway is a tail: wherever its offset points, what is hashed is what is read.
    function test_gatewayElsewhere(uint256 offset) public {
        JobOffer memory job = _jobOffer();
        bytes memory data = _matchCall(job, _signed(job));
        uint256 at = _element(data, 0) + 960;
        uint256 good = _word(data, at);
        vm.assume(offset != good);
        _poke(data, at, offset);
        vm.prank(solver);
        (bool ok,) = address(market).call(data);
        assertFalse(ok, "another text, another hash");
    }

    /// @dev Offers whose offset points before the call's data, or anywhere.
    function test_offersElsewhere(uint256 offset, bool nearby) public {
        if (nearby) offset = uint256(-int256(offset % 4096));
        JobOffer memory job = _jobOffer();
        bytes memory data = _matchCall(job, _signed(job));
        uint256 list = 4 + _word(data, 4) + 32;
        vm.assume(offset != _word(data, list));
        _poke(data, list, offset);
        vm.prank(solver);
        (bool ok,) = address(market).call(data);
        assertFalse(ok, "no offer lies there");
    }

    /// @dev Two jobs that are one and the same piece of calldata.
    function test_oneOfferTwice() public {
        JobOffer memory job = _jobOffer();
        JobOffer[] memory jobs = new JobOffer[](2);
        bytes[] memory sigs = new bytes[](2);
        (jobs[0], jobs[1], sigs[0], sigs[1]) = (job, job, _signed(job), _signed(job));
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) =
            _one(_resourceOffer(), _signed(_resourceOffer()));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        vm.prank(solver);
        market.matchOffers(jobs, sigs, resources, resourceSigs);
    }

    function test_strayBitsAndShortCalls() public {
        DealTerms memory terms = _match();
        bytes memory data = abi.encodeCall(ILilypadMarket.submitResult, (terms, _receipt()));
        uint256[5] memory narrow = [uint256(2), 3, 4, 5, 99];
        for (uint256 i; i < 4; ++i) {
            bytes memory bad = bytes.concat(data);
            uint256 at = 4 + 480 + 32 * narrow[i];
            _poke(bad, at, _word(bad, at) | (1 << 255));
            vm.prank(provider);
            (bool took,) = address(market).call(bad);
            assertFalse(took, "a receipt with stray bits");
        }
        for (uint256 word; word < 15; ++word) {
            bytes memory bad = bytes.concat(data);
            _poke(bad, 4 + 32 * word, _word(bad, 4 + 32 * word) ^ (1 << 255));
            vm.prank(provider);
            (bool took,) = address(market).call(bad);
            assertFalse(took, "terms with another bit are another deal's");
        }
        bytes memory cut = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(cut, sub(mload(cut), 1))
        }
        vm.startPrank(provider);
        (bool ok,) = address(market).call(cut);
        assertFalse(ok, "one byte short");
        (ok,) = address(market).call(data);
        assertTrue(ok, "untouched it is good");
        vm.stopPrank();
    }

    function test_strayBitsInPanelsAndDrawn() public {
        bytes memory data = abi.encodeCall(ILilypadMarket.registerPanel, (mediators));
        _poke(data, 4 + 64, _word(data, 4 + 64) | (1 << 255));
        (bool ok,) = address(market).call(data);
        assertFalse(ok, "a panel's member with stray bits");

        DealTerms memory terms = _challenged();
        address[] memory drawn = _drawn(terms);
        data = abi.encodeCall(
            ILilypadMediation.commitReceipt, (_id(terms), drawn, _commitment(terms, drawn[0], _receipt()))
        );
        bytes memory bad = bytes.concat(data);
        _poke(bad, 4 + 128, _word(bad, 4 + 128) | (1 << 255));
        vm.prank(drawn[0]);
        (ok,) = address(mediation).call(bad);
        assertFalse(ok, "a drawn one with stray bits");
        // The same list at another place is the same list, and not more than it.
        bad = bytes.concat(data);
        _poke(bad, 4 + 32, type(uint256).max - 31);
        vm.prank(drawn[0]);
        (ok,) = address(mediation).call(bad);
        assertFalse(ok, "a list before the call's data");
        vm.prank(drawn[0]);
        (ok,) = address(mediation).call(data);
        assertTrue(ok, "untouched it is good");
    }

    /// @dev Else two mediators could show the same receipt in their events and be counted as two.
    function test_strayBitsInReveals() public {
        DealTerms memory terms = _challenged();
        address[] memory drawn = _drawn(terms);
        JobReceipt memory r = _receipt();
        bytes memory dirty = abi.encode(r);
        _poke(dirty, 96, 1 << 255); // beside trapKind
        bytes32 commitment = keccak256(abi.encode(_id(terms), drawn[0], keccak256(dirty), SALT));
        for (uint256 i; i < 3; ++i) {
            vm.prank(drawn[i]);
            mediation.commitReceipt(_id(terms), drawn, i == 0 ? commitment : _commitment(terms, drawn[i], r));
        }
        bytes memory data = abi.encodeCall(ILilypadMediation.revealReceipt, (_id(terms), drawn, r, SALT));
        _poke(data, 4 + 64 + 96, 1 << 255);
        vm.prank(drawn[0]);
        (bool ok,) = address(mediation).call(data);
        assertFalse(ok, "a receipt with stray bits");
        _reveal(terms, drawn[1], r);
    }
}
