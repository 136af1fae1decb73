//! Label selectors as Kubernetes has them, and Bacalhau after it: what a list is filtered by. Pure.

use std::collections::BTreeMap;

/// Most requirements of one query.
const REQUIREMENTS_MAX: usize = 50;

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requirement {
    /// One of these values.
    In(String, Vec<String>),
    /// None of these; a job without the label fits.
    NotIn(String, Vec<String>),
    /// There at all.
    Exists(String),
    /// Not there.
    Missing(String),
}

impl Requirement {
    /// Reads `a=b,c!=d,e in (f,g),h,!i`; `Err` says what can't be read.
    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let mut found = Vec::new();
        let (mut depth, mut start) = (0_i32, 0);
        let ends = text.char_indices().chain([(text.len(), ',')]);
        for (at, letter) in ends {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                // The text's end ends the last one, brackets closed or not.
                ',' if depth <= 0 || at == text.len() => {
                    let part = text.get(start..at).unwrap_or_default().trim();
                    start = at + 1;
                    if !part.is_empty() {
                        found.push(Self::parse(part)?);
                    }
                }
                _ => {}
            }
        }
        if found.len() > REQUIREMENTS_MAX {
            return Err(format!("more than {REQUIREMENTS_MAX} requirements"));
        }
        Ok(found)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("'{}'", text.chars().filter(|c| !c.is_control()).take(100).collect::<String>());
        let key = |key: &str| {
            let key = key.trim();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
            if !key.is_empty() && key.chars().all(fits) { Ok(key.to_owned()) } else { Err(bad()) }
        };
        if let Some((name, value)) = text.split_once("!=") {
            return Ok(Self::NotIn(key(name)?, vec![value.trim().to_owned()]));
        }
        if let Some((name, value)) = text.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value);
            return Ok(Self::In(key(name)?, vec![value.trim().to_owned()]));
        }
        if let Some(name) = text.strip_prefix('!') {
            return Ok(Self::Missing(key(name)?));
        }
        let Some((head, list)) = text.split_once('(') else { return Ok(Self::Exists(key(text)?)) };
        let list = list.strip_suffix(')').ok_or_else(bad)?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        match head.trim().rsplit_once(char::is_whitespace) {
            Some((name, "in")) => Ok(Self::In(key(name)?, values)),
            Some((name, "notin")) => Ok(Self::NotIn(key(name)?, values)),
            _ => Err(bad()),
        }
    }

    /// Whether labels are so.
    pub(super) fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::Missing(key) => !labels.contains_key(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_choose() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("x/b".to_owned(), String::new())]);
        for (text, expected) in [
            ("", true),
            ("a=1", true),
            ("a==2", false),
            ("a!=2,x/b", true),
            ("canary!=true", true),
            ("a in (0, 1), !c", true),
            ("a notin (1,2)", false),
            ("!a", false),
            ("x/b=", true),
        ] {
            let fits = Requirement::parse_all(text).unwrap().iter().all(|one| one.fits(&labels));
            assert_eq!(fits, expected, "{text}");
        }
        for bad in ["a>1", "a in 1", "a of (1)", "a in (1", "=b", "a b"] {
            assert!(Requirement::parse_all(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = Requirement::parse_all(&text);
        }
    }
}
