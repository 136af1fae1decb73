//! Missing blocks from gateways that nobody trusts.
//!
//! Each block is hashed before anything else looks at it; a gateway that lies, stalls, redirects or sends too
//! much is passed over for the next. A gateway learns which CIDs are wanted and nothing else: no cookies,
//! no credentials, no redirects.

use super::{Store, StoreError, TreeError, TreeLimits};
use futures::{StreamExt as _, stream::FuturesUnordered};
use lilypad_abi::Cid;
use lilypad_runtime::{
    Folder, Node,
    unixfs::{self, BLOCK_BYTES_MAX, Block, UnixFsError},
};
use reqwest::{Client, Url, header, redirect};
use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What asks a gateway for the bytes themselves.
const RAW: &str = "application/vnd.ipld.raw";

/// Folders and file nodes above each other that a fetch goes down: those of [`TreeLimits`] with their files'.
const NODE_DEPTH_EXTRA: usize = 16;

/// A gateway's address: http or https, no credentials, query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayUrl(Url);

impl GatewayUrl {
    fn block(&self, cid: Cid) -> String {
        format!("{self}/ipfs/{cid}?format=raw")
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GatewayUrl({self})")
    }
}

impl FromStr for GatewayUrl {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let bad = |reason| FetchError::Url { url: text.to_owned(), reason };
        let url = Url::parse(text).map_err(|_| bad("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(bad("only http and https are fetched from"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Not repeated in the message: it may be shown to strangers.
            return Err(FetchError::Url { url: "…@…".to_owned(), reason: "it holds credentials" });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        Ok(Self(url))
    }
}

/// How to fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// Longest wait for one block from one gateway.
    pub timeout: Duration,
    /// Most blocks asked for at once.
    pub requests_max: usize,
    /// Times all gateways are tried for a block.
    pub rounds: u32,
    /// Wait before the second round; doubled for each further one.
    pub pause: Duration,
}

impl Default for FetchOptions {
    /// 20 s a block, 16 at once, two rounds 300 ms apart.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            requests_max: 16,
            rounds: 2,
            pause: Duration::from_millis(300),
        }
    }
}

/// What a fetch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Blocks of the tree, those already in the store included.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Blocks that came from a gateway.
    pub blocks_new: u64,
    /// Bytes of them.
    pub bytes_new: u64,
}

/// Why something can't be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a gateway's address.
    #[error("gateway '{url}' can't be used: {reason}; give one such as https://ipfs.example.org")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No HTTP client on this machine.
    #[error("can't set up HTTP; check the TLS certificates of this machine")]
    Client(#[source] reqwest::Error),
    /// Not in the store, and nowhere to look.
    #[error("block {0} is not in the store and no gateway is known; name one")]
    NoGateway(Cid),
    /// No gateway gave the block.
    #[error(
        "block {cid} can't be had from any gateway: {}; check that one of them serves it",
        Attempts(attempts)
    )]
    Unavailable {
        /// The block.
        cid: Cid,
        /// Each gateway with its last answer.
        attempts: Vec<(GatewayUrl, Refused)>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block of the tree is no valid UnixFS.
    #[error(transparent)]
    UnixFs(#[from] UnixFsError),
    /// The tree is too large, too deep or doesn't fit together.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Why one gateway didn't give a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No connection, or it broke.
    #[error("no connection ({0})")]
    Connection(String),
    /// Too slow.
    #[error("timed out")]
    Timeout,
    /// An HTTP status other than 200.
    #[error("answered {0}")]
    Status(u16),
    /// Over [`BLOCK_BYTES_MAX`].
    #[error("sent more than {BLOCK_BYTES_MAX} bytes")]
    TooLarge,
    /// Other bytes than those the CID names.
    #[error("sent wrong bytes")]
    WrongBytes,
}

struct Attempts<'a>(&'a [(GatewayUrl, Refused)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (gateway, refused)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{gateway} {refused}")?;
        }
        Ok(())
    }
}

/// Gets blocks from a store, and what it lacks from gateways. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    store: Store,
    client: Client,
    gateways: Arc<[GatewayUrl]>,
    options: FetchOptions,
    /// The gateway that answered last is asked first.
    favourite: Arc<AtomicUsize>,
}

impl Fetcher {
    /// A fetcher into `store` from `gateways`, asked in this order.
    ///
    /// # Errors
    /// [`FetchError::Url`] for an address that can't be one, [`FetchError::Client`].
    pub fn new<S: AsRef<str>>(
        store: Store,
        gateways: impl IntoIterator<Item = S>,
        options: FetchOptions,
    ) -> Result<Self, FetchError> {
        let gateways = gateways.into_iter().map(|url| url.as_ref().parse()).collect::<Result<Arc<_>, _>>()?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(options.timeout)
            .timeout(options.timeout)
            .build()
            .map_err(FetchError::Client)?;
        Ok(Self { store, client, gateways, options, favourite: Arc::default() })
    }

    /// The store that blocks go to.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// A block of any kind, from the store or else from a gateway into the store, as by [`Store::cache`].
    ///
    /// # Errors
    /// [`FetchError::Unavailable`] with what each gateway answered; [`FetchError::Store`].
    pub async fn block(&self, cid: Cid) -> Result<Vec<u8>, FetchError> {
        Ok(self.block_and_source(cid).await?.0)
    }

    /// Brings all blocks of a file or folder into the store.
    ///
    /// # Errors
    /// As [`Fetcher::block`]; [`FetchError::Tree`] when there are more or deeper blocks than the limits allow.
    pub async fn tree(&self, root: Cid, limits: &TreeLimits) -> Result<Fetched, FetchError> {
        let mut fetched = Fetched::default();
        let mut seen = BTreeSet::from([root]);
        let mut waiting = VecDeque::from([(root, 0)]);
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.options.requests_max.max(1)
                && let Some((cid, depth)) = waiting.pop_front()
            {
                running.push(async move { (cid, depth, self.block_and_source(cid).await) });
            }
            let Some((cid, depth, block)) = running.next().await else { return Ok(fetched) };
            let (bytes, new) = block?;
            fetched.blocks += 1;
            fetched.bytes += bytes.len() as u64;
            if new {
                fetched.blocks_new += 1;
                fetched.bytes_new += bytes.len() as u64;
            }
            let over = |limit| FetchError::Tree(TreeError::Limit { cid, limit });
            if fetched.bytes > blocks_bytes_max(limits) {
                return Err(over("the most bytes of content"));
            }
            for child in children(unixfs::decode(cid, &bytes)?) {
                if depth == limits.depth_max + NODE_DEPTH_EXTRA {
                    return Err(over("the most folders inside each other"));
                }
                if seen.insert(child) {
                    waiting.push_back((child, depth + 1));
                }
            }
            if seen.len() as u64 > blocks_max(limits) {
                return Err(over("the most files and folders"));
            }
        }
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// As [`Fetcher::tree`].
    pub async fn file(&self, cid: Cid, limits: &TreeLimits) -> Result<Vec<u8>, FetchError> {
        self.tree(cid, limits).await?;
        let limits = *limits;
        Ok(self.on_disk(move |store| store.load_file(cid, &limits)).await?)
    }

    /// A folder and all below.
    ///
    /// # Errors
    /// As [`Fetcher::tree`].
    pub async fn folder(&self, cid: Cid, limits: &TreeLimits) -> Result<Folder, FetchError> {
        self.tree(cid, limits).await?;
        let limits = *limits;
        Ok(self.on_disk(move |store| store.load_folder(cid, &limits)).await?)
    }

    /// A file, or a folder and all below.
    ///
    /// # Errors
    /// As [`Fetcher::tree`].
    pub async fn node(&self, cid: Cid, limits: &TreeLimits) -> Result<Node, FetchError> {
        self.tree(cid, limits).await?;
        let limits = *limits;
        Ok(self.on_disk(move |store| store.load_node(cid, &limits)).await?)
    }

    /// Does what waits for the disk where it holds up nothing else.
    async fn on_disk<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result,
            Err(error) => Err(StoreError::Io {
                operation: "work on",
                path: self.store.root().to_owned(),
                source: error.into(),
            }
            .into()),
        }
    }

    /// A block, and whether a gateway gave it.
    async fn block_and_source(&self, cid: Cid) -> Result<(Vec<u8>, bool), FetchError> {
        match self.on_disk(move |store| store.get(cid)).await {
            Ok(bytes) => return Ok((bytes, false)),
            Err(StoreError::Missing(_)) => {}
            // A damaged file is healed by fetching the block again.
            Err(StoreError::Corrupt(_)) => tracing::warn!(%cid, "block in the store is damaged"),
            Err(error) => return Err(error.into()),
        }
        let bytes = self.download(cid).await?;
        let bytes = self.on_disk(move |store| store.cache(cid, &bytes).map(|()| bytes)).await?;
        Ok((bytes, true))
    }

    async fn download(&self, cid: Cid) -> Result<Vec<u8>, FetchError> {
        if self.gateways.is_empty() {
            return Err(FetchError::NoGateway(cid));
        }
        let mut attempts = Vec::new();
        for round in 0..self.options.rounds.max(1) {
            if round > 0 {
                tokio::time::sleep(self.options.pause * 2_u32.saturating_pow(round - 1)).await;
            }
            attempts.clear();
            let first = self.favourite.load(Ordering::Relaxed);
            for i in 0..self.gateways.len() {
                let i = (first + i) % self.gateways.len();
                let gateway = &self.gateways[i];
                match self.request(gateway, cid).await {
                    Ok(bytes) => {
                        self.favourite.store(i, Ordering::Relaxed);
                        return Ok(bytes);
                    }
                    Err(refused) => {
                        tracing::debug!(%cid, %gateway, %refused, "gateway did not give a block");
                        attempts.push((gateway.clone(), refused));
                    }
                }
            }
        }
        Err(FetchError::Unavailable { cid, attempts })
    }

    async fn request(&self, gateway: &GatewayUrl, cid: Cid) -> Result<Vec<u8>, Refused> {
        let request = self.client.get(gateway.block(cid)).header(header::ACCEPT, RAW);
        let mut response = request.send().await.map_err(refused)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(Refused::Status(response.status().as_u16()));
        }
        let most = BLOCK_BYTES_MAX as u64;
        if response.content_length().is_some_and(|length| length > most) {
            return Err(Refused::TooLarge);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(refused)? {
            if bytes.len() + chunk.len() > BLOCK_BYTES_MAX {
                return Err(Refused::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        if Cid::of(cid.codec, &bytes) == cid { Ok(bytes) } else { Err(Refused::WrongBytes) }
    }
}

/// The innermost reason says most: "connection refused" rather than "error sending request for url".
fn refused(error: reqwest::Error) -> Refused {
    if error.is_timeout() {
        return Refused::Timeout;
    }
    let mut source: &dyn std::error::Error = &error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    Refused::Connection(source.to_string())
}

fn children(block: Block) -> Vec<Cid> {
    match block {
        Block::Bytes(_) | Block::Symlink(_) => Vec::new(),
        Block::File { links, .. } => links.into_iter().map(|(cid, _)| cid).collect(),
        Block::Folder(links) => links.into_iter().map(|(_, cid, _)| cid).collect(),
        Block::Shard { entries, children } => {
            let entries = entries.into_iter().map(|(_, _, cid, _)| cid);
            entries.chain(children.into_iter().map(|(_, cid, _)| cid)).collect()
        }
    }
}

/// Bytes that the blocks of a tree within `limits` can weigh: content, and a few hundred bytes for each
/// name, link and node.
const fn blocks_bytes_max(limits: &TreeLimits) -> u64 {
    limits
        .content_bytes_max
        .saturating_add(limits.content_bytes_max / 16)
        .saturating_add(limits.entries_max.saturating_mul(1024))
        .saturating_add(BLOCK_BYTES_MAX as u64)
}

/// Blocks that a tree within `limits` can have: one an entry, and one for each small chunk of content.
const fn blocks_max(limits: &TreeLimits) -> u64 {
    const CHUNK_BYTES_MIN: u64 = 4096;
    limits
        .entries_max
        .saturating_mul(2)
        .saturating_add(limits.content_bytes_max / CHUNK_BYTES_MIN)
        .saturating_add(16)
}
