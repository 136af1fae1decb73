// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";
import {Consumer} from "./actors/Consumer.sol";

/// @title A contract that requested a job, and its matched deal.
abstract contract DeliverBase is MarketTest {
    bytes internal constant INPUT = '{"message":"moo"}';
    bytes internal constant JOURNAL = "journal";
    uint32 internal constant CALLBACK_GAS = 1_000_000;

    Consumer internal consumer;
    DealTerms internal terms;
    bytes32 internal requestId;

    function setUp() public virtual override {
        super.setUp();
        consumer = new Consumer(market);
        _fund(address(consumer), 1_000 ether);
        terms = _requested(CALLBACK_GAS, 1);
        requestId = terms.jobOfferHash;
    }

    function _request(uint32 callbackGas, uint64 nonce) internal view returns (JobOffer memory job) {
        job = _jobOffer();
        job.creator = address(consumer);
        job.inputHash = keccak256(INPUT);
        job.callbackGas = callbackGas;
        job.nonce = nonce;
    }

    function _requested(uint32 callbackGas, uint64 nonce) internal returns (DealTerms memory) {
        JobOffer memory job = _request(callbackGas, nonce);
        consumer.request(job, INPUT);
        ResourceOffer memory resource = _resourceOffer();
        return _match(job, "", resource, _signed(resource));
    }

    function _finalized(DealTerms memory t) internal {
        _submit(t, _receipt());
        skip(t.rules.judgeWindow() + 1);
        market.finalizeDeal(t, _receipt());
    }
}
