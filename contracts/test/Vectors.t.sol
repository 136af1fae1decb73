// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {LilypadLens} from "../src/LilypadLens.sol";
import {DealId, DealTerms, JobOffer, Meter, Receipt as JobReceipt, ResourceOffer, Verification} from "../src/Types.sol";
import {Hashes} from "../src/market/Hashes.sol";
import {DealRules, Rules} from "../src/market/Rules.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What is hashed or signed, against encoders that are not the compiler's.
contract VectorsTest is MarketTest {
    string private constant JOB_OFFER =
        "JobOffer(address creator,bytes32 jobDigest,bytes32 inputHash,bytes32 profile,uint8 verification,uint8 meter,uint8 replicas,uint64 fuelLimit,uint64 memoryBytesMax,uint64 diskBytesMax,uint16 cores,uint16 gpus,uint32 gpuMemoryMib,uint128 pricePerGigafuelMax,uint128 solverFee,bytes32 panel,uint8 mediatorCount,uint8 runs,uint128 mediatorFee,uint128 availabilityFee,uint32 penaltyBps,uint16 auditBps,uint32 submitWindow,uint32 judgeWindow,uint32 mediationWindow,uint32 callbackGas,address solver,address provider,uint64 nonce,uint64 expiry,string gateway)";
    string private constant RESOURCE_OFFER =
        "ResourceOffer(address provider,bytes32 profile,uint8 meter,uint64 fuelLimitMax,uint64 memoryBytesMax,uint64 diskBytesMax,uint16 cores,uint16 gpus,uint32 gpuMemoryMib,uint128 pricePerGigafuel,uint128 collateralMax,bytes32 panel,uint128 mediatorFeeMin,uint128 availabilityFeeMax,uint32 submitWindowMin,uint32 judgeWindowMax,uint32 mediationWindowMin,uint32 slots,address solver,uint64 nonce,uint64 expiry,string gateway)";

    /// @dev The width that stands for one of three.
    uint16 private constant ENUM = 0;

    string private json;

    /* RECEIPTS */

    function test_receipts() public {
        json = vm.readFile("../tests/vectors/receipt.json");
        uint256 count;
        for (; vm.keyExistsJson(json, _key(count, "")); ++count) {
            JobReceipt memory r;
            r.jobDigest = _bytes32(_key(count, ".job_digest"));
            r.profile = _bytes32(_key(count, ".profile"));
            r.status = uint8(_uint(_key(count, ".status")));
            r.trapKind = uint8(_uint(_key(count, ".trap_kind")));
            r.exitCode = uint32(_uint(_key(count, ".exit_code")));
            r.fuelUsed = uint64(_uint(_key(count, ".fuel_used")));
            r.outputsDigest = _bytes32(_key(count, ".outputs_digest"));
            r.journalHash = _bytes32(_key(count, ".journal_hash"));
            string memory name = vm.parseJsonString(json, _key(count, ".name"));
            assertEq(abi.encode(r), vm.parseJsonBytes(json, _key(count, ".abi_encoding")), name);
            assertEq(this.hashReceipt(r), _bytes32(_key(count, ".hash")), name);
        }
        assertGe(count, 5, "vectors");
    }

    function _key(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".receipts[", vm.toString(i), "]", field);
    }

    /* OFFERS */

    /// @dev The digests are what wallets sign: this chain, that market.
    function test_offers() public {
        json = vm.readFile("../tests/vectors/offers.json");
        vm.chainId(_uint(".domain.chain_id"));
        address verifying = vm.parseJsonAddress(json, ".domain.verifying_contract");
        deployCodeTo("LilypadMarket.sol:LilypadMarket", abi.encode(token), verifying);
        ILilypadMarket there = ILilypadMarket(verifying);
        LilypadLens theirs = LilypadLens(there.lens());

        bytes32 jobHash = theirs.hashJobOffer(_readJobOffer());
        assertEq(jobHash, _bytes32(".job_offer_struct_hash"), "job offer: struct hash");
        assertEq(_digest(there, jobHash), _bytes32(".job_offer_digest"), "job offer: digest");

        bytes32 resourceHash = theirs.hashResourceOffer(_readResourceOffer());
        assertEq(resourceHash, _bytes32(".resource_offer_struct_hash"), "resource offer: struct hash");
        assertEq(_digest(there, resourceHash), _bytes32(".resource_offer_digest"), "resource offer: digest");
    }

    /// @dev By the contract's own domain; `MarketTest` computes it, which must be the same.
    function _digest(ILilypadMarket there, bytes32 structHash) private view returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(hex"1901", there.domainSeparator(), structHash));
        assertEq(digest, _digest(address(there), structHash), "domain");
    }

    function _readJobOffer() private view returns (JobOffer memory o) {
        o.creator = vm.parseJsonAddress(json, ".job_offer.creator");
        o.jobDigest = _bytes32(".job_offer.jobDigest");
        o.inputHash = _bytes32(".job_offer.inputHash");
        o.profile = _bytes32(".job_offer.profile");
        o.verification = Verification(_uint(".job_offer.verification"));
        o.meter = Meter(_uint(".job_offer.meter"));
        o.replicas = uint8(_uint(".job_offer.replicas"));
        o.fuelLimit = uint64(_uint(".job_offer.fuelLimit"));
        o.memoryBytesMax = uint64(_uint(".job_offer.memoryBytesMax"));
        o.diskBytesMax = uint64(_uint(".job_offer.diskBytesMax"));
        o.cores = uint16(_uint(".job_offer.cores"));
        o.gpus = uint16(_uint(".job_offer.gpus"));
        o.gpuMemoryMib = uint32(_uint(".job_offer.gpuMemoryMib"));
        o.pricePerGigafuelMax = uint128(_uint(".job_offer.pricePerGigafuelMax"));
        o.solverFee = uint128(_uint(".job_offer.solverFee"));
        o.panel = _bytes32(".job_offer.panel");
        o.mediatorCount = uint8(_uint(".job_offer.mediatorCount"));
        o.runs = uint8(_uint(".job_offer.runs"));
        o.mediatorFee = uint128(_uint(".job_offer.mediatorFee"));
        o.availabilityFee = uint128(_uint(".job_offer.availabilityFee"));
        o.penaltyBps = uint32(_uint(".job_offer.penaltyBps"));
        o.auditBps = uint16(_uint(".job_offer.auditBps"));
        o.submitWindow = uint32(_uint(".job_offer.submitWindow"));
        o.judgeWindow = uint32(_uint(".job_offer.judgeWindow"));
        o.mediationWindow = uint32(_uint(".job_offer.mediationWindow"));
        o.callbackGas = uint32(_uint(".job_offer.callbackGas"));
        o.solver = vm.parseJsonAddress(json, ".job_offer.solver");
        o.provider = vm.parseJsonAddress(json, ".job_offer.provider");
        o.nonce = uint64(_uint(".job_offer.nonce"));
        o.expiry = uint64(_uint(".job_offer.expiry"));
        o.gateway = vm.parseJsonString(json, ".job_offer.gateway");
    }

    function _readResourceOffer() private view returns (ResourceOffer memory o) {
        o.provider = vm.parseJsonAddress(json, ".resource_offer.provider");
        o.profile = _bytes32(".resource_offer.profile");
        o.meter = Meter(_uint(".resource_offer.meter"));
        o.fuelLimitMax = uint64(_uint(".resource_offer.fuelLimitMax"));
        o.memoryBytesMax = uint64(_uint(".resource_offer.memoryBytesMax"));
        o.diskBytesMax = uint64(_uint(".resource_offer.diskBytesMax"));
        o.cores = uint16(_uint(".resource_offer.cores"));
        o.gpus = uint16(_uint(".resource_offer.gpus"));
        o.gpuMemoryMib = uint32(_uint(".resource_offer.gpuMemoryMib"));
        o.pricePerGigafuel = uint128(_uint(".resource_offer.pricePerGigafuel"));
        o.collateralMax = uint128(_uint(".resource_offer.collateralMax"));
        o.panel = _bytes32(".resource_offer.panel");
        o.mediatorFeeMin = uint128(_uint(".resource_offer.mediatorFeeMin"));
        o.availabilityFeeMax = uint128(_uint(".resource_offer.availabilityFeeMax"));
        o.submitWindowMin = uint32(_uint(".resource_offer.submitWindowMin"));
        o.judgeWindowMax = uint32(_uint(".resource_offer.judgeWindowMax"));
        o.mediationWindowMin = uint32(_uint(".resource_offer.mediationWindowMin"));
        o.slots = uint32(_uint(".resource_offer.slots"));
        o.solver = vm.parseJsonAddress(json, ".resource_offer.solver");
        o.nonce = uint64(_uint(".resource_offer.nonce"));
        o.expiry = uint64(_uint(".resource_offer.expiry"));
        o.gateway = vm.parseJsonString(json, ".resource_offer.gateway");
    }

    /// @dev Every field changes the hash, in its own place and width: Foundry's own EIP-712 hasher agrees.
    function testFuzz_jobOffer(uint256[30] memory words, string memory gateway) public view {
        uint256[] memory cut = new uint256[](30);
        uint16[30] memory widths = [
            uint16(160),
            256,
            256,
            256,
            ENUM,
            ENUM,
            8,
            64,
            64,
            64,
            16,
            16,
            32,
            128,
            128, // to solverFee
            256,
            8,
            8,
            128,
            128,
            32,
            16,
            32,
            32,
            32,
            32,
            160,
            160,
            64,
            64
        ];
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = _cut(words[i], widths[i]);
        }
        bytes memory encoded = _encode(cut, gateway);
        JobOffer memory o = abi.decode(encoded, (JobOffer));
        assertEq(abi.encode(o), encoded, "the fields that were meant");
        assertEq(lens.hashJobOffer(o), vm.eip712HashStruct(JOB_OFFER, encoded), "struct hash");
    }

    function testFuzz_resourceOffer(uint256[21] memory words, string memory gateway) public view {
        uint256[] memory cut = new uint256[](21);
        uint16[21] memory widths = [
            uint16(160),
            256,
            ENUM,
            64,
            64,
            64,
            16,
            16,
            32,
            128,
            128, // to collateralMax
            256,
            128,
            128,
            32,
            32,
            32,
            32,
            160,
            64,
            64
        ];
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = _cut(words[i], widths[i]);
        }
        bytes memory encoded = _encode(cut, gateway);
        ResourceOffer memory o = abi.decode(encoded, (ResourceOffer));
        assertEq(abi.encode(o), encoded, "the fields that were meant");
        assertEq(lens.hashResourceOffer(o), vm.eip712HashStruct(RESOURCE_OFFER, encoded), "struct hash");
    }

    /// @dev The fuzzer makes enums that don't exist, which no call takes.
    function _cut(uint256 word, uint16 width) private pure returns (uint256) {
        if (width == ENUM) return word % 3;
        return width == 256 ? word : word & ((uint256(1) << width) - 1);
    }

    /// @dev A struct of words and a string, as `abi.encode` has it.
    function _encode(uint256[] memory words, string memory gateway) private pure returns (bytes memory) {
        bytes memory tail = abi.encode(gateway); // an offset of 32 that the struct's own replaces
        assembly ("memory-safe") {
            mstore(tail, sub(mload(tail), 32))
            mcopy(add(tail, 32), add(tail, 64), mload(tail))
        }
        return abi.encodePacked(uint256(32), words, (words.length + 1) * 32, tail);
    }

    /* DEALS */

    function test_deals() public {
        json = vm.readFile("../tests/vectors/deals.json");
        DealTerms memory terms = _readTerms();
        bytes32 id = _bytes32(".deal_id");
        assertEq(DealId.unwrap(lens.dealId(terms)), id, "deal id");
        assertEq(keccak256(abi.encode(terms)), id, "deal id, by the compiler");
        _assertRules(terms.rules);

        JobReceipt memory receipt = _readReceipt();
        bytes32 hash = this.hashReceipt(receipt);
        assertEq(hash, _bytes32(".receipt_hash"), "receipt hash");
        assertEq(address(bytes20(hash)), vm.parseJsonAddress(json, ".receipt_stub"), "what a deal keeps of it");
        assertEq(
            this.comparable(receipt, Verification.BitExact), _bytes32(".comparable_bit_exact"), "comparable: bit-exact"
        );
        assertEq(
            this.comparable(receipt, Verification.Repeated), _bytes32(".comparable_repeated"), "comparable: repeated"
        );
        address party = vm.parseJsonAddress(json, ".commitment.party");
        bytes32 salt = _bytes32(".commitment.salt");
        assertEq(Hashes.commitment(DealId.wrap(id), party, hash, salt), _bytes32(".commitment.hash"), "commitment");
        assertEq(
            keccak256(abi.encode(id, party, hash, salt)), _bytes32(".commitment.hash"), "commitment, by the compiler"
        );
    }

    /// @dev Both ways: each field is read from the word, and the word is packed from an offer with those fields.
    function _assertRules(DealRules rules) private view {
        JobOffer memory o;
        o.verification = Verification(_uint(".rules.verification"));
        o.meter = Meter(_uint(".rules.meter"));
        o.replicas = uint8(_uint(".rules.replicas"));
        o.mediatorCount = uint8(_uint(".rules.mediatorCount"));
        o.runs = uint8(_uint(".rules.runs"));
        o.auditBps = uint16(_uint(".rules.auditBps"));
        o.penaltyBps = uint32(_uint(".rules.penaltyBps"));
        o.submitWindow = uint32(_uint(".rules.submitWindow"));
        o.judgeWindow = uint32(_uint(".rules.judgeWindow"));
        o.mediationWindow = uint32(_uint(".rules.mediationWindow"));
        o.callbackGas = uint32(_uint(".rules.callbackGas"));
        uint256 matchedAt = _uint(".rules.matchedAt");
        assertEq(DealRules.unwrap(this.pack(o, matchedAt)), DealRules.unwrap(rules), "packed");
        assertEq(uint8(rules.verification()), uint8(o.verification), "verification");
        assertEq(uint8(rules.meter()), uint8(o.meter), "meter");
        assertEq(rules.replicas(), o.replicas, "replicas");
        assertEq(rules.mediatorCount(), o.mediatorCount, "mediatorCount");
        assertEq(rules.runs(), o.runs, "runs");
        assertEq(rules.auditBps(), o.auditBps, "auditBps");
        assertEq(rules.penaltyBps(), o.penaltyBps, "penaltyBps");
        assertEq(rules.submitWindow(), o.submitWindow, "submitWindow");
        assertEq(rules.judgeWindow(), o.judgeWindow, "judgeWindow");
        assertEq(rules.mediationWindow(), o.mediationWindow, "mediationWindow");
        assertEq(rules.callbackGas(), o.callbackGas, "callbackGas");
        assertEq(rules.matchedAt(), matchedAt, "matchedAt");
    }

    function _readTerms() private view returns (DealTerms memory t) {
        t.jobOfferHash = _bytes32(".terms.jobOfferHash");
        t.resourceOfferHash = _bytes32(".terms.resourceOfferHash");
        t.creator = vm.parseJsonAddress(json, ".terms.creator");
        t.provider = vm.parseJsonAddress(json, ".terms.provider");
        t.solver = vm.parseJsonAddress(json, ".terms.solver");
        t.jobDigest = _bytes32(".terms.jobDigest");
        t.inputHash = _bytes32(".terms.inputHash");
        t.profile = _bytes32(".terms.profile");
        t.panel = _bytes32(".terms.panel");
        t.rules = DealRules.wrap(_uint(".terms.rules"));
        t.fuelLimit = uint64(_uint(".terms.fuelLimit"));
        t.pricePerGigafuel = uint128(_uint(".terms.pricePerGigafuel"));
        t.solverFee = uint128(_uint(".terms.solverFee"));
        t.mediatorFee = uint128(_uint(".terms.mediatorFee"));
        t.availabilityFee = uint128(_uint(".terms.availabilityFee"));
    }

    function _readReceipt() private view returns (JobReceipt memory r) {
        r.jobDigest = _bytes32(".receipt.jobDigest");
        r.profile = _bytes32(".receipt.profile");
        r.status = uint8(_uint(".receipt.status"));
        r.trapKind = uint8(_uint(".receipt.trapKind"));
        r.exitCode = uint32(_uint(".receipt.exitCode"));
        r.fuelUsed = uint64(_uint(".receipt.fuelUsed"));
        r.outputsDigest = _bytes32(".receipt.outputsDigest");
        r.journalHash = _bytes32(".receipt.journalHash");
    }

    /* HELPERS */

    // The libraries take calldata.

    function pack(JobOffer calldata o, uint256 time) external pure returns (DealRules) {
        return Rules.pack(o, time);
    }

    function hashReceipt(JobReceipt calldata receipt) external pure returns (bytes32) {
        return Hashes.hash(receipt);
    }

    function comparable(JobReceipt calldata receipt, Verification verification) external pure returns (bytes32) {
        return Hashes.comparable(receipt, verification);
    }

    function _uint(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function _bytes32(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }
}
