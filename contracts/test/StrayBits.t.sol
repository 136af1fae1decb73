// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {Hashes} from "../src/market/Hashes.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Offers are hashed as they lie in calldata; here they lie there with bits that no encoder writes.
contract StrayBitsTest is MarketTest {
    uint256 private constant JOB_WORDS = 30;
    uint256 private constant RESOURCE_WORDS = 21;

    JobOffer private job;
    ResourceOffer private resource;
    bytes private good;

    function setUp() public override {
        super.setUp();
        job = _jobOffer();
        resource = _resourceOffer();
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        good = abi.encodeCall(ILilypadMarket.matchOffers, (jobs, jobSigs, resources, resourceSigs));
    }

    /// @dev One bit of any word of an offer, and no deal comes of it. Its counterpart: unchanged, one does.
    function testFuzz_oneBitOfAnOffer(uint256 bit, bool ofJob) public {
        bytes memory data = good;
        uint256 at = _find(data, ofJob ? creator : provider);
        bit = bound(bit, 0, (ofJob ? JOB_WORDS : RESOURCE_WORDS) * 256 - 1);
        data[at + bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        assertFalse(_try(data), "no deal");
        assertTrue(_try(good), "unchanged");
    }

    /// @dev Even signed, a job offer whose words have bits beyond their types never matches.
    function test_signedJobOffer() public {
        uint256 at = _find(good, creator);
        assertEq(_hash(good, at, JOB_WORDS), lens.hashJobOffer(job), "the hash of the words is the offer's");
        uint256 tried;
        for (uint256 i; i < JOB_WORDS; ++i) {
            // jobDigest, inputHash, profile, panel: all their bits are their own.
            if (i == 1 || i == 2 || i == 3 || i == 15) continue;
            _trySigned(at, i, JOB_WORDS);
            ++tried;
        }
        assertEq(tried, 26, "each narrower word");
        assertTrue(_try(good), "without stray bits");
    }

    function test_signedResourceOffer() public {
        uint256 at = _find(good, provider);
        assertEq(_hash(good, at, RESOURCE_WORDS), lens.hashResourceOffer(resource), "the hash of the words");
        uint256 tried;
        for (uint256 i; i < RESOURCE_WORDS; ++i) {
            // profile, panel
            if (i == 1 || i == 11) continue;
            _trySigned(at, i, RESOURCE_WORDS);
            ++tried;
        }
        assertEq(tried, 19, "each narrower word");
        assertTrue(_try(good), "without stray bits");
    }

    /// @dev The same call with a stray bit in one word, and a signature of exactly that.
    function _trySigned(uint256 at, uint256 word, uint256 words) private {
        bytes memory data = good;
        assertEq(data[at + 32 * word], 0, "a narrower word");
        data[at + 32 * word] = 0x80;
        bool ofJob = words == JOB_WORDS;
        bytes memory old = ofJob ? _signed(job) : _signed(resource);
        bytes memory signature = _sign(ofJob ? creatorKey : providerKey, _hash(data, at, words));
        uint256 place = _find(data, bytes32(old));
        for (uint256 i; i < 65; ++i) {
            data[place + i] = signature[i];
        }
        vm.prank(solver);
        (bool ok, bytes memory answer) = address(market).call(data);
        assertFalse(ok, "no deal on stray bits");
        assertEq(answer.length, 0, "refused by the decoder, not by the signature");
    }

    function _try(bytes memory data) private returns (bool ok) {
        vm.prank(solver);
        (ok,) = address(market).call(data);
    }

    /// @dev EIP-712's hash of an offer whose words lie somewhere in a call.
    function _hash(bytes memory data, uint256 at, uint256 words) private view returns (bytes32) {
        bool ofJob = words == JOB_WORDS;
        bytes memory part = new bytes(words * 32);
        for (uint256 i; i < part.length; ++i) {
            part[i] = data[at + i];
        }
        return keccak256(
            bytes.concat(
                ofJob ? Hashes.JOB_OFFER_TYPEHASH : Hashes.RESOURCE_OFFER_TYPEHASH,
                part,
                keccak256(bytes(ofJob ? job.gateway : resource.gateway))
            )
        );
    }

    function _find(bytes memory data, address party) private pure returns (uint256) {
        return _find(data, bytes32(uint256(uint160(party))));
    }

    /// @dev Where a word is first found in a call's arguments.
    function _find(bytes memory data, bytes32 word) private pure returns (uint256 at) {
        for (at = 4; at + 32 <= data.length; at += 32) {
            bytes32 found;
            assembly {
                found := mload(add(add(data, 32), at))
            }
            if (found == word) return at;
        }
        revert("not found");
    }
}
