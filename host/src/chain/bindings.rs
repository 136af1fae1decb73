//! The contracts as Rust types, from the ABI that `contracts/abi/update` writes. Nothing by hand.
#![expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated from the contracts' ABI; NatSpec lives there"
)]

alloy::sol!(
    #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
    LilypadMarket,
    "../contracts/abi/LilypadMarket.json"
);

alloy::sol!(
    #[sol(rpc, all_derives)]
    LilypadMediation,
    "../contracts/abi/LilypadMediation.json"
);

alloy::sol!(
    #[sol(rpc, all_derives)]
    LilypadLens,
    "../contracts/abi/LilypadLens.json"
);

alloy::sol!(
    #[sol(rpc)]
    LilypadToken,
    "../contracts/abi/LilypadToken.json"
);

alloy::sol!(
    #[sol(rpc)]
    CowsayClient,
    "../contracts/abi/CowsayClient.json"
);
