//! Which market this is: chain, addresses, solver, modules by name. Read from one JSON file a network.
//!
//! `<home>/networks/<name>.json`, home being `$LILYPAD_HOME` or `~/.lilypad`; `lilypad devnet` writes `dev`.
//! No keys here, ever.

use crate::chain::{Address, B256};
use lilypad_abi::Cid;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Name of the network that `lilypad devnet` makes.
pub const DEV: &str = "dev";

/// anvil's chain id, which no public network uses.
pub const DEV_CHAIN_ID: u64 = 31_337;

/// One market on one chain.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The chain's id; a node that answers another is refused.
    pub chain_id: u64,
    /// The node's JSON-RPC endpoint.
    pub rpc_url: String,
    /// The market contract.
    pub market: Address,
    /// The ERC-20 that it takes.
    pub token: Address,
    /// The block the market was deployed in: logs are read from here.
    pub deployed_block: u64,
    /// The mediators that jobs name unless told otherwise.
    pub panel: B256,
    /// The solver's HTTP endpoint.
    pub solver_url: String,
    /// Gateways that serve the modules named below.
    pub gateways: Vec<String>,
    /// Modules by name.
    pub modules: BTreeMap<String, Cid>,
    /// Example contracts by name.
    #[serde(default)]
    pub examples: BTreeMap<String, Address>,
}

/// Why a network can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No such file.
    #[error(
        "network '{name}' is not known here: {path} does not exist; run `lilypad devnet` in another terminal to make a local one"
    )]
    Missing {
        /// The network.
        name: String,
        /// The file looked for.
        path: PathBuf,
    },
    /// Unreadable or unwritable.
    #[error("can't read or write {0}")]
    Io(PathBuf, #[source] io::Error),
    /// Not the JSON expected.
    #[error("{0} is not a network file; delete it, and run `lilypad devnet` to make it again")]
    Parse(PathBuf, #[source] serde_json::Error),
    /// No home folder.
    #[error("no home folder: set LILYPAD_HOME to a folder that lilypad may keep its files in")]
    NoHome,
}

/// The folder everything of this user lives in: `$LILYPAD_HOME`, otherwise `~/.lilypad`.
///
/// # Errors
/// [`NetworkError::NoHome`] when neither variable is set.
pub fn home() -> Result<PathBuf, NetworkError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("LILYPAD_HOME").or_else(|| set("HOME").map(|home| home.join(".lilypad"))).ok_or(NetworkError::NoHome)
}

impl Network {
    /// Where a network's file lies.
    #[must_use]
    pub fn path(home: &Path, name: &str) -> PathBuf {
        home.join("networks").join(format!("{name}.json"))
    }

    /// Reads a network's file.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn load(home: &Path, name: &str) -> Result<Self, NetworkError> {
        let path = Self::path(home, name);
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NetworkError::Missing { name: name.to_owned(), path: path.clone() },
            _ => NetworkError::Io(path.clone(), error),
        })?;
        serde_json::from_str(&text).map_err(|error| NetworkError::Parse(path, error))
    }

    /// Writes the network's file whole or not at all.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn save(&self, home: &Path) -> Result<PathBuf, NetworkError> {
        let path = Self::path(home, &self.name);
        let text = serde_json::to_string_pretty(self).map_err(|e| NetworkError::Parse(path.clone(), e))?;
        let temporary = path.with_extension("json.new");
        let write = || {
            fs::create_dir_all(home.join("networks"))?;
            fs::write(&temporary, text + "\n")?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| NetworkError::Io(path.clone(), error))?;
        Ok(path)
    }
}
