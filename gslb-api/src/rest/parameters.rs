//! The parameters of a query, read into what a route takes; what is wrong with one is told by its name, in the words of
//! this API.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// What is wrong, as a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(String);

/// Reads a query, which is what stands behind the question mark (`application/x-www-form-urlencoded`).
///
/// # Errors
/// [`Wrong`] about the first parameter that is not known, comes twice or has no such value, or one that is missing.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Wrong> {
    T::deserialize(Parameters { rest: form_urlencoded::parse(query.as_bytes()), value: None })
}

struct Parameters<'q> {
    rest: form_urlencoded::Parse<'q>,
    /// The value that comes next, with its name.
    value: Option<(Cow<'q, str>, Cow<'q, str>)>,
}

impl<'de> Deserializer<'de> for Parameters<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Parameters<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let name: StrDeserializer<'_, Wrong> = self.value.insert((name, value)).0.as_ref().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Parameter(&value)).map_err(|Wrong(told)| Wrong(format!("{name} {told}.")))
    }
}

/// A value, which is text until something else is asked for. What is wrong with it lacks the name yet.
struct Parameter<'q>(&'q str);

impl Parameter<'_> {
    fn whole(&self) -> Result<u64, Wrong> {
        self.0.parse().map_err(|_| Wrong(format!("is a whole number, and not {:?}", self.0)))
    }
}

impl<'de> Deserializer<'de> for Parameter<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(Wrong(format!("is true or false, and not {other:?}"))),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(self.whole()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(self.whole()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let word: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl de::Error for Wrong {
    fn custom<T: Display>(told: T) -> Self {
        Self(told.to_string())
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        if known.is_empty() {
            return Self(format!("There is no parameter {name:?}, nor any other, here."));
        }
        Self(format!("There is no parameter {name:?} here; known: {}.", known.join(", ")))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self(format!("is one of {}, and not {word:?}", known.join(", ")))
    }

    fn missing_field(name: &'static str) -> Self {
        Self(format!("The parameter {name} is missing."))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self(format!("The parameter {name} is duplicated."))
    }
}

impl Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        by: By,
        limit: Option<usize>,
        #[serde(default)]
        dry_run: bool,
        name: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum By {
        DataCenter,
        Region,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    #[test]
    fn parameters_are_read_as_what_they_are_to_be() {
        let read = read::<Query>("by=data-center&limit=7&dry_run=true&name=a%2Fb+c").unwrap();
        let name = Some("a/b c".to_owned());
        assert_eq!(read, Query { by: By::DataCenter, limit: Some(7), dry_run: true, name });
        let fewest = super::read::<Query>("by=region").unwrap();
        assert_eq!(fewest, Query { by: By::Region, limit: None, dry_run: false, name: None });
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        for (query, told) in [
            ("by=region&expire=1", "There is no parameter \"expire\" here; known: by, limit, dry_run, name."),
            ("by=pool", "by is one of data-center, region, and not \"pool\"."),
            ("by=region&limit=-1", "limit is a whole number, and not \"-1\"."),
            ("by=region&limit=", "limit is a whole number, and not \"\"."),
            ("by=region&dry_run=yes", "dry_run is true or false, and not \"yes\"."),
            ("limit=1", "The parameter by is missing."),
            ("by=region&limit=1&limit=2", "The parameter limit is duplicated."),
        ] {
            assert_eq!(read::<Query>(query).unwrap_err().to_string(), told, "{query}");
        }
        let told = read::<Nothing>("limit=1").unwrap_err().to_string();
        assert_eq!(told, "There is no parameter \"limit\", nor any other, here.");
        assert!(read::<Nothing>("").is_ok());
    }
}
