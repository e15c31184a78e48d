//! A JSON value as text: a part of a document, which would take nine times the memory as a tree.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// JSON without spaces.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl From<&RawValue> for Json {
    /// `json` must have no spaces between its parts.
    fn from(json: &RawValue) -> Self {
        Self(json.to_owned())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        // Writing a value into memory cannot fail.
        Self(to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Reading the text itself would not work within flattened members.
        Value::deserialize(deserializer).map(|value| Self::from(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sent_as_it_is_and_read_in_any_layout() {
        let json: Json = serde_json::from_str("{ \"b\": [1, 2.5],\n \"a\": null }").unwrap();
        assert_eq!(json.as_str(), r#"{"b":[1,2.5],"a":null}"#);
        assert_eq!(serde_json::to_string(&[&json]).unwrap(), r#"[{"b":[1,2.5],"a":null}]"#);
        assert_eq!(json, Json::from(&serde_json::json!({"b": [1, 2.5], "a": null})));
    }
}
