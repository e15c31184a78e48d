//! Changes that are in force and not in the store yet: in their order, each with its entry of the audit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::audit::{self, Entry};
use crate::overrides::{self, Override};
use crate::store::Commit;

/// Most changes that may wait for the store. Ends of overrides whose time has passed are not counted: there are no more
/// of them than overrides.
pub(super) const MAX_WAITING: usize = 1000;
/// Overrides that a sentence about them names.
const MAX_NAMED: usize = 5;

/// What waits to be saved, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// The entry with which the first of them was last handed to the store. Nobody may know whether that was done.
    tried: Option<Entry>,
}

#[derive(Debug)]
struct Waiting {
    /// Its entry of the audit, which gets its number when it is saved.
    entry: Entry,
    /// The override that it changes; none where there is nothing but the entry.
    change: Option<OverrideChange>,
}

/// What an override becomes.
#[derive(Debug)]
struct OverrideChange {
    id: String,
    /// None where it ends.
    body: Option<Override>,
    /// Whether there was one of this id before.
    existed: bool,
}

/// The overrides whose last change is not saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsaved {
    /// Changes of them that wait.
    pub changes: usize,
    /// Overrides that are in force, and that a restart would lose, or take back to what they were.
    pub set: BTreeSet<String>,
    /// Overrides that have ended, and that a restart would put back in force.
    pub ended: BTreeSet<String>,
    /// Why they cannot be saved.
    pub why: String,
}

impl Backlog {
    /// Adds a change of the override `id`, which is in force: `body`, or its end. `existed` says whether there was one before.
    pub(super) fn add_override(&mut self, id: &str, body: Option<Override>, existed: bool, entry: Entry) {
        let change = Some(OverrideChange { id: id.to_owned(), body, existed });
        self.waiting.push_back(Waiting { entry, change });
    }

    /// Adds an entry of the audit that goes with no other change.
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

    /// The commit that saves the first one, as entry `number` of the audit; none where nothing waits.
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

    /// Notes that the first one is saved.
    pub(super) fn saved(&mut self) {
        self.waiting.pop_front();
        self.tried = None;
    }

    /// The key of the audit under which the first one may have been saved.
    pub(super) fn doubtful(&self) -> Option<String> {
        self.tried.as_ref().map(Entry::key)
    }

    /// Notes what the store has under that key: where it is the entry of the first one, that was saved.
    pub(super) fn settle(&mut self, stored: Option<&[u8]>) {
        if self.tried.take().is_some_and(|tried| stored == Some(&*tried.pack())) {
            self.saved();
        }
    }

    /// Puts what waits on top of `all`, which the store has.
    pub(super) fn apply(&self, all: &mut BTreeMap<String, Override>) {
        for change in self.waiting.iter().filter_map(|waiting| waiting.change.as_ref()) {
            match &change.body {
                Some(body) => drop(all.insert(change.id.clone(), body.clone())),
                None => drop(all.remove(&change.id)),
            }
        }
    }

    /// What waits, and `why` it does. An override that was set and has ended while nothing could be saved is not among it: a
    /// restart neither loses nor brings back anything.
    pub(super) fn unsaved(&self, why: &str) -> Unsaved {
        let mut by_id: BTreeMap<&str, Waits> = BTreeMap::new();
        for change in self.waiting.iter().filter_map(|waiting| waiting.change.as_ref()) {
            let is_stored = change.existed;
            let waits = by_id.entry(&change.id).or_insert(Waits { is_stored, is_set: false, changes: 0 });
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

/// What waits of one override.
struct Waits {
    /// Whether the store has one of this id.
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

    /// What is not saved, in a sentence; none where all is.
    pub fn summary(&self) -> Option<String> {
        if self.changes == 0 {
            return None;
        }
        let set = named("set", &self.set);
        let all: Vec<String> = [set, named("ended", &self.ended)].into_iter().flatten().collect();
        Some(format!(
            "not saved: {}. This holds now, is saved when the store can be written again, and is lost by a restart before that; {}",
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

    fn held(id: &str, reason: &str) -> Override {
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
    fn all_is_saved_once_and_in_order() {
        let (mut backlog, store) = (Backlog::default(), MemoryStore::new());
        backlog.add_override("a", Some(held("a", "one")), false, entry("1"));
        backlog.add_override("a", None, true, entry("2"));
        backlog.add_entry(entry("3"));
        backlog.add_override("a", Some(held("a", "two")), false, entry("4"));
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
    fn what_was_saved_though_nobody_said_so_is_not_saved_again() {
        let (mut backlog, store) = (Backlog::default(), MemoryStore::new());
        backlog.add_override("a", Some(held("a", "one")), false, entry("1"));
        backlog.add_override("b", None, true, entry("2"));
        let commit = backlog.first(1).unwrap();
        let stored = |key: &str| wait(store.read(key)).unwrap().map(|held| held.value);
        // It was not done.
        backlog.settle(stored(&backlog.doubtful().unwrap()).as_deref());
        assert_eq!((backlog.unsaved("").changes, backlog.doubtful()), (2, None));
        // It was.
        backlog.first(1).unwrap();
        wait(store.commit(commit)).unwrap();
        backlog.settle(stored(&backlog.doubtful().unwrap()).as_deref());
        assert_eq!(backlog.unsaved("").changes, 1);
        // Somebody else's entry has the number.
        backlog.first(1).unwrap();
        backlog.settle(stored(&backlog.doubtful().unwrap()).as_deref());
        assert_eq!(backlog.unsaved("").changes, 1);
    }

    #[test]
    fn what_waits_goes_on_top_of_what_the_store_has() {
        let mut backlog = Backlog::default();
        backlog.add_override("new", Some(held("new", "r")), false, entry("1"));
        backlog.add_override("old", None, true, entry("2"));
        let mut all = BTreeMap::from(["old", "other"].map(|id| (id.to_owned(), held(id, "r"))));
        backlog.apply(&mut all);
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["new", "other"]);
        let told = backlog.unsaved("no space left").summary().unwrap();
        assert!(told.starts_with("not saved: set new; ended old.") && told.ends_with("no space left"), "{told}");
    }

    #[test]
    fn what_was_set_and_ended_before_it_could_be_saved_is_nothing_that_a_restart_loses() {
        let mut backlog = Backlog::default();
        backlog.add_override("new", Some(held("new", "r")), false, entry("1"));
        backlog.add_override("new", Some(held("new", "longer")), true, entry("2"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.changes, unsaved.concerns("new")), (2, true));
        backlog.add_override("new", None, true, entry("3"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.summary(), unsaved.concerns("new")), (None, false));
        // Its beginning is saved: now its end is something to lose.
        backlog.first(1).unwrap();
        backlog.saved();
        assert_eq!(backlog.unsaved("full").ended, BTreeSet::from(["new".to_owned()]));
        // It is set again.
        backlog.add_override("new", Some(held("new", "again")), false, entry("4"));
        let unsaved = backlog.unsaved("full");
        assert_eq!((unsaved.set.len(), unsaved.ended.len()), (1, 0));
    }
}
