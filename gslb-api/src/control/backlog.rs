//! Changes that are in force but not yet in the store, in order, each with its audit entry.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::audit::{self, Entry};
use crate::overrides::{self, Override};
use crate::store::Commit;

/// Most changes that may wait for the store. Expiries of overrides are not limited: there are no more of them than overrides.
pub(super) const MAX_WAITING: usize = 1000;
/// Most override ids in a message.
const MAX_NAMED: usize = 5;

/// Changes to be saved, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// The audit entry of the first change as last sent to the store. That commit's outcome may be unknown.
    tried: Option<Entry>,
}

#[derive(Debug)]
struct Waiting {
    /// Its audit entry, which is numbered when it is saved.
    entry: Entry,
    /// The override that it changes; `None` if only the entry is to be saved.
    change: Option<OverrideChange>,
}

/// A change of an override.
#[derive(Debug)]
struct OverrideChange {
    id: String,
    /// `None` if it ends.
    body: Option<Override>,
    /// Whether an override with this id existed before.
    existed: bool,
}

/// Overrides whose last change is not saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsaved {
    /// Number of unsaved changes.
    pub changes: usize,
    /// Overrides in force that a restart would lose or revert.
    pub set: BTreeSet<String>,
    /// Ended overrides that a restart would put back in force.
    pub ended: BTreeSet<String>,
    /// Why they could not be saved.
    pub why: String,
}

impl Backlog {
    /// Adds a change of the override `id` that is in force already: `body`, or its end. `existed`: it replaces an override.
    pub(super) fn add_override(&mut self, id: &str, body: Option<Override>, existed: bool, entry: Entry) {
        let change = Some(OverrideChange { id: id.to_owned(), body, existed });
        self.waiting.push_back(Waiting { entry, change });
    }

    /// Adds an audit entry without a change.
    pub(super) fn add_entry(&mut self, entry: Entry) {
        self.waiting.push_back(Waiting { entry, change: None });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// The commit that saves the first change as audit entry `number`; `None` if nothing waits.
    pub(super) fn first(&mut self, number: u64) -> Option<Commit> {
        let waiting = self.waiting.front()?;
        let entry = Entry { number, ..waiting.entry.clone() };
        let commit = match &waiting.change {
            Some(change) => overrides::write(Commit::new(), &change.id, change.body.as_ref()),
            None => Commit::new(),
        };
        let commit = audit::with(commit, &entry);
        self.tried = Some(entry);
        Some(commit)
    }

    /// Removes the first change: it is saved.
    pub(super) fn saved(&mut self) {
        self.waiting.pop_front();
        self.tried = None;
    }

    /// The audit key under which the first change may have been saved.
    pub(super) fn uncertain_key(&self) -> Option<String> {
        self.tried.as_ref().map(Entry::key)
    }

    /// Resolves an unknown outcome: if `stored` under that key is the entry of the first change, it was saved.
    pub(super) fn resolve_outcome(&mut self, stored: Option<&[u8]>) {
        if self.tried.take().is_some_and(|tried| stored == Some(&*tried.pack())) {
            self.saved();
        }
    }

    /// Applies the waiting changes on top of `all`, the stored overrides.
    pub(super) fn apply(&self, all: &mut BTreeMap<String, Override>) {
        for change in self.waiting.iter().filter_map(|waiting| waiting.change.as_ref()) {
            match &change.body {
                Some(body) => drop(all.insert(change.id.clone(), body.clone())),
                None => drop(all.remove(&change.id)),
            }
        }
    }

    /// The unsaved overrides, and `why` they are not saved. One that was both set and ended while the store failed is left out:
    /// a restart neither loses it nor brings it back.
    pub(super) fn unsaved(&self, why: &str) -> Unsaved {
        let mut by_id: BTreeMap<&str, UnsavedState> = BTreeMap::new();
        for change in self.waiting.iter().filter_map(|waiting| waiting.change.as_ref()) {
            let is_stored = change.existed;
            let waits = by_id.entry(&change.id).or_insert(UnsavedState { is_stored, is_set: false, changes: 0 });
            waits.is_set = change.body.is_some();
            waits.changes += 1;
        }
        let mut unsaved = Unsaved { why: why.to_owned(), ..Unsaved::default() };
        for (id, waits) in by_id.into_iter().filter(|(_, waits)| waits.is_set || waits.is_stored) {
            unsaved.changes += waits.changes;
            let ids = if waits.is_set { &mut unsaved.set } else { &mut unsaved.ended };
            ids.insert(id.to_owned());
        }
        unsaved
    }
}

/// The unsaved state of one override.
struct UnsavedState {
    /// Whether the store has an override with this id.
    is_stored: bool,
    /// Whether it is in force.
    is_set: bool,
    changes: usize,
}

impl Unsaved {
    /// Whether a restart would lose the last change of the override `id`.
    pub(super) fn concerns(&self, id: &str) -> bool {
        self.set.contains(id) || self.ended.contains(id)
    }

    /// A sentence about what is not saved; `None` if everything is.
    pub fn summary(&self) -> Option<String> {
        if self.changes == 0 {
            return None;
        }
        let set = named("set", &self.set);
        let all: Vec<String> = [set, named("ended", &self.ended)].into_iter().flatten().collect();
        Some(format!(
            "not saved: {}. In force now, saved once the store can be written again, lost by a restart before that; {}",
            all.join("; "),
            self.why
        ))
    }
}

fn named(what: &str, ids: &BTreeSet<String>) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let more = if ids.len() > MAX_NAMED { format!(" and {} more", ids.len() - MAX_NAMED) } else { String::new() };
    let first: Vec<&str> = ids.iter().take(MAX_NAMED).map(String::as_str).collect();
    Some(format!("{what} {}{more}", first.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Edit, Who};
    use crate::overrides::Force;
    use crate::store::{MemoryStore, Store, Time, wait};
    use serde_json::Value;

    fn saved_override(id: &str, reason: &str) -> Override {
        Override {
            id: id.to_owned(),
            targets: vec!["pool/fra".parse().unwrap()],
            force: Force::Drain,
            reason: reason.to_owned(),
            owner: "o".to_owned(),
            created: 0,
            expires: None,
        }
    }

    fn entry(request: &str) -> Entry {
        Entry::of(&Change::new(Who::Server, request, Edit::document(Value::Null)), 0, Time::from_millis(0))
    }

    #[test]
    fn changes_are_saved_once_and_in_order() {
        let (mut backlog, store) = (Backlog::default(), MemoryStore::new());
        backlog.add_override("a", Some(saved_override("a", "one")), false, entry("1"));
        backlog.add_override("a", None, true, entry("2"));
        backlog.add_entry(entry("3"));
        backlog.add_override("a", Some(saved_override("a", "two")), false, entry("4"));
        assert_eq!(backlog.unsaved("").set, BTreeSet::from(["a".to_owned()]));
        let mut number = 0;
        while let Some(commit) = backlog.first(number + 1) {
            wait(store.commit(commit)).unwrap();
            backlog.saved();
            number += 1;
        }
        assert_eq!(number, 4);
        let (entries, _) = wait(audit::list(&store, None, 10)).unwrap();
        assert_eq!(entries.iter().map(|entry| &*entry.request).collect::<Vec<_>>(), ["4", "3", "2", "1"]);
        assert_eq!(wait(overrides::read(&store)).unwrap()["a"].reason, "two");
        assert_eq!(backlog.unsaved("").summary(), None);
    }

    #[test]
    fn a_change_whose_commit_succeeded_silently_is_not_saved_twice() {
        let (mut backlog, store) = (Backlog::default(), MemoryStore::new());
        backlog.add_override("a", Some(saved_override("a", "one")), false, entry("1"));
        backlog.add_override("b", None, true, entry("2"));
        let commit = backlog.first(1).unwrap();
        let stored = |key: &str| wait(store.read(key)).unwrap().map(|stored| stored.value);
        // The commit failed.
        backlog.resolve_outcome(stored(&backlog.uncertain_key().unwrap()).as_deref());
        assert_eq!((backlog.unsaved("").changes, backlog.uncertain_key()), (2, None));
        // The commit succeeded.
        backlog.first(1).unwrap();
        wait(store.commit(commit)).unwrap();
        backlog.resolve_outcome(stored(&backlog.uncertain_key().unwrap()).as_deref());
        assert_eq!(backlog.unsaved("").changes, 1);
        // Another change's entry has the number.
        backlog.first(1).unwrap();
        backlog.resolve_outcome(stored(&backlog.uncertain_key().unwrap()).as_deref());
        assert_eq!(backlog.unsaved("").changes, 1);
    }

    #[test]
    fn unsaved_changes_apply_on_top_of_stored_overrides() {
        let mut backlog = Backlog::default();
        backlog.add_override("new", Some(saved_override("new", "r")), false, entry("1"));
        backlog.add_override("old", None, true, entry("2"));
        let mut all = BTreeMap::from(["old", "other"].map(|id| (id.to_owned(), saved_override(id, "r"))));
        backlog.apply(&mut all);
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["new", "other"]);
        let message = backlog.unsaved("no space left").summary().unwrap();
        assert!(
            message.starts_with("not saved: set new; ended old.") && message.ends_with("no space left"),
            "{message}"
        );
    }

    #[test]
    fn an_override_set_and_ended_before_it_was_saved_is_not_reported() {
        let mut backlog = Backlog::default();
        backlog.add_override("new", Some(saved_override("new", "r")), false, entry("1"));
        backlog.add_override("new", Some(saved_override("new", "longer")), true, entry("2"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.changes, unsaved.concerns("new")), (2, true));
        backlog.add_override("new", None, true, entry("3"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.summary(), unsaved.concerns("new")), (None, false));
        // Once its start is saved, a restart could lose its end.
        backlog.first(1).unwrap();
        backlog.saved();
        assert_eq!(backlog.unsaved("full").ended, BTreeSet::from(["new".to_owned()]));
        // It is set again.
        backlog.add_override("new", Some(saved_override("new", "again")), false, entry("4"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.set.len(), unsaved.ended.len()), (1, 0));
    }
}
