// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {Script} from "forge-std/Script.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LilypadMarket} from "../src/LilypadMarket.sol";
import {LilypadToken} from "../src/LilypadToken.sol";

/// @title Deploys the market, with its mediation and its lens, and writes the addresses to `deployments/<chain id>.json`.
/// @dev `TOKEN` in the environment names the network's ERC-20. Without it a development token that anyone may mint is
/// deployed, but only on the chain id of local nodes: on others a worthless token would be an expensive mistake.
contract Deploy is Script {
    error TokenNotGiven(uint256 chainId);
    error TokenHasNoCode(address token);

    uint256 private constant LOCAL_CHAIN_ID = 31_337;

    function run() external returns (LilypadMarket market) {
        address token = vm.envOr("TOKEN", address(0));
        if (token == address(0) && block.chainid != LOCAL_CHAIN_ID) revert TokenNotGiven(block.chainid);
        if (token != address(0) && token.code.length == 0) revert TokenHasNoCode(token);
        vm.startBroadcast();
        if (token == address(0)) token = address(new LilypadToken());
        market = new LilypadMarket(IERC20(token));
        vm.stopBroadcast();
        vm.serializeUint("addresses", "chain_id", block.chainid);
        vm.serializeAddress("addresses", "token", token);
        vm.serializeAddress("addresses", "mediation", address(market.mediation()));
        vm.serializeAddress("addresses", "lens", market.lens());
        // Where whoever reads events has to begin.
        vm.serializeUint("addresses", "deployed_block", vm.getBlockNumber());
        string memory json = vm.serializeAddress("addresses", "market", address(market));
        vm.createDir("deployments", true);
        vm.writeJson(json, string.concat("deployments/", vm.toString(block.chainid), ".json"));
    }
}
