//! The members of a JSON object as slices of its text, to compare or replace them without parsing.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Keys and values in their order.
#[derive(Debug, Default)]
pub(crate) struct Members<'d>(pub(crate) Vec<(&'d RawValue, &'d RawValue)>);

/// A key as JSON without spaces has it, in quotes.
pub(crate) fn key_of(name: &str) -> String {
    Value::from(name).to_string()
}

/// The name that such a key is.
pub(crate) fn name_of(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_default()
}

impl<'d> Members<'d> {
    /// The members of `value`; `None` if it is not an object.
    pub(crate) fn of(value: &'d RawValue) -> Option<Self> {
        Self::of_text(value.get())
    }

    /// The same for a value that is a text without spaces.
    pub(crate) fn of_text(value: &'d str) -> Option<Self> {
        if value.starts_with('{') { serde_json::from_str(value).ok() } else { None }
    }

    /// The value of `key`, which is in quotes. Linear: for few members, or few keys.
    pub(crate) fn get(&self, key: &str) -> Option<&'d RawValue> {
        self.0.iter().find(|(known, _)| known.get() == key).map(|(_, value)| *value)
    }

    /// All of them by their keys in quotes.
    pub(crate) fn by_key(&self) -> HashMap<&'d str, &'d RawValue> {
        self.0.iter().map(|(key, value)| (key.get(), *value)).collect()
    }

    /// The object with `value` for `key`, which is in quotes: replaces an existing member, or is appended. Without a
    /// value, the key is removed.
    pub(crate) fn with(&self, key: &str, value: Option<&str>) -> String {
        let length = |(key, value): &(&RawValue, &RawValue)| key.get().len() + value.get().len() + 2;
        let length_so_far: usize = self.0.iter().map(length).sum();
        let mut text = String::with_capacity(length_so_far + key.len() + value.map_or(0, str::len) + 4);
        text.push('{');
        let mut add = |key: &str, value: &str| {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(key);
            text.push(':');
            text.push_str(value);
        };
        let mut is_new = true;
        for (known, held) in &self.0 {
            match known.get() == key {
                false => add(known.get(), held.get()),
                true => {
                    is_new = false;
                    value.into_iter().for_each(|value| add(key, value));
                }
            }
        }
        if is_new {
            value.into_iter().for_each(|value| add(key, value));
        }
        text.push('}');
        text
    }
}

impl<'de: 'd, 'd> Deserialize<'de> for Members<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(member) = members.next_entry()? {
                    list.push(member);
                }
                Ok(Members(list))
            }
        }
        deserializer.deserialize_map(Reading)
    }
}
