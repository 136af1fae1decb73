// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {
    DealTerms,
    JobOffer,
    Meter,
    Receipt as JobReceipt,
    ResourceOffer,
    Settlement,
    Verification
} from "../src/Types.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {MarketTest} from "./MarketTest.sol";

/// @title The paper's rule for jobs whose runs share outputs and not time: all agree, or the job itself is at fault.
contract RepeatedTest is MarketTest {
    DealTerms private terms;
    address[] private drawn;

    function setUp() public override {
        super.setUp();
        JobOffer memory job = _jobOffer();
        ResourceOffer memory resource = _resourceOffer();
        job.verification = Verification.Repeated;
        job.meter = Meter.CoreNanoseconds;
        job.runs = 2;
        resource.meter = Meter.CoreNanoseconds;
        terms = _match(job, resource);
        _submit(terms, _receipt());
        _passAnchor();
        vm.prank(creator);
        market.challengeResult(terms, mediators);
        drawn = _drawn(terms);
    }

    /// @dev What a mediator found: variant 0 is the provider's outputs, 9 is "my own runs differ".
    function _found(uint256 variant, uint256 seat) private pure returns (JobReceipt memory r) {
        r = _receipt();
        r.fuelUsed = uint64(1e9 + seat); // nobody takes the same time twice
        if (variant == 9) r.status = 4;
        else if (variant != 0) r.outputsDigest = keccak256(abi.encode("outputs", variant));
    }

    /// @dev All commit, the first `came` reveal, and the market concludes.
    function _play(uint256[3] memory variants, uint256 came) private returns (Settlement) {
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], _found(variants[i], i));
        }
        for (uint256 i; i < came; ++i) {
            _reveal(terms, drawn[i], _found(variants[i], i));
        }
        skip(2 * terms.rules.mediationWindow() + 1);
        market.concludeMediation(terms, _receipt(), drawn);
        for (uint256 i; i < 3; ++i) {
            assertEq(_free(drawn[i]), i < came ? terms.mediatorFee : 0, "all who came are paid, and only they");
        }
        return _settlement(terms);
    }

    function test_docketKnows() public view {
        (ILilypadMediation.Docket memory d,) = mediation.docket(_id(terms));
        assertTrue(d.repeated, "repeated");
    }

    function test_allAgreeWithTheProvider_whateverTheirTime() public {
        assertTrue(_play([uint256(0), 0, 0], 3) == Settlement.ProviderUpheld, "upheld");
    }

    function test_allAgreeOnSomethingElse() public {
        assertTrue(_play([uint256(1), 1, 1], 3) == Settlement.ProviderSlashed, "slashed");
    }

    /// @dev Where runs differ, none of them shows that the provider's was wrong: the job is the creator's fault.
    function test_oneDiffers() public {
        assertTrue(_play([uint256(0), 0, 1], 3) == Settlement.JobVaried, "varied");
    }

    function test_twoDifferFromTheProvider_andFromEachOther() public {
        assertTrue(_play([uint256(1), 2, 2], 3) == Settlement.JobVaried, "varied");
    }

    function test_oneSaysThatItsOwnRunsDiffer() public {
        assertTrue(_play([uint256(0), 9, 0], 3) == Settlement.JobVaried, "varied");
    }

    /// @dev All agree, and what they agree on is that nothing is agreed.
    function test_allSayThatTheirOwnRunsDiffer() public {
        assertTrue(_play([uint256(9), 9, 9], 3) == Settlement.JobVaried, "varied");
    }

    /// @dev The first that comes decides nothing by its place.
    function test_theFirstSaysThatItsOwnRunsDiffer() public {
        assertTrue(_play([uint256(9), 0, 0], 3) == Settlement.JobVaried, "varied");
    }

    function test_quorum_twoOfThree() public {
        assertTrue(_play([uint256(1), 1, 0], 2) == Settlement.ProviderSlashed, "two are enough");
    }

    function test_quorum_twoOfThreeThatDiffer() public {
        assertTrue(_play([uint256(0), 1, 0], 2) == Settlement.JobVaried, "two are enough");
    }

    /// @dev One alone can neither slash nor say that the job varies.
    function test_quorum_oneOfThree() public {
        uint256 snapshot = vm.snapshotState();
        assertTrue(_play([uint256(1), 0, 0], 1) == Settlement.Inconclusive, "another receipt");
        assertTrue(vm.revertToState(snapshot), "back");
        assertTrue(_play([uint256(9), 0, 0], 1) == Settlement.Inconclusive, "varied");
    }

    function test_quorum_nobody() public {
        assertTrue(_play([uint256(0), 0, 0], 0) == Settlement.Inconclusive, "nobody");
    }

    /// @dev What is not time is compared: how a job ended, its code, its outputs, its journal.
    function testFuzz_everythingButTimeCounts(uint8 field, uint64 fuel) public {
        field = uint8(bound(field, 0, 6));
        JobReceipt memory r = _receipt();
        r.fuelUsed = fuel;
        if (field == 0) r.jobDigest = "another";
        if (field == 1) r.profile = "another";
        if (field == 2) r.status = 1;
        if (field == 3) r.trapKind = 1;
        if (field == 4) r.exitCode = 1;
        if (field == 5) r.outputsDigest = "another";
        if (field == 6) r.journalHash = "another";
        for (uint256 i; i < 3; ++i) {
            _commit(terms, drawn[i], r);
        }
        for (uint256 i; i < 3; ++i) {
            _reveal(terms, drawn[i], r);
        }
        market.concludeMediation(terms, _receipt(), drawn);
        assertTrue(_settlement(terms) == Settlement.ProviderSlashed, "slashed");
    }

    function test_reveal_revertsOnUnknownStatus() public {
        JobReceipt memory r = _receipt();
        r.status = 5;
        _commit(terms, drawn[0], r);
        skip(terms.rules.mediationWindow() + 1);
        vm.expectRevert(abi.encodeWithSelector(ILilypadMediation.ReceiptInvalid.selector, bytes32("status")));
        vm.prank(drawn[0]);
        mediation.revealReceipt(_id(terms), drawn, r, SALT);
    }
}
