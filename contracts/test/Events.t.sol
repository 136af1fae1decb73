// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What the two events that everything hangs on say: a match, and a settlement.
/// @dev Events of single verbs are in the verbs' tests; `Indexer.t.sol` rebuilds the market from all of them.
contract EventsTest is MarketTest {
    function test_dealMatched_carriesEverythingThatLaterCallsNeed() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        uint256 snapshot = vm.snapshotState();
        DealTerms memory terms = _match(job, resource);
        assertTrue(vm.revertToState(snapshot), "back");
        (bytes memory jobSignature, bytes memory resourceSignature) = (_signed(job), _signed(resource));
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealMatched(_id(terms), creator, provider, terms, job.gateway, resource.gateway);
        vm.prank(solver);
        _matchOffers(job, jobSignature, resource, resourceSignature);
    }

    function _expectSettled(
        DealTerms memory terms,
        Settlement how,
        uint256 ofCreator,
        uint256 ofProvider,
        uint256 burned,
        address[] memory paid
    ) private {
        vm.expectEmit(address(market));
        emit ILilypadMarket.DealSettled(_id(terms), how, ofCreator, ofProvider, 1 ether, burned, paid);
    }

    /// @dev Of 27 on each side: the fuel and the solver's fee change hands, all else comes back.
    function test_dealSettled_accepted() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        _expectSettled(terms, Settlement.Accepted, 22 ether, 31 ether, 0, new address[](0));
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
    }

    /// @dev The "who got what" table of a verdict: names in the order in which they were drawn.
    function test_dealSettled_slashed() public {
        DealTerms memory terms = _challenged();
        _mediate(terms, _otherReceipt(), 2);
        address[] memory drawn = _drawn(terms);
        address[] memory paid = new address[](2);
        (paid[0], paid[1]) = (drawn[0], drawn[1]);
        // The creator's 27 and the price; of the provider's 27 also the solver, two mediators, and the rest burned.
        _expectSettled(terms, Settlement.ProviderSlashed, 37 ether, 0, 12 ether, paid);
        market.concludeMediation(terms, _receipt(), drawn);
    }

    function test_dealSettled_timedOut() public {
        DealTerms memory terms = _match();
        vm.warp(lens.deal(terms).deadline + 1);
        _expectSettled(terms, Settlement.SubmissionTimedOut, 37 ether, 16 ether, 0, new address[](0));
        market.timeoutSubmission(terms);
    }
}
