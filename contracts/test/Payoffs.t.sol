// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, JobOffer, Receipt as JobReceipt, ResourceOffer, Settlement} from "../src/Types.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title Every terminal state pays what its row in PAYOFFS.md says, to the unit.
/// @dev The rows are read from that file and evaluated; the test knows the symbols' values and nothing else.
contract PayoffsTest is MarketTest {
    address private constant BURNED = 0x000000000000000000000000000000000000dEaD;

    /// @dev What a row's symbols stand for in one deal.
    struct Symbols {
        uint256 price;
        uint256 cost;
        uint256 solverFee;
        uint256 mediatorFee;
        uint256 n;
        uint256 collateral;
    }

    DealTerms private terms;
    JobReceipt private receipt;
    address[] private revealing;

    function testFuzz_accepted(uint256 amounts) public {
        _deal(amounts, 0);
        vm.prank(creator);
        market.acceptResult(terms, receipt);
        _assertRow("Accepted", Settlement.Accepted);
    }

    function testFuzz_finalized(uint256 amounts) public {
        _deal(amounts, 0);
        vm.warp(market.deal(terms).deadline + 1);
        market.finalizeDeal(terms, receipt);
        _assertRow("Finalized", Settlement.Finalized);
    }

    /// @dev The third mediator says something else or nothing.
    function testFuzz_providerUpheld(uint256 amounts, bool thirdReveals) public {
        _deal(amounts, 0);
        _challenge();
        JobReceipt[] memory found = new JobReceipt[](3);
        (found[0], found[1], found[2]) = (_variant(0), _variant(0), _variant(1));
        _mediate(found, thirdReveals ? 3 : 2);
        _assertRow("ProviderUpheld", Settlement.ProviderUpheld);
    }

    /// @dev The same payoff when nobody asked but the draw.
    function testFuzz_providerUpheld_afterAnAudit(uint256 amounts) public {
        _deal(amounts, 10_000);
        _passAnchor();
        vm.prank(stranger);
        market.auditResult(terms);
        JobReceipt[] memory found = new JobReceipt[](3);
        (found[0], found[1], found[2]) = (_variant(0), _variant(0), _variant(0));
        _mediate(found, 3);
        _assertRow("ProviderUpheld", Settlement.ProviderUpheld);
    }

    /// @dev Two agree on another receipt; the third found the provider's, or nothing.
    function testFuzz_providerSlashed(uint256 amounts, bool thirdReveals) public {
        _deal(amounts, 0);
        _challenge();
        JobReceipt[] memory found = new JobReceipt[](3);
        (found[0], found[1], found[2]) = (_variant(1), _variant(1), _variant(0));
        _mediate(found, thirdReveals ? 3 : 2);
        _assertRow("ProviderSlashed", Settlement.ProviderSlashed);
    }

    /// @dev Nobody, one, two or all reveal, and no two agree.
    function testFuzz_inconclusive(uint256 amounts, uint256 reveals) public {
        _deal(amounts, 0);
        _challenge();
        JobReceipt[] memory found = new JobReceipt[](3);
        (found[0], found[1], found[2]) = (_variant(0), _variant(1), _variant(2));
        _mediate(found, bound(reveals, 0, 3));
        _assertRow("Inconclusive", Settlement.Inconclusive);
    }

    function testFuzz_submissionTimedOut(uint256 amounts) public {
        _matched(amounts, 0);
        vm.warp(market.deal(terms).deadline + 1);
        market.timeoutSubmission(terms);
        _assertRow("SubmissionTimedOut", Settlement.SubmissionTimedOut);
    }

    function testFuzz_declined(uint256 amounts) public {
        _matched(amounts, 0);
        vm.prank(provider);
        market.declineDeal(terms, 1);
        _assertRow("Declined", Settlement.Declined);
    }

    /// @dev A refused job burned no fuel: its row is Accepted's with a cost of zero.
    function testFuzz_accepted_refusedJob(uint256 amounts) public {
        _matched(amounts, 0);
        receipt = _receipt();
        receipt.status = 3;
        receipt.fuelUsed = 0;
        _submit(terms, receipt);
        vm.prank(creator);
        market.acceptResult(terms, receipt);
        _assertRow("Accepted", Settlement.Accepted);
        assertEq(_free(provider), FUNDS, "the provider of a refused job");
    }

    /// @dev A new Settlement needs a row and a test above.
    function test_fileHasARowForEachSettlement() public view {
        assertEq(_rows().length, uint256(type(Settlement).max), "rows: one for each Settlement but None");
    }

    /* THE DEAL */

    /// @dev Everything that can change an amount, up to the edges that the match allows.
    function _matched(uint256 amounts, uint16 auditBps) private {
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        job.auditBps = auditBps;
        job.fuelLimit = uint64(_pick(amounts, "fuel limit", 1, 1e12));
        resource.fuelLimitMax = job.fuelLimit;
        resource.pricePerGigafuel = uint128(_pick(amounts, "price", 0, 100 ether));
        job.pricePerGigafuelMax = uint128(_pick(amounts, "highest price", resource.pricePerGigafuel, 200 ether));
        job.solverFee = uint128(_pick(amounts, "solver fee", 0, 1_000 ether));
        job.mediatorFee = uint128(_pick(amounts, "mediator fee", 0, 1_000 ether));
        uint256 least = _costUp(job.fuelLimit, resource.pricePerGigafuel) + job.solverFee + 3 * job.mediatorFee;
        resource.collateral = uint128(_pick(amounts, "collateral", least, least + 1_000 ether));
        job.collateralMin = resource.collateral;
        terms = _match(job, resource);
        assertEq(_locked(creator), least, "the creator's lock");
        assertEq(_locked(provider), resource.collateral, "the provider's lock");
        assertEq(market.creatorLock(terms), least, "creatorLock");
    }

    function _deal(uint256 amounts, uint16 auditBps) private {
        _matched(amounts, auditBps);
        receipt = _receipt();
        receipt.fuelUsed = uint64(_pick(amounts, "fuel used", 0, terms.fuelLimit));
        _submit(terms, receipt);
    }

    function _challenge() private {
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms);
    }

    /// @dev All drawn mediators commit, the first `reveals` of them reveal, and somebody concludes.
    function _mediate(JobReceipt[] memory found, uint256 reveals) private {
        address[] memory drawn = market.deal(terms).mediators;
        assertEq(drawn.length, 3, "drawn");
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], found[i]);
        }
        for (uint256 i; i < reveals; ++i) {
            _reveal(terms, drawn[i], found[i]);
            revealing.push(drawn[i]);
        }
        vm.warp(market.deal(terms).revealDeadline + 1);
        market.concludeMediation(terms, receipt);
    }

    function _variant(uint256 number) private view returns (JobReceipt memory r) {
        r = receipt;
        if (number != 0) r.outputsDigest = keccak256(abi.encode("other outputs", number));
    }

    function _pick(uint256 amounts, string memory what, uint256 min, uint256 max) private pure returns (uint256) {
        return bound(uint256(keccak256(abi.encode(amounts, what))), min, max);
    }

    /// @dev The plain reference: whole units, and one more for any rest.
    function _costUp(uint256 fuel, uint256 price) private pure returns (uint256 cost) {
        cost = fuel * price / 1e9;
        if (cost * 1e9 < fuel * price) ++cost;
    }

    /* THE ROW */

    function _assertRow(string memory name, Settlement how) private view {
        assertTrue(market.deal(terms).state == DealState.Settled, "settled");
        assertTrue(market.deal(terms).settlement == how, string.concat("how it ended: ", name));
        Symbols memory s = Symbols({
            price: _costUp(terms.fuelLimit, terms.pricePerGigafuel),
            cost: _costUp(receipt.fuelUsed, terms.pricePerGigafuel),
            solverFee: terms.solverFee,
            mediatorFee: terms.mediatorFee,
            n: revealing.length,
            collateral: terms.collateral
        });
        string[] memory row = _row(name);
        int256 sum;
        sum += _assertCell(name, "creator", row[2], s, _change(creator, FUNDS));
        sum += _assertCell(name, "provider", row[3], s, _change(provider, FUNDS));
        sum += _assertCell(name, "solver", row[4], s, _change(solver, 0));
        int256 fees;
        for (uint256 i; i < PANEL_SIZE; ++i) {
            fees += _change(mediators[i], 0);
        }
        for (uint256 i; i < revealing.length; ++i) {
            sum += _assertCell(name, "mediator", row[5], s, _change(revealing[i], 0));
            fees -= _change(revealing[i], 0);
        }
        assertEq(fees, 0, string.concat(name, ": mediators that revealed nothing"));
        sum += _assertCell(name, "burned", row[6], s, _change(BURNED, 0));
        assertEq(sum, 0, string.concat(name, ": the row adds up to zero"));
        assertEq(_locked(creator) + _locked(provider), 0, string.concat(name, ": nothing stays locked"));
        assertEq(token.balanceOf(address(market)), 2 * FUNDS, string.concat(name, ": no token moved"));
    }

    function _assertCell(string memory name, string memory party, string memory cell, Symbols memory s, int256 actual)
        private
        pure
        returns (int256)
    {
        assertEq(actual, _evaluate(cell, s), string.concat(name, ": ", party));
        return actual;
    }

    function _change(address party, uint256 before) private view returns (int256) {
        return int256(_free(party)) + int256(_locked(party)) - int256(before);
    }

    /// @dev "0", or signs and symbols separated by single spaces.
    function _evaluate(string memory cell, Symbols memory s) private pure returns (int256 sum) {
        if (_same(cell, "0")) return 0;
        string[] memory words = vm.split(cell, " ");
        require(words.length % 2 == 0, string.concat("PAYOFFS.md: write a sign before each symbol of: ", cell));
        for (uint256 i; i < words.length; i += 2) {
            require(_same(words[i], "+") || _same(words[i], "-"), string.concat("PAYOFFS.md: no sign: ", words[i]));
            int256 value = int256(_value(words[i + 1], s));
            sum += _same(words[i], "+") ? value : -value;
        }
    }

    function _value(string memory symbol, Symbols memory s) private pure returns (uint256) {
        if (_same(symbol, "price")) return s.price;
        if (_same(symbol, "cost")) return s.cost;
        if (_same(symbol, "solverFee")) return s.solverFee;
        if (_same(symbol, "mediatorFee")) return s.mediatorFee;
        if (_same(symbol, "fees")) return s.n * s.mediatorFee;
        if (_same(symbol, "collateral")) return s.collateral;
        revert(string.concat("PAYOFFS.md: unknown symbol: ", symbol));
    }

    function _row(string memory name) private view returns (string[] memory cells) {
        string[] memory rows = _rows();
        for (uint256 i; i < rows.length; ++i) {
            cells = vm.split(rows[i], "|");
            for (uint256 j; j < cells.length; ++j) {
                cells[j] = vm.trim(cells[j]);
            }
            if (_same(cells[1], name)) return cells;
        }
        revert(string.concat("PAYOFFS.md: no row for ", name));
    }

    /// @dev The lines of the first table under its ruler.
    function _rows() private view returns (string[] memory rows) {
        string[] memory lines = vm.split(vm.readFile("PAYOFFS.md"), "\n");
        uint256 first;
        while (bytes(lines[first]).length < 4 || bytes(lines[first])[1] != "-") ++first;
        uint256 count;
        while (bytes(lines[++first]).length != 0) ++count;
        rows = new string[](count);
        for (uint256 i; i < count; ++i) {
            rows[i] = lines[first - count + i];
        }
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
