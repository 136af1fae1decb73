// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

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

    /// @dev Every field changes the hash, in its own place and width: Foundry's own EIP-712 hasher agrees.
    function testFuzz_jobOffer(JobOffer memory o) public view {
        assertEq(market.hashJobOffer(o), vm.eip712HashStruct(JOB_OFFER, abi.encode(o)), "struct hash");
    }

    function testFuzz_resourceOffer(ResourceOffer memory o) public view {
        assertEq(market.hashResourceOffer(o), vm.eip712HashStruct(RESOURCE_OFFER, abi.encode(o)), "struct hash");
    }
}
