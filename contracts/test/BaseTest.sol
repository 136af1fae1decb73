// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {LilypadToken} from "../src/LilypadToken.sol";
import {DealId, DealState, DealTerms, DealView, JobOffer, Receipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";

/// @title A market, its token, named actors with money, and one honest deal's worth of offers to change.
/// @dev No test lives here. Time and height are read by cheat code: the compiler may keep `block.timestamp` across a
/// `vm.warp`.
abstract contract BaseTest is Test {
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;
    bytes32 internal constant PROFILE = "lilypad-1";
    uint256 internal constant FUNDS = 1_000_000 ether;
    uint256 internal constant PANEL_SIZE = 5;

    ILilypadMarket internal market;
    LilypadToken internal token;

    address internal creator;
    uint256 internal creatorKey;
    address internal provider;
    uint256 internal providerKey;
    address internal solver = makeAddr("solver");
    address internal outsider = makeAddr("outsider");
    address[] internal mediators;
    bytes32 internal panel;

    /// @dev Everybody whose balance counts; tests that bring more actors add them.
    address[] internal parties;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        token = new LilypadToken();
        market = _deployMarket(address(token));
        (creator, creatorKey) = makeAddrAndKey("creator");
        (provider, providerKey) = makeAddrAndKey("provider");
        for (uint256 i; i < PANEL_SIZE; ++i) {
            mediators.push(makeAddr(string.concat("mediator", vm.toString(i))));
            parties.push(mediators[i]);
        }
        // Both parties sit on the panel, so that every draw has them to avoid.
        mediators.push(creator);
        mediators.push(provider);
        panel = market.registerPanel(mediators);
        parties.push(creator);
        parties.push(provider);
        parties.push(solver);
        parties.push(outsider);
        parties.push(BURNED);
        _fund(creator, FUNDS);
        _fund(provider, FUNDS);
    }

    /* BUILDING */

    /// @dev By artifact, so that a test contract doesn't contain (and the compiler doesn't optimise again) the market.
    function _deployMarket(address token_) internal returns (ILilypadMarket) {
        return ILilypadMarket(deployCode("LilypadMarket.sol:LilypadMarket", abi.encode(token_)));
    }

    function _fund(address party, uint256 amount) internal {
        token.mint(party, amount);
        vm.startPrank(party);
        token.approve(address(market), amount);
        market.deposit(amount);
        vm.stopPrank();
    }

    /// @dev Amounts are odd on purpose: nothing divides evenly.
    function _jobOffer() internal view returns (JobOffer memory o) {
        o.creator = creator;
        o.jobDigest = keccak256("job");
        o.profile = PROFILE;
        o.fuelLimit = 10_000_000_001;
        o.memoryBytesMax = 1 << 30;
        o.pricePerGigafuelMax = 4 ether + 3;
        o.solverFee = 2 ether + 5;
        o.mediatorFee = 1 ether + 7;
        o.collateralMin = 50 ether;
        o.panel = panel;
        o.mediatorCount = 3;
        o.submitWindow = 1 hours;
        o.judgeWindow = 2 hours;
        o.mediationWindow = 3 hours;
        o.nonce = 1;
        o.expiry = uint64(_now() + 1 days);
        o.gateway = "https://creator.example";
    }

    function _resourceOffer() internal view returns (ResourceOffer memory o) {
        o.provider = provider;
        o.profile = PROFILE;
        o.fuelLimitMax = 100_000_000_000;
        o.memoryBytesMax = 4 << 30;
        o.pricePerGigafuel = 3 ether + 1;
        o.collateral = 100 ether;
        o.panel = panel;
        o.slots = 4;
        o.submitWindowMin = 10 minutes;
        o.nonce = 1;
        o.expiry = uint64(_now() + 1 days);
        o.gateway = "https://provider.example";
    }

    function _terms(JobOffer memory job, ResourceOffer memory resource, uint32 slot)
        internal
        view
        returns (DealTerms memory t)
    {
        t.jobOfferHash = market.hashJobOffer(job);
        t.resourceOfferHash = market.hashResourceOffer(resource);
        t.creator = job.creator;
        t.provider = resource.provider;
        t.solver = solver;
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
        t.callbackGas = job.callbackGas;
        t.slot = slot;
        t.matchedAt = uint64(_now());
    }

    function _receipt(DealTerms memory t, uint64 fuelUsed) internal pure returns (Receipt memory r) {
        r.jobDigest = t.jobDigest;
        r.profile = t.profile;
        r.fuelUsed = fuelUsed;
        r.outputsDigest = keccak256("outputs");
        r.journalHash = keccak256("journal");
    }

    /// @dev A receipt of the same job that says something else.
    function _otherReceipt(Receipt memory r, uint256 variant) internal pure returns (Receipt memory other) {
        other = abi.decode(abi.encode(r), (Receipt));
        other.outputsDigest = keccak256(abi.encode("other outputs", variant));
    }

    /* SIGNING */

    function _domainSeparator(address verifier) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("LilypadMarket"),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", _domainSeparator(address(market)), structHash));
    }

    function _sign(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(structHash));
        return abi.encodePacked(r, s, v);
    }

    function _signJob(JobOffer memory o) internal view returns (bytes memory) {
        return _sign(creatorKey, market.hashJobOffer(o));
    }

    function _signResource(ResourceOffer memory o) internal view returns (bytes memory) {
        return _sign(providerKey, market.hashResourceOffer(o));
    }

    /* STEPPING */

    function _match(JobOffer memory job, ResourceOffer memory resource) internal returns (DealTerms memory t) {
        t = _terms(job, resource, market.slotsUsed(market.hashResourceOffer(resource)));
        bytes memory jobSignature = _signJob(job);
        bytes memory resourceSignature = _signResource(resource);
        vm.prank(solver);
        DealId id = market.matchOffers(job, jobSignature, resource, resourceSignature);
        assertEq(DealId.unwrap(id), DealId.unwrap(_id(t)), "the deal's id is the hash of its terms");
    }

    function _match() internal returns (DealTerms memory) {
        return _match(_jobOffer(), _resourceOffer());
    }

    function _submit(DealTerms memory t, Receipt memory r) internal {
        vm.prank(t.provider);
        market.submitResult(t, r);
    }

    function _submitted() internal returns (DealTerms memory t, Receipt memory r) {
        t = _match();
        r = _receipt(t, 5_000_000_003);
        _submit(t, r);
    }

    function _challenged() internal returns (DealTerms memory t, Receipt memory r, address[] memory drawn) {
        (t, r) = _submitted();
        _pastAnchor();
        vm.prank(t.creator);
        market.challengeResult(t);
        drawn = market.deal(t).mediators;
    }

    /// @dev Two blocks on, so that the anchor block has a hash.
    function _pastAnchor() internal {
        vm.roll(_height() + 2);
        vm.warp(_now() + 24);
    }

    function _salt(address mediator) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", mediator));
    }

    function _commitment(DealTerms memory t, address mediator, Receipt memory r) internal pure returns (bytes32) {
        return keccak256(abi.encode(_id(t), mediator, keccak256(abi.encode(r)), _salt(mediator)));
    }

    function _commit(DealTerms memory t, address mediator, Receipt memory r) internal {
        vm.prank(mediator);
        market.commitReceipt(t, _commitment(t, mediator, r));
    }

    function _reveal(DealTerms memory t, address mediator, Receipt memory r) internal {
        vm.prank(mediator);
        market.revealReceipt(t, r, _salt(mediator));
    }

    function _warpPastCommits(DealTerms memory t) internal {
        vm.warp(market.deal(t).deadline + 1);
    }

    function _warpPastReveals(DealTerms memory t) internal {
        vm.warp(market.deal(t).revealDeadline + 1);
    }

    /* READING */

    function _id(DealTerms memory t) internal pure returns (DealId) {
        return DealId.wrap(keccak256(abi.encode(t)));
    }

    function _now() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }

    function _height() internal view returns (uint256) {
        return vm.getBlockNumber();
    }

    function _free(address party) internal view returns (uint256 free) {
        (free,) = market.balanceOf(party);
    }

    function _locked(address party) internal view returns (uint256 locked) {
        (, locked) = market.balanceOf(party);
    }

    function _priceMax(DealTerms memory t) internal pure returns (uint256) {
        return _costUp(t.fuelLimit, t.pricePerGigafuel);
    }

    /// @dev The plain reference: whole gigafuels, and one more unit for any rest.
    function _costUp(uint256 fuel, uint256 price) internal pure returns (uint256 cost) {
        cost = fuel * price / 1e9;
        if (cost * 1e9 < fuel * price) ++cost;
    }

    function _assertState(DealTerms memory t, DealState state, Settlement how) internal view {
        DealView memory v = market.deal(t);
        assertEq(uint8(v.state), uint8(state), "state");
        assertEq(uint8(v.settlement), uint8(how), "settlement");
    }

    function _assertNothingLocked() internal view {
        for (uint256 i; i < parties.length; ++i) {
            assertEq(_locked(parties[i]), 0, string.concat("locked of ", vm.getLabel(parties[i])));
        }
    }

    /// @dev Every token in the contract is somebody's, and the other way round.
    function _assertConserved() internal view {
        uint256 sum;
        for (uint256 i; i < parties.length; ++i) {
            (uint256 free, uint256 locked) = market.balanceOf(parties[i]);
            sum += free + locked;
        }
        assertEq(token.balanceOf(address(market)), sum, "the token balance is the sum of all balances");
    }
}
