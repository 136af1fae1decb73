// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    DealId,
    DealState,
    DealTerms,
    DealView,
    JobOffer,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement
} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {MarketTest} from "../MarketTest.sol";

/// @title Moves that parties can make, in any order, on any of many deals.
/// @dev No move may revert: each asks first what its deal allows. A move that isn't allowed now does nothing.
contract Lives is MarketTest {
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;
    uint256 internal constant DEALS_MAX = 24;

    DealTerms[] private _deals;
    JobOffer[] private _requests;
    uint64 private _nonce = 1_000;
    mapping(uint256 deal => JobReceipt) private _posted;
    mapping(uint256 deal => mapping(address mediator => JobReceipt)) private _shown;

    /// @notice How each deal had ended when it was first seen settled.
    mapping(uint256 deal => Settlement) public endedAs;

    /// @notice How often each end was reached.
    mapping(Settlement => uint256) public ends;

    constructor() {
        MarketTest.setUp();
    }

    function setUp() public override {}

    /* MOVES */

    function make(uint256 seed) external {
        if (_deals.length == DEALS_MAX) return;
        JobOffer memory job = _randomJob(seed);
        ResourceOffer memory resource = _randomResource(seed, job);
        if (_cannotPay(creator, 200 ether) || _cannotPay(provider, resource.collateral)) return;
        _deals.push(_match(job, resource));
    }

    function request(uint256 seed) external {
        if (_deals.length + _requests.length >= DEALS_MAX || _cannotPay(creator, 400 ether)) return;
        JobOffer memory job = _randomJob(seed);
        job.inputHash = keccak256("input");
        vm.prank(creator);
        market.requestJob(job, "input");
        _requests.push(job);
    }

    function takeUp(uint256 which, uint256 seed) external {
        if (_requests.length == 0) return;
        which %= _requests.length;
        JobOffer memory job = _requests[which];
        ResourceOffer memory resource = _randomResource(seed, job);
        if (vm.getBlockTimestamp() > job.expiry || _cannotPay(provider, resource.collateral)) return;
        _deals.push(_match(job, "", resource, _signed(resource)));
        _forget(which);
    }

    function cancel(uint256 which, bool byCreator) external {
        if (_requests.length == 0) return;
        which %= _requests.length;
        JobOffer memory job = _requests[which];
        if (!byCreator && vm.getBlockTimestamp() <= job.expiry) return;
        vm.prank(byCreator ? creator : stranger);
        market.cancelRequest(job);
        _forget(which);
    }

    function pass(uint256 time, uint256 blocks) external {
        vm.warp(vm.getBlockTimestamp() + time % 90 minutes);
        // One time in ten so many that block hashes are lost.
        vm.roll(vm.getBlockNumber() + (blocks % 10 == 0 ? 300 : 1 + blocks % 5));
    }

    function provide(uint256 which, uint256 choice) external {
        (uint256 i, DealTerms memory terms, DealView memory d) = _pick(which, DealState.Matched);
        if (d.state != DealState.Matched) return;
        if (vm.getBlockTimestamp() > d.deadline) {
            vm.prank(stranger);
            market.timeoutSubmission(terms);
        } else if (choice % 8 == 0) {
            vm.prank(provider);
            market.declineDeal(terms, 1);
        } else {
            JobReceipt memory r = _receipt();
            r.fuelUsed = uint64(choice % (uint256(terms.fuelLimit) + 1));
            _posted[i] = r;
            _submit(terms, r);
        }
        _note(i);
    }

    function judge(uint256 which, uint256 choice) external {
        (uint256 i, DealTerms memory terms, DealView memory d) = _pick(which, DealState.Submitted);
        if (d.state != DealState.Submitted) return;
        bool inTime = vm.getBlockTimestamp() <= d.deadline;
        if (inTime && choice % 3 == 0) {
            vm.prank(creator);
            market.acceptResult(terms, _posted[i]);
        } else if (d.seedLost) {
            market.fixSeed(terms);
        } else if (d.seed == 0) {
            // Nobody can do anything else before the anchor block.
            if (!inTime && terms.auditBps == 0) market.finalizeDeal(terms, _posted[i]);
        } else if (inTime && choice % 3 == 1) {
            vm.prank(creator);
            market.challengeResult(terms);
        } else if (d.auditDue) {
            vm.prank(stranger);
            market.auditResult(terms);
        } else if (!inTime) {
            vm.prank(stranger);
            market.finalizeDeal(terms, _posted[i]);
        }
        _note(i);
    }

    function mediate(uint256 which, uint256 seat, uint256 choice) external {
        (uint256 i, DealTerms memory terms, DealView memory d) = _pick(which, DealState.Challenged);
        if (d.state != DealState.Challenged) return;
        seat %= d.mediators.length;
        address mediator = d.mediators[seat];
        uint256 time = vm.getBlockTimestamp();
        bool all = true;
        for (uint256 j; j < d.commitments.length; ++j) {
            if (d.commitments[j] == 0) all = false;
        }
        if (time <= d.deadline && d.commitments[seat] == 0) {
            // Every second provider is honest, and three of four mediators.
            JobReceipt memory r = (i % 2 == 0) == (choice % 4 != 0) ? _posted[i] : _otherReceipt();
            if (choice % 16 == 1) r.exitCode = uint32(seat) + 1;
            _shown[i][mediator] = r;
            _commit(terms, mediator, r);
        } else if (d.commitments[seat] != 0 && d.revealed[seat] == 0 && time <= d.revealDeadline) {
            if (all || time > d.deadline) _reveal(terms, mediator, _shown[i][mediator]);
        }
    }

    function conclude(uint256 which) external {
        (uint256 i, DealTerms memory terms, DealView memory d) = _pick(which, DealState.Challenged);
        if (d.state != DealState.Challenged) return;
        uint256 time = vm.getBlockTimestamp();
        for (uint256 j; j < d.mediators.length; ++j) {
            bool mayPost = d.revealed[j] == 0 && (d.commitments[j] != 0 || time <= d.deadline);
            if (mayPost && time <= d.revealDeadline) return;
        }
        vm.prank(stranger);
        market.concludeMediation(terms, _posted[i]);
        _note(i);
    }

    /// @dev What is settled stays so, whoever tries what.
    function stirTheDead(uint256 which) external {
        (uint256 i, DealTerms memory terms, DealView memory d) = _pick(which, DealState.Settled);
        if (d.state != DealState.Settled) return;
        JobReceipt memory r = _posted[i];
        _mustFail(creator, abi.encodeCall(ILilypadMarket.acceptResult, (terms, r)));
        _mustFail(creator, abi.encodeCall(ILilypadMarket.challengeResult, (terms)));
        _mustFail(provider, abi.encodeCall(ILilypadMarket.declineDeal, (terms, 1)));
        _mustFail(provider, abi.encodeCall(ILilypadMarket.submitResult, (terms, r)));
        _mustFail(stranger, abi.encodeCall(ILilypadMarket.auditResult, (terms)));
        _mustFail(stranger, abi.encodeCall(ILilypadMarket.finalizeDeal, (terms, r)));
        _mustFail(stranger, abi.encodeCall(ILilypadMarket.timeoutSubmission, (terms)));
        _mustFail(stranger, abi.encodeCall(ILilypadMarket.concludeMediation, (terms, r)));
    }

    function withdrawAndReturn(uint256 who, uint256 amount) external {
        address party = _party(who % partyCount());
        amount = bound(amount, 0, _free(party));
        if (party == BURNED) return;
        vm.prank(party);
        market.withdraw(amount);
        _fund(party, amount);
    }

    /// @notice Time passes and a stranger calls; whatever is left is the market's fault. Not a move: it ends the run.
    function endEverything() external {
        for (uint256 i; i < _deals.length; ++i) {
            DealTerms memory terms = _deals[i];
            if (market.deal(terms).state == DealState.Matched) {
                _warpPast(market.deal(terms).deadline);
                market.timeoutSubmission(terms);
            }
            if (market.deal(terms).state == DealState.Submitted) _endSubmitted(i, terms);
            if (market.deal(terms).state == DealState.Challenged) {
                _warpPast(market.deal(terms).revealDeadline);
                market.concludeMediation(terms, _posted[i]);
            }
            if (endedAs[i] == Settlement.None) _note(i);
        }
        while (_requests.length != 0) {
            _warpPast(_requests[0].expiry);
            vm.prank(stranger);
            market.cancelRequest(_requests[0]);
            _forget(0);
        }
    }

    function _endSubmitted(uint256 i, DealTerms memory terms) private {
        _warpPast(market.deal(terms).deadline);
        _passAnchor();
        if (market.deal(terms).seedLost) {
            market.fixSeed(terms);
            _passAnchor();
        }
        if (market.deal(terms).auditDue) market.auditResult(terms);
        else market.finalizeDeal(terms, _posted[i]);
    }

    /* WHAT THE INVARIANTS ASK */

    function partyCount() public view returns (uint256) {
        return 4 + mediators.length;
    }

    function _party(uint256 i) internal view returns (address) {
        if (i == 0) return creator;
        if (i == 1) return provider;
        if (i == 2) return solver;
        if (i == 3) return BURNED;
        return mediators[i - 4];
    }

    function marketTokens() external view returns (uint256) {
        return token.balanceOf(address(market));
    }

    function sums() external view returns (uint256 free, uint256 locked) {
        for (uint256 i; i < partyCount(); ++i) {
            free += _free(_party(i));
            locked += _locked(_party(i));
        }
    }

    function lockedByLiving() external view returns (uint256 sum) {
        for (uint256 i; i < _deals.length; ++i) {
            if (market.deal(_deals[i]).state == DealState.Settled) continue;
            sum += market.creatorLock(_deals[i]) + _deals[i].collateral;
        }
        for (uint256 i; i < _requests.length; ++i) {
            sum += market.requestLock(market.hashJobOffer(_requests[i]));
        }
    }

    function dealCount() external view returns (uint256) {
        return _deals.length;
    }

    function endOf(uint256 i) external view returns (Settlement) {
        return market.deal(_deals[i]).settlement;
    }

    /* HELPERS */

    /// @dev Never back.
    function _warpPast(uint256 time) private {
        if (vm.getBlockTimestamp() <= time) vm.warp(time + 1);
    }

    function _randomJob(uint256 seed) private returns (JobOffer memory job) {
        job = _jobOffer();
        job.nonce = ++_nonce;
        job.fuelLimit = uint64(seed % 20e9);
        job.pricePerGigafuelMax = uint128(1 + (seed >> 8) % 2 ether);
        job.solverFee = uint128(1 + (seed >> 16) % 3 ether); // a request for nothing is refused
        job.mediatorFee = uint128((seed >> 24) % 3 ether);
        job.mediatorCount = uint8(1 + 2 * ((seed >> 32) % 3));
        job.auditBps = uint16(((seed >> 40) % 3) * 5_000);
        job.collateralMin = 0;
    }

    function _randomResource(uint256 seed, JobOffer memory job) private returns (ResourceOffer memory resource) {
        resource = _resourceOffer();
        resource.nonce = ++_nonce;
        resource.pricePerGigafuel = uint128((seed >> 48) % (uint256(job.pricePerGigafuelMax) + 1));
        resource.collateral = uint128(100 ether + (seed >> 56) % 100 ether);
    }

    function _cannotPay(address party, uint256 amount) private view returns (bool) {
        return _free(party) < amount;
    }

    function _forget(uint256 which) private {
        _requests[which] = _requests[_requests.length - 1];
        _requests.pop();
    }

    /// @dev The first deal in the wanted state, from a random one on; any deal when there is none.
    function _pick(uint256 which, DealState wanted)
        private
        view
        returns (uint256 i, DealTerms memory terms, DealView memory d)
    {
        for (uint256 step; step < _deals.length; ++step) {
            i = (which % _deals.length + step) % _deals.length;
            terms = _deals[i];
            d = market.deal(terms);
            if (d.state == wanted) break;
        }
    }

    function _note(uint256 i) private {
        Settlement how = market.deal(_deals[i]).settlement;
        if (how == Settlement.None) return;
        endedAs[i] = how;
        ++ends[how];
    }

    function _mustFail(address who, bytes memory data) private {
        vm.prank(who);
        (bool ok,) = address(market).call(data);
        assertFalse(ok, "a settled deal took another verb");
    }
}
