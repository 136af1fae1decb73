//! What a job needs and may reach, how long it may take, and where its results would have gone.

use super::{
    Fields, Findings, Network, Node, Resources,
    path::Path,
    quantity::{self, Units},
};

/// Why nodes aren't chosen by label.
pub(super) const NO_CONSTRAINTS: &str =
    "machines are not chosen by label here; leave it out, and ask for resources or name the provider instead";

pub(super) fn read_publisher(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<String> {
    let mut publisher = Fields::open(node, path, found);
    let kind = publisher.word("Type", found);
    publisher.skip("Params", found);
    publisher.close(&[], found);
    warn_publisher(kind.as_deref(), path, found);
    kind
}

pub(super) fn warn_publisher(kind: Option<&str>, path: &Path<'_>, found: &mut Findings) {
    match kind.map(str::to_ascii_lowercase).as_deref() {
        None | Some("noop" | "local") => {}
        Some(_) => found.warn(path, "left out; results come back through the market"),
    }
}

pub(super) fn read_resources(
    node: Option<&Node>,
    path: &Path<'_>,
    units: Units,
    found: &mut Findings,
) -> Resources {
    let mut resources = Resources::default();
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let mut amount = |name: &'static str, read: &dyn Fn(&str) -> Result<u64, &'static str>| {
        let text = fields.word(name, found)?;
        match read(&text) {
            Ok(amount) => Some(amount),
            Err(reason) => {
                found.problem(&path.field(name), format!("'{text}': {reason}"));
                None
            }
        }
    };
    resources.cpu_millis = amount("CPU", &quantity::cpu_millis);
    resources.memory_bytes = amount("Memory", &|text| quantity::bytes(text, units));
    resources.disk_bytes = amount("Disk", &|text| quantity::bytes(text, units));
    resources.gpus = amount("GPU", &quantity::gpus);
    fields.close(&[], found);
    resources
}

/// Why a network can't be limited to some hosts.
pub(super) const NO_HTTP: &str =
    "networks limited to some hosts are not supported; write None and give inputs by address, or write Full";

pub(super) fn read_network(node: Option<&Node>, path: &Path<'_>, found: &mut Findings) -> Network {
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let kind = fields.word("Type", found);
    let type_path = path.field("Type");
    let network = match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("default") => Network::Default,
        Some("none") => Network::None,
        Some("full" | "bridge") => Network::Full,
        Some("host") => {
            found.warn(&type_path, "read as Full; a job never shares its machine's own network");
            Network::Full
        }
        Some("http") => {
            found.problem(&type_path, NO_HTTP);
            Network::Default
        }
        Some(other) => {
            found.problem(&type_path, format!("'{other}' is no network; write None or Full"));
            Network::Default
        }
    };
    fields.refuse("Domains", NO_HTTP, found);
    fields.refuse("Ports", "a job can't be reached from outside here; leave it out", found);
    fields.close(&[], found);
    network
}

pub(super) fn read_timeouts(node: Option<&Node>, path: &Path<'_>, found: &mut Findings) -> Option<u64> {
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let execution = fields.whole("ExecutionTimeout", found).filter(|seconds| *seconds > 0);
    let total = fields.whole("TotalTimeout", found).filter(|seconds| *seconds > 0);
    fields.leave_out("QueueTimeout", "left out; how long an offer stands is said where it is made", found);
    fields.close(&[], found);
    execution.or(total)
}
