//! The devnet: a whole market in one process tree on one machine, and nothing simulated.
//!
//! An EVM node (anvil), a solver, two providers and five mediators as processes of their own, with a content
//! store each; the contracts deployed, everyone funded, modules published. A process that dies is started again.
//! Everything listens on loopback. The keys are the public development ones: nothing here is worth stealing.

mod deploy;
mod process;

pub use self::process::become_tethered;

use self::process::{Plan, Supervised};
use crate::{
    chain::{Address, Chain, ChainError, Key, KeyError, PRIVATE_KEY_VARIABLE},
    network::{DEV, DEV_CHAIN_ID, Network, NetworkError},
    report::TOKEN,
    store::{self, Store, StoreError},
};
use lilypad_abi::{Cid, JobSpecError};
use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a process may take to answer for the first time.
const START_SECONDS_MAX: u64 = 30;

/// Development accounts, by index in the mnemonic.
const OPERATOR: u32 = 0;
/// The account that `lilypad` uses on the devnet when no key is set.
pub const CREATOR: u32 = 1;
const SOLVER: u32 = 2;
const PROVIDERS: [u32; 2] = [3, 4];
/// Two more than are drawn, as the contract demands: both parties of a deal may sit in the panel.
const MEDIATORS: [u32; 5] = [5, 6, 7, 8, 9];
/// Accounts with coins for gas: those above, and a few for whoever plays with the devnet.
const ACCOUNTS: u32 = 16;

/// Ports from the first one: node, solver, modules, providers, mediators.
pub const PORTS: u16 = 10;

/// What a devnet is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// The user's home, where the network's file goes.
    pub home: PathBuf,
    /// Where chain, stores, journals and logs go.
    pub dir: PathBuf,
    /// First of the ports; 0 takes any free ones.
    pub port: u16,
    /// Start from nothing even where an earlier devnet left its state.
    pub fresh: bool,
    /// Whether the second provider makes its results up.
    pub cheating_provider: bool,
    /// Whether providers and mediators run containers too, and on what.
    pub containers: Containers,
    /// Seconds between blocks without transactions; a transaction gets its block at once.
    pub block_seconds: u64,
}

/// Where a devnet's containers run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Containers {
    /// Nowhere.
    #[default]
    No,
    /// On this machine's Docker engine.
    Docker,
    /// The first provider's on the Bacalhau cluster with this API, everybody else's on this machine's Docker engine.
    Bacalhau(String),
}

/// One party for people to look at.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its name: `provider-1`.
    pub name: String,
    /// Its account.
    pub address: Address,
    /// Where it listens.
    pub url: String,
    /// Whether it makes results up.
    pub cheats: bool,
}

/// A running devnet.
#[derive(Debug)]
pub struct Devnet {
    /// The network, as its file says.
    pub network: Network,
    /// The parties.
    pub parties: Vec<Party>,
    processes: Vec<Supervised>,
    modules_server: tokio::task::JoinHandle<()>,
    /// Held as long as the devnet runs.
    _lock: fs::File,
}

/// Why there is no devnet.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// Somebody else listens there.
    #[error("port {0} is taken, maybe by another devnet; stop that, or give another first port with --port")]
    PortTaken(u16, #[source] io::Error),
    /// Another devnet runs in the same folder.
    #[error("another devnet runs in {0}; stop it, or set LILYPAD_HOME to another folder")]
    Running(PathBuf),
    /// A program is missing.
    #[error("{0}")]
    Missing(String),
    /// Files.
    #[error("can't {what} {path}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A process doesn't come up.
    #[error("{name} did not answer in {START_SECONDS_MAX} s; its last words are in {log}")]
    Silent {
        /// The process.
        name: String,
        /// Its log.
        log: PathBuf,
    },
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The network's file.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The module store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template job.
    #[error(transparent)]
    Job(#[from] JobSpecError),
    /// The contracts' build output is not what it should be.
    #[error("{0} is not a contract's build output; run `forge build` in contracts/")]
    Artifact(PathBuf),
}

impl Devnet {
    /// Starts everything and waits until it answers.
    ///
    /// # Errors
    /// What is missing or taken; what was started by then is stopped again.
    pub async fn start(options: &Options, say: &(dyn Fn(&str) + Send + Sync)) -> Result<Self, DevnetError> {
        let tools = Tools::find()?;
        if options.fresh && options.dir.exists() {
            drop(lock(&options.dir)?);
            fs::remove_dir_all(&options.dir).map_err(io_error("clear", &options.dir))?;
        }
        fs::create_dir_all(options.dir.join("logs")).map_err(io_error("make", &options.dir))?;
        let lock = lock(&options.dir)?;
        let ports = take_ports(options.port)?;
        let mut processes = Vec::new();

        say("starting the chain (anvil)");
        let anvil = Self::anvil_plan(options, &tools, ports[0]);
        processes.push(start(&tools, anvil)?);
        let bare = Network {
            name: DEV.to_owned(),
            chain_id: DEV_CHAIN_ID,
            rpc_url: format!("http://127.0.0.1:{}", ports[0]),
            market: Address::ZERO,
            token: Address::ZERO,
            deployed_block: 0,
            panel: crate::chain::B256::ZERO,
            solver_url: format!("http://127.0.0.1:{}", ports[1]),
            gateways: vec![format!("http://127.0.0.1:{}", ports[2])],
            modules: BTreeMap::new(),
            examples: BTreeMap::new(),
        };
        wait_for_chain(&bare, &processes[0]).await?;

        let store = Store::open(options.dir.join("modules"))?;
        let modules = publish_modules(&store, &tools.modules)?;
        let modules_server = serve_modules(store.clone(), ports[2]).await?;
        let network = match Self::network_of_earlier_run(options, &bare, &modules).await {
            Some(network) => network,
            None => {
                forget_parties(&options.dir)?;
                say("deploying the contracts and funding everyone");
                deploy::deploy(&bare, &tools.contracts, &store, &modules).await?
            }
        };
        let text = serde_json::to_string_pretty(&network).unwrap_or_default();
        let kept = options.dir.join("network.json");
        fs::write(&kept, text).map_err(io_error("write", &kept))?;
        network.save(&options.home)?;

        say("starting the solver, two providers and five mediators");
        let (plans, parties) = party_plans(options, &tools, &ports)?;
        for plan in plans {
            processes.push(start(&tools, plan)?);
        }
        let mut devnet = Self { network, parties, processes, modules_server, _lock: lock };
        if let Err(error) = devnet.wait_until_ready(options.containers != Containers::No).await {
            devnet.stop().await;
            return Err(error);
        }
        devnet.parties.retain(|party| party.address != Address::ZERO);
        Ok(devnet)
    }

    /// Ends all processes, the chain last so that it writes its state with everything in it.
    pub async fn stop(mut self) {
        self.modules_server.abort();
        while let Some(process) = self.processes.pop() {
            process.stop().await;
        }
    }

    /// Names and process ids, for people and for tests that kill.
    #[must_use]
    pub fn pids(&self) -> Vec<(String, Option<u32>)> {
        self.processes.iter().map(|process| (process.name.clone(), process.pid())).collect()
    }

    /// A party by name.
    #[must_use]
    pub fn party(&self, name: &str) -> Option<&Party> {
        self.parties.iter().find(|party| party.name == name)
    }

    /// What each account is called on this devnet.
    ///
    /// # Errors
    /// When a development key can't be derived.
    pub fn names(network: &Network) -> Result<BTreeMap<Address, String>, KeyError> {
        let mut names = BTreeMap::new();
        let roles = [
            (OPERATOR, "operator".to_owned()),
            (CREATOR, "creator".to_owned()),
            (SOLVER, "solver".to_owned()),
        ];
        let providers = (1..).zip(PROVIDERS).map(|(i, index)| (index, format!("provider-{i}")));
        let mediators = (1..).zip(MEDIATORS).map(|(i, index)| (index, format!("mediator-{i}")));
        for (index, name) in roles.into_iter().chain(providers).chain(mediators) {
            names.insert(Key::dev(index)?.address(), name);
        }
        names.insert(crate::chain::BURNED, "burned".to_owned());
        names.insert(network.market, "market".to_owned());
        for (name, address) in &network.examples {
            names.insert(*address, name.clone());
        }
        Ok(names)
    }

    fn anvil_plan(options: &Options, tools: &Tools, port: u16) -> Plan {
        let state = options.dir.join("chain.json");
        let args = [
            "--host".into(),
            "127.0.0.1".into(),
            "--port".into(),
            port.to_string().into(),
            "--chain-id".into(),
            DEV_CHAIN_ID.to_string().into(),
            "--accounts".into(),
            ACCOUNTS.to_string().into(),
            "--block-time".into(),
            options.block_seconds.to_string().into(),
            "--mixed-mining".into(),
            "--state".into(),
            state.into_os_string(),
            // A killed chain comes back at most this many seconds younger.
            "--state-interval".into(),
            "1".into(),
        ];
        Plan {
            name: "chain".to_owned(),
            program: tools.anvil.clone(),
            args: args.to_vec(),
            env: Vec::new(),
            log: options.dir.join("logs/chain.log"),
        }
    }

    /// The network that the chain's state already holds, moved to today's ports.
    async fn network_of_earlier_run(
        options: &Options,
        bare: &Network,
        modules: &BTreeMap<String, Cid>,
    ) -> Option<Network> {
        let text = fs::read_to_string(options.dir.join("network.json")).ok()?;
        let earlier: Network = serde_json::from_str(&text).ok()?;
        let network = Network {
            rpc_url: bare.rpc_url.clone(),
            solver_url: bare.solver_url.clone(),
            gateways: bare.gateways.clone(),
            modules: modules.clone(),
            ..earlier
        };
        Chain::connect(&network, None).await.ok().map(|_| network)
    }

    async fn wait_until_ready(&self, containers: bool) -> Result<(), DevnetError> {
        // One offer for modules, and one for containers.
        let offers = PROVIDERS.len() * if containers { 2 } else { 1 };
        let solver = crate::solver::SolverClient::new(&self.network.solver_url);
        for _ in 0..START_SECONDS_MAX * 5 {
            if let Ok(solver) = &solver
                && solver.status().await.is_ok_and(|status| status.resources >= offers)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let slow = &self.processes[self.processes.len().min(2) - 1];
        Err(DevnetError::Silent { name: "the solver or a provider".to_owned(), log: slow.log.clone() })
    }
}

/// Programs and build outputs that a devnet needs.
#[derive(Debug)]
struct Tools {
    host: PathBuf,
    anvil: PathBuf,
    contracts: PathBuf,
    modules: PathBuf,
}

impl Tools {
    fn find() -> Result<Self, DevnetError> {
        let me = std::env::current_exe().map_err(io_error("find", Path::new("this program")))?;
        let host = me.with_file_name("lilypad-host");
        let host = if host.exists() { host } else { me.with_file_name("../lilypad-host") };
        let missing = |text: &str| DevnetError::Missing(text.to_owned());
        let host = host.canonicalize().map_err(|_| {
            missing("lilypad-host is not beside lilypad; build both with `cargo build -p lilypad-host`")
        })?;
        let root = find_root(&me).ok_or_else(|| {
            missing("the project's folder with contracts/ and target/guest is not above this program or the current folder; run lilypad from there, or set LILYPAD_ROOT")
        })?;
        let contracts = root.join("contracts/out");
        if !contracts.join("LilypadMarket.sol/LilypadMarket.json").exists() {
            return Err(missing(
                "the contracts are not built; run ./quickstart once, or `forge build` in contracts/",
            ));
        }
        let modules = root.join("target/guest/wasm32-wasip1/release");
        if !modules.join("cowsay.wasm").exists() || !modules.join("wordcount.wasm").exists() {
            return Err(missing("the modules are not built; run ./quickstart once, or modules/build"));
        }
        let anvil = std::env::var_os("LILYPAD_ANVIL").map(PathBuf::from).or_else(|| {
            let ours = root.join("contracts/node_modules/.foundry/anvil");
            if ours.exists() { Some(ours) } else { on_path("anvil") }
        });
        let anvil = anvil.ok_or_else(|| {
            missing("anvil is missing; run contracts/toolchain, or install it with foundryup")
        })?;
        Ok(Self { host, anvil, contracts, modules })
    }
}

fn find_root(me: &Path) -> Option<PathBuf> {
    let current = std::env::current_dir().ok();
    let set = std::env::var_os("LILYPAD_ROOT").map(PathBuf::from);
    let starts = [set.as_deref(), current.as_deref(), Some(me)];
    let mut above = starts.into_iter().flatten().flat_map(Path::ancestors);
    above.find(|dir| dir.join("contracts/foundry.toml").exists()).map(Path::to_owned)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DevnetError {
    let path = path.to_owned();
    move |source| DevnetError::Io { what, path, source }
}

/// Removes what solver, providers and mediators kept of a market that is gone: deals that can't be looked up any more.
fn forget_parties(dir: &Path) -> Result<(), DevnetError> {
    for entry in fs::read_dir(dir).map_err(io_error("read", dir))? {
        let path = entry.map_err(io_error("read", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if ["solver", "provider-", "mediator-"].iter().any(|party| name.starts_with(party)) {
            fs::remove_dir_all(&path).map_err(io_error("clear", &path))?;
        }
    }
    Ok(())
}

/// One devnet a folder: two would write the same chain state and journals.
fn lock(dir: &Path) -> Result<fs::File, DevnetError> {
    let path = dir.join("lock");
    let file = fs::File::create(&path).map_err(io_error("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(DevnetError::Running(dir.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
    }
}

fn start(tools: &Tools, plan: Plan) -> Result<Supervised, DevnetError> {
    let program = plan.program.clone();
    Supervised::start(&tools.host, plan).map_err(io_error("start", &program))
}

/// The ports, checked to be free; from 0, whichever the system gives.
fn take_ports(first: u16) -> Result<Vec<u16>, DevnetError> {
    let bind =
        |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| DevnetError::PortTaken(port, e));
    // Held together until all are known, so that no two are the same.
    let held = (0..PORTS)
        .map(|i| bind(if first == 0 { 0 } else { first.saturating_add(i) }))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(held.iter().filter_map(|listener| listener.local_addr().ok()).map(|address| address.port()).collect())
}

async fn wait_for_chain(network: &Network, chain: &Supervised) -> Result<(), DevnetError> {
    let reader = Chain::open(network, None)?;
    for _ in 0..START_SECONDS_MAX * 10 {
        if reader.block_number().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(DevnetError::Silent { name: chain.name.clone(), log: chain.log.clone() })
}

fn publish_modules(store: &Store, built: &Path) -> Result<BTreeMap<String, Cid>, DevnetError> {
    let mut modules = BTreeMap::new();
    let entries = fs::read_dir(built).map_err(io_error("read", built))?;
    for entry in entries {
        let path = entry.map_err(io_error("read", built))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            let bytes = fs::read(&path).map_err(io_error("read", &path))?;
            modules.insert(name.to_owned(), store.add_file(&bytes)?);
        }
    }
    Ok(modules)
}

async fn serve_modules(store: Store, port: u16) -> Result<tokio::task::JoinHandle<()>, DevnetError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|e| DevnetError::PortTaken(port, e))?;
    Ok(tokio::spawn(async move {
        let _ = axum::serve(listener, store::router(store)).await;
    }))
}

/// How every party is started, and who it is.
fn party_plans(
    options: &Options,
    tools: &Tools,
    ports: &[u16],
) -> Result<(Vec<Plan>, Vec<Party>), DevnetError> {
    let mut plans = Vec::new();
    let mut parties = Vec::new();
    let mut add = |name: String,
                   role: &str,
                   account: u32,
                   port: u16,
                   more: &[String]|
     -> Result<(), DevnetError> {
        let key = Key::dev(account)?;
        let dir = options.dir.join(&name);
        let own = [
            role.to_owned(),
            "--port".to_owned(),
            port.to_string(),
            "--poll-ms".to_owned(),
            "300".to_owned(),
        ];
        let mut args: Vec<std::ffi::OsString> = own.iter().chain(more).map(Into::into).collect();
        args.extend(["--dir".into(), dir.into_os_string()]);
        let env = [
            (PRIVATE_KEY_VARIABLE, key.to_hex()),
            ("LILYPAD_HOME", options.home.display().to_string()),
            ("LILYPAD_NETWORK", DEV.to_owned()),
            ("LILYPAD_LOG", "info".to_owned()),
        ];
        plans.push(Plan {
            log: options.dir.join("logs").join(format!("{name}.log")),
            name: name.clone(),
            program: tools.host.clone(),
            args,
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        });
        let cheats = more.iter().any(|arg| arg == "--cheat");
        parties.push(Party { name, address: key.address(), url: format!("http://127.0.0.1:{port}"), cheats });
        Ok(())
    };
    let args = |args: &[&str]| -> Vec<String> { args.iter().map(|&arg| arg.to_owned()).collect() };
    let docker = args(&["--executor", "docker"]);
    let (first, engine) = match &options.containers {
        Containers::No => (Vec::new(), Vec::new()),
        Containers::Docker => (docker.clone(), docker),
        Containers::Bacalhau(api) => (args(&["--executor", "bacalhau", "--bacalhau-api", api]), docker),
    };
    add("solver".to_owned(), "solver", SOLVER, ports[1], &[])?;
    // The second asks a little more, so that it gets the jobs that name it, or when the first is busy.
    for (i, (account, price)) in PROVIDERS.into_iter().zip(["0.01", "0.012"]).enumerate() {
        let mut more =
            vec!["--price".to_owned(), price.to_owned(), "--collateral-max".to_owned(), "20".to_owned()];
        if i == 1 && options.cheating_provider {
            more.push("--cheat".to_owned());
        }
        more.extend(if i == 0 { first.clone() } else { engine.clone() });
        let core = if i == 0 { "0.0001" } else { "0.00012" };
        more.extend(["--price-core".to_owned(), core.to_owned()]);
        add(format!("provider-{}", i + 1), "provider", account, ports[3 + i], &more)?;
    }
    for (i, account) in MEDIATORS.into_iter().enumerate() {
        add(format!("mediator-{}", i + 1), "mediator", account, ports[5 + i], &engine)?;
    }
    Ok((plans, parties))
}

/// Tokens that everybody starts with.
pub(crate) const START_TOKENS: u128 = 1_000 * TOKEN;
