// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, DeclineReason, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {Receipt as JobReceipt} from "../src/Types.sol";
import {ILilypadMarket} from "../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";
import {Phisher} from "./actors/Phisher.sol";

/// @title The defects of this market's forerunners, each posed to it once.
/// @dev `DefectsJudging.t.sol` has those of callbacks and verdicts. The line above each test says who had it. MODICUM 2019 and 2020 are the paper's two code bases, v1 its first
/// descendant (one contract), v2 the second (a controller, a storage and a payments contract), SC the third's set.
contract DefectsTest is MarketTest {
    address private constant BURNED = 0x000000000000000000000000000000000000dEaD;

    function _finalizable() private returns (DealTerms memory terms) {
        terms = _match();
        _submit(terms, _receipt());
        vm.warp(lens.deal(terms).deadline + 1);
    }

    function _total(address party) private view returns (uint256) {
        return _free(party) + _locked(party);
    }

    /* WHO MAY CALL */

    /// @dev v1: postMatch, postResult, accept, reject and postMediationResult were anybody's to call.
    function testFuzz_unprotectedCalls(address who) public {
        vm.assume(who != creator && who != provider && who != address(market));
        DealTerms memory terms = _match();
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.submitResult(terms, _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotProvider.selector, who));
        market.declineDeal(terms, DeclineReason.Unspecified);
        vm.stopPrank();
        _submit(terms, _receipt());
        _passAnchor();
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.acceptResult(terms, _receipt());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, who));
        market.challengeResult(terms, mediators);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.NotMarket.selector, who));
        mediation.close(_id(terms), mediators);
        vm.stopPrank();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        address[] memory drawn = _drawn(terms);
        vm.assume(who != drawn[0] && who != drawn[1] && who != drawn[2]);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.NotDrawnMediator.selector, who));
        vm.prank(who);
        mediation.commitReceipt(_id(terms), drawn, keccak256("opinion"));
    }

    /// @dev MODICUM 2020: all requirements and transfers were commented out. v1: any caller matched anybody.
    function test_matchWithoutConsent() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.ResourceOfferSignatureInvalid.selector, provider));
        _matchOffers(job, "", resource, "");
        bytes memory resourceSig = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        _matchOffers(job, "", resource, resourceSig);
    }

    /// @dev v2: parties were told by `tx.origin`, so a contract that a party called could act as that party.
    function test_txOrigin() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        Phisher phisher = new Phisher();
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(ILilypadMarket.acceptResult, (terms, _receipt()));
        calls[1] = abi.encodeCall(ILilypadMarket.withdraw, (1));
        calls[2] = abi.encodeCall(ILilypadMarket.cancelNonce, (9));
        vm.prank(creator, creator);
        bytes[] memory answers = phisher.phish(address(market), calls);
        assertEq(answers[0], abi.encodeWithSelector(ILilypadMarket.NotCreator.selector, phisher), "accept");
        assertEq(bytes4(answers[1]), ILilypadMarket.InsufficientBalance.selector, "withdraw");
        assertEq(answers[2].length, 0, "cancels a nonce");
        assertEq(market.nonceBitmap(creator, 0), 1 << 1, "and it is the phisher's own");
        assertEq(_total(creator), FUNDS, "creator");
    }

    /// @dev v2: `payEscrow` was public, and moved whoever's tokens. Here, tokens of who approved stay where they are.
    function testFuzz_publicEscrow(address who) public {
        vm.assume(who != creator && who != address(market));
        token.mint(creator, 5);
        vm.prank(creator);
        token.approve(address(market), 5);
        vm.prank(who);
        vm.expectRevert();
        market.deposit(5);
        assertEq(token.balanceOf(creator), 5, "wallet");
    }

    /* SIGNATURES */

    /// @dev v2's solver: signatures covered only an address, so one of them was good for everything, for ever.
    function test_replayableSignatures() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        resource.slots = 1;
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        _match(job, jobSig, resource, resourceSig);
        job.nonce = 2;
        bytes memory nextSig = _signed(job);
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferNonceUsed.selector, provider, resource.nonce)
        );
        _matchOffers(job, nextSig, resource, resourceSig);
        resource.nonce = 8;
        resourceSig = _signed(resource);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.JobOfferSignatureInvalid.selector, creator));
        _matchOffers(job, jobSig, resource, resourceSig);
    }

    /// @dev v2's matcher: an offer that was taken stayed in the same pass, so two jobs could take it.
    function test_oneOfferTakenTwice() public {
        ResourceOffer memory resource = _resourceOffer();
        resource.slots = 1;
        JobOffer[] memory jobs = new JobOffer[](2);
        bytes[] memory jobSigs = new bytes[](2);
        for (uint64 i; i < 2; ++i) {
            jobs[i] = _jobOffer();
            jobs[i].nonce = i;
            jobSigs[i] = _signed(jobs[i]);
        }
        (ResourceOffer[] memory resources, bytes[] memory resourceSigs) = _one(resource, _signed(resource));
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadMarket.ResourceOfferFull.selector, lens.hashResourceOffer(resource), 1)
        );
        market.matchOffers(jobs, jobSigs, resources, resourceSigs);
    }

    /// @dev v2's matcher: a job that named its provider skipped every check of price and resources.
    function test_targetedJobsSkipChecks() public {
        (JobOffer memory job, ResourceOffer memory resource) = (_jobOffer(), _resourceOffer());
        job.provider = provider;
        resource.pricePerGigafuel = job.pricePerGigafuelMax + 1;
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("pricePerGigafuel"))
        );
        resource.pricePerGigafuel = job.pricePerGigafuelMax;
        resource.memoryBytesMax = 0;
        _expectNoMatch(
            job, resource, abi.encodeWithSelector(ILilypadMarket.OffersDoNotFit.selector, bytes32("memoryBytesMax"))
        );
    }

    /* TIME */

    /// @dev MODICUM 2019: the provider could take its pay before the reaction deadline and not after: it was inverted.
    function test_invertedDeadline() public {
        DealTerms memory terms = _match();
        _submit(terms, _receipt());
        uint256 deadline = lens.deal(terms).deadline;
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMarket.TooEarly.selector, deadline + 1));
        market.finalizeDeal(terms, _receipt());
        vm.warp(deadline + 1);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_settlement(terms) == Settlement.Finalized, "after it");
    }

    /// @dev v2: when the creator never judged, the provider got its collateral back and no pay.
    function test_unpaidProviderAfterTimeOut() public {
        DealTerms memory terms = _finalizable();
        market.finalizeDeal(terms, _receipt());
        assertEq(_free(provider), FUNDS + 4 ether, "paid for what it burned");
    }

    /// @dev v2: and the creator's payment stayed locked in the contract.
    function test_stuckPaymentAfterTimeOut() public {
        DealTerms memory terms = _finalizable();
        market.finalizeDeal(terms, _receipt());
        assertEq(_locked(creator), 0, "nothing is locked");
        assertEq(_free(creator), FUNDS - 4 ether - 1 ether, "all but the fuel and the solver's fee is free");
    }

    /// @dev v2: two of the four time-out functions called payment functions that did not exist, and reverted.
    /// v1 had none. Here each state is left by anybody when its time is over, without its party.
    function test_timeOutFunctionsThatRevert() public {
        uint256 snapshot = vm.snapshotState();
        DealTerms memory terms = _match(); // nobody submits
        vm.warp(lens.deal(terms).deadline + 1);
        vm.prank(stranger);
        market.timeoutSubmission(terms);
        assertTrue(_state(terms) == DealState.Settled, "submission");
        assertTrue(vm.revertToState(snapshot), "back");
        terms = _finalizable(); // nobody judges
        vm.prank(stranger);
        market.finalizeDeal(terms, _receipt());
        assertTrue(_state(terms) == DealState.Settled, "judging");
        assertTrue(vm.revertToState(snapshot), "back");
        terms = _challenged(); // nobody mediates
        address[] memory drawn = _drawn(terms);
        skip(terms.rules.mediationWindow() + 1);
        vm.prank(stranger);
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_state(terms) == DealState.Settled, "mediation");
    }

    /// @dev v2: the mediation's time-out was measured by the judge window.
    function test_mediationTimedByTheWrongWindow() public {
        JobOffer memory job = _jobOffer();
        job.judgeWindow = 1 days;
        DealTerms memory terms = _match(job, _resourceOffer());
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        (ILilypadMediation.Docket memory d,) = mediation.docket(_id(terms));
        assertEq(d.commitDeadline, vm.getBlockTimestamp() + job.mediationWindow, "its own window");
    }

    /* MONEY */

    /// @dev MODICUM 2019: closing paid the provider the creator's deposit plus the cost, whatever its own had been.
    /// v2: refunds were of another deadline's collateral than had been paid.
    function test_refundOfTheWrongAmount() public {
        DealTerms memory terms = _match();
        assertEq(_locked(provider), lens.depositOf(terms), "its own deposit");
        _submit(terms, _receipt());
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        assertEq(_free(provider) - FUNDS, 4 ether, "its own deposit and the cost");
        assertEq(_total(creator) + _total(provider) + _total(solver), 2 * FUNDS, "nothing is made or lost");
    }

    /// @dev MODICUM 2019: closing zeroed only memory copies, so a match could be closed again.
    function test_settledTwice() public {
        DealTerms memory terms = _finalizable();
        market.finalizeDeal(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.finalizeDeal(terms, _receipt());
        vm.prank(creator);
        vm.expectRevert(_wrongState(terms));
        market.acceptResult(terms, _receipt());
        vm.expectRevert(_wrongState(terms));
        market.timeoutSubmission(terms);
    }

    /// @dev v1: a wrong result refunded the creator, and the provider's deposit just stayed in the contract.
    function test_stuckCollateral() public {
        DealTerms memory terms = _challenged();
        uint256 sum = token.balanceOf(address(market));
        _mediate(terms, _otherReceipt(), 3);
        _conclude(terms, _receipt());
        assertEq(_locked(provider), 0, "nothing is locked");
        uint256 known = _free(creator) + _free(provider) + _free(solver) + _free(BURNED);
        for (uint256 i; i < PANEL_SIZE; ++i) {
            known += _free(mediators[i]);
        }
        assertEq(known, sum, "every token is somebody's, or burned by name");
    }

    /// @dev v2 slashed to the contract's owner, SC to a treasury: an owner that gains by verdicts.
    function test_slashedToOwner() public {
        uint256 before = _total(address(this)); // it deployed the market
        DealTerms memory terms = _challenged();
        _mediate(terms, _otherReceipt(), 3);
        _conclude(terms, _receipt());
        assertEq(_total(address(this)), before, "the deployer gets nothing");
        assertEq(_free(BURNED), 10 ether, "the penalty burns");
    }

    /// @dev v2: the creator's mediation fee was not given back although it had been right to ask.
    function test_mediationFeeNotRefunded() public {
        DealTerms memory terms = _challenged();
        _mediate(terms, _otherReceipt(), 3);
        _conclude(terms, _receipt());
        assertEq(_free(creator), FUNDS + 10 ether, "its deposit whole, and the price for lost time");
    }

    /// @dev SC: the provider's solver fee was paid out and never deducted from anything.
    function test_feePaidOfNobodysMoney() public {
        DealTerms memory terms = _match();
        vm.warp(lens.deal(terms).deadline + 1);
        market.timeoutSubmission(terms);
        assertEq(_free(solver), 1 ether, "the solver");
        assertEq(_free(provider), FUNDS - 10 ether - 1 ether, "is paid by the provider");
        assertEq(_free(creator), FUNDS + 10 ether, "not by the creator");
    }

    /// @dev SC: deposits were locked unscaled and completion needed more than was locked, so it reverted.
    function testFuzz_lockedLessThanIsPaid(uint64 fuel) public {
        JobReceipt memory r = _receipt();
        r.fuelUsed = uint64(bound(fuel, 0, 10e9));
        DealTerms memory terms = _match();
        _submit(terms, r);
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        _mediate(terms, r, 3); // the creator's dearest row: cost, penalty, all fees
        _conclude(terms, r);
        assertTrue(_settlement(terms) == Settlement.ProviderUpheld, "settles");
        assertEq(_locked(creator) + _locked(provider), 0, "nothing is short");
        assertGe(_free(creator) + lens.depositOf(terms), FUNDS, "and no more than the deposit is spent");
    }
}
