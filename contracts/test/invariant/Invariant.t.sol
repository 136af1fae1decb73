// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Settlement} from "../../src/Types.sol";
import {Test} from "forge-std/Test.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {ReentrantToken} from "../actors/Tokens.sol";
import {Handler} from "./Handler.sol";

/// @title What holds after any sequence of calls by anybody at any time.
contract InvariantTest is Test {
    ReentrantToken private token;
    Handler private handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        token = new ReentrantToken();
        handler = _newHandler();
        targetContract(address(handler));
        bytes4[] memory notSteps = new bytes4[](2);
        notSteps[0] = Handler.settleEverything.selector;
        notSteps[1] = Handler.withdrawEverything.selector;
        excludeSelector(FuzzSelector({addr: address(handler), selectors: notSteps}));
    }

    function _newHandler() private returns (Handler) {
        bytes memory args = abi.encode(token);
        return new Handler(ILilypadMarket(deployCode("LilypadMarket.sol:LilypadMarket", args)));
    }

    /// @dev One function, since each is a campaign of its own. What a settlement moves is checked in its step.
    function invariant_moneyIsWhereItBelongs() public view {
        handler.check();
    }

    /// @dev The last word of each run: time passes, strangers call, and nothing stays locked.
    function afterInvariant() public {
        _end();
    }

    function _end() private {
        handler.settleEverything();
        handler.check();
        handler.checkEnd();
        handler.withdrawEverything();
        handler.check();
    }

    /// @dev Without this the invariants could hold for lack of anything happening.
    function test_stepsReachEveryEnd() public {
        string[17] memory others = [
            "anchor moved",
            "seed fixed",
            "copy refused",
            "replicas' mediation",
            "fees reimbursed",
            "panel paid",
            "withdrawn from within a callback",
            "batch",
            "cancel",
            "match of a request",
            "re-entry of the token",
            "commitment copied",
            "sibling's end 5", // AuditPassed
            "sibling's end 6", // ProviderSlashed
            "sibling's end 7", // JobVaried
            "sibling's end 8", // Inconclusive
            "delivered and settled at once"
        ];
        uint256[17] memory reached;
        uint256[11] memory ends;
        uint256[5] memory callbacks;
        for (uint256 walk; walk < 16; ++walk) {
            handler = _newHandler();
            for (uint256 step; step < 300; ++step) {
                _step(uint256(keccak256(abi.encode(walk, step))));
                handler.check();
            }
            _end();
            for (uint256 i; i < ends.length; ++i) {
                ends[i] += handler.happened(string.concat("end ", vm.toString(i)));
            }
            for (uint256 i; i < callbacks.length; ++i) {
                callbacks[i] += handler.happened(string.concat("callback ", vm.toString(i)));
            }
            for (uint256 i; i < others.length; ++i) {
                reached[i] += handler.happened(others[i]);
            }
        }
        for (uint256 i = 1; i < ends.length; ++i) {
            emit log_named_uint(string.concat("deals that ended as number ", vm.toString(i)), ends[i]);
        }
        for (uint256 i; i < others.length; ++i) {
            emit log_named_uint(others[i], reached[i]);
        }
        assertEq(ends.length, uint256(type(Settlement).max) + 1, "all ends are counted");
        for (uint256 i = 1; i < ends.length; ++i) {
            assertGt(ends[i], 0, string.concat("reached end ", vm.toString(i)));
        }
        for (uint256 i; i < callbacks.length; ++i) {
            assertGt(callbacks[i], 0, string.concat("reached callback mood ", vm.toString(i)));
        }
        for (uint256 i; i < others.length; ++i) {
            assertGt(reached[i], 0, others[i]);
        }
    }

    function _step(uint256 seed) private {
        uint256 which = seed >> 128;
        uint256 mood = uint256(keccak256(abi.encode(seed)));
        uint256 kind = seed % 26;
        if (kind < 2) handler.matchOffers(mood);
        if (kind == 2) handler.requestJob(mood);
        if (kind == 3) handler.matchRequest(which, mood);
        if (kind == 4) handler.cancelRequest(which, mood);
        if (kind == 5) handler.decline(which, mood);
        if (kind == 6) handler.submit(which, mood);
        if (kind == 7) handler.commitTogether(which, mood);
        if (kind == 8) handler.reveal(which, mood);
        if (kind == 9) handler.timeoutSubmission(which, mood);
        if (kind == 10) handler.accept(which, mood);
        if (kind == 11) handler.finalize(which, mood);
        if (kind == 12) handler.fixSeed(which, mood);
        if (kind == 13) handler.challenge(which, mood);
        if (kind == 14) handler.audit(which, mood);
        if (kind == 15) handler.commit(which, mood);
        if (kind == 16) handler.revealReceipts(which, mood);
        if (kind == 17) handler.conclude(which, mood);
        if (kind == 18) handler.deliver(which, mood);
        if (kind == 19) handler.batch(mood);
        if (kind == 20) handler.settleAgain(which, mood);
        if (kind == 21) handler.depositWithReentry(which, mood);
        if (kind == 22) handler.payPanel();
        if (kind == 23) handler.pass(mood);
        if (kind == 24) handler.passABlock();
        if (kind == 25) handler.deliverUnsettled(which, mood);
    }
}
