//! Reads the fields of a document one by one, in any case, and names those that nobody asked for.

use super::{error::Findings, node::Node, path::Path};
use std::collections::BTreeMap;

/// The fields of one object.
#[derive(Debug)]
pub(crate) struct Fields<'n, 'p> {
    path: &'p Path<'p>,
    entries: &'n [(String, Node)],
    used: Vec<bool>,
    asked: Vec<&'static str>,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// The fields of a node; nothing is no fields.
    pub(crate) fn open(node: &'n Node, path: &'p Path<'p>, findings: &mut Findings) -> Self {
        let entries: &[_] = match node {
            Node::Fields(entries) => entries,
            Node::Null => &[],
            other => {
                findings.problem(path, format!("expected fields, found {}", other.kind()));
                &[]
            }
        };
        Self { path, entries, used: vec![false; entries.len()], asked: Vec::new() }
    }

    /// The field of a name, in any case; nothing, when there is none or it is null.
    pub(crate) fn take(&mut self, name: &'static str, findings: &mut Findings) -> Option<&'n Node> {
        self.asked.push(name);
        let mut found: Option<(&'n str, &'n Node)> = None;
        let mut doubled = false;
        for (index, (key, node)) in self.entries.iter().enumerate() {
            if !folds_to(key, name) {
                continue;
            }
            self.used[index] = true;
            match found {
                Some((first, _)) if !doubled => {
                    let spellings =
                        if first == key { String::new() } else { format!(" (as {first} and as {key})") };
                    findings
                        .problem(&self.path.field(name), format!("given twice{spellings}; leave one out"));
                    doubled = true;
                }
                Some(_) => {}
                None => found = Some((key, node)),
            }
        }
        found.map(|(_, node)| node).filter(|node| **node != Node::Null)
    }

    /// Takes a field whatever it holds, because it changes nothing here.
    pub(crate) fn skip(&mut self, name: &'static str, findings: &mut Findings) {
        self.take(name, findings);
    }

    /// Takes a field that may be there as long as it says nothing.
    pub(crate) fn refuse(&mut self, name: &'static str, why: &str, findings: &mut Findings) {
        if self.take(name, findings).is_some_and(|node| !node.is_blank()) {
            findings.problem(&self.path.field(name), why);
        }
    }

    /// As [`Fields::refuse`], unless the field was taken before.
    pub(crate) fn refuse_untaken(&mut self, name: &'static str, why: &str, findings: &mut Findings) {
        if !self.asked.contains(&name) {
            self.refuse(name, why, findings);
        }
    }

    /// Takes a field that is left out with a warning, when it says something.
    pub(crate) fn leave_out(&mut self, name: &'static str, why: &str, findings: &mut Findings) {
        if self.take(name, findings).is_some_and(|node| !node.is_blank()) {
            findings.warn(&self.path.field(name), why);
        }
    }

    /// Names the fields that nobody took. `elsewhere` says where fields belong that are often misplaced.
    pub(crate) fn close(self, elsewhere: &[(&str, &[&str])], findings: &mut Findings) {
        for ((key, _), _) in self.entries.iter().zip(&self.used).filter(|(_, used)| !**used) {
            let belongs = elsewhere.iter().find_map(|(place, names)| {
                names.iter().find(|name| folds_to(key, name)).map(|name| (place, name))
            });
            let hint = match (belongs, nearest(key, &self.asked)) {
                (Some((place, name)), _) => format!("it belongs under {place}, as {place}.{name}"),
                (None, Some(name)) => format!("did you mean {name}?"),
                (None, None) => "leave it out".to_owned(),
            };
            findings.problem(&self.path.field(key), format!("no such field; {hint}"));
        }
    }

    pub(crate) fn text(&mut self, name: &'static str, findings: &mut Findings) -> Option<String> {
        let node = self.take(name, findings)?;
        text(node, &self.path.field(name), findings)
    }

    /// Text that says something.
    pub(crate) fn word(&mut self, name: &'static str, findings: &mut Findings) -> Option<String> {
        let text = self.text(name, findings)?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub(crate) fn whole(&mut self, name: &'static str, findings: &mut Findings) -> Option<u64> {
        let node = self.take(name, findings)?;
        let value = number(node, &self.path.field(name), findings)?;
        if value < 0.0 || value.fract() != 0.0 || value >= 2f64.powi(63) {
            findings
                .problem(&self.path.field(name), format!("expected a whole number from 0, found {value}"));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Some(value as u64)
    }

    pub(crate) fn number(&mut self, name: &'static str, findings: &mut Findings) -> Option<f64> {
        let node = self.take(name, findings)?;
        number(node, &self.path.field(name), findings)
    }

    /// A list; nothing is an empty one.
    pub(crate) fn list(&mut self, name: &'static str, findings: &mut Findings) -> &'n [Node] {
        match self.take(name, findings) {
            Some(Node::List(items)) => items,
            Some(other) => {
                findings.problem(&self.path.field(name), format!("expected a list, found {}", other.kind()));
                &[]
            }
            None => &[],
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &'static str, findings: &mut Findings) -> Vec<String> {
        let path = self.path.field(name);
        let items = self.list(name, findings).iter().enumerate();
        items.filter_map(|(index, item)| exact_text(item, &path.item(index), findings)).collect()
    }

    /// Texts by name; names keep their case.
    pub(crate) fn map(&mut self, name: &'static str, findings: &mut Findings) -> BTreeMap<String, String> {
        let path = self.path.field(name);
        let mut map = BTreeMap::new();
        match self.take(name, findings) {
            Some(Node::Fields(entries)) => {
                for (key, node) in entries {
                    let value = text(node, &path.field(key), findings).unwrap_or_default();
                    if map.insert(key.clone(), value).is_some() {
                        findings.problem(&path.field(key), "given twice; leave one out");
                    }
                }
            }
            Some(other) => findings.problem(&path, format!("expected fields, found {}", other.kind())),
            None => {}
        }
        map
    }
}

/// Whether a key is a name to Go's JSON: any case, and two letters that Unicode folds to ASCII.
pub(crate) fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key == name || key.chars().map(fold).eq(name.chars().map(fold))
}

/// Text; a number or truth value is the text of it, as where Bacalhau reads YAML.
pub(crate) fn text(node: &Node, path: &Path<'_>, findings: &mut Findings) -> Option<String> {
    match node {
        Node::Text(text) => Some(text.clone()),
        Node::Number(number) => Some(number.to_string()),
        Node::Bool(value) => Some(value.to_string()),
        Node::Null => None,
        other => {
            findings.problem(path, format!("expected text, found {}", other.kind()));
            None
        }
    }
}

/// Text and nothing else, as where Bacalhau reads what an engine or source needs to know.
fn exact_text(node: &Node, path: &Path<'_>, findings: &mut Findings) -> Option<String> {
    match node {
        Node::Text(text) => Some(text.clone()),
        Node::Number(_) | Node::Bool(_) => {
            findings.problem(path, format!("expected text, found {}; put it in quotes", node.kind()));
            None
        }
        other => {
            findings.problem(path, format!("expected text, found {}", other.kind()));
            None
        }
    }
}

fn number(node: &Node, path: &Path<'_>, findings: &mut Findings) -> Option<f64> {
    if let Node::Number(number) = node {
        return number.as_f64();
    }
    findings.problem(path, format!("expected a number, found {}", node.kind()));
    None
}

/// The name that a misspelt key is closest to, if any is close.
fn nearest(key: &str, names: &[&'static str]) -> Option<&'static str> {
    if key.len() > 32 {
        return None;
    }
    let distances = names.iter().map(|name| (distance(key, name), *name));
    distances.min().filter(|(distance, name)| *distance <= name.len() / 3).map(|(_, name)| name)
}

/// How many letters must change to make one of the other, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let cost = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
