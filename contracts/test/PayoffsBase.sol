// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer} from "../src/Types.sol";
import {Settlement, Verification} from "../src/Types.sol";
import {PayoffsFile} from "./PayoffsFile.sol";

/// @title Deals of any amounts, and the comparison of what their settlement did with a row of PAYOFFS.md.
abstract contract PayoffsBase is PayoffsFile {
    address private constant BURNED = 0x000000000000000000000000000000000000dEaD;

    // What a test may set before it makes its deal.
    uint16 internal auditBps;
    bool internal repeated;

    DealTerms internal terms; // the deal whose settlement is compared
    DealTerms[] internal deals;
    JobReceipt internal receipt;
    address[] internal paid; // mediators, in this deal's own mediation
    uint256 internal owedFees; // mediators' fees that this deal's provider owes

    mapping(address => uint256) private _before;

    /* DEALS */

    /// @dev Everything that can change an amount, up to the edges that the match allows.
    function _offers(uint256 amounts) private view returns (JobOffer memory job, ResourceOffer memory resource) {
        job = _jobOffer();
        resource = _resourceOffer();
        job.auditBps = auditBps;
        if (repeated) job.verification = Verification.Repeated;
        job.fuelLimit = uint64(_pick(amounts, "fuel limit", 1, 1e12));
        resource.fuelLimitMax = job.fuelLimit;
        resource.pricePerGigafuel = uint128(_pick(amounts, "price", 0, 10 ether));
        job.pricePerGigafuelMax = uint128(_pick(amounts, "highest price", resource.pricePerGigafuel, 20 ether));
        job.penaltyBps = uint32(_pick(amounts, "penalty", 0, 50_000));
        job.solverFee = uint128(_pick(amounts, "solver fee", 0, 1_000 ether));
        job.mediatorFee = uint128(_pick(amounts, "mediator fee", 0, 1_000 ether));
        resource.mediatorFeeMin = 0;
        job.availabilityFee = uint128(_pick(amounts, "availability fee", 0, 1_000 ether));
        resource.availabilityFeeMax = job.availabilityFee;
        resource.collateralMax = type(uint128).max;
    }

    function _matchOne(uint256 amounts) internal {
        (JobOffer memory job, ResourceOffer memory resource) = _offers(amounts);
        terms = _match(job, resource);
        Symbols memory s = _symbols();
        assertEq(_locked(creator), s.deposit, "the creator's lock");
        assertEq(_locked(provider), s.deposit, "the provider's lock");
    }

    function _deal(uint256 amounts) internal {
        _matchOne(amounts);
        receipt = _receipt();
        receipt.fuelUsed = uint64(_pick(amounts, "fuel used", 0, terms.fuelLimit));
        _submit(terms, receipt);
    }

    function _challenge() internal {
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
    }

    /// @dev All three drawn mediators commit to their variants, the first `reveals` reveal, somebody concludes.
    /// The first `expected` of them should be paid.
    function _mediateThree(uint256[3] memory variants, uint256 reveals, uint256 expected) internal {
        address[] memory drawn = _drawn(terms);
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], _variant(variants[i]));
        }
        for (uint256 i; i < reveals; ++i) {
            _reveal(terms, drawn[i], _variant(variants[i]));
        }
        for (uint256 i; i < expected; ++i) {
            paid.push(drawn[i]);
        }
        skip(2 * terms.rules.mediationWindow() + 1);
        _remember();
        market.concludeMediation(terms, receipt, drawn);
    }

    function _variant(uint256 number) internal view returns (JobReceipt memory r) {
        r = receipt;
        if (number != 0) r.outputsDigest = keccak256(abi.encode("other outputs", number));
    }

    /* REPLICAS */

    function _matchReplicas(uint256 amounts) internal {
        (JobOffer memory job, ResourceOffer memory resource) = _offers(amounts);
        job.replicas = 2;
        ResourceOffer[] memory resources = new ResourceOffer[](2);
        bytes[] memory signatures = new bytes[](2);
        for (uint256 i; i < 2; ++i) {
            resources[i] = abi.decode(abi.encode(resource), (ResourceOffer)); // a copy
            resources[i].provider = _replica(i);
            signatures[i] = _sign(_replicaKey(i), lens.hashResourceOffer(resources[i]));
            _fund(_replica(i), FUNDS);
        }
        (JobOffer[] memory jobs, bytes[] memory jobSigs) = _one(job, _signed(job));
        vm.recordLogs();
        vm.prank(solver);
        market.matchOffers(jobs, jobSigs, resources, signatures);
        DealTerms[] memory matched = _matched();
        receipt = _receipt();
        deals.push(matched[0]);
        deals.push(matched[1]);
        receipt.fuelUsed = uint64(_pick(amounts, "fuel used", 0, job.fuelLimit));
    }

    /// @dev Both commit and reveal their variants.
    function _replicas(uint256 amounts, uint256 first, uint256 second) internal {
        _matchReplicas(amounts);
        _commitResult(deals[0], _variant(first));
        _commitResult(deals[1], _variant(second));
        _revealResult(deals[0], _variant(first));
        _revealResult(deals[1], _variant(second));
    }

    /// @dev The mediation of the first, whose own row is not what the test is about.
    function _judgeFirst(uint256[3] memory variants) internal {
        terms = deals[0];
        _passAnchor();
        market.auditResult(terms, mediators);
        _mediateThree(variants, 3, 0);
    }

    /// @dev The second, which posted this variant, settles by that verdict.
    function _settleSecond(uint256 variant) internal {
        terms = deals[1];
        _remember();
        market.finalizeDeal(terms, _variant(variant));
    }

    /* THE ROW */

    function _wealth(address party) private view returns (uint256) {
        return _free(party) + _locked(party);
    }

    function _account() private view returns (address) {
        return address(bytes20(terms.panel));
    }

    /// @dev To be called right before a settlement. A match moves nobody's wealth.
    function _remember() internal {
        address[5] memory parties = [creator, terms.provider, solver, _account(), BURNED];
        for (uint256 i; i < parties.length; ++i) {
            _before[parties[i]] = _wealth(parties[i]);
        }
        for (uint256 i; i < PANEL_SIZE; ++i) {
            _before[mediators[i]] = _wealth(mediators[i]);
        }
        if (deals.length == 0) {
            assertEq(_before[creator], FUNDS, "the creator's wealth before");
            assertEq(_before[provider], FUNDS, "the provider's wealth before");
        }
    }

    function _change(address party) private view returns (int256) {
        return int256(_wealth(party)) - int256(_before[party]);
    }

    function _symbols() private view returns (Symbols memory s) {
        s.price = _divUp(uint256(terms.fuelLimit) * terms.pricePerGigafuel, 1e9);
        s.cost = _divUp(uint256(receipt.fuelUsed) * terms.pricePerGigafuel, 1e9);
        s.penalty = _divUp(s.price * terms.rules.penaltyBps(), 10_000);
        s.solverFee = terms.solverFee;
        s.mediatorFee = terms.mediatorFee;
        s.availabilityFee = terms.availabilityFee;
        s.fees = paid.length * s.mediatorFee;
        s.owed = owedFees * s.mediatorFee;
        s.deposit = s.price + s.penalty + s.solverFee + 3 * s.mediatorFee + s.availabilityFee;
    }

    function _assertRow(string memory name, Settlement how) internal view {
        assertTrue(lens.deal(terms).state == DealState.Settled, "settled");
        assertTrue(lens.deal(terms).settlement == how, string.concat("how it ended: ", name));
        Symbols memory s = _symbols();
        string[] memory row = _row(name);
        int256 sum = _assertCell(name, "creator", row[2], s, _change(creator));
        sum += _assertCell(name, "provider", row[3], s, _change(terms.provider));
        sum += _assertCell(name, "solver", row[4], s, _change(solver));
        sum += _assertCell(name, "panel", row[5], s, _change(_account()));
        sum += _assertCell(name, "burned", row[7], s, _change(BURNED));
        sum += _assertMediators(name, row[6], s);
        assertEq(sum, 0, string.concat(name, ": the row adds up to zero"));
        assertEq(_locked(creator), _openDeposits(s), string.concat(name, ": nothing of it stays locked"));
        assertEq(_locked(terms.provider), 0, string.concat(name, ": nothing of it stays locked"));
    }

    function _assertMediators(string memory name, string memory cell, Symbols memory s)
        private
        view
        returns (int256 sum)
    {
        int256 all;
        for (uint256 i; i < PANEL_SIZE; ++i) {
            all += _change(mediators[i]);
        }
        for (uint256 i; i < paid.length; ++i) {
            sum += _assertCell(name, "mediator", cell, s, _change(paid[i]));
        }
        assertEq(all, sum, string.concat(name, ": mediators that are not to be paid"));
    }

    /// @dev What the creator has in this job's other deals.
    function _openDeposits(Symbols memory s) private view returns (uint256 sum) {
        for (uint256 i; i < deals.length; ++i) {
            if (_state(deals[i]) != DealState.Settled) sum += s.deposit;
        }
    }

    function _pick(uint256 amounts, string memory what, uint256 min, uint256 max) private pure returns (uint256) {
        return bound(uint256(keccak256(abi.encode(amounts, what))), min, max);
    }

    /// @dev The plain reference: whole units, and one more for any rest.
    function _divUp(uint256 a, uint256 b) private pure returns (uint256 c) {
        c = a / b;
        if (c * b < a) ++c;
    }
}
