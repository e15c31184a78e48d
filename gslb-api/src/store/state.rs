//! All that a store holds, in memory: what reads are answered from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::changes::{Change, Changes};
use super::history::History;
use super::limits::{ENTRY_OCTETS, PAGE_ENTRIES};
use super::value::{Entry, Order, Page, Revision, Time, Versioned};

/// Keys and what they hold, as of one revision, and how it came to that.
#[derive(Debug)]
pub(super) struct State {
    revision: Revision,
    keys: BTreeMap<Arc<str>, Versioned>,
    /// Keys that expire, the first one first.
    expiries: BTreeSet<(Time, Arc<str>)>,
    octets: usize,
    history: History,
}

impl State {
    /// What was held at `revision`, when nothing is known of what came before.
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

    /// Keys that expire at `now` or earlier, the first one first.
    pub(super) fn expired(&self, now: Time) -> impl Iterator<Item = &Arc<str>> {
        self.expiries.iter().take_while(move |(time, _)| *time <= now).map(|(_, key)| key)
    }

    /// Takes in the next commit, which was checked against this state.
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

/// What an entry counts.
pub(super) fn entry_octets(key: &str, versioned: &Versioned) -> usize {
    key.len() + versioned.value.len() + ENTRY_OCTETS
}

/// Whether `after` cuts something off a range that ends at `end`.
fn end_reaches(end: Bound<&str>, after: &str) -> bool {
    match end {
        Bound::Excluded(end) => after < end,
        _ => true,
    }
}

/// Whether a map would take the range: it panics where the ends are the wrong way round.
fn is_in_order(start: Bound<&str>, end: Bound<&str>) -> bool {
    match (start, end) {
        (Bound::Excluded(start) | Bound::Included(start), Bound::Excluded(end)) => start < end,
        _ => true,
    }
}

/// The first string after all those that begin with `prefix`; nothing where there is none. The order of strings is that
/// of their octets, and in UTF-8 also that of their characters.
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
