// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ILilypadMarket} from "../interfaces/ILilypadMarket.sol";

/// @title Whose signature an offer has, for one market on one chain (EIP-712).
/// @dev Instead of OpenZeppelin's `EIP712`, whose views of the domain take 450 bytes that the market doesn't have.
abstract contract Signatures is ILilypadMarket {
    bytes32 private immutable _separator = _computeSeparator();
    uint256 private immutable _chainId = block.chainid;

    /// @inheritdoc ILilypadMarket
    function domainSeparator() public view returns (bytes32) {
        // After a fork of the chain, each half has its own.
        return block.chainid == _chainId ? _separator : _computeSeparator();
    }

    /// @dev The key first, which is cheaper; contracts (ERC-1271) have none.
    function _signed(address party, bytes32 structHash, bytes calldata signature) internal view returns (bool) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator(), structHash);
        (address signer, ECDSA.RecoverError error,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (error == ECDSA.RecoverError.NoError && signer == party) return true;
        return SignatureChecker.isValidERC1271SignatureNow(party, digest, signature);
    }

    function _computeSeparator() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("LilypadMarket"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }
}
