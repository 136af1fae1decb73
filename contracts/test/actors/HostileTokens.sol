// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Says false instead of reverting, in the direction it is told to refuse.
contract RefusingToken is ERC20("Refusing", "NO") {
    bool public refusesIn;
    bool public refusesOut;

    function refuse(bool in_, bool out) external {
        (refusesIn, refusesOut) = (in_, out);
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return !refusesOut && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !refusesIn && super.transferFrom(from, to, amount);
    }
}

/// @title Says true and moves another amount: so many hundredths of what was asked for.
contract LyingToken is ERC20("Lying", "LIE") {
    uint256 private immutable _percent;

    constructor(uint256 percent) {
        _percent = percent;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _transfer(from, to, amount * _percent / 100);
        return true;
    }
}

/// @title Takes any call that it doesn't know, as wrapped ether does: also one for a permit.
contract PermissiveToken is ERC20("Permissive", "ANY") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    fallback() external {}
}

/// @title Tells a witness in the middle of each transfer, before and after tokens move.
contract WitnessedToken is ERC20("Witnessed", "SEE") {
    address private immutable _witness;

    constructor(address witness) {
        _witness = witness;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        IWitness(_witness).look();
        super._update(from, to, amount);
        IWitness(_witness).look();
    }
}

interface IWitness {
    function look() external;
}
