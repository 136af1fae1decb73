//! A cache under damage, strangers, a bound, and several users at once.

use super::*;
use lilypad_runtime::{Rewrite, Runtime, RuntimeOptions};
use std::{process, sync::LazyLock, thread};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(RuntimeOptions::default()).unwrap());

fn key(module: &str) -> CodeKey {
    RUNTIME.code_key(module.as_bytes(), Rewrite::Fast)
}

fn cache(bytes_max: u64) -> (tempfile::TempDir, CodeCache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&dir.path().join("code"), bytes_max).unwrap();
    (dir, cache)
}

/// Another process's view: nothing is open yet.
fn again(cache: &CodeCache) -> CodeCache {
    CodeCache::open(cache.dir(), cache.0.bytes_max).unwrap()
}

fn read(file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file))).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_was_put_is_got_and_cannot_be_written() {
    let (_dir, cache) = cache(1 << 20);
    assert!(cache.get(&key("a")).is_none());
    cache.put(&key("a"), b"code of a").unwrap();
    for cache in [cache.clone(), again(&cache)] {
        let file = cache.get(&key("a")).unwrap();
        assert!(read(&file).starts_with(b"code of a"));
        assert!((&*file).write_all(b"x").is_err());
    }
    assert!(cache.get(&key("b")).is_none());
    let mode = fs::metadata(cache.path(&key("a"))).unwrap().mode();
    assert_eq!(mode & 0o777, 0o400);
    assert_eq!(fs::metadata(cache.dir()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn damaged_cut_and_foreign_files_are_thrown_away() {
    let (_dir, cache) = cache(1 << 20);
    let path = cache.path(&key("a"));
    let overwrite = |bytes: &[u8]| {
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
    };
    cache.put(&key("a"), &[5; 5000]).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[4000] ^= 1;
    cache.put(&key("b"), &[6; 5000]).unwrap();
    let foreign = fs::read(cache.path(&key("b"))).unwrap();
    let cases: [&[u8]; 7] = [
        b"",
        &flipped,
        &foreign,
        &whole[..whole.len() - 1],
        &whole[..4096],
        &whole[..whole.len() - 48],
        &[&whole[..], &[0]].concat(),
    ];
    for bad in cases {
        overwrite(bad);
        assert!(again(&cache).get(&key("a")).is_none(), "{} bytes", bad.len());
        assert!(!path.exists(), "{} bytes", bad.len());
    }
    overwrite(&whole);
    assert!(again(&cache).get(&key("a")).is_some());
    // A link to whole code is no file of ours.
    let elsewhere = cache.dir().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(again(&cache).get(&key("a")).is_none());
    // Neither is a folder.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(again(&cache).get(&key("a")).is_none());
}

#[test]
fn a_folder_that_others_can_write_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(CodeCache::open(&open, 1), Err(CacheError::Open(_))));
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(matches!(CodeCache::open(&dir.path().join("file"), 1), Err(CacheError::Io(..))));
}

#[test]
fn the_bound_holds_and_recent_code_stays() {
    let (_dir, cache) = cache(30_000);
    for (age, name) in [(300, "old"), (200, "older use"), (100, "recent")] {
        let file = cache.put(&key(name), &[1; 9_000]).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    // Used again, by another process.
    assert!(again(&cache).get(&key("old")).is_some());
    cache.put(&key("new"), &[1; 9_000]).unwrap();
    let there = |name| cache.path(&key(name)).exists();
    assert_eq!(["old", "older use", "recent", "new"].map(there), [true, false, true, true]);
    assert!(cache.size().unwrap().0 <= 30_000);
    // What is in use stays usable after its removal.
    assert!(cache.get(&key("older use")).is_some());
    // Code larger than the bound is given and not kept.
    let file = cache.put(&key("huge"), &[1; 40_000]).unwrap();
    assert!(read(&file).len() > 40_000);
    assert!(cache.size().unwrap().0 <= 30_000);
}

#[test]
fn leftovers_of_the_killed_are_removed_when_old() {
    let (_dir, cache) = cache(1 << 20);
    let [fresh, old] = ["new-1-0", "new-2-0"].map(|name| cache.dir().join(name));
    fs::write(&fresh, "half").unwrap();
    fs::write(&old, "half").unwrap();
    let age = SystemTime::now() - ABANDONED - Duration::from_secs(1);
    File::options().write(true).open(&old).unwrap().set_modified(age).unwrap();
    cache.put(&key("a"), b"code").unwrap();
    assert!(fresh.exists() && !old.exists());
}

#[test]
fn sealed_memory_cannot_be_changed() {
    let mut file = in_memory(b"code").unwrap();
    assert_eq!(read(&file), b"code");
    assert!(file.write_all(b"more").is_err());
    assert!(file.set_len(0).is_err());
}

/// What a second process does: puts code into the folder and reads it back, for ever.
const FILLER: &str = "LILYPAD_TEST_FILLS_CACHE";

fn code_of(name: &str) -> Vec<u8> {
    name.as_bytes().repeat(20_000)
}

#[test]
fn processes_that_fill_one_cache_and_are_killed_leave_only_whole_code() {
    let names = ["a", "b", "c", "d"];
    let bound = 50_000;
    if let Some(dir) = std::env::var_os(FILLER) {
        let cache = CodeCache::open(Path::new(&dir), bound).unwrap();
        for name in names.iter().cycle() {
            cache.put(&key(name), &code_of(name)).unwrap();
        }
    }
    let (_dir, cache) = cache(bound);
    let mut got = 0;
    for round in 0..12_u64 {
        let fill = || {
            process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "exec::cache::tests::processes_that_fill_one_cache_and_are_killed_leave_only_whole_code",
                ])
                .env(FILLER, cache.dir())
                .stdout(process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut fillers = [fill(), fill(), fill()];
        // Killed at whatever they are doing, a little later each time.
        let killed_at = std::time::Instant::now() + Duration::from_millis(40 + 7 * round);
        while std::time::Instant::now() < killed_at || round == 0 && got == 0 {
            let fresh = again(&cache);
            for name in names {
                if let Some(file) = fresh.get(&key(name)) {
                    assert!(read(&file).starts_with(&code_of(name)));
                    got += 1;
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        for filler in &mut fillers {
            filler.kill().unwrap();
            filler.wait().unwrap();
        }
        // Every file under a final name is whole, or was evicted.
        for name in names {
            let path = cache.path(&key(name));
            let existed = path.exists();
            assert_eq!(again(&cache).get(&key(name)).is_some(), existed, "{name}");
        }
    }
    assert!(got > 0);
    cache.put(&key("last"), b"code").unwrap();
    assert!(cache.size().unwrap().0 <= bound);
}

#[test]
fn the_least_recently_used_goes_first() {
    let at = |name: &str, bytes, second| Entry {
        name: name.into(),
        bytes,
        used: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
    };
    let entries = vec![at("c", 10, 3), at("a", 10, 1), at("b", 10, 2)];
    assert_eq!(too_much(entries.clone(), 30), Vec::<OsString>::new());
    assert_eq!(too_much(entries.clone(), 29), ["a"]);
    assert_eq!(too_much(entries.clone(), 10), ["a", "b"]);
    assert_eq!(too_much(entries, 0), ["a", "b", "c"]);
}
