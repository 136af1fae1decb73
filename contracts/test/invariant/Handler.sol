// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {DealState, DealTerms, DeclineReason, Receipt as JobReceipt, Settlement} from "../../src/Types.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {Callbacks} from "./Callbacks.sol";
import {World} from "./World.sol";

/// @title All parties of many deals, one step at a time: money, batches, time, and the end.
/// @dev A step that isn't possible now lets a little time pass instead; every call that is made must succeed, except
/// those that are tried in order to fail. Chapters: World, Ledger, Deals, Results, Judging, Mediators, Callbacks.
contract Handler is Callbacks {
    constructor(ILilypadMarket market_) World(market_) {}

    /* MONEY */

    function deposit(uint256 who, uint256 amount) external {
        _deposit(_everybody[who % (PARTIES + CONSUMERS + MEMBERS)], amount % 10_000 ether);
    }

    function withdraw(uint256 who, uint256 amount) external {
        address party = _everybody[who % (PARTIES + CONSUMERS + MEMBERS)];
        _callAs(party, abi.encodeCall(ILilypadMarket.withdraw, (amount % (_free(party) + 1))));
    }

    function donate(uint256 amount) external {
        amount %= 1 ether;
        token.mint(address(market), amount);
        donated += amount;
    }

    /// @notice The token calls the market back in the middle of a deposit.
    function depositWithReentry(uint256 who, uint256 seed) external {
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(ILilypadMarket.withdraw, (0));
        bytes memory call = inner[0];
        if (seed % 4 == 1) call = abi.encodeCall(ILilypadMarket.deposit, (0));
        if (seed % 4 == 2) call = abi.encodeCall(ILilypadMarket.batch, (inner, true));
        if (seed % 4 == 3) call = abi.encodeCall(ILilypadMarket.payPanel, (_panelMembers));
        address party = _party(who);
        token.mint(party, 1 ether);
        vm.prank(party);
        token.approve(address(market), 1 ether);
        token.attack(market, call);
        vm.prank(party);
        market.deposit(1 ether);
        // Money moves in neither direction from within; sharing out a panel's fees moves no tokens.
        bytes memory answer = token.lastError();
        if (seed % 4 == 3) assertEq(answer.length, 0, "a verb without tokens goes through");
        else assertEq(bytes4(answer), bytes4(keccak256("ReentrancyGuardReentrantCall()")), "no money from within");
        ++happened["re-entry of the token"];
    }

    function payPanel() external {
        Book memory b = _open();
        uint256 gathered = _free(_panelAccount());
        uint256 share = gathered / _panelMembers.length;
        for (uint256 i; i < _panelMembers.length; ++i) {
            b.gains[_place(_panelMembers[i])] = int256(share);
        }
        b.gains[_place(_panelAccount())] = -int256(share * _panelMembers.length);
        b.losses[_place(_panelAccount())] = gathered;
        market.payPanel(_panelMembers);
        _close(b);
        if (share != 0) ++happened["panel paid"];
    }

    /* MANY AT ONCE */

    /// @notice Anyone ends all that can be ended now, in one call.
    function batch(uint256 seed) external {
        bytes[] memory calls = new bytes[](_lives.length + 1);
        uint256 count;
        Book memory b = _open();
        uint256[] memory ended = new uint256[](_lives.length);
        for (uint256 i; i < _lives.length && count < 6; ++i) {
            if (!_mayTimeOut(i)) continue;
            ended[count] = i;
            calls[count++] = abi.encodeCall(ILilypadMarket.timeoutSubmission, (_lives[i].terms));
        }
        if (count == 0) return _idle(seed);
        // And one that is too late: somebody else was faster.
        calls[count] = calls[0];
        assembly ("memory-safe") {
            mstore(calls, add(count, 1))
        }
        bytes[] memory results = market.batch(calls, false);
        assertEq(bytes4(results[count]), ILilypadMarket.WrongState.selector, "the second time is refused");
        for (uint256 k; k < count; ++k) {
            assertEq(results[k].length, 0, "in a batch");
            _settled(b, ended[k], _timeOutOf(ended[k]), new address[](0), 0);
        }
        _close(b);
        ++happened["batch"];
    }

    /// @notice Every verb that moves a deal, by whoever may call it, on a deal that is settled: none may go through.
    function settleAgain(uint256 which, uint256 seed) external {
        (bool found, uint256 i) = _pick(which, DealState.Settled);
        if (!found) return _idle(seed);
        (DealTerms memory terms, JobReceipt memory receipt) = (_lives[i].terms, _lives[i].receipt);
        bytes[11] memory calls = [
            abi.encodeCall(ILilypadMarket.challengeResult, (terms, _panelMembers)),
            abi.encodeCall(ILilypadMarket.auditResult, (terms, _panelMembers)),
            abi.encodeCall(ILilypadMarket.fixSeed, (terms)),
            abi.encodeCall(ILilypadMarket.acceptResult, (terms, receipt)),
            abi.encodeCall(ILilypadMarket.finalizeDeal, (terms, receipt)),
            abi.encodeCall(ILilypadMarket.concludeMediation, (terms, receipt, _lives[i].drawn)),
            abi.encodeCall(ILilypadMarket.timeoutSubmission, (terms)),
            abi.encodeCall(ILilypadMarket.declineDeal, (terms, DeclineReason.Unspecified)),
            abi.encodeCall(ILilypadMarket.submitResult, (terms, receipt)),
            abi.encodeCall(ILilypadMarket.commitResult, (terms, bytes32("commitment"))),
            abi.encodeCall(ILilypadMarket.revealResult, (terms, receipt, "salt"))
        ];
        // Two a step: the same deal is picked again.
        for (uint256 k; k < 2; ++k) {
            uint256 call = (seed % calls.length + k) % calls.length;
            vm.prank(call < 7 ? terms.creator : terms.provider);
            (bool ok, bytes memory reason) = address(market).call(calls[call]);
            assertFalse(ok, "a settled deal does not move");
            assertEq(bytes4(reason), ILilypadMarket.WrongState.selector, "because it is settled");
        }
        assertEq(_word(i), _lives[i].lastWord, "a settled deal stays as it is");
    }

    /* TIME */

    /// @dev Within a deal's windows; sometimes beyond, and past all block hashes.
    function pass(uint256 seed) external {
        _pass(12 + (seed >> 8) % (seed % 4 == 0 ? 75 minutes : 10 minutes));
    }

    function passABlock() external {
        _pass(24);
    }

    /* THE END */

    /// @notice Only what a stranger may do once enough time has passed. Every row is checked here, too.
    function settleEverything() external {
        for (uint256 i; i < _requests.length; ++i) {
            if (!_requestOpen(_requests[i])) continue;
            if (!_late(_requests[i].expiry)) vm.warp(uint256(_requests[i].expiry) + 1);
            _cancel(_requests[i], address(this));
        }
        // The deal whose mediation judges its siblings first, in one round; the siblings in the next.
        for (uint256 round; round < 3; ++round) {
            for (uint256 i; i < _lives.length; ++i) {
                if (_lives[i].state != DealState.Settled) _settle(i);
            }
        }
    }

    function withdrawEverything() external {
        market.payPanel(_panelMembers);
        for (uint256 i; i < PARTIES + CONSUMERS + MEMBERS; ++i) {
            address party = _everybody[i];
            uint256 free = _free(party);
            _callAs(party, abi.encodeCall(ILilypadMarket.withdraw, (free)));
            assertGe(token.balanceOf(party), free, "withdrawn");
        }
    }

    function _settle(uint256 i) private {
        Life storage l = _lives[i];
        _pass(6 hours);
        if (_mayTimeOut(i)) {
            Book memory b = _open();
            market.timeoutSubmission(l.terms);
            _settled(b, i, _timeOutOf(i), new address[](0), 0);
            return _close(b);
        }
        if (l.state == DealState.Submitted) {
            // Twice at most: a lost anchor moves, and then its hash is there.
            for (uint256 tries; tries < 2 && lens.deal(l.terms).seed == 0; ++tries) {
                _fixSeed(i);
                _pass(24);
            }
            if (_tryFinalize(i)) return;
            if (!_tryAudit(i)) return; // waits for its sibling's mediation
            _pass(6 hours);
        }
        _conclude(i);
    }

    /* READING */

    function everybody() external view returns (address[] memory) {
        return _everybody;
    }

    /// @notice What must hold at any time: each party's locks are its open deals' and requests', and the tokens are there.
    function check() external view {
        bytes32[] memory found = _balances();
        uint256 sum = donated;
        for (uint256 i; i < found.length; ++i) {
            uint256 locked = _lockedOf(found[i]);
            sum += _freeOf(found[i]) + locked;
            if (locked != _lockedOfParty[_everybody[i]]) {
                assertEq(locked, _lockedOfParty[_everybody[i]], string.concat("locked of ", vm.getLabel(_everybody[i])));
            }
        }
        // Not "at least": what was donated is known, so a token too many is as wrong as one too few.
        assertEq(token.balanceOf(address(market)), sum, "tokens and balances");
    }

    /// @notice What must hold in the end.
    function checkEnd() external view {
        for (uint256 i; i < _lives.length; ++i) {
            assertEq(uint8(_lives[i].state), uint8(DealState.Settled), "a way out of every deal");
            assertEq(_word(i), _lives[i].lastWord, "settled once, and never changed after");
        }
        for (uint256 i; i < _everybody.length; ++i) {
            (, uint256 locked) = market.balanceOf(_everybody[i]);
            assertEq(locked, 0, "a way out for every token");
        }
    }

    /// @notice Who may still have something in the market once everybody has withdrawn.
    function remainder() external view returns (uint256) {
        uint256 unshared = _free(_panelAccount());
        assertLt(unshared, _panelMembers.length, "less than a unit each is left of a panel's fees");
        return _free(BURNED) + unshared + donated;
    }
}
