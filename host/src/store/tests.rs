//! The store, the fetcher and the gateway against each other over real HTTP, and against hostile peers.

use super::*;
use axum::{Router, http::StatusCode, response::IntoResponse as _, routing::get};
use lilypad_abi::Codec;
use lilypad_runtime::{
    Folder, Node,
    unixfs::{CHUNK_BYTES, encode_folder, file_cid, folder_cid},
};
use std::{net::SocketAddr, sync::atomic::AtomicUsize};
use tempfile::TempDir;

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

/// Files of no, one and several chunks, folders, a link, a name beyond ASCII.
fn sample() -> Folder {
    let mut inner = Folder::default();
    inner.insert_file("empty", vec![]);
    inner.insert_file("big", (0..=250).cycle().take(CHUNK_BYTES * 3 + 5).collect());
    inner.entries.insert("up".into(), Node::Symlink("../ä.txt".into()));
    let mut folder = Folder::default();
    folder.insert_file("ä.txt", b"hello".to_vec());
    folder.entries.insert("inner".into(), Node::Folder(inner));
    folder.entries.insert("nothing".into(), Node::Folder(Folder::default()));
    folder
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn quick() -> FetchOptions {
    FetchOptions {
        timeout: Duration::from_millis(500),
        rounds: 1,
        pause: Duration::from_millis(1),
        ..FetchOptions::default()
    }
}

#[test]
fn blocks_survive_reopening_and_damage_is_seen_and_healed() {
    let (dir, store) = store();
    let cid = Cid::of(Codec::Raw, b"bytes");
    assert!(matches!(store.get(cid), Err(StoreError::Missing(_))));
    assert!(matches!(store.put(cid, b"other"), Err(StoreError::Corrupt(_))));
    assert!(!store.has(cid));
    store.put(cid, b"bytes").unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(store.has(cid));
    assert_eq!(store.get(cid).unwrap(), b"bytes");
    for damage in ["", "byt", "bytez", "bytes and more"] {
        fs::write(store.path(cid), damage).unwrap();
        assert!(matches!(store.get(cid), Err(StoreError::Corrupt(_))), "{damage}");
        store.put(cid, b"bytes").unwrap();
        assert_eq!(store.get(cid).unwrap(), b"bytes");
    }
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0, "temporary files left");
}

#[test]
fn folders_come_back_as_they_were() {
    let (_dir, store) = store();
    let cid = store.add_folder(&sample()).unwrap();
    assert_eq!(cid, folder_cid(&sample()));
    assert_eq!(store.load_folder(cid, &TreeLimits::default()).unwrap(), sample());
    // More blocks than are made durable one by one, and more than one block of names.
    let mut many = Folder::default();
    for i in 0..7000 {
        many.insert_file(&format!("{i:08}"), i.to_string().into_bytes());
    }
    let cid = store.add_folder(&many).unwrap();
    assert_eq!(store.load_folder(cid, &TreeLimits::default()).unwrap(), many);
    let file = store.add_file(b"a file").unwrap();
    assert_eq!(file, file_cid(b"a file"));
    assert_eq!(store.load_file(file, &TreeLimits::default()).unwrap(), b"a file");
    assert!(matches!(store.load_file(cid, &TreeLimits::default()), Err(TreeError::Kind(_, "file"))));
    assert!(matches!(store.load_folder(file, &TreeLimits::default()), Err(TreeError::Kind(_, "folder"))));
}

#[test]
fn folders_as_deep_as_a_job_can_make_them_come_back() {
    let (dir, store) = store();
    let mut folder = Folder::default();
    folder.insert_file("file", b"deep down".to_vec());
    for _ in 0..257 {
        folder = Folder { entries: [("d".to_owned(), Node::Folder(folder))].into() };
    }
    let cid = store.add_folder(&folder).unwrap();
    assert_eq!(store.load_folder(cid, &TreeLimits::default()).unwrap(), folder);
    let path = dir.path().join("written");
    write_to(&folder, &path, WriteMode::IntoEmpty).unwrap();
    assert_eq!(read_dir(&path, &SnapshotLimits::default()).unwrap(), folder);
}

#[test]
fn a_small_tree_of_many_names_for_one_block_meets_the_limits() {
    let (_dir, store) = store();
    // 2^40 files in 41 blocks.
    let mut block = b"x".to_vec();
    let mut cid = Cid::of(Codec::Raw, &block);
    store.put(cid, &block).unwrap();
    for _ in 0..40 {
        block = folder_block(&[("a", cid), ("b", cid)]);
        cid = Cid::of(Codec::DagPb, &block);
        store.put(cid, &block).unwrap();
    }
    let limits = TreeLimits { entries_max: 10_000, ..TreeLimits::default() };
    assert!(matches!(store.load_folder(cid, &limits), Err(TreeError::Limit { .. })));
    let limits = TreeLimits { depth_max: 20, ..limits };
    let error = store.load_folder(cid, &limits).unwrap_err().to_string();
    assert!(error.contains("inside each other"), "{error}");
}

#[test]
fn content_is_counted_as_often_as_it_is_named() {
    let (_dir, store) = store();
    let mut folder = Folder::default();
    for name in ["a", "b", "c"] {
        folder.insert_file(name, vec![7; 1000]);
    }
    let cid = store.add_folder(&folder).unwrap();
    let limits = |content_bytes_max| TreeLimits { content_bytes_max, ..TreeLimits::default() };
    assert!(store.load_folder(cid, &limits(3000)).is_ok());
    assert!(matches!(store.load_folder(cid, &limits(2999)), Err(TreeError::Limit { .. })));
}

#[test]
fn a_file_whose_chunks_are_not_as_stated_is_refused() {
    let (_dir, store) = store();
    let leaf = store.add_file(b"xyz").unwrap();
    // A node that says its one chunk has two bytes; it has three.
    let mut block = vec![0x12, 42, 0x0a, 36];
    block.extend(leaf.to_bytes());
    block.extend([0x12, 0, 0x18, 3]);
    block[1] = 42;
    block.extend([0x0a, 6, 8, 2, 0x18, 2, 0x20, 2]);
    let cid = Cid::of(Codec::DagPb, &block);
    store.put(cid, &block).unwrap();
    let error = store.load_file(cid, &TreeLimits::default()).unwrap_err();
    assert!(matches!(error, TreeError::Malformed { cid, .. } if cid == leaf), "{error}");
}

/// A dag-pb folder with links to any CIDs, there or not.
fn folder_block(links: &[(&str, Cid)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, cid) in links {
        let length = |n: usize| u8::try_from(n).unwrap();
        block.extend([0x12, length(42 + name.len()), 0x0a, 36]);
        block.extend(cid.to_bytes());
        block.extend([0x12, length(name.len())]);
        block.extend(name.as_bytes());
        block.extend([0x18, 1]);
    }
    block.extend([0x0a, 2, 8, 1]);
    block
}

#[tokio::test]
async fn a_folder_travels_from_store_to_store() {
    let (_a, theirs) = store();
    let cid = theirs.add_folder(&sample()).unwrap();
    let gateway = serve(router(theirs)).await;
    let (_b, ours) = store();
    let fetcher = Fetcher::new(ours.clone(), [&gateway], quick()).unwrap();
    let fetched = fetcher.tree(cid, &TreeLimits::default()).await.unwrap();
    assert_eq!(fetched.blocks, fetched.blocks_new);
    assert_eq!(ours.load_folder(cid, &TreeLimits::default()).unwrap(), sample());
    // The second time, nothing is asked for.
    let again = fetcher.tree(cid, &TreeLimits::default()).await.unwrap();
    assert_eq!((again.blocks, again.blocks_new), (fetched.blocks, 0));
    let offline = Fetcher::new(ours, Vec::<String>::new(), quick()).unwrap();
    assert_eq!(offline.folder(cid, &TreeLimits::default()).await.unwrap(), sample());
}

#[tokio::test]
async fn hostile_and_dead_gateways_are_passed_over() {
    static REDIRECTED: AtomicUsize = AtomicUsize::new(0);
    let (_a, theirs) = store();
    let cid = theirs.add_file(b"the right bytes").unwrap();
    let honest = serve(router(theirs)).await;
    let liar = serve(Router::new().fallback(get(|| async { "other bytes" }))).await;
    let flood = serve(Router::new().fallback(get(|| async { vec![0_u8; BLOCK_BYTES_MAX + 1] }))).await;
    let endless = Router::new().fallback(get(|| async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, io::Error>(vec![0_u8; 1 << 16]));
        axum::body::Body::from_stream(chunks)
    }));
    let endless = serve(endless).await;
    let silent = serve(Router::new().fallback(get(std::future::pending::<()>))).await;
    let target = Router::new().fallback(get(|| async {
        REDIRECTED.fetch_add(1, Ordering::SeqCst);
        "secret"
    }));
    let target = serve(target).await;
    let redirect = axum::response::Redirect::temporary(&target);
    let redirect = serve(Router::new().fallback(get(|| async move { redirect }))).await;
    let broken =
        serve(Router::new().fallback(get(|| async { StatusCode::IM_A_TEAPOT.into_response() }))).await;
    // Nothing listens on port 9 of the loopback address.
    let dead = "http://127.0.0.1:9".to_owned();
    let hostile = [liar, flood, endless, silent, redirect, broken, dead];

    let (_b, ours) = store();
    let fetcher = Fetcher::new(ours.clone(), &hostile, quick()).unwrap();
    let error = fetcher.block(cid).await.unwrap_err();
    let FetchError::Unavailable { attempts, .. } = &error else { panic!("{error}") };
    let reasons: Vec<&Refused> = attempts.iter().map(|(_, refused)| refused).collect();
    assert!(
        matches!(
            reasons.as_slice(),
            [
                Refused::WrongBytes,
                Refused::TooLarge,
                Refused::TooLarge,
                Refused::Timeout,
                Refused::Status(307),
                Refused::Status(418),
                Refused::Connection(_)
            ]
        ),
        "{reasons:?}"
    );
    let text = error.to_string();
    assert!(text.contains(&cid.to_string()) && hostile.iter().all(|url| text.contains(url)), "{text}");
    assert_eq!(REDIRECTED.load(Ordering::SeqCst), 0, "a redirect was followed");
    assert!(!ours.has(cid), "wrong bytes were stored");

    let fetcher = Fetcher::new(ours, hostile.iter().chain([&honest]), quick()).unwrap();
    assert_eq!(fetcher.block(cid).await.unwrap(), b"the right bytes");
}

#[tokio::test]
async fn a_tree_without_end_meets_the_limits() {
    let (_a, theirs) = store();
    let mut cid = theirs.add_file(b"x").unwrap();
    for i in 0..300_u32 {
        let block = folder_block(&[(&i.to_string(), cid)]);
        cid = Cid::of(Codec::DagPb, &block);
        theirs.put(cid, &block).unwrap();
    }
    let big = theirs.add_file(&vec![1; CHUNK_BYTES * 40]).unwrap();
    let gateway = serve(router(theirs)).await;
    let (_b, ours) = store();
    let fetcher = Fetcher::new(ours, [gateway], quick()).unwrap();
    let error = fetcher.tree(cid, &TreeLimits::default()).await.unwrap_err();
    assert!(matches!(error, FetchError::Tree(TreeError::Limit { .. })), "{error}");
    let limits = TreeLimits { content_bytes_max: 1000, entries_max: 10, depth_max: 1 };
    let error = fetcher.file(big, &limits).await.unwrap_err();
    assert!(matches!(error, FetchError::Tree(TreeError::Limit { .. })), "{error}");
}

#[test]
fn addresses_that_are_no_gateways_are_refused() {
    let (_dir, store) = store();
    for (url, part) in [
        ("file:///etc/passwd", "http and https"),
        ("ftp://example.org", "http and https"),
        ("not a url", "not a URL"),
        ("https://user:word@example.org", "credentials"),
        ("https://example.org/?token=1", "query"),
    ] {
        let error = Fetcher::new(store.clone(), [url], quick()).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("word"), "{error}");
    }
    assert!(Fetcher::new(store, ["https://example.org/base/"], quick()).is_ok());
}

#[tokio::test]
async fn the_gateway_speaks_as_a_trustless_one() {
    let (_dir, store) = store();
    let folder = store.add_folder(&sample()).unwrap();
    let base = serve(router(store)).await;
    let client = reqwest::Client::new();
    let ask = |path: String| client.get(format!("{base}{path}"));
    let missing = Cid::of(Codec::Raw, b"nowhere");

    let response = ask(format!("/ipfs/{folder}?format=raw")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/vnd.ipld.raw");
    assert_eq!(header("etag"), format!("\"{folder}.raw\""));
    assert!(header("cache-control").contains("immutable"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let etag = header("etag");
    assert_eq!(Cid::of(Codec::DagPb, &response.bytes().await.unwrap()), folder);

    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let accept = ask(format!("/ipfs/{folder}")).header("accept", "text/html, application/vnd.ipld.raw;q=0.5");
    assert_eq!(status(accept).await, 200);
    assert_eq!(status(ask(format!("/ipfs/{folder}?format=raw")).header("if-none-match", etag)).await, 304);
    assert_eq!(status(ask(format!("/ipfs/{folder}"))).await, 406);
    assert_eq!(status(ask(format!("/ipfs/{folder}?format=tar"))).await, 406);
    assert_eq!(status(ask(format!("/ipfs/{missing}?format=raw"))).await, 404);
    assert_eq!(status(ask("/ipfs/nonsense?format=raw".into())).await, 400);
    assert_eq!(status(ask(format!("/ipfs/{folder}/inner?format=raw"))).await, 400);
    assert_eq!(status(ask("/ipfs/..%2f..%2fetc%2fpasswd?format=raw".into())).await, 400);
    assert_eq!(status(ask("/ipfs/bafkqaaa?format=raw".into())).await, 200);
    assert_eq!(status(client.post(format!("{base}/ipfs/{folder}?format=raw"))).await, 405);

    let head = client.head(format!("{base}/ipfs/{folder}?format=raw")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_ne!(head.headers()["content-length"], "0");
    assert!(head.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_car_stream_holds_every_block_once() {
    let (_dir, store) = store();
    let root = store.add_folder(&sample()).unwrap();
    let base = serve(router(store)).await;
    let mut expected = std::collections::BTreeMap::new();
    encode_folder(&sample(), &mut |cid, block| drop(expected.insert(cid, block)));
    for (query, count) in [("", expected.len()), ("&dag-scope=block", 1), ("&dag-scope=entity", 1)] {
        let url = format!("{base}/ipfs/{root}?format=car{query}");
        let car = reqwest::get(url).await.unwrap().bytes().await.unwrap();
        let mut sections = read_car(&car, root);
        assert_eq!(sections[0].0, root);
        assert_eq!(sections.len(), count, "{query}");
        sections.retain(|(cid, block)| expected.get(cid) == Some(block));
        assert_eq!(sections.len(), count, "{query}");
    }
    let url = format!("{base}/ipfs/{root}?format=car&dag-scope=some");
    assert_eq!(reqwest::get(url).await.unwrap().status(), 400);
}

fn read_car(mut car: &[u8], root: Cid) -> Vec<(Cid, Vec<u8>)> {
    let mut take = || {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (&byte, rest) = car.split_first()?;
            car = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let (section, rest) = car.split_at(length);
        car = rest;
        Some(section)
    };
    let header = take().unwrap();
    assert!(header.windows(36).any(|window| window == root.to_bytes()));
    let mut sections = Vec::new();
    while let Some(section) = take() {
        let cid = Cid::from_bytes(&section[..36]).unwrap();
        sections.push((cid, section[36..].to_vec()));
    }
    sections
}

mod host_folders {
    use super::*;
    use std::os::unix::{ffi::OsStrExt as _, fs::symlink};

    #[test]
    fn a_folder_goes_out_and_comes_in_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder");
        let written = write_to(&sample(), &path, WriteMode::IntoEmpty).unwrap();
        assert_eq!((written.files, written.links_left_out.len()), (4, 0));
        assert_eq!(written.bytes, sample().bytes());
        assert_eq!(read_dir(&path, &SnapshotLimits::default()).unwrap(), sample());
        assert!(matches!(write_to(&sample(), &path, WriteMode::IntoEmpty), Err(WriteError::NotEmpty(_))));
        fs::write(path.join("mine"), "kept").unwrap();
        fs::write(path.join("ä.txt"), "a longer text than before").unwrap();
        write_to(&sample(), &path, WriteMode::Overwrite).unwrap();
        assert_eq!(fs::read(path.join("ä.txt")).unwrap(), b"hello");
        assert_eq!(fs::read(path.join("mine")).unwrap(), b"kept");
    }

    #[test]
    fn hostile_outputs_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let (out, secret) = (dir.path().join("out"), dir.path().join("secret"));
        fs::write(&secret, "untouched").unwrap();
        let mut hostile = Folder::default();
        for (name, target) in [("abs", "/etc/passwd"), ("up", "../secret"), ("later", "x/../../secret")] {
            hostile.entries.insert(name.into(), Node::Symlink(target.into()));
        }
        hostile.entries.insert("fine".into(), Node::Symlink("abs".into()));
        let written = write_to(&hostile, &out, WriteMode::IntoEmpty).unwrap();
        assert_eq!(written.links_left_out, ["abs", "later", "up"]);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        // Links that stand there already are replaced or refused, never followed.
        symlink(&secret, out.join("file")).unwrap();
        symlink(dir.path(), out.join("sub")).unwrap();
        let mut folder = Folder::default();
        folder.insert_file("file", b"new".to_vec());
        write_to(&folder, &out, WriteMode::Overwrite).unwrap();
        assert!(fs::symlink_metadata(out.join("file")).unwrap().is_file());
        let mut sub = Folder::default();
        sub.insert_file("secret", b"overwritten".to_vec());
        folder.entries.insert("sub".into(), Node::Folder(sub));
        assert!(matches!(write_to(&folder, &out, WriteMode::Overwrite), Err(WriteError::InTheWay(_))));
        assert_eq!(fs::read(&secret).unwrap(), b"untouched");
        let mut named = Folder::default();
        named.insert_file("../secret", b"overwritten".to_vec());
        assert!(matches!(write_to(&named, &out, WriteMode::Overwrite), Err(WriteError::Name(_))));
        assert_eq!(fs::read(&secret).unwrap(), b"untouched");
    }

    #[test]
    fn what_has_no_place_in_a_job_is_refused_by_name() {
        let refused = |make: &dyn Fn(&Path)| {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path());
            read_dir(dir.path(), &SnapshotLimits { content_bytes_max: 10, entries_max: 3, depth_max: 1 })
                .unwrap_err()
        };
        use SnapshotError as E;
        assert!(matches!(refused(&|d| symlink("/etc/hosts", d.join("l")).unwrap()), E::Link { .. }));
        assert!(matches!(refused(&|d| symlink("../x", d.join("l")).unwrap()), E::Link { .. }));
        let socket = |d: &Path| drop(std::os::unix::net::UnixListener::bind(d.join("s")).unwrap());
        assert!(matches!(refused(&socket), E::Special(_)));
        let name = std::ffi::OsStr::from_bytes(b"\xff");
        assert!(matches!(refused(&|d| fs::write(d.join(name), "").unwrap()), E::Name(_)));
        assert!(matches!(refused(&|d| fs::write(d.join("f"), "12345678901").unwrap()), E::Limit { .. }));
        let many = |d: &Path| (0..4).for_each(|i| fs::write(d.join(i.to_string()), "").unwrap());
        assert!(matches!(refused(&many), E::Limit { .. }));
        assert!(matches!(refused(&|d| fs::create_dir_all(d.join("a/b")).unwrap()), E::Limit { .. }));
        let missing = read_dir(Path::new("/no/such/folder"), &SnapshotLimits::default()).unwrap_err();
        assert!(missing.to_string().contains("/no/such/folder"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(read_dir(file.path(), &SnapshotLimits::default()), Err(E::NotAFolder(_))));
    }
}
