//! What `c/tour.c` does, through Rust's standard library: same answers on Linux and under a job.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    io::{self, BufRead as _, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    process,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Kinds that the standard library knows on both; it has no names for WASI's others.
const KINDS: [io::ErrorKind; 3] =
    [io::ErrorKind::NotFound, io::ErrorKind::AlreadyExists, io::ErrorKind::InvalidInput];

fn told<T: std::fmt::Debug>(what: &str, result: io::Result<T>) {
    match result {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) if KINDS.contains(&error.kind()) => println!("{what}: {:?}", error.kind()),
        Err(_) => println!("{what}: another error"),
    }
}

fn list(path: &str) -> io::Result<BTreeSet<String>> {
    fs::read_dir(path)?
        .map(|entry| {
            let entry = entry?;
            let kind = entry.file_type()?;
            let mark = if kind.is_dir() { "/" } else if kind.is_symlink() { "@" } else { "" };
            Ok(format!("{}{mark}", entry.file_name().to_string_lossy()))
        })
        .collect()
}

fn files() -> io::Result<()> {
    told("given", fs::read_to_string("given.txt"));
    told("none", fs::read("none").map(drop));
    told("a folder as a file", fs::read("folder").map(drop));
    told("new only", fs::OpenOptions::new().write(true).create_new(true).open("given.txt").map(drop));
    let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open("new.txt")?;
    file.write_all(b"hello, world")?;
    told("seek", file.seek(SeekFrom::End(-5)));
    let mut text = String::new();
    told("read", file.read_to_string(&mut text));
    told("before the start", file.seek(SeekFrom::Start(0)).and_then(|_| file.seek(SeekFrom::Current(-1))));
    told("cut", file.set_len(5));
    told("grow", file.set_len(8));
    told("sync", file.sync_all());
    drop(file);
    let mut file = fs::OpenOptions::new().append(true).open("new.txt")?;
    file.write_all(b"end")?;
    told("read what is open for appending", file.read(&mut [0; 1]));
    told("contents", fs::read("new.txt"));
    fs::write("given.txt", "changed")?;
    told("changed", fs::read_to_string("given.txt"));
    told("copy", fs::copy("given.txt", "copy.txt"));
    told("metadata", fs::metadata("copy.txt").map(|data| (data.len(), data.is_file(), data.is_dir())));
    Ok(())
}

fn folders() -> io::Result<()> {
    told("create", fs::create_dir("a"));
    told("create again", fs::create_dir("a"));
    told("create all", fs::create_dir_all("a/b/c/d"));
    told("remove a full folder", fs::remove_dir("a"));
    told("rename", fs::rename("new.txt", "a/b/moved.txt"));
    told("rename over a folder", fs::rename("given.txt", "a"));
    told("list", list("a/b"));
    told("list all", list("."));
    told("exists", Path::new("a/b/moved.txt").try_exists());
    told("remove all", fs::remove_dir_all("a"));
    told("gone", fs::metadata("a").map(drop));
    for index in 0..300 {
        fs::write(format!("folder/{index:03}"), [0; 3])?;
    }
    told("many", list("folder").map(|names| names.len()));
    for entry in fs::read_dir("folder")? {
        fs::remove_file(entry?.path())?;
    }
    told("removed while listing", list("folder"));
    told("hard link", fs::hard_link("copy.txt", "hard.txt"));
    fs::write("hard.txt", "both")?;
    told("both", fs::read_to_string("copy.txt"));
    Ok(())
}

fn times() -> io::Result<()> {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(3));
    println!("slept: {}", start.elapsed() >= Duration::from_millis(3));
    println!("since 1970: {}", SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|t| t.as_secs() > 1 << 29));
    let stamp = UNIX_EPOCH + Duration::new(1_234_567_890, 987);
    let file = fs::OpenOptions::new().write(true).open("copy.txt")?;
    told("set", file.set_times(fs::FileTimes::new().set_modified(stamp)));
    told("stamp", fs::metadata("copy.txt")?.modified().map(|time| time == stamp));
    // A map's seed is drawn from the system's randomness.
    let map: HashMap<u32, u32> = (0..1_000).map(|n| (n, n * n)).collect();
    println!("map: {}", map.values().map(|n| u64::from(*n)).sum::<u64>());
    Ok(())
}

fn main() -> io::Result<()> {
    println!("arguments {:?}", env::args().skip(1).collect::<Vec<_>>());
    println!("variables {:?}", env::vars().collect::<Vec<_>>());
    for line in io::stdin().lock().lines() {
        println!("stdin {}", line?);
    }
    files()?;
    folders()?;
    times()?;
    eprintln!("leaving with 7");
    process::exit(7)
}
