// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {LilypadToken} from "../../src/LilypadToken.sol";
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

/// @title Plays all parties of many deals, one valid step at a time.
/// @dev A step that isn't possible now is skipped by looking first; every call that is made must succeed, except those
/// that are tried in order to fail. Seeds choose; nothing is random otherwise.
contract Handler is Test {
    uint256 private constant PARTIES = 4; // any may create, provide and solve
    uint256 private constant MEDIATORS = 5;
    uint256 private constant DEALS_MAX = 24;

    ILilypadMarket private immutable market;
    LilypadToken private immutable token;

    address[] private _parties;
    uint256[] private _keys;
    address[] private _panelMembers;
    bytes32 private immutable _panel;

    DealTerms[] private _deals;
    JobReceipt[] private _receipts;
    JobOffer[] private _requests;
    mapping(uint256 deal => mapping(address mediator => JobReceipt)) private _found;
    uint64 private _nonce;

    /// @notice How many settled deals could be settled once more.
    uint256 public settledTwice;

    constructor(ILilypadMarket market_, LilypadToken token_) {
        market = market_;
        token = token_;
        for (uint256 i; i < PARTIES; ++i) {
            (address party, uint256 key) = makeAddrAndKey(string.concat("party ", vm.toString(i)));
            _parties.push(party);
            _keys.push(key);
        }
        for (uint256 i; i < MEDIATORS; ++i) {
            _panelMembers.push(makeAddr(string.concat("panel member ", vm.toString(i))));
        }
        // Two parties sit on the panel as well, so that draws have somebody to pass over.
        _panelMembers.push(_parties[0]);
        _panelMembers.push(_parties[1]);
        _panel = market_.registerPanel(_panelMembers);
    }

    /* MONEY */

    function deposit(uint256 who, uint256 amount) external {
        address party = _party(who);
        amount = bound(amount, 0, 10_000 ether);
        token.mint(party, amount);
        vm.startPrank(party);
        token.approve(address(market), amount);
        market.deposit(amount);
        vm.stopPrank();
    }

    function withdraw(uint256 who, uint256 amount) external {
        address party = _anybody(who);
        (uint256 free,) = market.balanceOf(party);
        vm.prank(party);
        market.withdraw(bound(amount, 0, free));
    }

    /* DEALS */

    function matchOffers(uint256 who, uint256 amounts) external {
        // Two at a time, since most other steps bring a deal nearer to its end.
        for (uint256 i; i < 2 && _deals.length < DEALS_MAX; ++i) {
            JobOffer memory job = _jobOffer(who / (i + 1), amounts / (i + 1));
            _topUp(job.creator, _lockMax(job));
            _match(who, job, _sign(job.creator, market.hashJobOffer(job)), amounts);
        }
    }

    function requestJob(uint256 who, uint256 amounts) external {
        if (_requests.length == DEALS_MAX) return;
        JobOffer memory job = _jobOffer(who, amounts);
        job.inputHash = keccak256("input");
        uint256 lock = _lockMax(job);
        if (lock == 0) return;
        _topUp(job.creator, lock);
        vm.prank(job.creator);
        market.requestJob(job, "input");
        _requests.push(job);
    }

    function matchRequest(uint256 which, uint256 amounts) external {
        if (_requests.length == 0 || _deals.length == DEALS_MAX) return;
        JobOffer memory job = _requests[which % _requests.length];
        if (market.requestLock(market.hashJobOffer(job)) == 0) return;
        if (vm.getBlockTimestamp() > job.expiry) return;
        _match(which, job, "", amounts);
    }

    function cancelRequest(uint256 which) external {
        if (_requests.length == 0) return;
        JobOffer memory job = _requests[which % _requests.length];
        if (market.requestLock(market.hashJobOffer(job)) == 0) return;
        vm.prank(_late(job.expiry) ? _party(which / PARTIES) : job.creator);
        market.cancelRequest(job);
    }

    /// @dev Seldom, so that the rest of the life cycle has deals to happen to; the same goes for accepting.
    function decline(uint256 which, uint256 mood) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Matched);
        if (!found || _late(v.deadline) || mood % 4 != 0) return;
        vm.prank(_deals[i].provider);
        market.declineDeal(_deals[i], 1);
    }

    function submit(uint256 which, uint64 fuelUsed) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Matched);
        if (!found || _late(v.deadline)) return;
        JobReceipt memory receipt;
        receipt.jobDigest = _deals[i].jobDigest;
        receipt.profile = _deals[i].profile;
        receipt.fuelUsed = uint64(bound(fuelUsed, 0, _deals[i].fuelLimit));
        _receipts[i] = receipt;
        vm.prank(_deals[i].provider);
        market.submitResult(_deals[i], receipt);
    }

    function timeoutSubmission(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Matched);
        if (!found || !_late(v.deadline)) return;
        market.timeoutSubmission(_deals[i]);
    }

    function accept(uint256 which, uint256 mood) external {
        (bool found, uint256 i,) = _pick(which, DealState.Submitted);
        if (!found || mood % 4 != 0) return;
        vm.prank(_deals[i].creator);
        market.acceptResult(_deals[i], _receipts[i]);
    }

    function finalize(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Submitted);
        if (!found || !_late(v.deadline) || v.auditDue) return;
        if (_deals[i].auditBps != 0 && v.seed == 0) return;
        market.finalizeDeal(_deals[i], _receipts[i]);
    }

    function fixSeed(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Submitted);
        if (!found || vm.getBlockNumber() <= v.anchorBlock) return;
        market.fixSeed(_deals[i]);
    }

    function challenge(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Submitted);
        if (!found || _late(v.deadline) || v.seed == 0) return;
        vm.prank(_deals[i].creator);
        market.challengeResult(_deals[i]);
    }

    function audit(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Submitted);
        if (!found || !v.auditDue) return;
        market.auditResult(_deals[i]);
    }

    function commit(uint256 which, uint256 who, uint8 opinion) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Challenged);
        if (!found || _late(v.deadline)) return;
        uint256 seat = who % v.mediators.length;
        if (v.commitments[seat] != 0) return;
        _commit(i, v.mediators[seat], opinion);
    }

    /// @dev Often enough all three come; single commits would leave most mediations without a majority.
    function commitAll(uint256 which, uint8[7] calldata opinions) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Challenged);
        if (!found || _late(v.deadline)) return;
        for (uint256 seat; seat < v.mediators.length; ++seat) {
            if (v.commitments[seat] == 0) _commit(i, v.mediators[seat], opinions[seat]);
        }
    }

    function reveal(uint256 which, uint256 who) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Challenged);
        if (!found || !_revealsOpen(v)) return;
        _reveal(i, v, who % v.mediators.length);
    }

    function revealAll(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Challenged);
        if (!found || !_revealsOpen(v)) return;
        for (uint256 seat; seat < v.mediators.length; ++seat) {
            _reveal(i, v, seat);
        }
    }

    function conclude(uint256 which) external {
        (bool found, uint256 i, DealView memory v) = _pick(which, DealState.Challenged);
        if (!found || !_mayConclude(v)) return;
        market.concludeMediation(_deals[i], _receipts[i]);
    }

    /// @dev Every verb that settles, by whoever may call it, on a deal that is settled: none may go through.
    function settleAgain(uint256 which) external {
        (bool found, uint256 i,) = _pick(which, DealState.Settled);
        if (!found) return;
        bytes[9] memory calls = [
            abi.encodeCall(ILilypadMarket.challengeResult, (_deals[i])),
            abi.encodeCall(ILilypadMarket.auditResult, (_deals[i])),
            abi.encodeCall(ILilypadMarket.fixSeed, (_deals[i])),
            abi.encodeCall(ILilypadMarket.acceptResult, (_deals[i], _receipts[i])),
            abi.encodeCall(ILilypadMarket.finalizeDeal, (_deals[i], _receipts[i])),
            abi.encodeCall(ILilypadMarket.concludeMediation, (_deals[i], _receipts[i])),
            abi.encodeCall(ILilypadMarket.timeoutSubmission, (_deals[i])),
            abi.encodeCall(ILilypadMarket.declineDeal, (_deals[i], 1)),
            abi.encodeCall(ILilypadMarket.submitResult, (_deals[i], _receipts[i]))
        ];
        for (uint256 call; call < calls.length; ++call) {
            vm.prank(call < 6 ? _deals[i].creator : _deals[i].provider);
            (bool ok,) = address(market).call(calls[call]);
            if (ok) ++settledTwice;
        }
    }

    /* TIME */

    /// @dev In blocks of twelve seconds: within a deal's windows, sometimes beyond, sometimes past all block hashes.
    function pass(uint256 seconds_) external {
        _pass(bound(seconds_, 12, 75 minutes));
    }

    function passABlock() external {
        _pass(24);
    }

    /* THE END */

    /// @notice Uses only what anybody may do once time has passed.
    function settleEverything() external {
        for (uint256 i; i < _requests.length; ++i) {
            if (market.requestLock(market.hashJobOffer(_requests[i])) == 0) continue;
            if (vm.getBlockTimestamp() <= _requests[i].expiry) vm.warp(uint256(_requests[i].expiry) + 1);
            market.cancelRequest(_requests[i]);
        }
        for (uint256 i; i < _deals.length; ++i) {
            _settle(i);
        }
    }

    function withdrawEverything() external {
        address[] memory all = allParties();
        for (uint256 i; i < all.length; ++i) {
            (uint256 free,) = market.balanceOf(all[i]);
            vm.prank(all[i]);
            market.withdraw(free);
        }
    }

    /* READING */

    function allParties() public view returns (address[] memory all) {
        all = new address[](PARTIES + MEDIATORS);
        for (uint256 i; i < all.length; ++i) {
            all[i] = _anybody(i);
        }
    }

    function dealEnd(uint256 i) external view returns (Settlement) {
        return market.deal(_deals[i]).settlement;
    }

    function dealCount() external view returns (uint256) {
        return _deals.length;
    }

    function dealState(uint256 i) external view returns (DealState) {
        return market.deal(_deals[i]).state;
    }

    /// @notice What open deals and requests have locked of each of `allParties`, added up from scratch.
    function expectedLocks() external view returns (uint256[] memory locked) {
        locked = new uint256[](PARTIES + MEDIATORS);
        for (uint256 i; i < _deals.length; ++i) {
            if (market.deal(_deals[i]).state == DealState.Settled) continue;
            locked[_index(_deals[i].creator)] += market.creatorLock(_deals[i]);
            locked[_index(_deals[i].provider)] += _deals[i].collateral;
        }
        for (uint256 i; i < _requests.length; ++i) {
            locked[_index(_requests[i].creator)] += market.requestLock(market.hashJobOffer(_requests[i]));
        }
    }

    /* INTERNALS */

    function _settle(uint256 i) private {
        DealView memory v = market.deal(_deals[i]);
        if (v.state == DealState.Settled) return;
        if (!_late(v.deadline)) vm.warp(uint256(v.deadline) + 1);
        if (v.state == DealState.Matched) {
            market.timeoutSubmission(_deals[i]);
            return;
        }
        if (v.state == DealState.Submitted) {
            _pass(24);
            // Twice at most: a lost anchor moves, and then its hash is there.
            for (uint256 tries; tries < 2 && market.deal(_deals[i]).seed == 0; ++tries) {
                market.fixSeed(_deals[i]);
                _pass(24);
            }
            if (!market.deal(_deals[i]).auditDue) {
                market.finalizeDeal(_deals[i], _receipts[i]);
                return;
            }
            market.auditResult(_deals[i]);
            v = market.deal(_deals[i]);
        }
        if (!_late(v.revealDeadline)) vm.warp(uint256(v.revealDeadline) + 1);
        market.concludeMediation(_deals[i], _receipts[i]);
    }

    function _match(uint256 who, JobOffer memory job, bytes memory jobSignature, uint256 amounts) private {
        ResourceOffer memory resource;
        address provider = _party(who / PARTIES + 1);
        if (provider == job.creator) provider = _party(who / PARTIES + 2);
        resource.provider = provider;
        resource.profile = job.profile;
        resource.fuelLimitMax = job.fuelLimit;
        resource.pricePerGigafuel = uint128(_amount(amounts, "price", 0, job.pricePerGigafuelMax));
        uint256 lock = _lockMax(job);
        resource.collateral = uint128(_amount(amounts, "collateral", lock, 2 * lock));
        resource.panel = _panel;
        resource.slots = 1;
        resource.nonce = ++_nonce;
        resource.expiry = type(uint64).max;
        _topUp(provider, resource.collateral);
        bytes memory resourceSignature = _sign(provider, market.hashResourceOffer(resource));
        DealTerms memory t = _terms(job, resource);
        t.solver = _party(who / 7);
        vm.prank(t.solver);
        DealId id = market.matchOffers(job, jobSignature, resource, resourceSignature);
        assertEq(DealId.unwrap(id), keccak256(abi.encode(t)), "the deal's id is the hash of its terms");
        _deals.push(t);
        _receipts.push();
    }

    function _jobOffer(uint256 who, uint256 amounts) private returns (JobOffer memory o) {
        o.creator = _party(who);
        o.jobDigest = keccak256("job");
        o.profile = "lilypad-1";
        o.fuelLimit = uint64(_amount(amounts, "fuel", 0, 1e12));
        o.pricePerGigafuelMax = uint128(_amount(amounts, "highest price", 0, 1 ether));
        o.solverFee = uint128(_amount(amounts, "solver fee", 0, 10 ether));
        o.mediatorFee = uint128(_amount(amounts, "mediator fee", 0, 10 ether));
        o.panel = _panel;
        o.mediatorCount = amounts % 3 == 0 ? 1 : amounts % 3 == 1 ? 3 : 5;
        o.auditBps = amounts % 2 == 0 ? 0 : uint16(_amount(amounts, "audits", 1, 10_000));
        o.submitWindow = 1 hours;
        o.judgeWindow = 2 hours;
        o.mediationWindow = 1 hours;
        o.nonce = ++_nonce;
        o.expiry = uint64(vm.getBlockTimestamp()) + 1 days;
    }

    function _terms(JobOffer memory job, ResourceOffer memory resource) private view returns (DealTerms memory t) {
        t.jobOfferHash = market.hashJobOffer(job);
        t.resourceOfferHash = market.hashResourceOffer(resource);
        t.creator = job.creator;
        t.provider = resource.provider;
        t.jobDigest = job.jobDigest;
        t.inputHash = job.inputHash;
        t.profile = job.profile;
        t.panel = job.panel;
        t.fuelLimit = job.fuelLimit;
        t.pricePerGigafuel = resource.pricePerGigafuel;
        t.solverFee = job.solverFee;
        t.mediatorFee = job.mediatorFee;
        t.collateral = resource.collateral;
        t.mediatorCount = job.mediatorCount;
        t.auditBps = job.auditBps;
        t.submitWindow = job.submitWindow;
        t.judgeWindow = job.judgeWindow;
        t.mediationWindow = job.mediationWindow;
        t.matchedAt = uint64(vm.getBlockTimestamp());
    }

    function _commit(uint256 i, address mediator, uint8 opinion) private {
        JobReceipt memory receipt = _receipts[i];
        // Half agree with the provider, the others with each other or with nobody.
        if (opinion % 4 > 1) receipt.outputsDigest = bytes32(uint256(opinion % 4));
        _found[i][mediator] = receipt;
        bytes32 id = keccak256(abi.encode(_deals[i]));
        vm.prank(mediator);
        market.commitReceipt(
            _deals[i], keccak256(abi.encode(id, mediator, keccak256(abi.encode(receipt)), bytes32("salt")))
        );
    }

    function _reveal(uint256 i, DealView memory v, uint256 seat) private {
        if (v.commitments[seat] == 0 || v.revealed[seat] != 0) return;
        address mediator = v.mediators[seat];
        vm.prank(mediator);
        market.revealReceipt(_deals[i], _found[i][mediator], "salt");
    }

    function _revealsOpen(DealView memory v) private view returns (bool) {
        if (_late(v.revealDeadline)) return false;
        if (_late(v.deadline)) return true;
        for (uint256 seat; seat < v.commitments.length; ++seat) {
            if (v.commitments[seat] == 0) return false;
        }
        return true;
    }

    function _mayConclude(DealView memory v) private view returns (bool) {
        if (_late(v.revealDeadline)) return true;
        for (uint256 seat; seat < v.revealed.length; ++seat) {
            if (v.revealed[seat] != 0) continue;
            if (v.commitments[seat] != 0 || !_late(v.deadline)) return false;
        }
        return true;
    }

    /// @dev The first deal from `which` on that is in this state.
    function _pick(uint256 which, DealState state) private view returns (bool, uint256, DealView memory v) {
        uint256 count = _deals.length;
        for (uint256 k; k < count; ++k) {
            uint256 i = (which % count + k) % count;
            v = market.deal(_deals[i]);
            if (v.state == state) return (true, i, v);
        }
        return (false, 0, v);
    }

    function _pass(uint256 seconds_) private {
        vm.roll(vm.getBlockNumber() + seconds_ / 12);
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    function _late(uint256 deadline) private view returns (bool) {
        return vm.getBlockTimestamp() > deadline;
    }

    function _topUp(address party, uint256 needed) private {
        (uint256 free,) = market.balanceOf(party);
        if (free >= needed) return;
        token.mint(party, needed - free);
        vm.startPrank(party);
        token.approve(address(market), needed - free);
        market.deposit(needed - free);
        vm.stopPrank();
    }

    function _lockMax(JobOffer memory o) private pure returns (uint256) {
        uint256 price = (uint256(o.fuelLimit) * o.pricePerGigafuelMax + 1e9 - 1) / 1e9;
        return price + o.solverFee + uint256(o.mediatorFee) * o.mediatorCount;
    }

    function _amount(uint256 amounts, string memory what, uint256 min, uint256 max) private pure returns (uint256) {
        return bound(uint256(keccak256(abi.encode(amounts, what))), min, max);
    }

    function _sign(address party, bytes32 structHash) private view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("LilypadMarket"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[_index(party)], digest);
        return abi.encodePacked(r, s, v);
    }

    function _party(uint256 who) private view returns (address) {
        return _parties[who % PARTIES];
    }

    function _index(address party) private view returns (uint256 i) {
        while (_parties[i] != party) ++i;
    }

    function _anybody(uint256 who) private view returns (address) {
        who %= PARTIES + MEDIATORS;
        return who < PARTIES ? _parties[who] : _panelMembers[who - PARTIES];
    }
}
