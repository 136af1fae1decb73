// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";
import {LilypadToken} from "../src/LilypadToken.sol";
import {
    DealId,
    DealState,
    DealTerms,
    JobOffer,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement
} from "../src/Types.sol";
import {LilypadLens} from "../src/LilypadLens.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";

/// @title Named actors with funds, one pair of offers that fit, and the steps of a deal.
/// @dev Tests change one thing of these defaults and say what follows.
/// `JobReceipt` is the market's Receipt: forge-std has a struct of that name for transactions.
abstract contract MarketTest is Test {
    uint256 internal constant FUNDS = 1_000_000 ether;
    uint256 internal constant PANEL_SIZE = 5;
    bytes32 internal constant PROFILE = "lilypad-1";
    bytes32 internal constant SALT = keccak256("salt");

    LilypadToken internal token;
    ILilypadMarket internal market;
    ILilypadMediation internal mediation;
    LilypadLens internal lens;

    address internal creator;
    uint256 internal creatorKey;
    address internal provider;
    uint256 internal providerKey;
    address internal solver;
    address internal stranger;
    address[] internal mediators;
    bytes32 internal panel;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        token = new LilypadToken();
        market = _newMarket(address(token));
        mediation = market.mediation();
        lens = LilypadLens(market.lens());
        (creator, creatorKey) = makeAddrAndKey("creator");
        (provider, providerKey) = makeAddrAndKey("provider");
        solver = makeAddr("solver");
        stranger = makeAddr("stranger");
        for (uint256 i; i < PANEL_SIZE; ++i) {
            mediators.push(makeAddr(string.concat("mediator ", vm.toString(i))));
        }
        _sort(mediators);
        panel = market.registerPanel(mediators);
        _fund(creator, FUNDS);
        _fund(provider, FUNDS);
    }

    /// @dev By artifact: a test that contains the market's code makes the compiler optimise it once more.
    function _newMarket(address token_) internal returns (ILilypadMarket) {
        return ILilypadMarket(deployCode("LilypadMarket.sol:LilypadMarket", abi.encode(token_)));
    }

    /* MONEY */

    function _fund(address party, uint256 amount) internal {
        token.mint(party, amount);
        vm.startPrank(party);
        token.approve(address(market), amount);
        market.deposit(amount);
        vm.stopPrank();
    }

    function _free(address party) internal view returns (uint256 free) {
        (free,) = market.balanceOf(party);
    }

    function _locked(address party) internal view returns (uint256 locked) {
        (, locked) = market.balanceOf(party);
    }

    /* OFFERS */

    function _jobOffer() internal view returns (JobOffer memory o) {
        o.creator = creator;
        o.jobDigest = keccak256("job");
        o.profile = PROFILE;
        o.replicas = 1;
        o.fuelLimit = 10e9;
        o.memoryBytesMax = 64 << 20;
        o.pricePerGigafuelMax = 2 ether;
        o.solverFee = 1 ether;
        o.panel = panel;
        o.mediatorCount = 3;
        o.runs = 1;
        o.mediatorFee = 2 ether;
        o.penaltyBps = 10_000;
        o.submitWindow = 1 hours;
        o.judgeWindow = 1 hours;
        o.mediationWindow = 30 minutes;
        o.nonce = 1;
        o.expiry = uint64(block.timestamp) + 1 days;
        o.gateway = "http://creator.example";
    }

    function _resourceOffer() internal view returns (ResourceOffer memory o) {
        o.provider = provider;
        o.profile = PROFILE;
        o.fuelLimitMax = 100e9;
        o.memoryBytesMax = 1 << 30;
        o.pricePerGigafuel = 1 ether;
        o.collateralMax = 100 ether;
        o.panel = panel;
        o.mediatorFeeMin = 1 ether;
        o.submitWindowMin = 10 minutes;
        o.judgeWindowMax = 1 days;
        o.mediationWindowMin = 10 minutes;
        o.slots = 4;
        o.nonce = 7;
        o.expiry = uint64(block.timestamp) + 7 days;
        o.gateway = "http://provider.example";
    }

    function _digest(address verifying, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("LilypadMarket"),
                keccak256("1"),
                block.chainid,
                verifying
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _sign(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(address(market), structHash));
        return abi.encodePacked(r, s, v);
    }

    function _signed(JobOffer memory o) internal view returns (bytes memory) {
        return _sign(creatorKey, lens.hashJobOffer(o));
    }

    function _signed(ResourceOffer memory o) internal view returns (bytes memory) {
        return _sign(providerKey, lens.hashResourceOffer(o));
    }

    /* STEPS OF A DEAL */

    function _match() internal returns (DealTerms memory) {
        return _match(_jobOffer(), _resourceOffer());
    }

    function _match(JobOffer memory job, ResourceOffer memory resource) internal returns (DealTerms memory) {
        return _match(job, _signed(job), resource, _signed(resource));
    }

    function _match(JobOffer memory job, bytes memory jobSig, ResourceOffer memory resource, bytes memory resourceSig)
        internal
        returns (DealTerms memory terms)
    {
        vm.recordLogs();
        vm.prank(solver);
        _matchOffers(job, jobSig, resource, resourceSig);
        terms = _matched()[0];
    }

    /// @dev The terms of all deals that the recorded logs tell of.
    function _matched() internal returns (DealTerms[] memory terms) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        terms = new DealTerms[](logs.length);
        uint256 count;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != ILilypadMarket.DealMatched.selector) continue;
            (terms[count++],,) = abi.decode(logs[i].data, (DealTerms, string, string));
        }
        assembly ("memory-safe") {
            mstore(terms, count)
        }
    }

    /// @dev What a `JobRequested` tells.
    function _requested(Vm.Log memory log) internal pure returns (JobOffer memory offer, bytes memory input) {
        bytes memory call = abi.decode(log.data, (bytes));
        bytes memory arguments = new bytes(call.length - 4);
        for (uint256 i; i < arguments.length; ++i) {
            arguments[i] = call[i + 4];
        }
        return abi.decode(arguments, (JobOffer, bytes));
    }

    /// @dev One with one. The next call's prank or expected revert is the market's.
    function _matchOffers(
        JobOffer memory job,
        bytes memory jobSig,
        ResourceOffer memory resource,
        bytes memory resourceSig
    ) internal {
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, jobSig);
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, resourceSig);
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
    }

    function _one(JobOffer memory job, bytes memory signature)
        internal
        pure
        returns (JobOffer[] memory jobs, bytes[] memory signatures)
    {
        (jobs, signatures) = (new JobOffer[](1), new bytes[](1));
        (jobs[0], signatures[0]) = (job, signature);
    }

    function _one(ResourceOffer memory resource, bytes memory signature)
        internal
        pure
        returns (ResourceOffer[] memory resources, bytes[] memory signatures)
    {
        (resources, signatures) = (new ResourceOffer[](1), new bytes[](1));
        (resources[0], signatures[0]) = (resource, signature);
    }

    /// @dev Expects exactly this error from a match of the two offers.
    function _expectNoMatch(JobOffer memory job, ResourceOffer memory resource, bytes memory error) internal {
        bytes memory jobSig = _signed(job);
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert(error);
        vm.prank(solver);
        _matchOffers(job, jobSig, resource, resourceSig);
    }

    function _receipt() internal pure returns (JobReceipt memory r) {
        r.jobDigest = keccak256("job");
        r.profile = PROFILE;
        r.fuelUsed = 4e9;
        r.outputsDigest = keccak256("outputs");
        r.journalHash = keccak256("journal");
    }

    function _otherReceipt() internal pure returns (JobReceipt memory r) {
        r = _receipt();
        r.outputsDigest = keccak256("the right outputs");
    }

    function _submit(DealTerms memory terms, JobReceipt memory receipt) internal {
        vm.prank(provider);
        market.submitResult(terms, receipt);
    }

    /// @dev Two blocks later the anchor's hash is known.
    function _passAnchor() internal {
        // Not `block.number`: the optimizer takes it for a constant within a call.
        uint256 number = vm.getBlockNumber() + 2;
        vm.roll(number);
        vm.setBlockhash(number - 1, keccak256(abi.encode("block", number - 1)));
    }

    function _challenged() internal returns (DealTerms memory terms) {
        terms = _match();
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
    }

    /// @dev The list that the market draws from a panel: the first of those that the seed puts in front.
    function _drawn(DealTerms memory terms) internal view returns (address[] memory drawn) {
        bytes32 lot = terms.rules.replicas() == 1 ? DealId.unwrap(_id(terms)) : terms.jobOfferHash;
        bytes32 seed = keccak256(abi.encode(lens.deal(terms).seed, lot));
        address[] memory members = mediators;
        uint256 eligible;
        for (uint256 i; i < members.length; ++i) {
            if (members[i] != terms.creator && members[i] != terms.provider) members[eligible++] = members[i];
        }
        drawn = new address[](terms.rules.mediatorCount());
        for (uint256 i; i < drawn.length; ++i) {
            uint256 pick = i + uint256(keccak256(abi.encode(seed, i))) % (eligible - i);
            (drawn[i], members[pick]) = (members[pick], members[i]);
        }
    }

    function _commitment(DealTerms memory terms, address party, JobReceipt memory receipt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(_id(terms), party, keccak256(abi.encode(receipt)), SALT));
    }

    function _commit(DealTerms memory terms, address mediator, JobReceipt memory receipt) internal {
        address[] memory drawn = _drawn(terms);
        vm.prank(mediator);
        mediation.commitReceipt(_id(terms), drawn, _commitment(terms, mediator, receipt));
    }

    function _reveal(DealTerms memory terms, address mediator, JobReceipt memory receipt) internal {
        address[] memory drawn = _drawn(terms);
        vm.prank(mediator);
        mediation.revealReceipt(_id(terms), drawn, receipt, SALT);
    }

    function _conclude(DealTerms memory terms, JobReceipt memory providerReceipt) internal {
        market.concludeMediation(terms, providerReceipt, _drawn(terms));
    }

    /// @dev All drawn mediators commit and reveal: the first `agreeing` of them the given receipt, then others' own.
    function _mediate(DealTerms memory terms, JobReceipt memory receipt, uint256 agreeing) internal {
        address[] memory drawn = _drawn(terms);
        JobReceipt[] memory own = new JobReceipt[](drawn.length);
        for (uint256 i; i < drawn.length; ++i) {
            own[i] = abi.decode(abi.encode(receipt), (JobReceipt)); // a copy: memory is assigned by reference
            if (i >= agreeing) own[i].outputsDigest = keccak256(abi.encode("nobody else's", i));
            _commit(terms, drawn[i], own[i]);
        }
        for (uint256 i; i < drawn.length; ++i) {
            _reveal(terms, drawn[i], own[i]);
        }
    }

    /* REPLICAS */

    /// @dev A provider of its own for each replica: its key is its number.
    function _replicaKey(uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("replica", i)));
    }

    function _replica(uint256 i) internal pure returns (address) {
        return vm.addr(_replicaKey(i));
    }

    /// @dev Matches a job with as many providers as it wants, each with money of its own.
    function _matchReplicas(JobOffer memory job) internal returns (DealTerms[] memory) {
        ResourceOffer[] memory resources = new ResourceOffer[](job.replicas);
        bytes[] memory signatures = new bytes[](job.replicas);
        for (uint256 i; i < job.replicas; ++i) {
            resources[i] = _resourceOffer();
            resources[i].provider = _replica(i);
            signatures[i] = _sign(_replicaKey(i), lens.hashResourceOffer(resources[i]));
            if (_free(_replica(i)) == 0) _fund(_replica(i), FUNDS);
        }
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        vm.recordLogs();
        vm.prank(solver);
        market.matchOffers(jobs, jobSigs, resources, signatures);
        return _matched();
    }

    function _commitResult(DealTerms memory terms, JobReceipt memory receipt) internal {
        vm.prank(terms.provider);
        market.commitResult(terms, _commitment(terms, terms.provider, receipt));
    }

    function _revealResult(DealTerms memory terms, JobReceipt memory receipt) internal {
        vm.prank(terms.provider);
        market.revealResult(terms, receipt, SALT);
    }

    /* WHERE THINGS STAND */

    function _id(DealTerms memory terms) internal pure returns (DealId) {
        return DealId.wrap(keccak256(abi.encode(terms)));
    }

    function _wrongState(DealTerms memory terms) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILilypadMarket.WrongState.selector, _id(terms));
    }

    function _state(DealTerms memory terms) internal view returns (DealState) {
        return lens.deal(terms).state;
    }

    function _settlement(DealTerms memory terms) internal view returns (Settlement) {
        return lens.deal(terms).settlement;
    }

    function _sort(address[] storage list) private {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0 && list[j - 1] > list[j]; --j) {
                (list[j - 1], list[j]) = (list[j], list[j - 1]);
            }
        }
    }
}
