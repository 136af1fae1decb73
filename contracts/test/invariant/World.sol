// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {LilypadLens} from "../../src/LilypadLens.sol";
import {ILilypadMarket} from "../../src/interfaces/ILilypadMarket.sol";
import {ILilypadMediation} from "../../src/interfaces/ILilypadMediation.sol";
import {HostileConsumer} from "../actors/HostileConsumer.sol";
import {ReentrantToken} from "../actors/Tokens.sol";

/// @title The market, a token that calls it back, everybody who can have money in it, and time.
/// @dev Seeds choose; nothing is random otherwise.
abstract contract World is Test {
    uint256 internal constant PARTIES = 5; // any may create, provide and solve
    uint256 internal constant CONSUMERS = 3;
    uint256 internal constant MEMBERS = 7; // two parties sit on the panel besides
    uint256 internal constant SLOT_BALANCES = 0;
    uint256 internal constant SLOT_DEALS = 5;
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;

    ILilypadMarket internal immutable market;
    ILilypadMediation internal immutable mediation;
    LilypadLens internal immutable lens;
    ReentrantToken internal immutable token;

    address[] internal _parties;
    mapping(address party => uint256) internal _keys;
    HostileConsumer[] internal _consumers;
    address[] internal _panelMembers;
    bytes32 internal _panel;

    /// @dev Parties, consumers, panel members, the panel's account, who burned tokens go to.
    address[] internal _everybody;
    bytes32[] private _balanceSlots;
    mapping(address => uint256) private _placeOf; // in `_everybody`, from 1

    /// @notice Tokens that somebody gave to the market without depositing them.
    uint256 public donated;

    /// @notice How often each thing worth knowing has happened.
    mapping(string what => uint256) public happened;

    constructor(ILilypadMarket market_) {
        market = market_;
        mediation = market_.mediation();
        lens = LilypadLens(market_.lens());
        token = ReentrantToken(address(market_.token()));
        for (uint256 i; i < PARTIES; ++i) {
            (address party, uint256 key) = makeAddrAndKey(string.concat("party ", vm.toString(i)));
            _parties.push(party);
            _keys[party] = key;
            _enter(party);
        }
        for (uint256 i; i < CONSUMERS; ++i) {
            _consumers.push(new HostileConsumer());
            _enter(address(_consumers[i]));
        }
        for (uint256 i; i < MEMBERS; ++i) {
            address member = makeAddr(string.concat("panel member ", vm.toString(i)));
            _panelMembers.push(member);
            _enter(member);
        }
        _panelMembers.push(_parties[0]);
        _panelMembers.push(_parties[1]);
        _sort(_panelMembers);
        _panel = market_.registerPanel(_panelMembers);
        _enter(_panelAccount());
        _enter(BURNED);
    }

    function _sort(address[] storage list) private {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0 && list[j - 1] > list[j]; --j) {
                (list[j - 1], list[j]) = (list[j], list[j - 1]);
            }
        }
    }

    function _enter(address who) private {
        _everybody.push(who);
        _placeOf[who] = _everybody.length;
        _balanceSlots.push(keccak256(abi.encode(who, SLOT_BALANCES)));
    }

    function _place(address who) internal view returns (uint256) {
        assertGt(_placeOf[who], 0, "a known account");
        return _placeOf[who] - 1;
    }

    function _panelAccount() internal view returns (address) {
        return address(bytes20(_panel));
    }

    function _party(uint256 who) internal view returns (address) {
        return _parties[who % PARTIES];
    }

    function _isConsumer(address who) internal view returns (bool) {
        uint256 place = _place(who);
        return place >= PARTIES && place < PARTIES + CONSUMERS;
    }

    /// @dev A call of the market in somebody's name; contracts do it themselves.
    function _callAs(address who, bytes memory data) internal {
        if (_isConsumer(who)) {
            HostileConsumer(payable(who)).exec(address(market), data);
            return;
        }
        vm.prank(who);
        (bool ok, bytes memory result) = address(market).call(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(result, 32), mload(result))
        }
    }

    /* MONEY */

    /// @dev What everybody has free and locked, packed as the market packs them: one call for all.
    function _balances() internal view returns (bytes32[] memory) {
        return market.extsload(_balanceSlots);
    }

    function _freeOf(bytes32 packed) internal pure returns (uint256) {
        return uint128(uint256(packed));
    }

    function _lockedOf(bytes32 packed) internal pure returns (uint256) {
        return uint256(packed) >> 128;
    }

    function _free(address who) internal view returns (uint256 free) {
        (free,) = market.balanceOf(who);
    }

    function _deposit(address who, uint256 amount) internal {
        token.mint(who, amount);
        if (_isConsumer(who)) {
            HostileConsumer(payable(who))
                .exec(address(token), abi.encodeWithSignature("approve(address,uint256)", market, amount));
        } else {
            vm.prank(who);
            token.approve(address(market), amount);
        }
        _callAs(who, abi.encodeCall(ILilypadMarket.deposit, (amount)));
    }

    function _topUp(address who, uint256 needed) internal {
        uint256 free = _free(who);
        if (free < needed) _deposit(who, needed - free);
    }

    /* TIME */

    /// @dev In blocks of twelve seconds.
    function _pass(uint256 seconds_) internal {
        vm.roll(vm.getBlockNumber() + seconds_ / 12);
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    function _late(uint256 deadline) internal view returns (bool) {
        return vm.getBlockTimestamp() > deadline;
    }

    /* CHOICE */

    function _amount(uint256 seed, string memory what, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + uint256(keccak256(abi.encode(seed, what))) % (max - min + 1);
    }

    function _sign(address party, bytes32 structHash) internal view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", market.domainSeparator(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[party], digest);
        return abi.encodePacked(r, s, v);
    }
}
