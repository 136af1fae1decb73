//! YAML into nodes, as the Go library that Bacalhau reads its documents with sees it.
//!
//! Plain scalars mean what YAML 1.1 says (`yes` is true, `0x10` is 16), aliases and merge keys are resolved within
//! bounds, and what JSON has no word for is an error.

use super::{error::DocumentError, node::Node};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Number;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// Most that aliases may repeat, in nodes and in bytes of text together.
const REPEATED_MAX: usize = 4 << 20;

/// Something begun and not yet ended.
enum Open {
    List { items: Vec<Node>, anchor: usize },
    Fields { fields: Vec<(String, Node)>, key: Option<Key>, merges: Vec<Node>, anchor: usize },
}

/// A key whose value is not yet read.
enum Key {
    Name(String),
    Merge,
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    repeated: usize,
    documents: usize,
    result: Option<Node>,
}

/// The only document of a text; an empty one is [`Node::Null`].
pub(super) fn read(text: &str) -> Result<Node, DocumentError> {
    let mut reader = Reader::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| DocumentError::Syntax {
            line: error.marker().line(),
            reason: error.info().to_owned(),
        })?;
        reader
            .take(event)
            .map_err(|reason| DocumentError::Syntax { line: span.start.line(), reason: reason.into() })?;
    }
    Ok(reader.result.unwrap_or(Node::Null))
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), Cow<'static, str>> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document begins here; one file holds one job".into());
                }
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err("this alias stands within what it repeats".into());
                };
                self.repeated += size;
                if self.repeated > REPEATED_MAX {
                    return Err("aliases repeat too much; write it out".into());
                }
                let node = node.clone();
                self.put(node, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.expects_key() {
                    return self.key(text.into_owned(), style, tag.as_deref());
                }
                let node = scalar(text, style, tag.as_deref())?;
                self.put(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(tag.as_deref(), "seq", Open::List { items: Vec::new(), anchor })
            }
            Event::MappingStart(anchor, tag) => {
                let fields = Open::Fields { fields: Vec::new(), key: None, merges: Vec::new(), anchor };
                self.begin(tag.as_deref(), "map", fields)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { items, anchor }) => self.put(Node::List(items), anchor),
                Some(Open::Fields { fields, merges, anchor, .. }) => {
                    let fields = merge(fields, merges)?;
                    self.put(Node::Fields(fields), anchor)
                }
                None => Err("something ends here that never began".into()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Fields { key: None, .. }))
    }

    fn key(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>) -> Result<(), Cow<'static, str>> {
        let is_merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
        if let Some(Open::Fields { key, .. }) = self.open.last_mut() {
            *key = Some(if is_merge { Key::Merge } else { Key::Name(text) });
        }
        Ok(())
    }

    fn begin(&mut self, tag: Option<&Tag>, core: &str, open: Open) -> Result<(), Cow<'static, str>> {
        if self.expects_key() {
            return Err("a key must be plain text".into());
        }
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema() || tag.suffix != core) {
            return Err("tags (!…) mean nothing here; leave it out".into());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} levels within one another").into());
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Cow<'static, str>> {
        if anchor != 0 {
            let size = size(&node);
            self.repeated += size;
            if self.repeated > REPEATED_MAX {
                return Err("anchors hold too much; write it out".into());
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Fields { fields, key, merges, .. }) => match key.take() {
                Some(Key::Name(name)) => fields.push((name, node)),
                Some(Key::Merge) => merges.push(node),
                None => return Err("a key must be plain text".into()),
            },
            None => self.result = Some(node),
        }
        Ok(())
    }
}

/// Adds what merge keys (`<<`) bring; what is written out goes first.
fn merge(
    mut fields: Vec<(String, Node)>,
    merges: Vec<Node>,
) -> Result<Vec<(String, Node)>, Cow<'static, str>> {
    if merges.is_empty() {
        return Ok(fields);
    }
    let mut taken: HashSet<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    let mut pending: Vec<Node> = merges.into_iter().rev().collect();
    while let Some(node) = pending.pop() {
        match node {
            Node::Fields(more) => {
                let more: Vec<_> = more.into_iter().filter(|(name, _)| !taken.contains(name)).collect();
                taken.extend(more.iter().map(|(name, _)| name.clone()));
                fields.extend(more);
            }
            Node::List(items) if items.iter().all(|item| matches!(item, Node::Fields(_))) => {
                pending.extend(items.into_iter().rev());
            }
            _ => return Err("a merge key (<<) takes fields, or a list of them".into()),
        }
    }
    Ok(fields)
}

/// Nodes and bytes of text in a value.
fn size(node: &Node) -> usize {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => 1,
        Node::Text(text) => 1 + text.len(),
        Node::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Node::Fields(fields) => {
            1 + fields.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>()
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, Cow<'static, str>> {
    if let Some(tag) = tag {
        return match tag.suffix.as_str() {
            "str" if tag.is_yaml_core_schema() => Ok(Node::Text(text.into_owned())),
            "null" | "bool" | "int" | "float" if tag.is_yaml_core_schema() => plain(text),
            _ => Err("tags (!…) mean nothing here; leave it out".into()),
        };
    }
    if style == ScalarStyle::Plain { plain(text) } else { Ok(Node::Text(text.into_owned())) }
}

/// What a scalar without quotes means.
fn plain(text: Cow<'_, str>) -> Result<Node, Cow<'static, str>> {
    Ok(match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Node::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Node::Bool(false)
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan"
        | ".NaN" | ".NAN" => return Err("infinity and not-a-number can't be written in a job".into()),
        other => number(other)?.map_or_else(|| Node::Text(text.into_owned()), Node::Number),
    })
}

fn number(text: &str) -> Result<Option<Number>, Cow<'static, str>> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(None);
    }
    let digits = text.replace('_', "");
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(None);
    }
    let whole = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16).ok(),
        [b'0', b'o' | b'O', ..] => u64::from_str_radix(&digits[2..], 8).ok(),
        [b'0', b'b' | b'B', ..] => u64::from_str_radix(&digits[2..], 2).ok(),
        [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8).ok(),
        _ => digits.parse().ok(),
    };
    match whole {
        Some(whole) if !negative => return Ok(Some(whole.into())),
        Some(whole) if whole <= i64::MIN.unsigned_abs() => {
            return Ok(Some(0i64.wrapping_sub_unsigned(whole).into()));
        }
        _ => {}
    }
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return Ok(None);
    }
    match digits.parse::<f64>() {
        Ok(value) => {
            let value = if negative { -value } else { value };
            Number::from_f64(value).map(Some).ok_or_else(|| "this number is too large".into())
        }
        Err(_) => Ok(None),
    }
}
