//! The means of the other chapters: the programs, a devnet, and its books.

use lilypad_host::{
    chain::{Chain, Key},
    devnet,
    network::Network,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, OnceLock, mpsc},
    thread,
};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A program of the host crate, built from the sources as they are now.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "lilypad-host", "--bins"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(built.success(), "the programs don't build");
        let me = std::env::current_exe().unwrap();
        me.ancestors().find(|dir| dir.join("lilypad-host").exists()).unwrap().to_owned()
    });
    dir.join(name)
}

/// A built module.
pub(crate) fn module(name: &str) -> PathBuf {
    let path = root().join(format!("target/guest/wasm32-wasip1/release/{name}.wasm"));
    assert!(path.exists(), "{} is missing; run modules/build", path.display());
    path
}

/// A devnet of its own process, in a folder of its own, gone with the tests.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) home: PathBuf,
    pub(crate) network: Network,
    /// Names and process ids at the start.
    pub(crate) pids: Vec<(String, i32)>,
    folder: Arc<tempfile::TempDir>,
}

impl Market {
    /// The devnet that most tests share; its second provider cheats and is dearer, so only jobs that name it get it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Market> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A devnet for a test that breaks it.
    pub(crate) fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), 0)
    }

    /// The same devnet again, after all its processes ended.
    pub(crate) fn start_again(&self) -> Self {
        let port = self.network.rpc_url.rsplit(':').next().unwrap().parse().unwrap();
        Self::start_in(self.folder.clone(), port)
    }

    /// A devnet in this folder; with port 0 on free ports, otherwise on that one and those after it.
    pub(crate) fn start_in(folder: Arc<tempfile::TempDir>, port: u16) -> Self {
        Self::start_with(folder, port, &[], &BTreeMap::new())
    }

    /// The same with more arguments and variables.
    pub(crate) fn start_with(
        folder: Arc<tempfile::TempDir>,
        port: u16,
        more: &[&str],
        env: &BTreeMap<String, String>,
    ) -> Self {
        let more: Vec<String> = more.iter().map(|&arg| arg.to_owned()).collect();
        let env = env.clone();
        let home = folder.path().to_owned();
        let (up, is_up) = mpsc::channel();
        let for_thread = home.clone();
        // The kernel ends the devnet when the thread that started it ends: this one stays until the process goes.
        thread::spawn(move || {
            let mut devnet = Command::new(program("lilypad-host"))
                .args(["tethered", "--"])
                .arg(program("lilypad"))
                .args(["devnet", "--cheating-provider", "--port", &port.to_string()])
                .args(more)
                .envs(env)
                .env("LILYPAD_HOME", &for_thread)
                .env("LILYPAD_ROOT", root())
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = Vec::new();
            for line in BufReader::new(devnet.stderr.take().unwrap()).lines().map_while(Result::ok) {
                said.push(line.clone());
                if line.starts_with("The market is up") {
                    let _ = up.send(said.clone());
                }
            }
            // It ended: whoever still waits learns why.
            let _ = up.send(said);
            let _ = devnet.wait();
        });
        let said = is_up.recv().unwrap();
        assert!(said.iter().any(|line| line.starts_with("The market is up")), "no devnet: {said:#?}");
        let network = Network::load(&home, "dev").unwrap();
        let pids = said
            .iter()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
            })
            .collect();
        Self { home, network, pids, folder }
    }

    /// `lilypad` on this market, as its creator unless the environment says otherwise.
    pub(crate) fn lilypad(&self) -> Command {
        let mut command = Command::new(program("lilypad"));
        command.env("LILYPAD_HOME", &self.home).current_dir(&self.home).stdin(Stdio::null());
        command
    }

    /// Runs `lilypad` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.lilypad().args(args).output().unwrap()
    }

    /// A reading connection.
    pub(crate) async fn chain(&self) -> Chain {
        Chain::connect(&self.network, Some(Key::dev(devnet::CREATOR).unwrap())).await.unwrap()
    }

    /// Everything a party has, in the market and in its wallet.
    pub(crate) async fn wealth(&self, account: u32) -> u128 {
        let chain = self.chain().await;
        let party = Key::dev(account).unwrap().address();
        let balance = chain.balance(party).await.unwrap();
        balance.free + balance.locked + u128::try_from(chain.wallet_tokens(party).await.unwrap()).unwrap()
    }

    /// Asserts that the market's tokens are exactly the sum of its balances.
    pub(crate) async fn assert_books_balance(&self) {
        let chain = self.chain().await;
        // Read again when a deal moved between the reads.
        for _ in 0..5 {
            let before = chain.block_number().await.unwrap();
            let names = devnet::Devnet::names(&self.network).unwrap();
            let mut parties: BTreeSet<_> = names.into_keys().collect();
            // Accounts that play no part in the devnet, but do in a test.
            parties.extend((0..16).map(|index| Key::dev(index).unwrap().address()));
            parties.remove(&self.network.market);
            let mut sum = 0;
            for party in parties {
                let balance = chain.balance(party).await.unwrap();
                sum += balance.free + balance.locked;
            }
            let held = u128::try_from(chain.wallet_tokens(self.network.market).await.unwrap()).unwrap();
            if held == sum {
                return;
            }
            assert_ne!(
                before,
                chain.block_number().await.unwrap(),
                "the market holds {held} for balances of {sum}"
            );
        }
    }
}

/// The JSON on a command's stdout.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no JSON on stdout; stderr: {}", stderr(output)))
}

/// A command's stderr as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
