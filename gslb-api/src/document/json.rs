//! Text to documents and back: JSON that says everything once and nests no deeper than is read, and TOML.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most levels of objects and arrays.
pub const MAX_DEPTH: usize = 64;
/// Most values and names of members: each takes far more memory than the two octets that it may be written in.
pub const MAX_VALUES: usize = 4_000_000;

/// Reads JSON (RFC 8259). A member that is there twice is refused: whoever wrote it meant both.
///
/// # Errors
/// A sentence with line and column.
pub fn from_json(octets: &[u8]) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let values = Cell::new(MAX_VALUES);
    let value = Nested { left: MAX_DEPTH, values: &values }.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| format!("not JSON: {error}"))
}

/// Reads TOML.
///
/// # Errors
/// What is wrong with it, a line for each problem.
pub fn from_toml(text: &str) -> Result<Value, String> {
    gslb_core::document::to_json("document", text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// Writes a document as TOML.
///
/// # Errors
/// Where it holds what TOML cannot say, which no checked document does.
pub fn to_toml(document: &Value) -> Result<String, String> {
    toml::to_string(document).map_err(|error| error.to_string())
}

/// A value with so many levels left, and so many values in all.
struct Nested<'v> {
    left: usize,
    values: &'v Cell<usize>,
}

impl<'v> Nested<'v> {
    fn inner<E: Error>(&self) -> Result<Nested<'v>, E> {
        let left = self.left.checked_sub(1);
        let inner = left.map(|left| Nested { left, values: self.values });
        inner.ok_or_else(|| E::custom(format!("it nests more than {MAX_DEPTH} levels deep")))
    }

    /// Counts a value or a name.
    fn count<E: Error>(&self) -> Result<(), E> {
        let left = self.values.get().checked_sub(1);
        let told = || E::custom(format!("it has more than {MAX_VALUES} values and names of members"));
        left.map(|left| self.values.set(left)).ok_or_else(told)
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.count()?;
            let value = members.next_value_seed(self.inner()?)?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the member {name:?} is there twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = r#"{"z":1,"a":[true,null,-3,1.5,"ü"],"m":{"x":{}}}"#;
        assert_eq!(from_json(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_with_its_place() {
        let error = from_json(b"{\"pools\": {\"a\": 1,\n \"a\": 2}}").unwrap_err().to_string();
        assert!(error.contains("\"a\" is there twice") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn depth_has_an_end() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(from_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 200, 10_000, 1_000_000] {
            assert!(from_json(nested(depth).as_bytes()).is_err());
        }
        assert!(from_json("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{}{}", "{'a':1}", "[1,]", "nul", "\"\u{1}\"", "1e999", "// x\n{}", "{} x"] {
            assert!(from_json(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_json(b"\"\xff\"").is_err());
    }
}
