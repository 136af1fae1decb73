//! The contracts of a devnet: token, market, panel, example client; everybody funded.

use super::{CREATOR, DevnetError, MEDIATORS, OPERATOR, PROVIDERS, START_TOKENS, io_error};
use crate::{
    chain::{Address, Chain, Client, Key, U256},
    network::Network,
    report::TOKEN,
    store::Store,
};
use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Profile};
use std::{collections::BTreeMap, fs, path::Path};

/// Fuel limit of the example client's jobs.
const CLIENT_FUEL_LIMIT: u64 = 1_000_000_000;

/// Deploys everything and gives the network's description.
pub(super) async fn deploy(
    bare: &Network,
    artifacts: &Path,
    store: &Store,
    modules: &BTreeMap<String, Cid>,
) -> Result<Network, DevnetError> {
    let operator = Chain::open(bare, Some(Key::dev(OPERATOR)?))?;
    let token =
        operator.deploy_contract("deploy the token", creation_code(artifacts, "LilypadToken")?, &[]).await?;
    let deployed_block = operator.block_number().await?;
    let argument = token.into_word();
    let market = operator
        .deploy_contract("deploy the market", creation_code(artifacts, "LilypadMarket")?, argument.as_slice())
        .await?;
    let mut network = Network { token, market, deployed_block, modules: modules.clone(), ..bare.clone() };
    let operator = Chain::open(&network, Some(Key::dev(OPERATOR)?))?;
    let accounts = [OPERATOR, CREATOR].into_iter().chain(PROVIDERS).chain(MEDIATORS);
    for account in accounts {
        operator.mint_dev_tokens(Key::dev(account)?.address(), U256::from(START_TOKENS)).await?;
    }
    let mediators = MEDIATORS
        .into_iter()
        .map(|i| Ok(Key::dev(i)?.address()))
        .collect::<Result<Vec<Address>, DevnetError>>()?;
    network.panel = operator.register_panel(&mediators).await?;
    if let Some(module) = modules.get("cowsay") {
        let client = deploy_client(&network, &operator, artifacts, store, *module).await?;
        network.examples.insert("cowsay-client".to_owned(), client);
    }
    Ok(network)
}

/// The example client, with a template job that waits for its message, and with money to pay for cows.
async fn deploy_client(
    network: &Network,
    operator: &Chain,
    artifacts: &Path,
    store: &Store,
    module: Cid,
) -> Result<Address, DevnetError> {
    let template = JobSpec {
        profile: Profile::Lilypad1,
        module,
        args: vec!["cowsay".to_owned()],
        env: BTreeMap::new(),
        inputs: BTreeMap::new(),
        stdin: None,
        limits: Limits { fuel_limit: CLIENT_FUEL_LIMIT, memory_bytes_max: 64 << 20, ..Limits::default() },
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    };
    let block = template.to_block()?;
    let cid = Cid::of(Codec::DagCbor, &block);
    store.put(cid, &block)?;
    let client = Client {
        job: cid.digest,
        fuel_limit: template.limits.fuel_limit,
        memory_bytes_max: template.limits.memory_bytes_max,
        price_per_gigafuel_max: TOKEN / 10,
        solver_fee: TOKEN / 20,
        mediator_fee: TOKEN / 10,
        mediator_count: 3,
        penalty_bps: 10_000,
        panel: network.panel,
        window_seconds: 60,
        callback_gas: 500_000,
        gateway: network.gateways.first().cloned().unwrap_or_default(),
    };
    let address = operator.deploy_client(creation_code(artifacts, "CowsayClient")?, &client).await?;
    let chain = Chain::open(network, Some(Key::dev(OPERATOR)?))?;
    chain.fund_client(address, U256::from(10 * TOKEN)).await?;
    Ok(address)
}

fn creation_code(artifacts: &Path, contract: &str) -> Result<Vec<u8>, DevnetError> {
    let path = artifacts.join(format!("{contract}.sol/{contract}.json"));
    let text = fs::read_to_string(&path).map_err(io_error("read", &path))?;
    let artifact: serde_json::Value =
        serde_json::from_str(&text).map_err(|_| DevnetError::Artifact(path.clone()))?;
    let code = artifact["bytecode"]["object"].as_str().and_then(crate::chain::unhex);
    code.ok_or(DevnetError::Artifact(path))
}
