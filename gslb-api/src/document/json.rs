//! Text to documents and back: JSON that says everything once and nests no deeper than is read, and TOML.

use std::cell::Cell;
use std::fmt;

use gslb_core::budget::{Budget, ITEM, MEMBER};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Document;

/// Most levels of objects and arrays.
pub const MAX_DEPTH: usize = 64;
/// Members of an object that are read before it gets its room: most have fewer, and are given no more than they need.
const FEW: usize = 8;

/// Why text is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is wrong; a line for each problem.
    #[error("{0}")]
    Invalid(String),
    /// It exceeds the memory limit, with the position where it does.
    #[error("{0}")]
    TooMuch(String),
}

/// Reads JSON (RFC 8259) that takes no more than `budget`. A duplicate member is refused: its author meant
/// both.
///
/// # Errors
/// [`Unread`], with line and column.
pub fn from_json(octets: &[u8], budget: &mut Budget) -> Result<Value, Unread> {
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let left = Cell::new(*budget);
    let value = Nested { left: MAX_DEPTH, budget: &left }.deserialize(&mut deserializer);
    *budget = left.get();
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| unread(&error, budget))
}

/// The error of JSON that could not be read; `budget` is the remaining budget.
pub(super) fn unread(error: &serde_json::Error, budget: &Budget) -> Unread {
    match budget.overrun() {
        Some(_) => Unread::TooMuch(error.to_string()),
        None => Unread::Invalid(format!("not JSON: {error}")),
    }
}

/// Reads a document in TOML that takes no more than `budget`.
///
/// # Errors
/// [`Unread`].
pub fn document_from_toml(text: &str, budget: &mut Budget) -> Result<Document, Unread> {
    gslb_core::site::document::to_json_text("document", text, budget).map(Document::of_text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = lines.join("\n");
        if budget.overrun().is_some() { Unread::TooMuch(message) } else { Unread::Invalid(message) }
    })
}

/// Writes a document as TOML.
///
/// # Errors
/// If it has values that TOML does not have; no checked document does.
pub fn to_toml(document: &Value) -> Result<String, String> {
    toml::to_string(document).map_err(|error| error.to_string())
}

/// Deserializes a value within a depth and a memory limit.
struct Nested<'b> {
    left: usize,
    budget: &'b Cell<Budget>,
}

impl<'b> Nested<'b> {
    fn inner<E: Error>(&self) -> Result<Nested<'b>, E> {
        let left = self.left.checked_sub(1);
        let inner = left.map(|left| Nested { left, budget: self.budget });
        inner.ok_or_else(|| E::custom(format!("it nests more than {MAX_DEPTH} levels deep")))
    }

    /// Charges octets before they are taken.
    fn charge<E: Error>(&self, octets: usize) -> Result<(), E> {
        let mut budget = self.budget.get();
        let charged = budget.charge(octets);
        self.budget.set(budget);
        charged.map_err(|over| E::custom(format!("up to here the body takes {over}")))
    }

    /// Text takes memory twice: in the document and in the tree.
    fn text<E: Error>(&self, text: &str) -> Result<(), E> {
        self.charge(2 * text.len())
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
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

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            self.charge(ITEM)?;
            list.push(item);
        }
        list.shrink_to_fit();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut few: Vec<(String, Value)> = Vec::with_capacity(FEW);
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.charge(MEMBER)?;
            self.text(&name)?;
            let value = members.next_value_seed(self.inner()?)?;
            if few.iter().any(|(known, _)| *known == name) || map.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate member {name:?}")));
            }
            if few.len() < FEW && map.is_empty() {
                few.push((name, value));
            } else {
                map.extend(few.drain(..));
                map.insert(name, value);
            }
        }
        // As much room as is needed: a document of many small objects would take twice as much otherwise.
        let mut exact = Map::with_capacity(few.len() + map.len());
        exact.extend(few);
        exact.extend(map);
        Ok(Value::Object(exact))
    }
}

#[cfg(test)]
mod tests {
    use super::super::document_from_json;
    use super::*;

    /// Reads in both ways, which must give the same result.
    fn from_json(octets: &[u8]) -> Result<Value, Unread> {
        let value = super::from_json(octets, &mut { Budget::UNLIMITED });
        let document = document_from_json(octets, &mut { Budget::UNLIMITED });
        match (&value, &document) {
            (Ok(value), Ok(document)) => assert_eq!(value.to_string(), document.text()),
            (Err(value), Err(document)) => assert_eq!(without_column(value), without_column(document)),
            (value, document) => panic!("one reader refuses it: {value:?} {document:?}"),
        }
        value
    }

    /// What is wrong: one reader notices a duplicate at its key, the other after it.
    fn without_column(error: &Unread) -> String {
        let message = error.to_string();
        message.rsplit_once(" column ").map_or(message.clone(), |(before, _)| before.to_owned())
    }

    #[test]
    fn values_are_read_as_written() {
        let text = r#"{"z":1,"a":[true,null,-3,1.5,"ü"],"m":{"x":{}}}"#;
        assert_eq!(from_json(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn numbers_are_the_same_after_each_writing_and_reading() {
        for number in ["52.520006599999996", "-122.41941550000001", "94.95886283158103", "0.1", "1e300"] {
            let text = format!("a = {number}\n");
            let document = document_from_toml(&text, &mut { Budget::UNLIMITED }).unwrap();
            assert_eq!(Document::from(document.to_value()), document, "{number}");
            let read = document_from_json(document.text().as_bytes(), &mut { Budget::UNLIMITED }).unwrap();
            assert_eq!(read, document, "{number}");
        }
    }

    #[test]
    fn a_duplicated_member_is_refused_with_its_location() {
        let error = from_json(b"{\"pools\": {\"a\": 1,\n \"a\": 2}}").unwrap_err().to_string();
        assert!(error.contains("duplicate member \"a\"") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(from_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 200, 10_000, 1_000_000] {
            assert!(from_json(nested(depth).as_bytes()).is_err());
        }
        assert!(from_json("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn objects_of_every_size_have_all_members_once_and_in_order() {
        for members in 0..4 * FEW {
            let text: Vec<String> = (0..members).map(|number| format!("\"k{number}\":{number}")).collect();
            assert_eq!(from_json(format!("{{{}}}", text.join(",")).as_bytes()).unwrap(), {
                let members = (0..members).map(|number| (format!("k{number}"), number.into()));
                Value::Object(members.collect())
            });
            for twice in 0..members {
                let twice = format!("{{{},\"k{twice}\":0}}", text.join(","));
                assert!(from_json(twice.as_bytes()).unwrap_err().to_string().contains("duplicate member"));
            }
        }
    }

    #[test]
    fn input_that_needs_too_much_memory_is_refused_before_it_is_allocated() {
        let tiny = format!("[{}1]", "1,".repeat(100_000));
        let nested = format!("[{}1]", "{\"a\":[{}]},".repeat(100_000));
        for text in [&tiny, &nested] {
            let mut budget = Budget::of(10 << 20);
            let error = super::from_json(text.as_bytes(), &mut budget).unwrap_err();
            let Unread::TooMuch(message) = error else { panic!("{error}") };
            assert!(message.contains("takes more than the limit of 10 MiB of memory at line 1 column"), "{message}");
            assert!(super::from_json(text.as_bytes(), &mut Budget::of(100 << 20)).is_ok());
            let error = document_from_json(text.as_bytes(), &mut Budget::of(5 << 20)).unwrap_err();
            let Unread::TooMuch(again) = error else { panic!("{error}") };
            assert!(again.contains("takes more than the limit of 5 MiB of memory at line 1 column"), "{again}");
        }
        // Much text in few values takes about twice its length.
        let text = format!("[\"{}\"]", "x".repeat(4 << 20));
        assert!(super::from_json(text.as_bytes(), &mut Budget::of(10 << 20)).is_ok());
    }

    #[test]
    fn invalid_json_is_refused() {
        for text in ["", "{", "{}{}", "{'a':1}", "[1,]", "nul", "\"\u{1}\"", "1e999", "// x\n{}", "{} x"] {
            assert!(from_json(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_json(b"\"\xff\"").is_err());
    }
}
