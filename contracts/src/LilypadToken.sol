// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token for development networks.
/// @dev Warning: anyone may mint any amount. The market takes any well-behaved ERC-20; real networks use theirs.
contract LilypadToken is ERC20Permit {
    constructor() ERC20("Lilypad development token", "LP") ERC20Permit("Lilypad development token") {}

    /// @notice Makes tokens out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
