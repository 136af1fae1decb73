// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DeclineReason, Receipt as JobReceipt, Settlement} from "../src/Types.sol";
import {PayoffsBase} from "./PayoffsBase.sol";

/// @title Every terminal state pays what its row in PAYOFFS.md says, to the unit.
/// @dev The rows are read from that file and evaluated; the test knows the symbols' values and nothing else.
/// Fewer runs than elsewhere: each plays a whole deal, and the arithmetic has a fuzz test of its own.
/// forge-config: default.fuzz.runs = 100
contract PayoffsTest is PayoffsBase {
    function testFuzz_accepted(uint256 amounts) public {
        _deal(amounts);
        _remember();
        vm.prank(creator);
        market.acceptResult(terms, receipt);
        _assertRow("Accepted", Settlement.Accepted);
    }

    /// @dev A refused job burned no fuel: its row is Accepted's with a cost of zero.
    function testFuzz_accepted_refusedJob(uint256 amounts) public {
        _matchOne(amounts);
        receipt = _receipt();
        receipt.status = 3;
        receipt.fuelUsed = 0;
        _submit(terms, receipt);
        _remember();
        vm.prank(creator);
        market.acceptResult(terms, receipt);
        _assertRow("Accepted", Settlement.Accepted);
    }

    function testFuzz_finalized(uint256 amounts) public {
        _deal(amounts);
        vm.warp(lens.deal(terms).deadline + 1);
        _remember();
        market.finalizeDeal(terms, receipt);
        _assertRow("Finalized", Settlement.Finalized);
    }

    function testFuzz_agreed(uint256 amounts, uint8 which) public {
        _replicas(amounts, 0, 0);
        terms = deals[which % 2];
        _remember();
        market.finalizeDeal(terms, receipt);
        _assertRow("Agreed", Settlement.Agreed);
    }

    /// @dev The third mediator says something else or nothing: neither is paid.
    function testFuzz_providerUpheld(uint256 amounts, bool thirdReveals) public {
        _deal(amounts);
        _challenge();
        _mediateThree([uint256(0), 0, 1], thirdReveals ? 3 : 2, 2);
        _assertRow("ProviderUpheld", Settlement.ProviderUpheld);
    }

    /// @dev The same findings when nobody asked but the draw.
    function testFuzz_auditPassed(uint256 amounts, bool thirdAgrees) public {
        auditBps = 10_000;
        _deal(amounts);
        _passAnchor();
        vm.prank(stranger);
        market.auditResult(terms, mediators);
        _mediateThree([uint256(0), 0, thirdAgrees ? 0 : 1], 3, thirdAgrees ? 3 : 2);
        _assertRow("AuditPassed", Settlement.AuditPassed);
    }

    /// @dev Two agree on another receipt; the third found the provider's, or nothing.
    function testFuzz_providerSlashed(uint256 amounts, bool thirdReveals) public {
        _deal(amounts);
        _challenge();
        _mediateThree([uint256(1), 1, 0], thirdReveals ? 3 : 2, 2);
        _assertRow("ProviderSlashed", Settlement.ProviderSlashed);
    }

    function testFuzz_providerSlashed_byAnAudit(uint256 amounts) public {
        auditBps = 10_000;
        _deal(amounts);
        _passAnchor();
        market.auditResult(terms, mediators);
        _mediateThree([uint256(1), 1, 1], 3, 3);
        _assertRow("ProviderSlashed", Settlement.ProviderSlashed);
    }

    /// @dev Repeated runs: two or three come, and differ.
    function testFuzz_jobVaried(uint256 amounts, bool thirdReveals) public {
        repeated = true;
        _deal(amounts);
        _challenge();
        _mediateThree([uint256(0), 1, 0], thirdReveals ? 3 : 2, thirdReveals ? 3 : 2);
        _assertRow("JobVaried", Settlement.JobVaried);
    }

    /// @dev Nobody, one, two or all reveal, and no two agree: whoever came is paid.
    function testFuzz_inconclusive(uint256 amounts, uint256 reveals) public {
        reveals = bound(reveals, 0, 3);
        _deal(amounts);
        _challenge();
        _mediateThree([uint256(0), 1, 2], reveals, reveals);
        _assertRow("Inconclusive", Settlement.Inconclusive);
    }

    function testFuzz_submissionTimedOut(uint256 amounts) public {
        _matchOne(amounts);
        vm.warp(lens.deal(terms).deadline + 1);
        _remember();
        market.timeoutSubmission(terms);
        _assertRow("SubmissionTimedOut", Settlement.SubmissionTimedOut);
    }

    function testFuzz_declined(uint256 amounts) public {
        _matchOne(amounts);
        _remember();
        vm.prank(provider);
        market.declineDeal(terms, DeclineReason.HostFault);
        _assertRow("Declined", Settlement.Declined);
    }

    /* REPLICAS, BY ANOTHER'S VERDICT */

    function testFuzz_replica_auditPassed(uint256 amounts) public {
        auditBps = 10_000;
        _replicas(amounts, 0, 0);
        _judgeFirst([uint256(0), 0, 0]);
        _settleSecond(0);
        _assertRow("AuditPassed", Settlement.AuditPassed);
    }

    /// @dev The first was right, so the creator paid the mediators; the second is wrong, and owes it their fees.
    function testFuzz_replica_providerSlashed(uint256 amounts, bool thirdAgrees) public {
        _replicas(amounts, 0, 1);
        _judgeFirst([uint256(0), 0, thirdAgrees ? 0 : 2]);
        owedFees = thirdAgrees ? 3 : 2;
        _settleSecond(1);
        _assertRow("ProviderSlashed", Settlement.ProviderSlashed);
    }

    /// @dev Both were wrong: the first paid the mediators itself, and the second owes nothing.
    function testFuzz_replica_providerSlashed_afterTheFirst(uint256 amounts) public {
        _replicas(amounts, 0, 1);
        _judgeFirst([uint256(2), 2, 2]);
        _settleSecond(1);
        _assertRow("ProviderSlashed", Settlement.ProviderSlashed);
    }

    function testFuzz_replica_jobVaried(uint256 amounts) public {
        repeated = true;
        _replicas(amounts, 0, 1);
        _judgeFirst([uint256(0), 0, 1]);
        _settleSecond(1);
        _assertRow("JobVaried", Settlement.JobVaried);
    }

    function testFuzz_replica_inconclusive(uint256 amounts) public {
        _replicas(amounts, 0, 1);
        _judgeFirst([uint256(2), 3, 4]);
        _settleSecond(1);
        _assertRow("Inconclusive", Settlement.Inconclusive);
    }

    /// @dev A replica that committed and showed nothing.
    function testFuzz_replica_submissionTimedOut(uint256 amounts) public {
        _matchReplicas(amounts);
        _commitResult(deals[0], receipt);
        _commitResult(deals[1], receipt);
        terms = deals[1];
        vm.warp(lens.deal(terms).revealDeadline + 1);
        _remember();
        market.timeoutSubmission(terms);
        _assertRow("SubmissionTimedOut", Settlement.SubmissionTimedOut);
    }

    /// @dev A new Settlement needs a row and a test above.
    function test_fileHasARowForEachSettlement() public view {
        assertEq(rowCount, uint256(type(Settlement).max), "rows: one for each Settlement but None");
    }
}
