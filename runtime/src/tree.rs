//! Folders as values: what goes into a job and what comes out of it.
//!
//! Names, bytes and links only: no owners, modes or times, because those differ between machines.

use std::{collections::BTreeMap, sync::Arc};

/// One entry of a [`Folder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file's bytes, shared rather than copied.
    File(Arc<Vec<u8>>),
    /// A folder.
    Folder(Folder),
    /// A symbolic link's target, as written.
    Symlink(String),
}

/// A folder: entries by name, in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// The entries. A name is UTF-8, not empty, not `.` or `..`, and holds neither `/` nor NUL.
    pub entries: BTreeMap<String, Node>,
}

impl Folder {
    /// Whether `name` may name an entry.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(['/', '\0'])
    }

    /// Adds a file, replacing what had its name.
    pub fn insert_file(&mut self, name: &str, bytes: Vec<u8>) {
        self.entries.insert(name.to_owned(), Node::File(Arc::new(bytes)));
    }

    /// The entry at a relative path such as `outputs/counts.tsv`; links are not followed.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Node> {
        let (first, rest) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
        match (self.entries.get(first)?, rest) {
            (node, None) => Some(node),
            (Node::Folder(folder), Some(rest)) => folder.at(rest),
            _ => None,
        }
    }

    /// The bytes of the file at a relative path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.at(path)? {
            Node::File(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Bytes of all files below.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries
            .values()
            .map(|node| match node {
                Node::File(bytes) => bytes.len() as u64,
                Node::Folder(folder) => folder.bytes(),
                Node::Symlink(_) => 0,
            })
            .sum()
    }

    /// Files and links below, folders not counted.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.entries.values().map(|node| if let Node::Folder(f) = node { f.files() } else { 1 }).sum()
    }
}
