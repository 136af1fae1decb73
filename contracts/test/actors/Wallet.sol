// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A wallet contract that signs with its owner's key, or says yes to everything.
contract Wallet is IERC1271 {
    address private immutable OWNER;
    bool private _yes;

    constructor(address owner) {
        OWNER = owner;
    }

    function sayYes(bool yes) external {
        _yes = yes;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError error,) = ECDSA.tryRecover(digest, signature);
        bool good = _yes || (error == ECDSA.RecoverError.NoError && signer == OWNER);
        return good ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}
