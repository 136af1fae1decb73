// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealTerms, JobOffer, ResourceOffer, Settlement} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title What each verb costs, printed: `forge test --isolate --match-contract GasTest -vv`.
/// @dev With `--isolate` each call is a transaction of its own, with its base cost, calldata and cold slots. Nothing
/// is asserted about gas: the README has the figures, and what they are spent on.
contract GasTest is MarketTest {
    function _print(string memory verb) private {
        emit log_named_uint(verb, vm.lastCallGas().gasTotalUsed);
    }

    /// @dev The provider and its resource offer have met before; the solver earned a fee before.
    function _warmed() private returns (JobOffer memory job, ResourceOffer memory resource) {
        job = _jobOffer();
        resource = _resourceOffer();
        DealTerms memory before = _match(job, resource);
        _submit(before, _receipt());
        vm.prank(creator);
        market.acceptResult(before, _receipt());
        job.nonce = 2;
    }

    function test_happyPath() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        (bytes memory jobSig, bytes memory resourceSig) = (_signed(job), _signed(resource));
        vm.recordLogs();
        vm.prank(solver);
        market.matchOffers(job, jobSig, resource, resourceSig);
        _print("matchOffers");
        (DealTerms memory terms,,) = abi.decode(vm.getRecordedLogs()[0].data, (DealTerms, string, string));
        _submit(terms, _receipt());
        _print("submitResult");
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        _print("acceptResult");
        assertTrue(_settlement(terms) == Settlement.Accepted, "accepted");
    }

    function test_finalize() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        skip(terms.judgeWindow + 1);
        market.finalizeDeal(terms, _receipt());
        _print("finalizeDeal");
        assertTrue(_settlement(terms) == Settlement.Finalized, "finalized");
    }

    function test_mediation() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        DealTerms memory terms = _match(job, resource);
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms);
        _print("challengeResult");
        address[] memory drawn = market.deal(terms).mediators;
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], _otherReceipt());
            _print("commitReceipt");
        }
        for (uint256 i; i < 3; ++i) {
            _reveal(terms, drawn[i], _otherReceipt());
            _print("revealReceipt");
        }
        market.concludeMediation(terms, _receipt());
        _print("concludeMediation");
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "slashed");
    }

    function test_request() public {
        (JobOffer memory job, ResourceOffer memory resource) = _warmed();
        job.inputHash = keccak256("input");
        job.callbackGas = 100_000;
        vm.prank(creator);
        market.requestJob(job, "input");
        _print("requestJob");
        DealTerms memory terms = _match(job, "", resource, _signed(resource));
        _submit(terms, _receipt());
        vm.prank(creator);
        market.acceptResult(terms, _receipt());
        market.deliverResult(terms, _receipt(), "journal");
        _print("deliverResult, beyond the callback's own gas");
        assertTrue(market.deal(terms).callbackDelivered, "delivered");
    }
}
