//! What a v1 job is given and what is kept of what it leaves: its `StorageSpec`s.

use super::{
    Fields, Findings, Input, Node, Output, Source,
    path::Path,
    source::{Outputs, download, flag, inlined, no_source, required},
};

pub(super) fn read_inputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Input> {
    let nodes = nodes.iter().enumerate();
    nodes.filter_map(|(index, node)| read_storage(node, None, &path.item(index), found)).collect()
}

/// The fields of which each kind of source has its own.
const SOURCE_FIELDS: [&str; 6] = ["CID", "URL", "S3", "Repo", "SourcePath", "ReadWrite"];

/// A `StorageSpec` that something comes from.
pub(super) fn read_storage(
    node: &Node,
    target: Option<&str>,
    path: &Path<'_>,
    found: &mut Findings,
) -> Option<Input> {
    let mut storage = Fields::open(node, path, found);
    let kind = storage.word("StorageSource", found);
    let alias = storage.word("Name", found).unwrap_or_default();
    let target = storage.word("Path", found).or_else(|| target.map(str::to_owned));
    if target.is_none() {
        found.problem(&path.field("Path"), "missing; give the path that the job sees it at");
    }
    storage.skip("Metadata", found);
    storage.skip("StorageSourceName", found);
    let lower = kind.as_deref().map(str::to_ascii_lowercase);
    let source = match lower.as_deref() {
        Some("ipfs") => required(&mut storage, "CID", path, found).map(|cid| Source::Ipfs { cid }),
        Some("urldownload") => required(&mut storage, "URL", path, found)
            .and_then(|url| download(&url, &path.field("URL"), found)),
        Some("inline") => required(&mut storage, "URL", path, found)
            .and_then(|url| inlined(&url, &path.field("URL"), found)),
        Some("localdirectory") => {
            let read_write = flag(&mut storage, path, found);
            required(&mut storage, "SourcePath", path, found).map(|path| Source::Local { path, read_write })
        }
        Some(_) => {
            found.problem(&path.field("StorageSource"), no_source(kind.as_deref().unwrap_or_default()));
            // Its own fields are no further problem.
            SOURCE_FIELDS.into_iter().for_each(|name| storage.skip(name, found));
            None
        }
        None => {
            found.problem(
                &path.field("StorageSource"),
                "missing; write IPFS, URLDownload, Inline or LocalDirectory",
            );
            None
        }
    };
    for name in SOURCE_FIELDS {
        storage.refuse_untaken(name, "another kind of source has this; leave it out", found);
    }
    storage.close(&[], found);
    Some(Input { alias, target: target?, source: source? })
}

pub(super) fn read_outputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Output> {
    let mut outputs = Outputs::default();
    for (index, node) in nodes.iter().enumerate() {
        let place = path.item(index);
        let mut output = Fields::open(node, &place, found);
        let name = required(&mut output, "Name", &place, found);
        let inside = required(&mut output, "Path", &place, found);
        // Where it would be stored, which is the market's matter.
        for name in ["StorageSource", "StorageSourceName", "CID", "URL", "Metadata"] {
            output.skip(name, found);
        }
        output.close(&[], found);
        if let (Some(name), Some(path)) = (name, inside) {
            outputs.add(Output { name, path }, &place, found);
        }
    }
    outputs.list
}
