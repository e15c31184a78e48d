//! The content of a store in memory, which serves reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::changes::{Change, Changes};
use super::history::History;
use super::limits::{ENTRY_OCTETS, PAGE_ENTRIES};
use super::value::{Entry, Order, Page, Revision, Time, Versioned};

/// Keys and values at one revision, with the recent history.
#[derive(Debug)]
pub(super) struct State {
    revision: Revision,
    keys: BTreeMap<Arc<str>, Versioned>,
    /// Keys with an expiry, the earliest first.
    expiries: BTreeSet<(Time, Arc<str>)>,
    octets: usize,
    history: History,
}

impl State {
    /// A state at `revision`, without earlier history.
    pub(super) fn at(revision: Revision, entries: impl IntoIterator<Item = Entry>) -> Self {
        let history = History::since(revision);
        let (keys, expiries) = (BTreeMap::new(), BTreeSet::new());
        let mut state = Self { revision, keys, expiries, octets: 0, history };
        for entry in entries {
            state.put(entry.key, entry.versioned);
        }
        state
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Octets of all entries, as [`STORE_OCTETS`](super::limits::STORE_OCTETS) counts them.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn get(&self, key: &str) -> Option<&Versioned> {
        self.keys.get(key)
    }

    /// Keys that expire at `now` or earlier, the earliest first.
    pub(super) fn expired(&self, now: Time) -> impl Iterator<Item = &Arc<str>> {
        self.expiries.iter().take_while(move |(time, _)| *time <= now).map(|(_, key)| key)
    }

    /// Applies the next commit, which was validated against this state.
    pub(super) fn apply(&mut self, changes: Arc<Changes>) {
        for change in &changes.changes {
            match change {
                Change::Put { key, versioned } => self.put(Arc::clone(key), versioned.clone()),
                Change::Deleted { key } => self.remove(key),
            }
        }
        self.revision = changes.revision;
        self.history.push(changes);
    }

    fn put(&mut self, key: Arc<str>, versioned: Versioned) {
        self.remove(&key);
        self.octets += entry_octets(&key, &versioned);
        if let Some(time) = versioned.expires {
            self.expiries.insert((time, Arc::clone(&key)));
        }
        self.keys.insert(key, versioned);
    }

    fn remove(&mut self, key: &Arc<str>) {
        let Some(versioned) = self.keys.remove(key) else { return };
        self.octets -= entry_octets(key, &versioned);
        if let Some(time) = versioned.expires {
            self.expiries.remove(&(time, Arc::clone(key)));
        }
    }

    /// See [`Store::range`](super::Store::range).
    pub(super) fn page(&self, prefix: &str, after: Option<&str>, limit: usize, order: Order) -> Page {
        let limit = limit.min(PAGE_ENTRIES);
        let end = first_after(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let (start, end) = match (order, after) {
            (Order::Ascending, Some(after)) if after >= prefix => (Bound::Excluded(after), end),
            (Order::Descending, Some(after)) if end_reaches(end, after) => {
                (Bound::Included(prefix), Bound::Excluded(after))
            }
            _ => (Bound::Included(prefix), end),
        };
        let mut entries = Vec::new();
        let mut more = false;
        if is_in_order(start, end) {
            let found = self.keys.range::<str, _>((start, end));
            let mut found: Box<dyn Iterator<Item = _>> = match order {
                Order::Ascending => Box::new(found),
                Order::Descending => Box::new(found.rev()),
            };
            let entry = |(key, versioned): (&Arc<str>, &Versioned)| Entry {
                key: Arc::clone(key),
                versioned: versioned.clone(),
            };
            entries.extend(found.by_ref().take(limit).map(entry));
            more = found.next().is_some();
        }
        Page { entries, more, revision: self.revision }
    }
}

/// The size of an entry.
pub(super) fn entry_octets(key: &str, versioned: &Versioned) -> usize {
    key.len() + versioned.value.len() + ENTRY_OCTETS
}

/// Whether `after` lies inside a range that ends at `end`.
fn end_reaches(end: Bound<&str>, after: &str) -> bool {
    match end {
        Bound::Excluded(end) => after < end,
        _ => true,
    }
}

/// Whether the range is valid: `BTreeMap::range` panics if start is after end.
fn is_in_order(start: Bound<&str>, end: Bound<&str>) -> bool {
    match (start, end) {
        (Bound::Excluded(start) | Bound::Included(start), Bound::Excluded(end)) => start < end,
        _ => true,
    }
}

/// The smallest string greater than all that begin with `prefix`; `None` if there is none. In UTF-8, the order of octets is
/// also the order of characters.
fn first_after(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // After the last character below the surrogates comes the first above them.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}
