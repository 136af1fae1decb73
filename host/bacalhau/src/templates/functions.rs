//! The functions that templates may call, and the values they work on.

use super::TemplateError;
use std::{cmp::Ordering, collections::BTreeMap};

/// A value within a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// An input that wasn't given: false where something is asked, an error where it is used.
    Missing(String),
    /// Text that is written as it is.
    Text(String),
    /// Text that `subst` took out of JSON's spelling. Go writes it as it is, so that an input with a quote in it ends
    /// the text it stands in, and can add to the job what its author never meant; here it is spelled again.
    Decoded(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Nil,
    /// All inputs: `.` outside of with and range.
    Inputs,
}

impl Value {
    /// What a person calls such a value.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "a missing input",
            Self::Text(_) | Self::Decoded(_) => "text",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Nil => "nil",
            Self::Inputs => "the inputs",
        }
    }

    /// Whether `if` takes it for true: Go's rule, by which what is empty or zero is false.
    ///
    /// An input that was given as empty text is true: it is spelled `""`.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Missing(_) | Self::Nil => false,
            Self::Text(text) | Self::Decoded(text) => !text.is_empty(),
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Bool(value) => *value,
            Self::Inputs => true,
        }
    }

    /// Its text, for functions.
    fn text(&self, line: usize) -> Result<String, TemplateError> {
        match self {
            Self::Missing(name) => Err(TemplateError::Missing { line, name: name.clone() }),
            Self::Text(text) | Self::Decoded(text) => Ok(text.clone()),
            Self::Int(value) => Ok(value.to_string()),
            Self::Float(value) => Ok(value.to_string()),
            Self::Bool(value) => Ok(value.to_string()),
            Self::Nil | Self::Inputs => {
                Err(TemplateError::at(line, format!("{} can't be written", self.kind())))
            }
        }
    }

    /// What is written for it.
    pub(super) fn written(&self, line: usize) -> Result<String, TemplateError> {
        match self {
            Self::Decoded(text) => Ok(escape(text, |c| c == '"' || c == '\\')),
            other => other.text(line),
        }
    }
}

/// An input, if it was given.
pub(super) fn input(inputs: &BTreeMap<String, String>, name: &str) -> Value {
    inputs.get(name).map_or_else(|| Value::Missing(name.to_owned()), |text| Value::Text(text.clone()))
}

/// Calls a function.
pub(super) fn call(
    name: &str,
    arguments: Vec<Value>,
    inputs: &BTreeMap<String, String>,
    line: usize,
) -> Result<Value, TemplateError> {
    let wants = |what: &str| Err(TemplateError::at(line, format!("{name} takes {what}")));
    match (name, arguments.as_slice()) {
        ("not", [value]) => Ok(Value::Bool(!value.is_true())),
        ("not", _) => wants("one value"),
        ("and" | "or", []) => wants("at least one value"),
        ("and" | "or", _) => {
            let decides = |value: &Value| value.is_true() == (name == "or");
            let found = arguments.iter().find(|value| decides(value)).or(arguments.last());
            Ok(found.cloned().unwrap_or(Value::Nil))
        }
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            let mut found = false;
            for other in rest {
                found |= compare(first, other, line)? == Ordering::Equal;
            }
            Ok(Value::Bool(found))
        }
        ("eq", _) => wants("at least two values"),
        ("ne" | "lt" | "le" | "gt" | "ge", [a, b]) => {
            let order = compare(a, b, line)?;
            Ok(Value::Bool(match name {
                "ne" => order != Ordering::Equal,
                "lt" => order == Ordering::Less,
                "le" => order != Ordering::Greater,
                "gt" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        ("ne" | "lt" | "le" | "gt" | "ge", _) => wants("two values"),
        ("len", [Value::Inputs]) => Ok(Value::Int(i64::try_from(inputs.len()).unwrap_or(i64::MAX))),
        ("len", [value]) => Ok(Value::Int(i64::try_from(value.text(line)?.len()).unwrap_or(i64::MAX))),
        ("len", _) => wants("one value"),
        ("index", [value]) => Ok(value.clone()),
        ("index", [Value::Inputs, key]) => Ok(input(inputs, &key.text(line)?)),
        ("index", _) => wants("the inputs and a name: index . \"Name\""),
        ("js", values) if !values.is_empty() => {
            let text = values.iter().map(|value| value.text(line)).collect::<Result<Vec<_>, _>>()?.join(" ");
            // Go also escapes an apostrophe by a backslash, which JSON has no word for; this has the same meaning.
            Ok(Value::Text(escape(&text, |c| matches!(c, '"' | '\\' | '\'' | '<' | '>' | '&' | '='))))
        }
        ("js", _) => wants("a value"),
        ("subst", [format, values @ ..]) => {
            let mut decoded = Vec::with_capacity(values.len());
            for value in values {
                let text = value.text(line)?;
                match serde_json::from_str(&text) {
                    Ok(text) => decoded.push(Value::Text(text)),
                    Err(_) => {
                        return Err(TemplateError::at(
                            line,
                            "subst takes a format and inputs: subst \"NAME=%s\" .Name",
                        ));
                    }
                }
            }
            Ok(Value::Decoded(format_values("subst", &format.text(line)?, &decoded, line)?))
        }
        ("subst", _) => wants("a format and inputs: subst \"NAME=%s\" .Name"),
        ("printf", [format, values @ ..]) => {
            let text = format_values("printf", &format.text(line)?, values, line)?;
            Ok(same_spelling(&arguments, text))
        }
        ("printf", _) => wants("a format and values"),
        ("print", values) => {
            let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Decoded(_));
            let mut text = String::new();
            for (index, value) in values.iter().enumerate() {
                if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
                    text.push(' ');
                }
                text.push_str(&value.text(line)?);
            }
            Ok(same_spelling(values, text))
        }
        _ => Err(TemplateError::at(
            line,
            format!(
                "there is no function '{name}'; there are subst, js, printf, print, index, len, and, or, not, eq, ne, lt, \
                 le, gt and ge"
            ),
        )),
    }
}

/// Text made of values: what was decoded stays so, for it must be spelled again wherever it is written.
fn same_spelling(values: &[Value], text: String) -> Value {
    let is_decoded = values.iter().any(|value| matches!(value, Value::Decoded(_)));
    if is_decoded { Value::Decoded(text) } else { Value::Text(text) }
}

fn compare(a: &Value, b: &Value, line: usize) -> Result<Ordering, TemplateError> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Ok(a.total_cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Missing(name), _) | (_, Value::Missing(name)) => {
            Err(TemplateError::Missing { line, name: name.clone() })
        }
        (Value::Text(a) | Value::Decoded(a), Value::Text(b) | Value::Decoded(b)) => Ok(a.cmp(b)),
        _ => Err(TemplateError::at(line, format!("{} can't be compared with {}", a.kind(), b.kind()))),
    }
}

/// `printf`'s format: `%s`, `%v`, `%d`, `%q` and `%%`.
fn format_values(name: &str, format: &str, values: &[Value], line: usize) -> Result<String, TemplateError> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let verb = chars.next();
        if verb == Some('%') {
            text.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            return Err(TemplateError::at(
                line,
                format!("{name}: '{format}' asks for more values than it is given"),
            ));
        };
        match (verb, value) {
            (Some('s' | 'v'), value) => text.push_str(&value.text(line)?),
            (Some('d'), Value::Int(value)) => text.push_str(&value.to_string()),
            (Some('q'), value) => {
                text.push_str(&format!("\"{}\"", escape(&value.text(line)?, |c| c == '"' || c == '\\')))
            }
            (verb, value) => {
                let verb = verb.map(String::from).unwrap_or_default();
                return Err(TemplateError::at(
                    line,
                    format!("{name}: %{verb} is not supported for {}", value.kind()),
                ));
            }
        }
    }
    match values.next() {
        Some(_) => {
            Err(TemplateError::at(line, format!("{name}: '{format}' asks for fewer values than it is given")))
        }
        None => Ok(text),
    }
}

/// Spells text so that it can stand within quotes in JSON. Quotes and backslashes are escaped by a backslash, whatever
/// else is special or a control character by its number.
fn escape(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if u32::from(c) < 0x20 || is_special(c) => {
                escaped.push_str(&format!("\\u{:04X}", u32::from(c)))
            }
            c => escaped.push(c),
        }
    }
    escaped
}
