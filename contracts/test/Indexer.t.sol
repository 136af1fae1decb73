// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, DealView, ReplicaGroup, Settlement} from "../src/Types.sol";
import {Script} from "./IndexerScript.sol";
import {Indexer} from "./actors/Indexer.sol";

/// @title Whoever reads only events knows what the market knows: balances, deals, replicas, slots, requests, cancellations.
/// @dev Not by events: which nonces matches have spent. Offers are known off chain by their hashes, and `nonceBitmap` tells.
/// forge-config: default.fuzz.runs = 64
contract IndexerTest is Script {
    function testFuzz_knowsWhatTheMarketKnows(uint256 seed) public {
        _play(seed, 60);
        _compare();
    }

    /// @dev The scripts are worth something: together they end deals in every way that there is.
    function test_scriptsEndInEveryWay() public {
        uint256 seen;
        uint256 snapshot = vm.snapshotState();
        for (uint256 seed; seed < 12; ++seed) {
            _play(seed, 150);
            _compare();
            for (uint256 i; i < deals.length; ++i) {
                seen |= 1 << uint8(_settlement(deals[i]));
            }
            assertTrue(vm.revertToState(snapshot), "back");
        }
        for (uint8 how = 1; how <= uint8(type(Settlement).max); ++how) {
            assertEq((seen >> how) & 1, 1, string.concat("seen: settlement ", vm.toString(how)));
        }
    }

    /* WHAT IS COMPARED */

    function _compare() private view {
        _compareBalances();
        for (uint256 i; i < deals.length; ++i) {
            _compareDeal(deals[i]);
        }
        for (uint256 i; i < requests.length; ++i) {
            bytes32 id = lens.hashJobOffer(requests[i]);
            assertEq(indexer.requestLock(id), market.requestLock(id), "request");
        }
        for (uint256 i; i < parties.length; ++i) {
            for (uint64 nonce = 900; nonce < 910; ++nonce) {
                bool spent = (market.nonceBitmap(parties[i], nonce / 256) >> (nonce % 256)) & 1 == 1;
                assertEq(indexer.cancelled(parties[i], nonce), spent, "cancelled");
            }
        }
    }

    function _compareBalances() private view {
        uint256 sum;
        for (uint256 i; i < parties.length; ++i) {
            (uint256 free, uint256 locked) = market.balanceOf(parties[i]);
            assertEq(indexer.free(parties[i]), free, string.concat("free of ", vm.toString(i)));
            assertEq(indexer.locked(parties[i]), locked, string.concat("locked of ", vm.toString(i)));
            sum += free + locked;
        }
        assertEq(token.balanceOf(address(market)), sum, "all tokens are known");
    }

    function _compareDeal(DealTerms memory terms) private view {
        DealView memory v = lens.deal(terms);
        Indexer.Known memory d = indexer.deal(_id(terms));
        assertTrue(d.state == v.state, "state");
        assertTrue(d.settlement == v.settlement, "settlement");
        assertTrue(d.callback == v.callback, "callback");
        assertEq(d.deadline, v.deadline, "deadline");
        assertEq(d.anchorBlock, v.anchorBlock, "anchor");
        assertEq(d.receiptHash, v.receiptHash, "receipt");
        bytes32 seed = indexer.seeds(d.anchorBlock);
        if (seed != 0) assertEq(seed, v.seed, "seed");
        ReplicaGroup memory g = indexer.group(terms.jobOfferHash);
        assertEq(g.committed, v.replicas.committed, "committed");
        assertEq(g.revealed, v.replicas.revealed, "revealed");
        assertTrue(g.accord == v.replicas.accord, "accord");
        assertEq(g.feesDue, v.replicas.feesDue, "fees due");
        assertEq(g.anchorBlock, v.replicas.anchorBlock, "the group's anchor");
        assertEq(g.receiptHash, v.replicas.receiptHash, "the group's receipt");
        assertEq(
            indexer.slotsUsed(terms.resourceOfferHash), market.slotsUsed(terms.resourceOfferHash), "slots of an offer"
        );
    }
}
