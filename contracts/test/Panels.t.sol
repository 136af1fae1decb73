// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealId, DealTerms, JobOffer, ResourceOffer} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {Draw} from "../src/market/Draw.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Lists of mediators: how they are named, how large they must be, who is drawn, and what being there earns.
contract PanelsTest is MarketTest {
    uint128 private constant AVAILABILITY = 3 ether;

    function _list(uint256 size) private pure returns (address[] memory list) {
        list = new address[](size);
        for (uint256 i; i < size; ++i) {
            list[i] = address(uint160(1_000 + i));
        }
    }

    function _expectInvalid(address[] memory list) private {
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.registerPanel(list);
    }

    /* REGISTER */

    function test_register_reverts() public {
        _expectInvalid(new address[](0));
        _expectInvalid(_list(257));
        _expectInvalid(new address[](1)); // the zero address
        address[] memory list = _list(3);
        list[1] = list[0];
        _expectInvalid(list); // twice the same
        (list[0], list[1]) = (list[2], list[0]);
        _expectInvalid(list); // not in order: else one set of members had many names
    }

    function testFuzz_register_namesAPanelByItsMembers(uint256 size) public {
        size = bound(size, 1, 256);
        address[] memory list = _list(size);
        bytes32 name = keccak256(abi.encode(list));
        vm.expectEmit(address(market));
        emit ILilypadMarket.PanelRegistered(name, list);
        vm.prank(stranger);
        assertEq(market.registerPanel(list), name, "name");
        assertEq(market.panelSize(name), size, "size");
        vm.recordLogs();
        assertEq(market.registerPanel(list), name, "twice is once");
        assertEq(vm.getRecordedLogs().length, 0, "and says nothing");
    }

    /* SIZE */

    /// @dev Two more than are drawn, in case that both parties sit in it.
    function test_match_revertsWhenThePanelIsTooSmall() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        bytes32 small = market.registerPanel(_list(4));
        job.panel = small;
        resource.panel = small;
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.PanelTooSmall.selector, small, 4, 5));
        bytes32 unregistered = keccak256("unregistered");
        job.panel = unregistered;
        resource.panel = unregistered;
        _expectNoMatch(job, resource, abi.encodeWithSelector(ILilypadMarket.PanelTooSmall.selector, unregistered, 0, 5));
    }

    /// @dev Both parties sit in the smallest panel, and never judge themselves.
    function test_draw_fromTheSmallestPanelWithBothPartiesInIt() public {
        address[] memory few = new address[](3);
        (few[0], few[1], few[2]) = (stranger, provider, creator);
        for (uint256 i; i < 3; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (few[j] < few[i]) (few[i], few[j]) = (few[j], few[i]);
            }
        }
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.panel = market.registerPanel(few);
        resource.panel = job.panel;
        job.mediatorCount = 1;
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, few);
        mediators = few;
        address[] memory drawn = _drawn(terms);
        assertEq(drawn.length, 1, "drawn");
        assertEq(drawn[0], stranger, "the only one who is no party");
        _mediate(terms, _receipt(), 1);
        _conclude(terms, _receipt());
        assertEq(_free(stranger), terms.mediatorFee, "paid");
    }

    /* DRAW */

    /// @dev Distinct members, never a party.
    function testFuzz_draw_isWithoutReplacementOrParties(bytes32 seed, uint8 size, uint8 count) public pure {
        uint256 members = bound(size, 1, 40);
        address[] memory list = _list(members + 2);
        address a = list[uint256(seed) % list.length];
        address b = list[(uint256(seed) + 1) % list.length];
        uint256 wanted = bound(count, 1, members < 7 ? members : 7);
        address[] memory drawn = Draw.mediators(list, a, b, wanted, seed, DealId.wrap(seed));
        assertEq(drawn.length, wanted, "count");
        for (uint256 i; i < wanted; ++i) {
            assertTrue(drawn[i] != a && drawn[i] != b && drawn[i] != address(0), "no party");
            for (uint256 j; j < i; ++j) {
                assertTrue(drawn[i] != drawn[j], "no replacement");
            }
        }
    }

    function test_draw_reachesEverybody() public view {
        uint256[PANEL_SIZE] memory times;
        for (uint256 i; i < 500; ++i) {
            address[] memory drawn =
                Draw.mediators(mediators, creator, provider, 3, keccak256(abi.encode(i)), DealId.wrap(0));
            for (uint256 j; j < 3; ++j) {
                for (uint256 k; k < PANEL_SIZE; ++k) {
                    if (mediators[k] == drawn[j]) ++times[k];
                }
            }
        }
        // 300 expected; the chance that a fair draw leaves this band is below 1e-9, and the seeds are fixed.
        for (uint256 k; k < PANEL_SIZE; ++k) {
            assertTrue(times[k] > 230 && times[k] < 370, "about equally often");
        }
    }

    function test_draw_auditsItsShare() public pure {
        uint256 audits;
        for (uint256 i; i < 2_000; ++i) {
            if (Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 2_500)) ++audits;
            assertFalse(Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 0), "never");
            assertTrue(Draw.audited(keccak256(abi.encode(i)), DealId.wrap(0), 10_000), "always");
        }
        assertTrue(audits > 400 && audits < 600, "about a quarter");
    }

    /* PAY */

    /// @dev An accepted deal: both sides paid the panel for being there.
    function _available() private returns (DealTerms memory terms) {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.availabilityFee = AVAILABILITY + 1;
        resource.availabilityFeeMax = AVAILABILITY + 1;
        terms = _match(job, resource);
        _submit(terms, _receipt());
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
    }

    function test_pay_revertsForAnUnregisteredPanel() public {
        address[] memory list = _list(3);
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.payPanel(list);
        vm.expectRevert(ILilypadMarket.PanelInvalid.selector);
        market.payPanel(new address[](0));
    }

    function testFuzz_pay_isForAnyone_andShares(address who) public {
        _available();
        address account = address(bytes20(panel));
        uint256 gathered = 2 * (AVAILABILITY + 1);
        assertEq(_free(account), gathered, "gathered");
        uint256 share = gathered / PANEL_SIZE;
        vm.expectEmit(address(market));
        emit ILilypadMarket.PanelPaid(panel, share);
        vm.prank(who);
        market.payPanel(mediators);
        for (uint256 i; i < PANEL_SIZE; ++i) {
            assertEq(_free(mediators[i]), share, "a member's share");
        }
        // 6 ether and 2 among five leaves 2.
        assertEq(_free(account), 2, "what can't be shared waits");
    }

    /// @dev Nothing to share is shared as nothing; the rest of last time counts the next time.
    function test_pay_again() public {
        _available();
        market.payPanel(mediators);
        market.payPanel(mediators);
        assertEq(_free(mediators[0]), 2 * (AVAILABILITY + 1) / PANEL_SIZE, "once");
        assertEq(_free(address(bytes20(panel))), 2, "the rest");

        JobOffer memory job = _jobOffer();
        job.nonce = 2;
        job.availabilityFee = 4;
        ResourceOffer memory resource = _resourceOffer();
        resource.availabilityFeeMax = 4;
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        uint256 before = _free(mediators[0]);
        market.payPanel(mediators);
        assertEq(_free(mediators[0]), before + 2, "2 and 8 are 10, among five");
        assertEq(_free(address(bytes20(panel))), 0, "no rest");
    }

    /// @dev One panel's fees are not another's, even if they share members.
    function test_pay_ofAnotherPanelGetsNothing() public {
        _available();
        address[] memory one = new address[](1);
        one[0] = mediators[0];
        market.registerPanel(one);
        market.payPanel(one);
        assertEq(_free(mediators[0]), 0, "nothing");
        assertEq(_free(address(bytes20(panel))), 2 * (AVAILABILITY + 1), "still there");
    }
}
