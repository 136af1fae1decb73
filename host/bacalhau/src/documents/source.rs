//! What a v2 job is given and what is kept of what it leaves; where things may come from, in both versions.

use super::{
    Fields, Findings, Input, Node, Output, Source, engine::read_spec, fields::folds_to, inline, path::Path,
};
use std::collections::BTreeSet;

pub(super) fn read_inputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Input> {
    let (mut aliases, mut targets) = (BTreeSet::new(), BTreeSet::new());
    let mut inputs = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let place = path.item(index);
        let Some(input) = read_input(node, None, &place, found) else { continue };
        if !input.alias.is_empty() && !aliases.insert(input.alias.clone()) {
            found
                .problem(&place.field("Alias"), format!("another input has the alias '{}' too", input.alias));
        }
        if !targets.insert(input.target.clone()) {
            found.problem(&place.field("Target"), format!("another input is at '{}' too", input.target));
        }
        inputs.push(input);
    }
    inputs
}

pub(super) fn read_input(
    node: &Node,
    target: Option<&str>,
    path: &Path<'_>,
    found: &mut Findings,
) -> Option<Input> {
    let mut input = Fields::open(node, path, found);
    let alias = input.word("Alias", found).unwrap_or_default();
    let target = input.word("Target", found).or_else(|| target.map(str::to_owned));
    if target.is_none() {
        found.problem(&path.field("Target"), "missing; give the path that the job sees it at");
    }
    let source_path = path.field("Source");
    let source = match input.take("Source", found) {
        Some(node) => read_source(node, &source_path, found),
        None => {
            found.problem(&source_path, "missing; write Source: {Type: ipfs, Params: {CID: …}}");
            None
        }
    };
    input.close(&[("Source", &["Type", "Params"]), ("Source.Params", &["CID", "URL", "SourcePath"])], found);
    Some(Input { alias, target: target?, source: source? })
}

fn read_source(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    let (kind, params_node) = read_spec(node, path, found);
    let params_path = path.field("Params");
    let type_path = path.field("Type");
    let Some(kind) = kind else {
        found.problem(&type_path, "missing; write ipfs, urlDownload, inline or local");
        return None;
    };
    let known = ["ipfs", "urlDownload", "inline", "local", "localDirectory"];
    let Some(kind) = known.into_iter().find(|name| folds_to(&kind, name)) else {
        found.problem(&type_path, no_source(&kind));
        return None;
    };
    let mut params = Fields::open(params_node, &params_path, found);
    let source = match kind {
        "ipfs" => required(&mut params, "CID", &params_path, found).map(|cid| Source::Ipfs { cid }),
        "urlDownload" => required(&mut params, "URL", &params_path, found)
            .and_then(|url| download(&url, &params_path.field("URL"), found)),
        "inline" => required(&mut params, "URL", &params_path, found)
            .and_then(|url| inlined(&url, &params_path.field("URL"), found)),
        _ => {
            let read_write = flag(&mut params, &params_path, found);
            match params.word("CreateAs", found) {
                Some(create) if !create.eq_ignore_ascii_case("noCreate") => found.problem(
                    &params_path.field("CreateAs"),
                    "nothing is created on the machine that runs the job; leave it out, and write to a result path",
                ),
                _ => {}
            }
            required(&mut params, "SourcePath", &params_path, found)
                .map(|path| Source::Local { path, read_write })
        }
    };
    params.close(&[], found);
    source
}

/// Why there are no inputs of a kind here, and what to do instead.
pub(super) fn no_source(kind: &str) -> String {
    let instead = match kind.to_ascii_lowercase().as_str() {
        "s3" | "s3managed" | "s3presigned" => {
            "give it by IPFS address (ipfs), or by a signed https address (urlDownload)"
        }
        "filecoin" | "filecoinunsealed" | "estuary" => "give it by IPFS address (ipfs)",
        "repoclone" | "repoclonelfs" => {
            "give the repository's archive by https address (urlDownload), or by ipfs"
        }
        "noop" => "leave the input out",
        _ => return format!("'{kind}' is no source here; use ipfs, urlDownload, inline or local"),
    };
    format!("{kind} is not supported; {instead}")
}

pub(super) fn required(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    path: &Path<'_>,
    found: &mut Findings,
) -> Option<String> {
    let value = fields.word(name, found);
    if value.is_none() {
        found.problem(&path.field(name), "missing");
    }
    value
}

pub(super) fn download(url: &str, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    let url = url.trim_matches([' ', '\'', '"']);
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        found.problem(path, "an address has no spaces; write %20 for one");
        return None;
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Some(Source::Url { url: url.to_owned() });
    }
    found.problem(path, format!("'{url}' is no address to download; begin it with https:// or http://"));
    None
}

pub(super) fn inlined(url: &str, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    match inline::decode(url) {
        Ok((bytes, is_tar)) => Some(Source::Inline { bytes, is_tar }),
        Err(reason) => {
            found.problem(path, reason);
            None
        }
    }
}

/// `ReadWrite`, which may be text.
pub(super) fn flag(fields: &mut Fields<'_, '_>, path: &Path<'_>, found: &mut Findings) -> bool {
    match fields.take("ReadWrite", found) {
        None => false,
        Some(Node::Bool(value)) => *value,
        Some(Node::Text(text)) => text == "true",
        Some(other) => {
            found
                .problem(&path.field("ReadWrite"), format!("expected true or false, found {}", other.kind()));
            false
        }
    }
}

pub(super) fn read_outputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Output> {
    let mut outputs = Outputs::default();
    for (index, node) in nodes.iter().enumerate() {
        let place = path.item(index);
        let mut output = Fields::open(node, &place, found);
        let name = required(&mut output, "Name", &place, found);
        let inside = required(&mut output, "Path", &place, found);
        output.close(&[], found);
        if let (Some(name), Some(path)) = (name, inside) {
            outputs.add(Output { name, path }, &place, found);
        }
    }
    outputs.list
}

/// Outputs whose names and paths differ.
#[derive(Default)]
pub(super) struct Outputs {
    pub(super) list: Vec<Output>,
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Outputs {
    pub(super) fn add(&mut self, output: Output, place: &Path<'_>, found: &mut Findings) {
        if !output.path.starts_with('/') {
            found.problem(
                &place.field("Path"),
                format!("'{}' must be absolute; begin it with /", output.path),
            );
        }
        if !self.names.insert(output.name.clone()) {
            found.problem(&place.field("Name"), format!("another output is called '{}' too", output.name));
        }
        if !self.paths.insert(output.path.clone()) {
            found.problem(&place.field("Path"), format!("another output is at '{}' too", output.path));
        }
        self.list.push(output);
    }
}
