//! The typed input of a job: a JSON object on stdin, read into the author's own type.
//!
//! A field given as text, as from a command line, is read as what the type asks for: `"3"` does for a number.
//! An empty stdin is an empty object, so a module whose fields are all optional runs without input.
//! A field that the type does not have is an error: a misspelled option would be paid for and ignored.

use std::{
    cell::Cell,
    fmt,
    io::{self, Read},
};

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::field::Field;

/// Why an input could not be used; every message says what the module takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// stdin could not be read.
    #[error("the input can't be read from stdin")]
    Read(#[source] io::Error),
    /// The bytes on stdin are not JSON.
    #[error("the input is not JSON: {reason}; {expected}")]
    NotJson {
        /// What the parser met, and where.
        reason: String,
        /// What the module takes.
        expected: Expected,
    },
    /// JSON, but not an object.
    #[error("the input is {found}; {expected}")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
        /// What the module takes.
        expected: Expected,
    },
    /// A field that the module does not have.
    #[error("the input has an unknown field `{field}`; {expected}")]
    UnknownField {
        /// Its name.
        field: String,
        /// What the module takes.
        expected: Expected,
    },
    /// A field is missing or has a value of another type.
    #[error("the input does not fit: {reason}; {expected}")]
    Mismatch {
        /// Which field, and what was expected of it.
        reason: String,
        /// What the module takes.
        expected: Expected,
    },
}

/// The fields that a module's input has, as far as its type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected(Option<&'static [&'static str]>);

impl Expected {
    /// The fields of `T`, when it is a struct that serde reads field by field.
    pub fn of<T: DeserializeOwned>() -> Self {
        let fields = Cell::new(None);
        // The probe learns the names and then always refuses; only what it learnt matters.
        let _ = T::deserialize(FieldProbe(&fields));
        Self(fields.get())
    }

    fn has(&self, field: &str) -> bool {
        self.0.is_none_or(|fields| fields.contains(&field))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("this module takes a JSON object"),
            Some([]) => f.write_str("this module takes an empty JSON object"),
            Some(fields) => write!(f, "this module takes a JSON object with: {}", fields.join(", ")),
        }
    }
}

/// Reads the input from stdin; see [`parse`].
///
/// # Errors
///
/// As [`parse`], and when stdin can't be read.
pub fn from_stdin<T: DeserializeOwned>() -> Result<T, InputError> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(InputError::Read)?;
    parse(&bytes)
}

/// Reads an input from the bytes that a job would find on stdin.
///
/// # Errors
///
/// When they are not a JSON object, or do not fit `T`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, InputError> {
    let expected = Expected::of::<T>();
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| InputError::NotJson { reason: error.to_string(), expected })?;
    let Value::Object(object) = value else {
        return Err(InputError::NotAnObject { found: kind(&value), expected });
    };
    if let Some(field) = object.keys().find(|field| !expected.has(field)) {
        return Err(InputError::UnknownField { field: field.clone(), expected });
    }
    let fields = object.into_iter().map(|(name, value)| (name, Field(value)));
    serde_path_to_error::deserialize(MapDeserializer::new(fields))
        .map_err(|error| InputError::Mismatch { reason: reason(&error), expected })
}

/// The message of a failed field, with its path when serde's own message does not name it.
fn reason(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    let text = error.inner().to_string();
    if path == "." { text } else { format!("field `{path}`: {text}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A deserializer that only listens to which fields are asked for.
struct FieldProbe<'a>(&'a Cell<Option<&'static [&'static str]>>);

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only asking"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(Some(fields));
        Err(de::Error::custom("only asking"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Greeting {
        name: String,
        times: Option<u32>,
        style: Option<Style>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Style {
        bold: bool,
    }

    fn error_of(json: &str) -> String {
        parse::<Greeting>(json.as_bytes()).unwrap_err().to_string()
    }

    const TAKES: &str = "; this module takes a JSON object with: name, times, style";

    #[test]
    fn an_input_is_read_by_name() {
        let greeting: Greeting = parse(br#"{"times": 2, "name": "Ada"}"#).unwrap();
        assert_eq!(greeting, Greeting { name: "Ada".into(), times: Some(2), style: None });
    }

    #[test]
    fn an_input_from_a_command_line_is_all_text() {
        let greeting: Greeting =
            parse(br#"{"times": "2", "name": "7", "style": "{\"bold\": true}"}"#).unwrap();
        let style = Some(Style { bold: true });
        assert_eq!(greeting, Greeting { name: "7".into(), times: Some(2), style });
        assert!(error_of(r#"{"name": "a", "times": "two"}"#).contains("field `times`: invalid type: string"));
    }

    #[test]
    fn an_error_names_the_field_and_what_the_module_takes() {
        assert_eq!(error_of("{}"), format!("the input does not fit: missing field `name`{TAKES}"));
        assert_eq!(
            error_of(r#"{"name": 5.5}"#),
            format!(
                "the input does not fit: field `name`: invalid type: floating point `5.5`, expected a string{TAKES}"
            )
        );
        assert_eq!(
            error_of(r#"{"name": "a", "style": {"bold": 1}}"#),
            format!(
                "the input does not fit: field `style.bold`: invalid type: integer `1`, expected a boolean{TAKES}"
            )
        );
        assert!(error_of(r#"{"name": "a", "times": -1}"#).contains("field `times`: invalid value"));
    }

    #[test]
    fn a_misspelled_field_is_refused() {
        assert_eq!(
            error_of(r#"{"name": "a", "time": 3}"#),
            format!("the input has an unknown field `time`{TAKES}")
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(error_of("[1]"), format!("the input is an array{TAKES}"));
        assert_eq!(error_of("\"a\""), format!("the input is a string{TAKES}"));
        assert!(error_of("name=Ada").starts_with("the input is not JSON: expected ident"));
        assert!(parse::<Greeting>(b"\xff").is_err());
    }

    #[test]
    fn no_input_is_an_empty_object() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Options {
            top: Option<u32>,
        }
        for empty in ["", " \n", "{}"] {
            assert_eq!(parse::<Options>(empty.as_bytes()).unwrap(), Options { top: None });
        }
    }

    #[test]
    fn a_map_takes_any_field() {
        let map: BTreeMap<String, u8> = parse(br#"{"x": 1}"#).unwrap();
        assert_eq!(map["x"], 1);
        assert_eq!(Expected::of::<BTreeMap<String, u8>>().to_string(), "this module takes a JSON object");
    }
}
