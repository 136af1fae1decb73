//! Image archives, from anybody, to what an engine loads: one image, one tag, and nothing else of what they held.
//!
//! Both layouts are read: `docker save`'s (`manifest.json`) and the OCI one (`index.json`), which engines before 25 don't
//! load. No entry of the archive reaches the engine under a name of its own choosing. Nothing here writes a file.

use axum::body::Bytes;
use serde::Deserialize;
use std::{collections::BTreeMap, io::Cursor, ops::Range, sync::Arc};

/// Most entries of an archive; images have a few per layer, and at most 127 layers.
const ENTRIES_MAX: usize = 20_000;

/// Most bytes of a manifest, index or configuration.
const JSON_BYTES_MAX: usize = 4 << 20;

/// Most layers that engines take.
const LAYERS_MAX: usize = 127;

/// Why an archive is not one image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("it is no tar archive; `docker save NAME -o FILE` writes one (don't compress it)")]
    Tar,
    #[error(
        "it has neither manifest.json nor index.json; `docker save NAME -o FILE` writes an archive that has"
    )]
    Layout,
    #[error("it holds {0} images; save one at a time")]
    Images(usize),
    #[error("it names '{0}', which it doesn't hold")]
    Missing(String),
    #[error("its {0} can't be read")]
    Json(String),
    #[error("it has too many entries, layers or bytes of description")]
    TooLarge,
}

/// An archive with exactly one image, as the parts of a new archive for the engine.
#[derive(Debug)]
pub(super) struct Repacked {
    chunks: Vec<Bytes>,
}

impl Repacked {
    /// The new archive's bytes, in order.
    pub(super) fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Shares the archive's bytes with the request that sends them.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads an archive and makes one for the engine with the image under `tag`.
pub(super) fn repack(archive: &Arc<Vec<u8>>, tag: &str) -> Result<Repacked, ArchiveError> {
    let entries = Entries::read(archive)?;
    let (config, layers) = if entries.files.contains_key("manifest.json") {
        let images: Vec<SavedImage> = entries.json("manifest.json")?;
        let [image] = images.as_slice() else { return Err(ArchiveError::Images(images.len())) };
        (image.config.clone(), image.layers.clone())
    } else if entries.files.contains_key("index.json") {
        entries.oci_image()?
    } else {
        return Err(ArchiveError::Layout);
    };
    if layers.len() > LAYERS_MAX {
        return Err(ArchiveError::TooLarge);
    }
    let all = Bytes::from_owner(Shared(archive.clone()));
    let names: Vec<String> = (0..layers.len()).map(|number| format!("layer-{number}.tar")).collect();
    let manifest = serde_json::json!([{ "Config": "config.json", "RepoTags": [tag], "Layers": names }]);
    let mut chunks = Vec::new();
    let mut add = |name: &str, bytes: Bytes| {
        let mut header = tar::Header::new_gnu();
        // The names are ours and short; a size of 64 bits fits a header.
        let _ = header.set_path(name);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let padding = bytes.len().next_multiple_of(512) - bytes.len();
        chunks.extend([
            Bytes::copy_from_slice(header.as_bytes()),
            bytes,
            Bytes::from_static(&[0; 512]).slice(..padding),
        ]);
    };
    add("manifest.json", Bytes::from(manifest.to_string()));
    add("config.json", all.slice(entries.small(&config)?));
    for (name, layer) in names.iter().zip(&layers) {
        add(name, all.slice(entries.find(layer)?));
    }
    chunks.push(Bytes::from_static(&[0; 1_024]));
    Ok(Repacked { chunks })
}

/// Where an archive's files lie.
struct Entries<'a> {
    bytes: &'a [u8],
    files: BTreeMap<String, Range<usize>>,
    /// `docker save` once wrote a layer that occurs twice as a link.
    links: BTreeMap<String, String>,
}

impl<'a> Entries<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let mut archive = tar::Archive::new(Cursor::new(bytes));
        let mut found = Self { bytes, files: BTreeMap::new(), links: BTreeMap::new() };
        for (number, entry) in archive.entries_with_seek().map_err(|_| ArchiveError::Tar)?.enumerate() {
            let entry = entry.map_err(|_| ArchiveError::Tar)?;
            if number >= ENTRIES_MAX {
                return Err(ArchiveError::TooLarge);
            }
            let Ok(name) = String::from_utf8(entry.path_bytes().into_owned()) else { continue };
            let name = name.trim_start_matches("./").to_owned();
            let kind = entry.header().entry_type();
            if kind.is_file() {
                let start = usize::try_from(entry.raw_file_position()).map_err(|_| ArchiveError::Tar)?;
                let size = usize::try_from(entry.size()).map_err(|_| ArchiveError::Tar)?;
                let end =
                    start.checked_add(size).filter(|end| *end <= bytes.len()).ok_or(ArchiveError::Tar)?;
                found.files.insert(name, start..end);
            } else if kind.is_symlink() || kind.is_hard_link() {
                let target =
                    entry.link_name_bytes().and_then(|target| String::from_utf8(target.into_owned()).ok());
                let folder = if kind.is_symlink() {
                    name.rsplit_once('/').map_or("", |(folder, _)| folder)
                } else {
                    ""
                };
                if let Some(target) = target.and_then(|target| joined(folder, &target)) {
                    found.links.insert(name, target);
                }
            }
        }
        if found.files.is_empty() { Err(ArchiveError::Tar) } else { Ok(found) }
    }

    /// A file by its name, or by one link to it.
    fn find(&self, name: &str) -> Result<Range<usize>, ArchiveError> {
        let linked = || self.files.get(self.links.get(name)?);
        let range = self.files.get(name).or_else(linked);
        range.cloned().ok_or_else(|| ArchiveError::Missing(name.to_owned()))
    }

    /// The same for a file that must not be large.
    fn small(&self, name: &str) -> Result<Range<usize>, ArchiveError> {
        let range = self.find(name)?;
        if range.len() > JSON_BYTES_MAX { Err(ArchiveError::TooLarge) } else { Ok(range) }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, ArchiveError> {
        serde_json::from_slice(&self.bytes[self.small(name)?])
            .map_err(|_| ArchiveError::Json(name.to_owned()))
    }

    /// The one image of an OCI layout: its configuration and layers.
    fn oci_image(&self) -> Result<(String, Vec<String>), ArchiveError> {
        let mut name = "index.json".to_owned();
        // The index may name an image or, once more, an index of platforms; build records in it have none.
        for _ in 0..3 {
            let index: Index = self.json(&name)?;
            if index.manifests.is_empty() {
                let manifest: Manifest = self.json(&name)?;
                let layers =
                    manifest.layers.iter().map(|layer| blob(&layer.digest)).collect::<Result<_, _>>()?;
                return Ok((blob(&manifest.config.digest)?, layers));
            }
            let fits = |d: &&Descriptor| {
                d.platform
                    .as_ref()
                    .is_none_or(|p| p.os == "linux" && p.architecture == super::image::architecture())
            };
            let images: Vec<&Descriptor> = index.manifests.iter().filter(fits).collect();
            let [image] = images.as_slice() else { return Err(ArchiveError::Images(images.len())) };
            name = blob(&image.digest)?;
        }
        Err(ArchiveError::Layout)
    }
}

/// The file of a digest in an OCI layout.
fn blob(digest: &str) -> Result<String, ArchiveError> {
    let (algorithm, hex) = digest.split_once(':').ok_or_else(|| ArchiveError::Missing(digest.to_owned()))?;
    Ok(format!("blobs/{algorithm}/{hex}"))
}

/// `target` seen from `folder`, if it stays in the archive.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tarred(files: &[(&str, &[u8])]) -> Arc<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        Arc::new(builder.into_inner().unwrap())
    }

    fn files(archive: &Arc<Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
        let bytes: Vec<u8> = repack(archive, "lilypad.local/archive:x")?.into_chunks().concat();
        let entries = Entries::read(&bytes)?;
        Ok(entries.files.iter().map(|(name, range)| (name.clone(), bytes[range.clone()].to_vec())).collect())
    }

    const CONFIG: &[u8] = b"{\"os\":\"linux\"}";

    #[test]
    fn a_saved_image_keeps_its_parts_and_gets_our_tag() {
        let manifest = br#"[{"Config":"abc.json","RepoTags":["evil:1"],"Layers":["1/layer.tar","../x"]}]"#;
        assert_eq!(
            files(&tarred(&[("manifest.json", manifest), ("abc.json", CONFIG), ("1/layer.tar", b"one")])),
            Err(ArchiveError::Missing("../x".into()))
        );
        let manifest =
            br#"[{"Config":"abc.json","RepoTags":["evil:1"],"Layers":["1/layer.tar","2/layer.tar"]}]"#;
        let files = files(&tarred(&[
            ("manifest.json", manifest),
            ("abc.json", CONFIG),
            ("1/layer.tar", b"one"),
            ("2/layer.tar", b"two"),
            ("../../etc/passwd".trim_start_matches("../"), b"x"),
        ]))
        .unwrap();
        assert_eq!(files["config.json"], CONFIG);
        assert_eq!((&files["layer-0.tar"][..], &files["layer-1.tar"][..]), (&b"one"[..], &b"two"[..]));
        let manifest = String::from_utf8(files["manifest.json"].clone()).unwrap();
        assert!(manifest.contains("lilypad.local/archive:x") && !manifest.contains("evil"), "{manifest}");
        assert_eq!(files.len(), 4);
    }

    #[test]
    fn a_layer_that_is_a_link_is_found() {
        let mut builder = tar::Builder::new(Vec::new());
        let manifest = br#"[{"Config":"c","Layers":["1/layer.tar","2/layer.tar"]}]"#;
        for (name, bytes) in [("manifest.json", &manifest[..]), ("c", CONFIG), ("1/layer.tar", b"one")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "2/layer.tar", "../1/layer.tar").unwrap();
        let files = files(&Arc::new(builder.into_inner().unwrap())).unwrap();
        assert_eq!(files["layer-1.tar"], b"one");
    }

    #[test]
    fn an_oci_layout_becomes_what_old_engines_load() {
        let here = super::super::image::architecture();
        let index = br#"{"manifests":[{"digest":"sha256:aa"}]}"#;
        let platforms = format!(
            r#"{{"manifests":[{{"digest":"sha256:bb","platform":{{"os":"linux","architecture":"{here}"}}}},
                {{"digest":"sha256:ff","platform":{{"os":"unknown","architecture":"unknown"}}}}]}}"#
        );
        let manifest = br#"{"config":{"digest":"sha256:cc"},"layers":[{"digest":"sha256:dd"}]}"#;
        let files = files(&tarred(&[
            ("oci-layout", b"{}"),
            ("index.json", index),
            ("blobs/sha256/aa", platforms.as_bytes()),
            ("blobs/sha256/bb", manifest),
            ("blobs/sha256/cc", CONFIG),
            ("blobs/sha256/dd", b"layer"),
        ]))
        .unwrap();
        assert_eq!((&files["config.json"][..], &files["layer-0.tar"][..]), (CONFIG, &b"layer"[..]));
    }

    #[test]
    fn what_is_not_one_image_is_said() {
        assert_eq!(files(&Arc::new(vec![7; 2_000])), Err(ArchiveError::Tar));
        assert_eq!(files(&Arc::new(Vec::new())), Err(ArchiveError::Tar));
        assert_eq!(files(&tarred(&[("x", b"y")])), Err(ArchiveError::Layout));
        assert_eq!(files(&tarred(&[("manifest.json", b"[]")])), Err(ArchiveError::Images(0)));
        let two = br#"[{"Config":"a"},{"Config":"b"}]"#;
        assert_eq!(files(&tarred(&[("manifest.json", two)])), Err(ArchiveError::Images(2)));
        assert_eq!(
            files(&tarred(&[("manifest.json", b"{")])),
            Err(ArchiveError::Json("manifest.json".into()))
        );
        let endless = br#"{"manifests":[{"digest":"sha256:aa"}]}"#;
        assert_eq!(
            files(&tarred(&[("index.json", endless), ("blobs/sha256/aa", endless)])),
            Err(ArchiveError::Layout)
        );
    }

    proptest::proptest! {
        #[test]
        fn damaged_archives_never_panic(at in 0usize..4_096, byte in 0u8..) {
            let manifest = br#"[{"Config":"c","Layers":["l"]}]"#;
            let mut bytes = tarred(&[("manifest.json", manifest), ("c", CONFIG), ("l", b"one")]).to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = files(&Arc::new(bytes));
        }
    }
}
