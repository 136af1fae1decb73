// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, Receipt as JobReceipt} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title One job with three providers, just matched, and the steps that they take together.
abstract contract ReplicasBase is MarketTest {
    DealTerms[] internal deals;
    uint256 internal commitDeadline;
    uint256 internal revealDeadline;

    function setUp() public virtual override {
        super.setUp();
        _rematch(0, 3);
    }

    function _rematch(uint16 auditBps, uint8 replicas) internal {
        JobOffer memory job = _jobOffer();
        job.auditBps = auditBps;
        job.replicas = replicas;
        job.nonce = 1_000 + uint64(deals.length);
        _rematch(job);
    }

    function _rematch(JobOffer memory job) internal {
        delete deals;
        DealTerms[] memory matched = _matchReplicas(job);
        for (uint256 i; i < matched.length; ++i) {
            deals.push(matched[i]);
        }
        commitDeadline = vm.getBlockTimestamp() + job.submitWindow;
        revealDeadline = commitDeadline + job.mediationWindow;
    }

    function _commitAll(JobReceipt memory receipt) internal {
        for (uint256 i; i < deals.length; ++i) {
            _commitResult(deals[i], receipt);
        }
    }

    /// @dev Outputs of their own by number; number 0 is `_receipt`.
    function _variant(uint256 number) internal pure returns (JobReceipt memory r) {
        r = _receipt();
        if (number != 0) r.outputsDigest = keccak256(abi.encode("variant", number));
    }

    /// @dev All commit and reveal, each its own variant, in order.
    function _revealVariants(uint256[3] memory variants) internal {
        for (uint256 i; i < 3; ++i) {
            _commitResult(deals[i], _variant(variants[i]));
        }
        for (uint256 i; i < 3; ++i) {
            _revealResult(deals[i], _variant(variants[i]));
        }
    }
}
