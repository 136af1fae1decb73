//! What differs between the results of one job's runs. Pure.

use lilypad_abi::Status;
use lilypad_runtime::{Execution, Folder, Node};
use std::collections::{BTreeMap, BTreeSet};

/// A place in the result folder that is not the same in all runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Its path, such as `outputs/a` or `stdout`.
    pub path: String,
    /// What it is in each run, in their order.
    pub runs: Vec<Entry>,
    /// The first byte at which two files differ, from zero; absent where not all are files.
    pub first_byte: Option<u64>,
}

/// What a path is in one run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A link, and where it points.
    Link(String),
}

/// How the runs of one job differ, files in the order of their paths; nothing when all results are the same.
///
/// Contents of a folder that is missing elsewhere are not listed one by one.
#[must_use]
pub fn differences(runs: &[Execution]) -> Vec<Difference> {
    let folders: Vec<Option<&Folder>> = runs.iter().map(|run| Some(&run.outputs)).collect();
    let mut found = Vec::new();
    compare("", &folders, &mut found);
    found
}

/// Whether all ended the same way.
#[must_use]
pub fn same_status(runs: &[Execution]) -> bool {
    let statuses: Vec<Status> = runs.iter().map(|run| run.outcome.status).collect();
    statuses.windows(2).all(|pair| pair[0] == pair[1])
}

fn compare(above: &str, folders: &[Option<&Folder>], found: &mut Vec<Difference>) {
    let empty = BTreeMap::new();
    let entries: Vec<&BTreeMap<String, Node>> =
        folders.iter().map(|folder| folder.map_or(&empty, |folder| &folder.entries)).collect();
    let names: BTreeSet<&String> = entries.iter().flat_map(|entries| entries.keys()).collect();
    for name in names {
        let nodes: Vec<Option<&Node>> = entries.iter().map(|entries| entries.get(name)).collect();
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        let inner: Vec<Option<&Folder>> = nodes
            .iter()
            .map(|node| match node {
                Some(Node::Folder(folder)) => Some(folder),
                _ => None,
            })
            .collect();
        if inner.iter().all(Option::is_some) {
            compare(&path, &inner, found);
        } else if nodes.windows(2).any(|pair| pair[0] != pair[1]) {
            found.push(Difference {
                path,
                runs: nodes.iter().map(|node| entry(*node)).collect(),
                first_byte: first_byte(&nodes),
            });
        }
    }
}

fn entry(node: Option<&Node>) -> Entry {
    match node {
        None => Entry::Missing,
        Some(Node::File(bytes)) => Entry::File(bytes.len() as u64),
        Some(Node::Folder(_)) => Entry::Folder,
        Some(Node::Symlink(target)) => Entry::Link(target.clone()),
    }
}

/// Where the first of the files and any other part; a file that ends parts from one that goes on.
fn first_byte(nodes: &[Option<&Node>]) -> Option<u64> {
    let files: Option<Vec<&[u8]>> = nodes
        .iter()
        .map(|node| match node {
            Some(Node::File(bytes)) => Some(bytes.as_slice()),
            _ => None,
        })
        .collect();
    let files = files?;
    let (first, others) = files.split_first()?;
    let parting = |other: &&[u8]| {
        let same = first.iter().zip(other.iter()).take_while(|(a, b)| a == b).count();
        (same < first.len().max(other.len())).then_some(same as u64)
    };
    others.iter().filter_map(parting).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::{Cid, Codec, Outcome, Profile};

    fn run(files: &[(&str, &str)]) -> Execution {
        let mut outputs = Folder::default();
        for (path, text) in files {
            let node = match text.strip_prefix("-> ") {
                Some(target) => Node::Symlink(target.to_owned()),
                None => Node::File(text.as_bytes().to_vec().into()),
            };
            match path.split_once('/') {
                None => drop(outputs.entries.insert((*path).to_owned(), node)),
                Some((folder, name)) => {
                    let folder = outputs
                        .entries
                        .entry(folder.to_owned())
                        .or_insert_with(|| Node::Folder(Folder::default()));
                    let Node::Folder(folder) = folder else { panic!() };
                    folder.entries.insert(name.to_owned(), node);
                }
            }
        }
        let outcome = Outcome {
            job: Cid::of(Codec::DagCbor, b"job"),
            profile: Profile::Container1,
            status: Status::Exited { code: 0 },
            fuel_used: 0,
            outputs: lilypad_runtime::unixfs::folder_cid(&outputs),
            journal: Vec::new(),
        };
        Execution { outcome, outputs, refusal_detail: None }
    }

    #[test]
    fn equal_runs_have_no_differences() {
        let one = run(&[("stdout", "a"), ("outputs/x", "b"), ("outputs/l", "-> x")]);
        assert!(differences(&[one.clone(), one.clone(), one]).is_empty());
    }

    #[test]
    fn each_difference_is_named_with_what_it_is_in_each_run() {
        let a = run(&[("stdout", "12:00:01"), ("outputs/x", "b"), ("outputs/l", "-> x"), ("only/a", "")]);
        let b = run(&[("stdout", "12:00:02"), ("outputs/x", "b"), ("outputs/l", "-> y")]);
        let c = run(&[("stdout", "12:00:01+"), ("outputs/x", "b"), ("outputs/l", "z")]);
        let found = differences(&[a, b, c]);
        let short: Vec<_> = found.iter().map(|d| (d.path.as_str(), d.first_byte)).collect();
        assert_eq!(short, [("only", None), ("outputs/l", None), ("stdout", Some(7))]);
        assert_eq!(found[0].runs, [Entry::Folder, Entry::Missing, Entry::Missing]);
        assert_eq!(found[1].runs, [Entry::Link("x".into()), Entry::Link("y".into()), Entry::File(1)]);
        assert_eq!(found[2].runs, [Entry::File(8), Entry::File(8), Entry::File(9)]);
    }

    proptest::proptest! {
        #[test]
        fn there_are_differences_exactly_when_the_results_differ(
            a in proptest::collection::btree_map("[ab]", "[xy]{0,2}", 0..3),
            b in proptest::collection::btree_map("[ab]", "[xy]{0,2}", 0..3),
        ) {
            let of = |files: &BTreeMap<String, String>| {
                run(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
            };
            let (a, b) = (of(&a), of(&b));
            let same = a.outputs == b.outputs;
            proptest::prop_assert_eq!(differences(&[a, b]).is_empty(), same);
        }
    }
}
