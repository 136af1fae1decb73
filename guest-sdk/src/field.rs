//! One field of an input, read as what the module's type asks for.
//!
//! A command line only has text: whoever types `times=3` can't know whether the module wants a number.
//! So where the type asks for something else than text, a text is read as JSON; where it asks for text, a whole
//! number or a boolean is taken as written. Nothing is ever rounded: a fraction stays a fraction or is an error.
//! Only the fields themselves are treated so, not what is nested in them.

use serde::{
    Deserializer,
    de::{IntoDeserializer, Visitor},
};
use serde_json::{Error, Value};

/// A field's value, which is also its deserializer.
#[derive(Debug)]
pub(crate) struct Field(pub(crate) Value);

impl Field {
    /// For a type that is not text.
    fn untexted(self) -> Value {
        match self.0 {
            // A text that is no JSON stays what it is, and the error says that a text was found.
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            value => value,
        }
    }

    /// For a type that is text.
    fn texted(self) -> Value {
        match self.0 {
            Value::Number(number) if !number.is_f64() => Value::String(number.to_string()),
            Value::Bool(truth) => Value::String(truth.to_string()),
            value => value,
        }
    }
}

impl IntoDeserializer<'_, Error> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! read_as {
    ($convert:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$convert().$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Field {
    type Error = Error;

    read_as! { untexted:
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_unit deserialize_seq deserialize_map
    }

    read_as! { texted: deserialize_char deserialize_str deserialize_string }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_byte_buf(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.untexted().deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.untexted().deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.untexted().deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.untexted().deserialize_struct(name, fields, visitor)
    }

    /// A text names a variant, so it is not read as JSON.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_identifier(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_ignored_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::json;

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
        T::deserialize(Field(value)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_text_becomes_what_the_type_asks_for() {
        assert_eq!(read::<u32>(json!("3")), Ok(3));
        assert_eq!(read::<f64>(json!("-2.5")), Ok(-2.5));
        assert_eq!(read::<bool>(json!("true")), Ok(true));
        assert_eq!(read::<Option<u8>>(json!("7")), Ok(Some(7)));
        assert_eq!(read::<Option<u8>>(json!(null)), Ok(None));
        assert_eq!(read::<Vec<String>>(json!(r#"["a", "b"]"#)), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(read::<(u8, u8)>(json!("[1,2]")), Ok((1, 2)));
    }

    #[test]
    fn a_text_that_does_not_fit_is_an_error() {
        assert_eq!(read::<u32>(json!("three")).unwrap_err(), "invalid type: string \"three\", expected u32");
        assert_eq!(read::<u8>(json!("300")).unwrap_err(), "invalid value: integer `300`, expected u8");
        assert!(read::<u32>(json!("")).is_err());
    }

    #[test]
    fn a_text_stays_a_text_when_one_is_wanted() {
        for text in ["3", "true", "null", "[1]", "\"quoted\"", "007", "1e3"] {
            assert_eq!(read::<String>(json!(text)), Ok(text.to_owned()));
        }
        assert_eq!(read::<Value>(json!("3")), Ok(json!("3")));
    }

    #[test]
    fn whole_numbers_and_booleans_are_texts_as_written_and_fractions_are_not() {
        assert_eq!(read::<String>(json!(42)), Ok("42".into()));
        assert_eq!(read::<String>(json!(u64::MAX)), Ok("18446744073709551615".into()));
        assert_eq!(read::<Option<String>>(json!(false)), Ok(Some("false".into())));
        assert_eq!(
            read::<String>(json!(1.5)).unwrap_err(),
            "invalid type: floating point `1.5`, expected a string"
        );
        assert!(read::<String>(json!(["a"])).is_err());
    }

    #[test]
    fn newtypes_and_variants_are_read_as_usual() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Columns(u16);
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Mode {
            Fast,
            Exact(u8),
        }
        assert_eq!(read::<Columns>(json!("80")), Ok(Columns(80)));
        assert_eq!(read::<Mode>(json!("fast")), Ok(Mode::Fast));
        assert_eq!(read::<Mode>(json!({"exact": 3})), Ok(Mode::Exact(3)));
    }
}
