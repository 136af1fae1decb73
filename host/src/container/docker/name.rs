//! Images' names as people write them, made whole: registry, repository, tag or digest. Pure.

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageName {
    /// `registry/repository`.
    pub(super) path: String,
    /// The tag; `latest` where there was neither tag nor digest.
    pub(super) tag: Option<String>,
    /// `sha256:…`.
    pub(super) digest: Option<String>,
}

impl ImageName {
    /// Reads `busybox`, `localhost:5000/a:1`, `ghcr.io/x/y@sha256:…`; `None` for what names no image.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag, one before it a port.
        let name_at = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match rest[name_at..].split_once(':') {
            Some((name, tag)) => (&rest[..name_at + name.len()], Some(tag)),
            None => (rest, None),
        };
        let path = match path.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => path.to_owned(),
            Some(_) => format!("{DEFAULT_REGISTRY}/{path}"),
            None => format!("{DEFAULT_REGISTRY}/library/{path}"),
        };
        // Docker Hub has two hosts under one name.
        let path = match path.strip_prefix("index.docker.io/") {
            Some(rest) => format!("{DEFAULT_REGISTRY}/{rest}"),
            None => path,
        };
        let (host, repository) = path.split_once('/')?;
        let host_fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b))
            && host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let part_fits = |part: &str| {
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        };
        let tag_fits = |tag: &str| {
            (1..=128).contains(&tag.len())
                && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
                && !tag.starts_with(['.', '-'])
        };
        let digest_fits = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| {
                hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
            })
        };
        let fits = host_fits
            && path.len() <= 255
            && repository.split('/').all(part_fits)
            && tag.is_none_or(tag_fits)
            && digest.is_none_or(digest_fits);
        let tag = tag.or(digest.is_none().then_some("latest")).map(str::to_owned);
        fits.then(|| Self { path: path.clone(), tag, digest: digest.map(str::to_owned) })
    }

    /// `registry/repository:tag`, for the engine; a digest in place of the tag where there is one.
    pub(super) fn whole(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.path),
            (None, tag) => format!("{}:{}", self.path, tag.as_deref().unwrap_or("latest")),
        }
    }

    /// `registry/repository@sha256:…` with this digest.
    pub(super) fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_whole() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, whole) in [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("busybox:1.36", "docker.io/library/busybox:1.36".to_owned()),
            ("lilypad/tools", "docker.io/lilypad/tools:latest".to_owned()),
            ("localhost:5000/a:1", "localhost:5000/a:1".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("ghcr.io/x/y/z:V_1.0-a", "ghcr.io/x/y/z:V_1.0-a".to_owned()),
            ("index.docker.io/library/a", "docker.io/library/a:latest".to_owned()),
            (&format!("busybox@{digest}"), format!("docker.io/library/busybox@{digest}")),
            (&format!("localhost:5000/a:1@{digest}"), format!("localhost:5000/a@{digest}")),
        ] {
            assert_eq!(ImageName::parse(text).map(|name| name.whole()), Some(whole), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in [
            "",
            "/",
            "a/",
            "A",
            "a b",
            "../x",
            "a//b",
            "a:",
            "a:-x",
            "a@sha256:1",
            "a@md5:00",
            "a?x=1",
            "http://a/b",
            "localhost:5000/a%2fb",
            "a:1:2",
            "-x",
        ] {
            assert_eq!(ImageName::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_whole_names_stay(text in ".{0,60}") {
            if let Some(name) = ImageName::parse(&text) {
                proptest::prop_assert_eq!(ImageName::parse(&name.whole()).map(|n| n.whole()), Some(name.whole()));
            }
        }
    }
}
