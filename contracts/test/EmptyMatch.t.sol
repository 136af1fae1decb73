// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {MarketTest} from "./MarketTest.sol";
import {JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";

/// @title A match of no jobs. It makes no deal, so it must not use up an offer either.
contract EmptyMatchTest is MarketTest {
    function test_aMatchOfNoJobsIsRefusedAndSpendsNoSlot() public {
        ResourceOffer memory resource = _resourceOffer();
        resource.slots = 1;
        (ResourceOffer[] memory resources, bytes[] memory signatures) = _one(resource, _signed(resource));
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("jobs")));
        vm.prank(stranger);
        market.matchOffers(new JobOffer[](0), new bytes[](0), resources, signatures);
        assertEq(market.nonceBitmap(provider, 0), 0, "the single slot's nonce is not spent");
        _match(_jobOffer(), resource);
    }
}
