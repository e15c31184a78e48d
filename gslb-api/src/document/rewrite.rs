//! JSON to JSON without spaces, read piece by piece: nothing else of it is in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use gslb_core::budget::{Budget, JSON_ITEM, JSON_MEMBER};
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Document;
use super::json::{MAX_DEPTH, Unread, unread};

/// Members of an object that are looked at one by one; with more they are found by a hash.
const FEW: usize = 8;

/// Reads a document in JSON, as [`from_json`](super::from_json) does, without making a value of it. It is not looked at
/// whether it is an object.
///
/// # Errors
/// [`Unread`], with line and column.
pub fn document_from_json(octets: &[u8], budget: &mut Budget) -> Result<Document, Unread> {
    let state = RefCell::new(State { out: Vec::new(), budget: *budget, hashes: RandomState::new() });
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let read = Rewriting { left: MAX_DEPTH, state: &state }.deserialize(&mut deserializer);
    let read = read.and_then(|()| deserializer.end());
    let State { out, budget: left, .. } = state.into_inner();
    *budget = left;
    // What serde_json writes is UTF-8.
    read.map_err(|error| unread(&error, budget)).map(|()| Document::of_text(String::from_utf8(out).unwrap_or_default()))
}

struct State {
    out: Vec<u8>,
    budget: Budget,
    hashes: RandomState,
}

impl State {
    /// Charges octets before they are taken.
    fn charge<E: Error>(&mut self, octets: usize) -> Result<(), E> {
        self.budget.charge(octets).map_err(|over| E::custom(format!("up to here the document takes {over}")))
    }

    fn write<E: Error>(&mut self, value: impl Serialize) -> Result<(), E> {
        serde_json::to_writer(&mut self.out, &value).map_err(E::custom)
    }

    /// Text takes memory twice: in the document and in the tree.
    fn text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        self.charge(2 * text.len())?;
        self.write(text)
    }

    /// The key that was written at `at`.
    fn key_at(&self, at: usize) -> Option<String> {
        let mut keys = serde_json::Deserializer::from_slice(self.out.get(at..)?).into_iter();
        keys.next()?.ok()
    }
}

/// The positions of the keys of an object.
#[derive(Default)]
struct Keys {
    few: Vec<usize>,
    /// By their hash.
    many: HashMap<u64, usize>,
    /// Keys whose hash equals that of another one.
    alike: Vec<usize>,
}

impl Keys {
    /// Whether `key` exists; otherwise adds it with the position `at`.
    fn has(&mut self, key: &str, at: usize, state: &State) -> bool {
        let is_it = |at: &usize| state.key_at(*at).is_some_and(|known| known == key);
        if self.many.is_empty() {
            if self.few.iter().any(is_it) {
                return true;
            }
            self.few.push(at);
            if self.few.len() <= FEW {
                return false;
            }
            for at in std::mem::take(&mut self.few) {
                let hash = state.hashes.hash_one(state.key_at(at).unwrap_or_default());
                self.note(hash, at);
            }
            return false;
        }
        let hash = state.hashes.hash_one(key);
        if self.many.get(&hash).is_some_and(is_it) || self.alike.iter().any(is_it) {
            return true;
        }
        self.note(hash, at);
        false
    }

    fn note(&mut self, hash: u64, at: usize) {
        match self.many.entry(hash) {
            Entry::Occupied(_) => self.alike.push(at),
            Entry::Vacant(free) => {
                free.insert(at);
            }
        }
    }
}

/// A value within this many levels.
struct Rewriting<'s> {
    left: usize,
    state: &'s RefCell<State>,
}

impl Rewriting<'_> {
    fn inner<E: Error>(&self) -> Result<Self, E> {
        let left = self.left.checked_sub(1);
        let inner = left.map(|left| Self { left, state: self.state });
        inner.ok_or_else(|| E::custom(format!("it nests more than {MAX_DEPTH} levels deep")))
    }

    fn write<E: Error>(&self, value: impl Serialize) -> Result<(), E> {
        self.state.borrow_mut().write(value)
    }

    fn push(&self, octet: u8) {
        self.state.borrow_mut().out.push(octet);
    }
}

impl<'de> DeserializeSeed<'de> for Rewriting<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rewriting<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.write(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.state.borrow_mut().text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.push(b'[');
        let mut is_first = true;
        while items.next_element_seed(Item { is_first, value: self.inner()? })?.is_some() {
            is_first = false;
        }
        self.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.push(b'{');
        let mut keys = Keys::default();
        let mut is_first = true;
        while members.next_key_seed(Key { is_first, keys: &mut keys, state: self.state })?.is_some() {
            is_first = false;
            self.push(b':');
            members.next_value_seed(self.inner()?)?;
        }
        self.push(b'}');
        Ok(())
    }
}

/// An item of an array, with the separator before it.
struct Item<'s> {
    is_first: bool,
    value: Rewriting<'s>,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.value.state.borrow_mut().charge(JSON_ITEM)?;
        if !self.is_first {
            self.value.push(b',');
        }
        self.value.deserialize(deserializer)
    }
}

/// A key of an object, with the separator before it.
struct Key<'k, 's> {
    is_first: bool,
    keys: &'k mut Keys,
    state: &'s RefCell<State>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name in quotes")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        let mut state = self.state.borrow_mut();
        state.charge(JSON_MEMBER)?;
        if !self.is_first {
            state.out.push(b',');
        }
        let at = state.out.len();
        state.text(key)?;
        if self.keys.has(key, at, &state) {
            return Err(E::custom(format!("duplicate member {key:?}")));
        }
        Ok(())
    }
}
