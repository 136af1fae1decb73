// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";
import {Wallet} from "./actors/Wallet.sol";

/// @title Whose offer it is: keys, wallet contracts, replays, cancellation, and bits that belong to no field.
contract SignaturesTest is MarketTest {
    /// @dev The order of the secp256k1 curve.
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    JobOffer private job;
    ResourceOffer private resource;

    function setUp() public override {
        super.setUp();
        job = _jobOffer();
        resource = _resourceOffer();
    }

    function _expectJobForged(bytes memory forged) private {
        bytes memory good = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, job.creator));
        _matchOffers(job, forged, resource, good);
    }

    function _expectResourceForged(bytes memory forged) private {
        bytes memory good = _signed(job);
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, resource.provider)
        );
        _matchOffers(job, good, resource, forged);
    }

    /* KEYS */

    function testFuzz_reverts_onAnotherKey(uint256 key) public {
        key = bound(key, 1, 1 << 250);
        vm.assume(key != creatorKey && key != providerKey);
        _expectJobForged(_sign(key, lens.hashJobOffer(job)));
        _expectResourceForged(_sign(key, lens.hashResourceOffer(resource)));
    }

    function testFuzz_reverts_onMalformedSignature(bytes calldata forged) public {
        vm.assume(forged.length != 65);
        _expectJobForged(forged);
        _expectResourceForged(forged);
    }

    /// @dev Of the two signatures that the curve has for each message, only the one with the lower `s` counts.
    function test_reverts_onMalleableSignature() public {
        _expectJobForged(_flipped(_signed(job)));
        _expectResourceForged(_flipped(_signed(resource)));
    }

    /// @dev A point that is no key recovers to the zero address, which is nobody, not anybody.
    function testFuzz_reverts_onUnrecoverableSignature(uint8 v) public {
        vm.assume(v != 27 && v != 28);
        bytes memory broken = abi.encodePacked(bytes32(uint256(1)), bytes32(uint256(1)), v);
        _expectJobForged(broken);
        job.creator = address(0);
        _expectJobForged(broken);
    }

    function _flipped(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = (_word(signature, 0), _word(signature, 1));
        return abi.encodePacked(r, ORDER - uint256(s), signature[64] == 0x1b ? uint8(28) : uint8(27));
    }

    function _word(bytes memory data, uint256 i) private pure returns (bytes32 result) {
        assembly {
            result := mload(add(add(data, 32), mul(i, 32)))
        }
    }

    function test_reverts_onChangedOffer() public {
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        job.solverFee += 1;
        _expectJobForged(jobSig);
        job.solverFee -= 1;
        resource.gateway = "http://elsewhere.example";
        _expectResourceForged(resourceSig);
    }

    /* WALLETS */

    function test_wallet_signsAsCreator() public {
        Wallet wallet = new Wallet(creator);
        _fund(address(wallet), 100 ether);
        job.creator = address(wallet);
        DealTerms memory terms = _match(job, _signed(job), resource, _signed(resource));
        assertEq(terms.creator, address(wallet), "the wallet's deal");
        assertEq(_locked(address(wallet)), 27 ether, "the wallet's lock");
        assertEq(_locked(creator), 0, "not its owner's");
        job.nonce = 2;
        _expectJobForged(_sign(providerKey, lens.hashJobOffer(job)));
    }

    function test_wallet_signsAsProvider() public {
        Wallet wallet = new Wallet(provider);
        _fund(address(wallet), 100 ether);
        resource.provider = address(wallet);
        DealTerms memory terms = _match(job, _signed(job), resource, _signed(resource));
        assertEq(terms.provider, address(wallet), "the wallet's deal");
        assertEq(_locked(address(wallet)), 27 ether, "the wallet's lock");
        job.nonce = 2;
        _expectResourceForged(_sign(creatorKey, lens.hashResourceOffer(resource)));
    }

    /// @dev An owner's signature of its own offer is none of its wallet's, and the other way round.
    function test_wallet_isNotItsOwner() public {
        bytes memory own = _signed(job);
        job.creator = address(new Wallet(creator));
        _expectJobForged(own);
        bytes memory wallets = _signed(job);
        job.creator = creator;
        _expectJobForged(wallets);
    }

    /// @dev A contract that doesn't know ERC-1271 can't sign.
    function test_reverts_forAContractThatIsNoWallet() public {
        job.creator = address(token);
        _expectJobForged(_signed(job));
        resource.provider = address(token);
        _expectResourceForged(_signed(resource));
    }

    /* REPLAYS */

    function test_reverts_onReplay() public {
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        _match(job, jobSig, resource, resourceSig);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce));
        _matchOffers(job, jobSig, resource, resourceSig);
    }

    function test_reverts_onReplayInAnotherMarket() public {
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        ILilypadMarket first = market;
        market = _newMarket(address(token));
        market.registerPanel(mediators);
        _fund(creator, FUNDS);
        _fund(provider, FUNDS);
        assertTrue(first.domainSeparator() != market.domainSeparator(), "a domain of its own");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        _matchOffers(job, jobSig, resource, resourceSig);
        resourceSig = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        _matchOffers(job, jobSig, resource, resourceSig);
    }

    /// @dev After a fork of the chain the halves share their contracts and not their domains.
    function test_reverts_onReplayOnAnotherChain() public {
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        bytes32 before = market.domainSeparator();
        vm.chainId(block.chainid + 1);
        assertTrue(market.domainSeparator() != before, "a domain of its own");
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        _matchOffers(job, jobSig, resource, resourceSig);
        // The new chain's own signatures are good.
        _match(job, resource);
    }

    /* NONCES */

    function test_reverts_afterCancellation() public {
        vm.prank(creator);
        vm.expectEmit(address(market));
        emit ILilypadMarket.OfferCancelled(creator, job.nonce);
        market.cancelNonce(job.nonce);
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.JobOfferNonceUsed.selector, creator, job.nonce)
        );
        job.nonce = 2;
        vm.prank(provider);
        market.cancelNonce(resource.nonce);
        _expectNoMatch(
            job,
            resource,
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferNonceUsed.selector, provider, resource.nonce)
        );
    }

    /// @dev Nobody cancels for others, and neighbours in the bitmap keep their bits.
    function testFuzz_cancelNonce_spendsOneOfTheCallers(uint64 nonce, uint64 neighbour) public {
        vm.assume(nonce != neighbour);
        vm.prank(stranger);
        market.cancelNonce(nonce);
        assertTrue(_spent(stranger, nonce), "spent");
        assertFalse(_spent(stranger, neighbour), "neighbour");
        assertFalse(_spent(creator, nonce), "another's");
    }

    function _spent(address party, uint64 nonce) private view returns (bool) {
        return market.nonceBitmap(party, nonce / 256) >> (nonce % 256) & 1 == 1;
    }

    function test_match_spendsTheJobsNonceOnly() public {
        _match(job, resource);
        assertTrue(_spent(creator, job.nonce), "the job's nonce is spent");
        assertFalse(_spent(provider, resource.nonce), "the resource offer goes on");
    }
}
