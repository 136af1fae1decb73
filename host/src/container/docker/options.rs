//! What a machine's owner decides about containers. Pure.

use lilypad_abi::Image;
use std::{path::PathBuf, str::FromStr};

/// Where an engine listens unless something else is said.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// When the registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// Before each run. The digest is the same, so this finds out only that the registry still has it.
    Always,
    /// When the engine hasn't got it.
    #[default]
    IfMissing,
    /// Not at all: only images that the owner has put there run.
    Never,
}

/// Images that may run: `docker.io/library/*`, `localhost:5000/tools/a`, `archive:*`; `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePattern(String);

/// Text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a pattern of images; write registry/name with * for anything, such as docker.io/library/*, or \
     archive:* for images that come as content"
)]
pub struct BadPattern(String);

impl FromStr for ImagePattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"*./:_-@".contains(&b);
        // A name without a registry would match nothing, since the names of jobs all have one.
        let whole = text.contains(['/', '*']) || text.starts_with("archive:");
        if text.is_empty() || !whole || !text.bytes().all(fits) {
            return Err(BadPattern(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ImagePattern {
    /// Whether it covers an image, by its name or by its name and digest.
    #[must_use]
    pub fn covers(&self, image: &Image) -> bool {
        match image {
            Image::Registry(name) => {
                let bare = name.split('@').next().unwrap_or(name);
                matches(&self.0, bare) || matches(&self.0, name)
            }
            Image::Archive(cid) => matches(&self.0, &format!("archive:{cid}")),
        }
    }
}

/// Whether `pattern` covers all of `text`; greedy with one step back, so that no pattern takes long.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// How a Docker engine is used, and for what. The defaults are closed: no network, and only what the engine has room for.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// The engine's socket, `unix:///path`. It has to be on this machine: jobs' files are handed over as folders.
    pub host: String,
    /// Whose containers these are: several programs may share one engine. Lowercase letters, digits, hyphens; at most 32.
    pub owner: String,
    /// Folder for jobs' inputs and outputs while they run; this owner's alone.
    pub scratch: PathBuf,
    /// When the registry is asked.
    pub pull: PullPolicy,
    /// Images that may run; empty is all.
    pub images: Vec<ImagePattern>,
    /// Whether jobs may have the network.
    pub network: bool,
    /// Most cores for all jobs together, in thousandths; absent is all that the engine has.
    pub cpu_millis_max: Option<u64>,
    /// Most memory for all jobs together, in bytes; absent is all that the engine has.
    pub memory_bytes_max: Option<u64>,
    /// Most room for all jobs' outputs together, in bytes; absent is what is free in `scratch`.
    pub disk_bytes_max: Option<u64>,
    /// Most bytes of an image, as the registry or an archive holds it.
    pub image_bytes_max: u64,
    /// Bound outputs by watching instead of by a file system of their own, as where none can be mounted.
    pub watch_outputs: bool,
}

impl DockerOptions {
    /// The engine that `DOCKER_HOST` names, or the usual one; everything else closed.
    #[must_use]
    pub fn new(owner: impl Into<String>, scratch: impl Into<PathBuf>) -> Self {
        let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        Self {
            host: host.unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            owner: owner.into(),
            scratch: scratch.into(),
            pull: PullPolicy::default(),
            images: Vec::new(),
            network: false,
            cpu_millis_max: None,
            memory_bytes_max: None,
            disk_bytes_max: None,
            image_bytes_max: 16 << 30,
            watch_outputs: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::{Cid, Codec};

    fn covers(pattern: &str, image: &str) -> bool {
        pattern.parse::<ImagePattern>().unwrap().covers(&Image::Registry(image.into()))
    }

    #[test]
    fn patterns_cover_names_with_and_without_digest() {
        let image = format!("docker.io/library/busybox@sha256:{}", "0".repeat(64));
        for good in
            ["*", "docker.io/library/*", "docker.io/*/busybox", "*busybox", "docker.io/library/busybox"]
        {
            assert!(covers(good, &image), "{good}");
        }
        assert!(covers(&image, &image));
        for bad in [
            "docker.io/other/*",
            "quay.io/*",
            "library/busybox",
            "*busy",
            "docker.io/library/busybox@sha256:1*",
        ] {
            assert!(!covers(bad, &image), "{bad}");
        }
    }

    #[test]
    fn archives_have_patterns_of_their_own() {
        let archive = Image::Archive(Cid::of(Codec::Raw, b"x"));
        assert!("archive:*".parse::<ImagePattern>().unwrap().covers(&archive));
        assert!("*".parse::<ImagePattern>().unwrap().covers(&archive));
        assert!(!"docker.io/*".parse::<ImagePattern>().unwrap().covers(&archive));
    }

    #[test]
    fn what_would_match_nothing_is_refused() {
        for bad in ["", "busybox", "a b/c", "docker.io/$x"] {
            assert!(bad.parse::<ImagePattern>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_covers_itself_and_stars_cover_more(text in "[a-z/*]{0,20}", tail in "[a-z/]{0,9}") {
            let plain = text.replace('*', "");
            proptest::prop_assert!(matches(&plain, &plain));
            let (pattern, longer) = (text + "*", plain + &tail);
            proptest::prop_assert!(matches(&pattern, &longer), "{} {}", pattern, longer);
        }
    }
}
