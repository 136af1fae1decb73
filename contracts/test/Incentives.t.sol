// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What the README's inequalities promise, against what deals really pay.
contract IncentivesTest is MarketTest {
    /// @dev Locals outlive a snapshot, the test's storage doesn't.
    /// What the provider's balance changes by at each end, from the contract itself. `used` is what the job needs.
    function _ends(uint64 used) private returns (int256 honest, int256 lied, int256 caught) {
        DealTerms memory terms = _match();
        JobReceipt memory good = _receipt();
        good.fuelUsed = used;
        JobReceipt memory bad = _otherReceipt();
        bad.fuelUsed = terms.fuelLimit; // who makes the answer up makes the fuel up
        uint256 snapshot = vm.snapshotState();
        _submit(terms, good);
        skip(1 hours + 1);
        market.finalizeDeal(terms, good);
        honest = int256(_free(provider)) - int256(FUNDS);
        vm.revertToState(snapshot);
        snapshot = vm.snapshotState();
        _submit(terms, bad);
        skip(1 hours + 1);
        market.finalizeDeal(terms, bad);
        lied = int256(_free(provider)) - int256(FUNDS);
        vm.revertToState(snapshot);
        _submit(terms, bad);
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        _mediate(terms, good, 3);
        _conclude(terms, bad);
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "caught");
        caught = int256(_free(provider)) - int256(FUNDS);
        assertEq(honest, int256(uint256(used) * 1e9), "paid for what it used, at one ether a gigafuel");
        assertEq(lied, 10 ether, "paid for all");
        assertEq(caught, -27 ether, "loses its deposit");
    }

    /// @dev To compare with the work saved alone is not enough: a liar also claims the whole fuel limit, where the
    /// honest one is paid for what it used. Here p_v * B * price is far above the work saved, and lying pays.
    function test_aLiarAlsoClaimsTheFuel() public {
        (int256 honest, int256 lied, int256 caught) = _ends(0.1e9); // of 10e9: costs 0.1 ether of 10
        int256 work = 0.05 ether; // c_e: less than is paid for it
        int256 bps = 1_000; // p_v is a tenth
        int256 bracket = 2 * 10 ether + 10 ether + 1 ether + 6 ether;
        assertGt(bps * bracket / 10_000, work, "far above the work saved");
        int256 lying = ((10_000 - bps) * lied + bps * caught) / 10_000;
        assertGt(lying, honest - work, "and lying pays more");
    }

    /// @dev p_v * B > 1 is enough whatever the job uses.
    function test_honestyPays(uint64 used, uint16 bps) public {
        used = uint64(bound(used, 0, 10e9));
        bps = uint16(bound(bps, 2_703, 10_000)); // B is 3.7: the smallest chance that is enough
        (int256 honest, int256 lied, int256 caught) = _ends(used);
        int256 lying = (int256(uint256(10_000 - bps)) * lied + int256(uint256(bps)) * caught) / 10_000;
        // At worst, running the job costs all that is paid for it, and lying nothing.
        assertLe(lying, honest - int256(uint256(used) * 1e9), "honesty pays");
    }

    /// @dev The creator's inequality, broken: let a share x of mediations find no majority. A challenge of a right
    /// receipt then saves the cost x of the time and costs penalty and fees otherwise; without a penalty and with
    /// cheap mediators a panel that fails one time in ten makes challenging everything a profit.
    function test_frivolousChallengesPayWhenPanelsFail() public {
        JobOffer memory job = _jobOffer();
        job.penaltyBps = 0;
        job.mediatorFee = 0.1 ether;
        int256[2] memory change;
        for (uint256 failing; failing < 2; ++failing) {
            job.nonce = uint64(1 + failing);
            int256 before = int256(_free(creator));
            DealTerms memory terms = _match(job, _cheap());
            _submit(terms, _receipt());
            _passAnchor();
            vm.prank(creator);
            market.challengeResult(terms, mediators);
            if (failing == 0) _mediate(terms, _receipt(), 3);
            else skip(30 minutes + 1);
            _conclude(terms, _receipt());
            change[failing] = int256(_free(creator)) - before;
        }
        int256 accepted = -(4 ether + 1 ether);
        assertGt((9 * change[0] + change[1]) / 10, accepted, "one failure in ten is enough");
    }

    function _cheap() private view returns (ResourceOffer memory resource) {
        resource = _resourceOffer();
        resource.mediatorFeeMin = 0;
    }
}
