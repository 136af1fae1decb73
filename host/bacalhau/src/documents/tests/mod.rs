//! What the tests of documents share.

use super::*;
use std::collections::BTreeMap;

mod text;
mod v1;
mod v2;

fn plan(document: &str) -> Plan {
    parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

/// The problems of a document must be these, each from its beginning.
#[track_caller]
fn refused(document: &str, expected: &[&str]) {
    let error = parse(document.as_bytes()).expect_err(document);
    let found: Vec<String> = match error.problems() {
        [] => vec![error.to_string()],
        problems => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "found    {found}\nexpected {expected}");
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}
