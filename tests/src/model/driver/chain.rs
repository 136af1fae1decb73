//! A real anvil, the real artifacts, and blocks made one at a time with the time and the height that a test chooses.

use super::bindings;
use alloy::{
    json_abi::JsonAbi,
    primitives::{Address, B256, Bytes, U64, U256},
    rpc::client::RpcClient,
    sol_types::SolCall,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Time of the first block, so that a sequence is the same each time: blocks' hashes decide about draws.
const GENESIS_TIME: &str = "1800000000";

/// Gas of each call: more than any needs.
const GAS: u64 = 8_000_000;

/// A block that was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) hash: B256,
}

/// Why the contract refused: an error's name and words, or raw bytes that no ABI knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revert {
    pub(crate) name: String,
    pub(crate) words: Vec<B256>,
}

/// An anvil of our own; ends with us.
#[derive(Debug)]
pub(crate) struct Chain {
    anvil: Child,
    rpc: RpcClient,
    root: PathBuf,
    errors: BTreeMap<[u8; 4], String>,
    pub(crate) head: Head,
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.anvil.kill();
        let _ = self.anvil.wait();
    }
}

impl Chain {
    /// Starts anvil on a free port. Blocks are made only when asked for.
    pub(crate) async fn start(root: &Path, hardfork: &str) -> Self {
        let tools = Command::new(root.join("contracts/toolchain")).arg("--print-path").output().unwrap();
        let tools = String::from_utf8(tools.stdout).unwrap();
        let mut anvil = Command::new(Path::new(tools.trim()).join("anvil"))
            .args(["--port", "0", "--no-mining", "--accounts", "1", "--hardfork", hardfork])
            .args(["--timestamp", GENESIS_TIME])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("anvil starts; contracts/toolchain installs it");
        let mut lines = BufReader::new(anvil.stdout.take().unwrap()).lines();
        let listening = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Listening on "));
        let address = listening.expect("anvil says where it listens").replace("Listening on ", "");
        // Somebody has to read what anvil logs.
        std::thread::spawn(move || lines.for_each(drop));
        let rpc = RpcClient::new_http(format!("http://{}", address.trim()).parse().unwrap());
        let head = Head { number: 0, timestamp: 0, hash: B256::ZERO };
        let errors = error_names(root);
        let mut chain = Self { anvil, rpc, root: root.to_owned(), errors, head };
        let () = chain.request("anvil_autoImpersonateAccount", json!([true])).await;
        chain.head = chain.block("latest").await;
        chain
    }

    async fn request<T: serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + Unpin + 'static>(
        &self,
        method: &'static str,
        params: Value,
    ) -> T {
        match self.rpc.request(method, params.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("anvil refused {method}({params}): {error}"),
        }
    }

    async fn block(&self, name: &str) -> Head {
        let block: Value = self.request("eth_getBlockByNumber", json!([name, false])).await;
        let number = |key: &str| block[key].as_str().unwrap().parse::<U64>().unwrap().to();
        Head {
            number: number("number"),
            timestamp: number("timestamp"),
            hash: block["hash"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// The block of a height.
    pub(crate) async fn block_at(&self, number: u64) -> Head {
        self.block(&format!("{number:#x}")).await
    }

    /// Makes empty blocks, all of the newest block's time.
    pub(crate) async fn mine(&mut self, count: u64) {
        for _ in 0..count {
            let _: Value = self.request("evm_mine", json!([self.head.timestamp])).await;
        }
        self.head = self.block("latest").await;
    }

    /// Gives an account ether for gas.
    pub(crate) async fn fuel(&self, account: Address) {
        let ether = U256::from(10_u128.pow(21));
        let () = self.request("anvil_setBalance", json!([account, ether])).await;
    }

    /// Sends a transaction in a block of its own, made at `timestamp`.
    pub(crate) async fn send(
        &mut self,
        from: Address,
        to: Option<Address>,
        data: Vec<u8>,
        timestamp: u64,
    ) -> Result<Value, Revert> {
        let transaction = json!({
            "from": from, "to": to, "data": Bytes::from(data), "gas": format!("{GAS:#x}"),
        });
        let hash: B256 = self.request("eth_sendTransaction", json!([transaction])).await;
        let _: Value = self.request("evm_mine", json!([timestamp])).await;
        let receipt: Value = self.request("eth_getTransactionReceipt", json!([hash])).await;
        self.head = self.block("latest").await;
        assert_eq!(self.head.timestamp, timestamp, "the block has the time we asked for");
        assert_eq!(
            receipt["blockHash"].as_str().unwrap().parse::<B256>().unwrap(),
            self.head.hash,
            "it is in the block"
        );
        if receipt["status"] == "0x1" {
            return Ok(receipt);
        }
        let trace: Value =
            self.request("debug_traceTransaction", json!([hash, {"tracer": "callTracer"}])).await;
        let output: Bytes = trace["output"].as_str().unwrap_or("0x").parse().unwrap();
        Err(self.read_error(&output))
    }

    fn read_error(&self, output: &[u8]) -> Revert {
        let name = output.first_chunk().and_then(|selector| self.errors.get(selector));
        match name {
            Some(name) => {
                let words = output[4..].chunks(32).map(B256::from_slice).collect();
                Revert { name: name.clone(), words }
            }
            None => Revert { name: format!("unknown error {}", hex::encode(output)), words: Vec::new() },
        }
    }

    /// Deploys an artifact that `forge build` wrote.
    pub(crate) async fn deploy(&mut self, from: Address, contract: &str, arguments: &[u8]) -> Address {
        let path = self.root.join(format!("contracts/out/{contract}.sol/{contract}.json"));
        let text = std::fs::read_to_string(&path).expect("run `forge build` in contracts first");
        let artifact: Value = serde_json::from_str(&text).unwrap();
        let code = artifact["bytecode"]["object"].as_str().unwrap().trim_start_matches("0x");
        let mut data = hex::decode(code).unwrap();
        data.extend(arguments);
        let receipt = self.send(from, None, data, self.head.timestamp + 1).await.expect("deploys");
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }

    /// Asks a view at the newest block.
    pub(crate) async fn view<C: SolCall>(&self, to: Address, call: &C) -> C::Return {
        let transaction = json!({"to": to, "data": Bytes::from(call.abi_encode())});
        let answer: Bytes = self.request("eth_call", json!([transaction, "latest"])).await;
        C::abi_decode_returns(&answer).expect("the ABI is the contract's")
    }

    /// Whether the chain keeps 8,191 hashes of blocks (EIP-2935).
    pub(crate) async fn keeps_history(&self) -> bool {
        let code: Bytes = self
            .request("eth_getCode", json!(["0x0000F90827F1C53a10cb7A02335B175320002935", "latest"]))
            .await;
        !code.is_empty()
    }

    /// Sends something that must work, right after the newest block.
    pub(crate) async fn must(&mut self, from: Address, to: Address, data: Vec<u8>) {
        self.send(from, Some(to), data, self.head.timestamp + 1).await.expect("set-up works");
    }
}

/// Names of all errors of the contracts' ABIs.
fn error_names(root: &Path) -> BTreeMap<[u8; 4], String> {
    let contracts = ["LilypadMarket", "LilypadMediation", "LilypadToken", "CowsayClient"];
    let abis = contracts.iter().map(|contract| {
        let text = std::fs::read_to_string(root.join(format!("contracts/abi/{contract}.json"))).unwrap();
        serde_json::from_str::<JsonAbi>(&text).unwrap()
    });
    let errors = abis.flat_map(|abi| abi.errors().cloned().collect::<Vec<_>>());
    errors.map(|error| (error.selector().0, error.name)).collect()
}

/// A contract's addresses in one market.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) token: Address,
    pub(crate) market: Address,
    pub(crate) mediation: Address,
    pub(crate) lens: Address,
    pub(crate) domain: B256,
}

impl Chain {
    /// A fresh token and a fresh market.
    pub(crate) async fn deploy_market(&mut self, from: Address) -> Site {
        use bindings::LilypadMarket as M;
        let token = self.deploy(from, "LilypadToken", &[]).await;
        let market = self.deploy(from, "LilypadMarket", token.into_word().as_slice()).await;
        Site {
            token,
            market,
            mediation: self.view(market, &M::mediationCall {}).await,
            lens: self.view(market, &M::lensCall {}).await,
            domain: self.view(market, &M::domainSeparatorCall {}).await,
        }
    }
}
