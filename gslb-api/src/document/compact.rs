//! A document as compact JSON text, which takes a fraction of the memory of a value.

use std::sync::{Arc, OnceLock};

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::members::{Members, key_of, name_of};
use super::{Etag, Section};
use crate::types::Json;

/// A document, just as the operator wrote it. Clones share it.
#[derive(Debug, Clone)]
pub struct Document(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One JSON object without spaces, in which no key is twice.
    text: Box<str>,
    /// The positions of the entries of each section, found when one is first needed.
    places: [OnceLock<Places>; Section::ALL.len()],
}

/// The positions of a section's keys in the text, in document order, and their indices sorted by
/// key.
#[derive(Debug, Default)]
struct Places {
    written: Box<[usize]>,
    sorted: Box<[u32]>,
}

impl Document {
    /// The document in `text`, which must be one JSON object without spaces in which no key is twice.
    pub(super) fn of_text(text: String) -> Self {
        Self(Arc::new(Inner { text: text.into_boxed_str(), places: Default::default() }))
    }

    /// It as JSON without spaces.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// It as a value, which takes about ten times the memory.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    /// It as a part of a response.
    pub fn to_json(&self) -> Json {
        let raw: Result<&RawValue, _> = serde_json::from_str(self.text());
        raw.map_or_else(|_| Json::from(&Value::Null), Json::from)
    }

    /// True if it is an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// True for clones of the same one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// True if both are equal, regardless of order.
    pub fn is_equal(&self, other: &Self) -> bool {
        // Texts that differ only in order have the same length.
        self == other || (self.text().len() == other.text().len() && self.to_value() == other.to_value())
    }

    /// A digest of the content.
    pub fn digest(&self) -> Etag {
        Etag::of_octets(self.text().as_bytes())
    }

    /// The members at its top.
    pub(crate) fn members(&self) -> Members<'_> {
        Members::of_text(self.text()).unwrap_or_default()
    }

    /// The entries of `section` as JSON; `None` if the section is missing.
    pub fn section(&self, section: Section) -> Option<&str> {
        let key = key_of(section.key());
        let value = self.members().get(&key)?;
        value.get().starts_with('{').then_some(value.get())
    }

    /// How many entries `section` has.
    pub fn count(&self, section: Section) -> usize {
        self.places(section).map_or(0, |places| places.written.len())
    }

    /// The entry `name` of `section` as JSON.
    pub fn entry(&self, section: Section, name: &str) -> Option<&str> {
        let at = self.place(section, name)?;
        self.member_at(*self.places(section)?.written.get(at)?).map(|(_, value)| value)
    }

    /// The number of the entry `name` in `section`, from 0 in the order of the document.
    pub fn place(&self, section: Section, name: &str) -> Option<usize> {
        let (key, places) = (key_of(name), self.places(section)?);
        let known = |number: &u32| places.written.get(*number as usize).and_then(|at| self.member_at(*at));
        let compare = |number: &u32| known(number).map_or("", |(key, _)| key).cmp(&*key);
        let found = places.sorted.binary_search_by(compare).ok()?;
        places.sorted.get(found).map(|number| *number as usize)
    }

    /// The names of up to `limit` entries of `section` from the one of the number `from` on, each with its JSON.
    pub fn page(&self, section: Section, from: usize, limit: usize) -> Vec<(String, &str)> {
        let all = self.places(section).map_or(&[][..], |places| &places.written);
        let places = all.iter().skip(from).take(limit);
        places.filter_map(|at| self.member_at(*at)).map(|(key, value)| (name_of(key), value)).collect()
    }

    /// The same document with `value` as the entry `name` of `section`: replaces an existing one, or is appended.
    /// Without a value, the entry is removed, and the order of the others stays.
    pub fn with_entry(&self, section: Section, name: &str, value: Option<&Value>) -> Self {
        let entry = value.map(Value::to_string);
        let (key, section_key, members) = (key_of(name), key_of(section.key()), self.members());
        let replaced = match members.get(&section_key) {
            Some(entries) => match Members::of(entries) {
                Some(entries) => entries.with(&key, entry.as_deref()),
                // A value that is not a table has no entries.
                None => return self.clone(),
            },
            None => match &entry {
                Some(_) => Members::default().with(&key, entry.as_deref()),
                None => return self.clone(),
            },
        };
        Self::of_text(members.with(&section_key, Some(&replaced)))
    }

    /// The member whose key begins at `at`, as JSON.
    fn member_at(&self, at: usize) -> Option<(&str, &str)> {
        let mut keys = serde_json::Deserializer::from_str(self.text().get(at..)?).into_iter::<&RawValue>();
        let key = keys.next()?.ok()?.get();
        let from = at + key.len() + 1;
        let mut values = serde_json::Deserializer::from_str(self.text().get(from..)?).into_iter::<&RawValue>();
        Some((key, values.next()?.ok()?.get()))
    }

    fn places(&self, section: Section) -> Option<&Places> {
        Some(self.0.places.get(section as usize)?.get_or_init(|| self.find(section)))
    }

    fn find(&self, section: Section) -> Places {
        let entries = self.section(section).and_then(Members::of_text).unwrap_or_default();
        let start = self.text().as_ptr() as usize;
        let written: Box<[usize]> = entries.0.iter().map(|(key, _)| key.get().as_ptr() as usize - start).collect();
        let mut sorted: Box<[u32]> = (0..).take(written.len()).collect();
        let key = |number: &u32| entries.0.get(*number as usize).map(|(key, _)| key.get());
        sorted.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        Places { written, sorted }
    }
}

impl Default for Document {
    /// A document that says nothing.
    fn default() -> Self {
        Self::of_text("{}".to_owned())
    }
}

impl PartialEq for Document {
    /// True if both texts are equal.
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || self.text() == other.text()
    }
}

impl From<Value> for Document {
    fn from(document: Value) -> Self {
        Self::of_text(document.to_string())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.text()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl AsRef<[u8]> for Document {
    fn as_ref(&self) -> &[u8] {
        self.text().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Document {
        json!({"pools": {"b": {"x": [1, {}]}, "a\"\n": {}, "c": 1.5}, "safety": {}, "services": 7}).into()
    }

    #[test]
    fn entries_are_found_by_their_names() {
        let document = document();
        let pool = |name| document.entry(Section::Pools, name);
        assert_eq!([pool("b"), pool("a\"\n"), pool("c")], [Some(r#"{"x":[1,{}]}"#), Some("{}"), Some("1.5")]);
        assert_eq!([pool("d"), pool("x"), pool("")], [None; 3]);
        assert_eq!(document.place(Section::Pools, "c"), Some(2));
        assert_eq!(document.page(Section::Pools, 1, 9), [("a\"\n".to_owned(), "{}"), ("c".to_owned(), "1.5")]);
        assert_eq!(document.page(Section::Pools, 0, 1).len(), 1);
        for section in [Section::Services, Section::Zones] {
            assert_eq!((document.count(section), document.entry(section, "b")), (0, None), "no table, or none at all");
        }
    }

    #[test]
    fn an_entry_is_put_in_its_place_or_behind_all_others_and_removed() {
        let document = document();
        let with = |section, name, value: Option<Value>| {
            document.with_entry(section, name, value.as_ref()).to_value().to_string()
        };
        let whole = document.text();
        assert_eq!(with(Section::Pools, "b", Some(json!(1))), whole.replace(r#"{"x":[1,{}]}"#, "1"));
        assert_eq!(with(Section::Pools, "d", Some(json!("x"))), whole.replace("1.5", r#"1.5,"d":"x""#));
        assert_eq!(with(Section::Pools, "a\"\n", None), whole.replace(r#""a\"\n":{},"#, ""));
        assert_eq!(with(Section::Pools, "none", None), whole);
        assert_eq!(with(Section::Zones, "z", None), whole);
        assert_eq!(with(Section::Services, "s", Some(json!({}))), whole, "what is no table has no entries");
        let added = whole.strip_suffix('}').unwrap().to_owned() + r#","zones":{"z":{}}}"#;
        assert_eq!(with(Section::Zones, "z", Some(json!({}))), added);
        assert_eq!(Document::default().with_entry(Section::Zones, "z", Some(&json!(1))).text(), r#"{"zones":{"z":1}}"#);
    }

    #[test]
    fn the_same_in_another_order_says_the_same() {
        let [one, other] = [json!({"a": 1, "b": {}}), json!({"b": {}, "a": 1})].map(Document::from);
        assert!(one.is_equal(&other) && one != other && one.digest() != other.digest());
        assert!(!one.is_equal(&json!({"a": 2, "b": {}}).into()));
    }
}
