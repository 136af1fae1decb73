// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

/// @title A creator contract whose callback does its worst, as its driver tells it.
contract HostileConsumer {
    enum Mood {
        Obliging,
        Reverting,
        BurningAllGas,
        ReturningMegabytes,
        Reentering
    }

    Mood public mood;

    /// @notice How many of the calls from within the callback went through, a bit each.
    uint256 public wentThrough;

    /// @notice How many callbacks ran to their end.
    uint256 public callbacks;

    address private _target;
    bytes[] private _calls;

    /// @notice What the next callback does.
    function feel(Mood mood_, address target, bytes[] calldata calls) external {
        mood = mood_;
        _target = target;
        delete _calls;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
        wentThrough = 0;
    }

    /// @notice Does anything in this contract's name.
    function exec(address target, bytes calldata data) external returns (bytes memory) {
        (bool ok, bytes memory result) = target.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
        return result;
    }

    /// @dev Any callback, present or future.
    fallback() external {
        if (mood == Mood.Reverting) revert("not today");
        if (mood == Mood.BurningAllGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (mood == Mood.ReturningMegabytes) {
            assembly ("memory-safe") {
                return(0, 0x100000)
            }
        }
        ++callbacks;
        if (mood != Mood.Reentering) return;
        for (uint256 i; i < _calls.length; ++i) {
            (bool ok,) = _target.call(_calls[i]);
            if (ok) wentThrough |= 1 << i;
        }
    }
}
