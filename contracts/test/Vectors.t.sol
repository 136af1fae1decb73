// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What is hashed or signed, against encoders that are not the compiler's.
contract VectorsTest is MarketTest {
    string private constant JOB_OFFER =
        "JobOffer(address creator,bytes32 jobDigest,bytes32 inputHash,bytes32 profile,uint64 fuelLimit,uint64 memoryBytesMax,uint128 pricePerGigafuelMax,uint128 solverFee,uint128 mediatorFee,uint128 collateralMin,bytes32 panel,uint8 mediatorCount,uint16 auditBps,uint32 submitWindow,uint32 judgeWindow,uint32 mediationWindow,uint32 callbackGas,address solver,address provider,uint64 nonce,uint64 expiry,string gateway)";
    string private constant RESOURCE_OFFER =
        "ResourceOffer(address provider,bytes32 profile,uint64 fuelLimitMax,uint64 memoryBytesMax,uint128 pricePerGigafuel,uint128 collateral,bytes32 panel,uint32 slots,uint32 submitWindowMin,address solver,uint64 nonce,uint64 expiry,string gateway)";

    function test_receipts() public view {
        string memory json = vm.readFile("../tests/vectors/receipt.json");
        uint256 count;
        for (; vm.keyExistsJson(json, _key(count, "")); ++count) {
            JobReceipt memory r;
            r.jobDigest = vm.parseJsonBytes32(json, _key(count, ".job_digest"));
            r.profile = vm.parseJsonBytes32(json, _key(count, ".profile"));
            r.status = uint8(vm.parseJsonUint(json, _key(count, ".status")));
            r.trapKind = uint8(vm.parseJsonUint(json, _key(count, ".trap_kind")));
            r.exitCode = uint32(vm.parseJsonUint(json, _key(count, ".exit_code")));
            r.fuelUsed = uint64(vm.parseJsonUint(json, _key(count, ".fuel_used")));
            r.outputsDigest = vm.parseJsonBytes32(json, _key(count, ".outputs_digest"));
            r.journalHash = vm.parseJsonBytes32(json, _key(count, ".journal_hash"));
            string memory name = vm.parseJsonString(json, _key(count, ".name"));
            assertEq(abi.encode(r), vm.parseJsonBytes(json, _key(count, ".abi_encoding")), name);
            assertEq(keccak256(abi.encode(r)), vm.parseJsonBytes32(json, _key(count, ".hash")), name);
        }
        assertGe(count, 5, "vectors");
    }

    function _key(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".receipts[", vm.toString(i), "]", field);
    }

    /// @dev The digests are what wallets sign: this chain, that market.
    function test_offers() public {
        string memory json = vm.readFile("../tests/vectors/offers.json");
        vm.chainId(vm.parseJsonUint(json, ".domain.chain_id"));
        address verifying = vm.parseJsonAddress(json, ".domain.verifying_contract");
        deployCodeTo("LilypadMarket.sol:LilypadMarket", abi.encode(token), verifying);
        ILilypadMarket there = ILilypadMarket(verifying);
        _assertDomain(verifying);

        bytes32 jobHash = there.hashJobOffer(_readJobOffer(json));
        assertEq(jobHash, vm.parseJsonBytes32(json, ".job_offer_struct_hash"), "job offer: struct hash");
        assertEq(_digest(verifying, jobHash), vm.parseJsonBytes32(json, ".job_offer_digest"), "job offer: digest");

        bytes32 resourceHash = there.hashResourceOffer(_readResourceOffer(json));
        assertEq(resourceHash, vm.parseJsonBytes32(json, ".resource_offer_struct_hash"), "resource offer: struct hash");
        assertEq(
            _digest(verifying, resourceHash),
            vm.parseJsonBytes32(json, ".resource_offer_digest"),
            "resource offer: digest"
        );
    }

    /// @dev `_digest` computes in the test; this is what ties it to the contract at that address.
    function _assertDomain(address verifying) private view {
        (bytes1 fields, string memory name, string memory version, uint256 chainId, address contract_,,) =
            IERC5267(verifying).eip712Domain();
        assertEq(fields, bytes1(0x0f), "domain: fields");
        assertEq(name, "LilypadMarket", "domain: name");
        assertEq(version, "1", "domain: version");
        assertEq(chainId, block.chainid, "domain: chain id");
        assertEq(contract_, verifying, "domain: verifying contract");
    }

    function _readJobOffer(string memory json) private pure returns (JobOffer memory o) {
        o.creator = vm.parseJsonAddress(json, ".job_offer.creator");
        o.jobDigest = vm.parseJsonBytes32(json, ".job_offer.jobDigest");
        o.inputHash = vm.parseJsonBytes32(json, ".job_offer.inputHash");
        o.profile = vm.parseJsonBytes32(json, ".job_offer.profile");
        o.fuelLimit = uint64(vm.parseJsonUint(json, ".job_offer.fuelLimit"));
        o.memoryBytesMax = uint64(vm.parseJsonUint(json, ".job_offer.memoryBytesMax"));
        o.pricePerGigafuelMax = uint128(vm.parseJsonUint(json, ".job_offer.pricePerGigafuelMax"));
        o.solverFee = uint128(vm.parseJsonUint(json, ".job_offer.solverFee"));
        o.mediatorFee = uint128(vm.parseJsonUint(json, ".job_offer.mediatorFee"));
        o.collateralMin = uint128(vm.parseJsonUint(json, ".job_offer.collateralMin"));
        o.panel = vm.parseJsonBytes32(json, ".job_offer.panel");
        o.mediatorCount = uint8(vm.parseJsonUint(json, ".job_offer.mediatorCount"));
        o.auditBps = uint16(vm.parseJsonUint(json, ".job_offer.auditBps"));
        o.submitWindow = uint32(vm.parseJsonUint(json, ".job_offer.submitWindow"));
        o.judgeWindow = uint32(vm.parseJsonUint(json, ".job_offer.judgeWindow"));
        o.mediationWindow = uint32(vm.parseJsonUint(json, ".job_offer.mediationWindow"));
        o.callbackGas = uint32(vm.parseJsonUint(json, ".job_offer.callbackGas"));
        o.solver = vm.parseJsonAddress(json, ".job_offer.solver");
        o.provider = vm.parseJsonAddress(json, ".job_offer.provider");
        o.nonce = uint64(vm.parseJsonUint(json, ".job_offer.nonce"));
        o.expiry = uint64(vm.parseJsonUint(json, ".job_offer.expiry"));
        o.gateway = vm.parseJsonString(json, ".job_offer.gateway");
    }

    function _readResourceOffer(string memory json) private pure returns (ResourceOffer memory o) {
        o.provider = vm.parseJsonAddress(json, ".resource_offer.provider");
        o.profile = vm.parseJsonBytes32(json, ".resource_offer.profile");
        o.fuelLimitMax = uint64(vm.parseJsonUint(json, ".resource_offer.fuelLimitMax"));
        o.memoryBytesMax = uint64(vm.parseJsonUint(json, ".resource_offer.memoryBytesMax"));
        o.pricePerGigafuel = uint128(vm.parseJsonUint(json, ".resource_offer.pricePerGigafuel"));
        o.collateral = uint128(vm.parseJsonUint(json, ".resource_offer.collateral"));
        o.panel = vm.parseJsonBytes32(json, ".resource_offer.panel");
        o.slots = uint32(vm.parseJsonUint(json, ".resource_offer.slots"));
        o.submitWindowMin = uint32(vm.parseJsonUint(json, ".resource_offer.submitWindowMin"));
        o.solver = vm.parseJsonAddress(json, ".resource_offer.solver");
        o.nonce = uint64(vm.parseJsonUint(json, ".resource_offer.nonce"));
        o.expiry = uint64(vm.parseJsonUint(json, ".resource_offer.expiry"));
        o.gateway = vm.parseJsonString(json, ".resource_offer.gateway");
    }

    /// @dev Every field changes the hash, in its own place and width: Foundry's own EIP-712 hasher agrees.
    function testFuzz_jobOffer(JobOffer memory o) public view {
        assertEq(market.hashJobOffer(o), vm.eip712HashStruct(JOB_OFFER, abi.encode(o)), "struct hash");
    }

    function testFuzz_resourceOffer(ResourceOffer memory o) public view {
        assertEq(market.hashResourceOffer(o), vm.eip712HashStruct(RESOURCE_OFFER, abi.encode(o)), "struct hash");
    }
}
