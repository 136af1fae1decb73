// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Verification} from "../src/Types.sol";
import {Hashes} from "../src/market/Hashes.sol";
import {DealRules, Rules} from "../src/market/Rules.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title The hashes that are computed in assembly are what `abi.encode` gives, for any content.
contract HashesTest is MarketTest {
    /* WHAT IS TESTED: calldata, as in the market */

    function jobHash(JobOffer calldata o) external pure returns (bytes32) {
        return Hashes.hash(o);
    }

    function resourceHash(ResourceOffer calldata o) external pure returns (bytes32) {
        return Hashes.hash(o);
    }

    function termsId(DealTerms calldata terms) external pure returns (DealId, DealId) {
        DealTerms memory copy = terms;
        return (Hashes.id(terms), Hashes.idOf(copy));
    }

    function receiptHash(JobReceipt calldata r) external pure returns (bytes32 all, bytes32 exact, bytes32 repeated) {
        all = Hashes.hash(r);
        exact = Hashes.comparable(r, Verification.BitExact);
        repeated = Hashes.comparable(r, Verification.Repeated);
    }

    function pack(JobOffer calldata o, uint256 time) external pure returns (DealRules) {
        return Rules.pack(o, time);
    }

    /* AGAINST THE PLAIN WAY */

    /// @dev Bits of each member before the gateway, in the order of the type strings: zero for all 256; one for enums,
    /// and 21 for windows, which are values that a match has checked.
    bytes private constant JOB_WIDTHS = hex"a000000001010840404010102080800008088080201015151520a0a04040";
    bytes private constant RESOURCE_WIDTHS = hex"a00001404040101020808000808020202020a04040";

    bytes private constant JOB_TYPE = abi.encodePacked(
        "JobOffer(address creator,bytes32 jobDigest,bytes32 inputHash,bytes32 profile,uint8 verification,"
        "uint8 meter,uint8 replicas,uint64 fuelLimit,uint64 memoryBytesMax,uint64 diskBytesMax,uint16 cores,"
        "uint16 gpus,uint32 gpuMemoryMib,uint128 pricePerGigafuelMax,uint128 solverFee,bytes32 panel,"
        "uint8 mediatorCount,uint8 runs,uint128 mediatorFee,uint128 availabilityFee,uint32 penaltyBps,"
        "uint16 auditBps,uint32 submitWindow,uint32 judgeWindow,uint32 mediationWindow,uint32 callbackGas,"
        "address solver,address provider,uint64 nonce,uint64 expiry,string gateway)"
    );
    bytes private constant RESOURCE_TYPE = abi.encodePacked(
        "ResourceOffer(address provider,bytes32 profile,uint8 meter,uint64 fuelLimitMax,"
        "uint64 memoryBytesMax,uint64 diskBytesMax,uint16 cores,uint16 gpus,uint32 gpuMemoryMib,"
        "uint128 pricePerGigafuel,uint128 collateralMax,bytes32 panel,uint128 mediatorFeeMin,"
        "uint128 availabilityFeeMax,uint32 submitWindowMin,uint32 judgeWindowMax,uint32 mediationWindowMin,"
        "uint32 slots,address solver,uint64 nonce,uint64 expiry,string gateway)"
    );

    /// @dev Words of those widths, at random.
    function _words(uint256 seed, bytes memory widths) private pure returns (bytes memory words) {
        for (uint256 i; i < widths.length; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            uint8 width = uint8(widths[i]);
            words = bytes.concat(words, bytes32(width == 0 ? word : word % (1 << width)));
        }
    }

    /// @dev What `abi.encode` gives for a struct of these words and then a string.
    function _encoded(bytes memory words, string memory gateway) private pure returns (bytes memory) {
        bytes memory text = abi.encode(gateway); // 32, length, padded bytes
        return bytes.concat(bytes32(uint256(32)), words, bytes32(words.length + 32), _tail(text));
    }

    function _tail(bytes memory text) private pure returns (bytes memory tail) {
        tail = new bytes(text.length - 32);
        for (uint256 i; i < tail.length; ++i) {
            tail[i] = text[32 + i];
        }
    }

    function testFuzz_jobOffer(uint256 seed, string memory gateway) public view {
        bytes memory words = _words(seed, JOB_WIDTHS);
        JobOffer memory o = abi.decode(_encoded(words, gateway), (JobOffer));
        assertEq(keccak256(abi.encode(o)), keccak256(_encoded(words, gateway)), "the words are the offer");
        bytes32 expected = keccak256(bytes.concat(keccak256(JOB_TYPE), words, keccak256(bytes(gateway))));
        assertEq(this.jobHash(o), expected, "job offer");
        assertEq(lens.hashJobOffer(o), expected, "the lens's");
    }

    function testFuzz_resourceOffer(uint256 seed, string memory gateway) public view {
        bytes memory words = _words(seed, RESOURCE_WIDTHS);
        ResourceOffer memory o = abi.decode(_encoded(words, gateway), (ResourceOffer));
        assertEq(keccak256(abi.encode(o)), keccak256(_encoded(words, gateway)), "the words are the offer");
        bytes32 expected = keccak256(bytes.concat(keccak256(RESOURCE_TYPE), words, keccak256(bytes(gateway))));
        assertEq(this.resourceHash(o), expected, "resource offer");
        assertEq(lens.hashResourceOffer(o), expected, "the lens's");
    }

    function testFuzz_terms(DealTerms memory terms) public view {
        (DealId id, DealId copied) = this.termsId(terms);
        bytes32 expected = keccak256(abi.encode(terms));
        assertEq(DealId.unwrap(id), expected, "from calldata");
        assertEq(DealId.unwrap(copied), expected, "from memory");
        assertEq(DealId.unwrap(lens.dealId(terms)), expected, "the lens's");
    }

    function testFuzz_receipt(JobReceipt memory r) public view {
        (bytes32 all, bytes32 exact, bytes32 repeated) = this.receiptHash(r);
        assertEq(all, keccak256(abi.encode(r)), "receipt");
        assertEq(exact, all, "bit-exact compares all");
        r.fuelUsed = 0;
        assertEq(repeated, keccak256(abi.encode(r)), "repeated leaves the time out");
    }

    function testFuzz_commitment(bytes32 id, address party, bytes32 receipt, bytes32 salt) public pure {
        bytes32 made = Hashes.commitment(DealId.wrap(id), party, receipt, salt);
        bytes memory words = bytes.concat(id, bytes32(uint256(uint160(party))), receipt, salt);
        assertEq(made, keccak256(words), "commitment");
    }

    function testFuzz_domain(uint64 chain) public {
        vm.chainId(bound(chain, 1, type(uint64).max));
        bytes32 structHash = keccak256("struct");
        bytes32 expected = _digest(address(market), structHash);
        assertEq(keccak256(abi.encodePacked(hex"1901", market.domainSeparator(), structHash)), expected, "domain");
    }

    /// @dev Each number in its place, nothing in the place of another, and the top 24 bits free.
    function testFuzz_rules(uint256 seed, uint40 time) public view {
        JobOffer memory o = abi.decode(_encoded(_words(seed, JOB_WIDTHS), ""), (JobOffer));
        DealRules r = this.pack(o, time);
        assertEq(uint8(r.verification()), uint8(o.verification), "verification");
        assertEq(uint8(r.meter()), uint8(o.meter), "meter");
        assertEq(r.replicas(), o.replicas, "replicas");
        assertEq(r.mediatorCount(), o.mediatorCount, "mediatorCount");
        assertEq(r.runs(), o.runs, "runs");
        assertEq(r.auditBps(), o.auditBps, "auditBps");
        assertEq(r.penaltyBps(), o.penaltyBps, "penaltyBps");
        assertEq(r.submitWindow(), o.submitWindow, "submitWindow");
        assertEq(r.judgeWindow(), o.judgeWindow, "judgeWindow");
        assertEq(r.mediationWindow(), o.mediationWindow, "mediationWindow");
        assertEq(r.callbackGas(), o.callbackGas, "callbackGas");
        assertEq(r.matchedAt(), time, "matchedAt");
        bytes memory low = abi.encodePacked(o.callbackGas, uint24(o.mediationWindow), uint24(o.judgeWindow));
        low = bytes.concat(low, abi.encodePacked(uint24(o.submitWindow), o.penaltyBps, o.auditBps, o.runs));
        low = bytes.concat(low, abi.encodePacked(o.mediatorCount, o.replicas, o.meter, o.verification));
        bytes memory word = bytes.concat(bytes3(0), bytes5(time), low);
        assertEq(bytes32(DealRules.unwrap(r)), bytes32(word), "the word, from the highest byte");
    }
}
