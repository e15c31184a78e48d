//! The audit log: who changed what, when and from where, with the state before and after.

use serde_json::{Value, json};

use crate::change::{Change, Who};
use crate::clock;
use crate::store::{Commit, Entry as Row, Expectation, Order, Store, Time, Unavailable};
pub use crate::types::{AuditEntry as Entry, AuditOutcome as Outcome};

/// Key prefix of audit entries.
pub const PREFIX: &str = "audit/";
/// Entries kept; older ones are removed.
pub const MAX_ENTRIES: u64 = 5_000;
/// The highest plausible entry number; a higher one is damage.
const MAX_NUMBER: u64 = 1 << 48;
/// Page size when searching for the last entry.
const PAGE: usize = 100;
/// Largest resource that an entry contains in full; larger ones are in the revisions.
const RESOURCE_OCTETS: usize = 4096;

impl Entry {
    /// An entry for `change` at `now`. The caller fills in revision, before, after and outcome.
    pub fn of(change: &Change, number: u64, now: Time) -> Self {
        let who: &Who = &change.who;
        Self {
            number,
            at: clock::show(now),
            who: who.id().to_owned(),
            name: who.name().to_owned(),
            role: who.role(),
            scopes: who.scopes().texts(),
            from: change.from,
            request: change.request.clone(),
            outcome: Outcome::Done,
            revision: 0,
            before: None,
            after: None,
            message: change.message.clone(),
            broke: Vec::new(),
            override_rules: change.override_rules.clone(),
        }
    }

    /// Its key in the store.
    pub fn key(&self) -> String {
        key(self.number)
    }

    /// Its stored form.
    pub fn pack(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Adds `entry` to `commit`, and removes the oldest entry if there are too many.
pub fn with(commit: Commit, entry: &Entry) -> Commit {
    // Never overwrite an entry, even if the number was computed wrongly.
    let commit = commit.expect(entry.key(), Expectation::Absent).put(entry.key(), entry.pack());
    match entry.number.checked_sub(MAX_ENTRIES) {
        Some(oldest) if oldest > 0 => commit.delete(key(oldest)),
        _ => commit,
    }
}

/// The number of the last entry, readable or not; 0 if there is none.
///
/// # Errors
/// If the store cannot be read.
pub async fn last(store: &dyn Store) -> Result<u64, Unavailable> {
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), PAGE, Order::Descending).await?;
        if let Some(number) = page.entries.iter().find_map(|entry| number_of(&entry.key)) {
            return Ok(number);
        }
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(0);
        }
    }
}

/// The number of the entry with this key; `None` if it is not the key of an entry.
fn number_of(key: &str) -> Option<u64> {
    let number = key.strip_prefix(PREFIX)?.parse().ok()?;
    (number <= MAX_NUMBER && key == self::key(number)).then_some(number)
}

/// The entry in a row of the store; `None` if it is damaged or belongs to another key.
pub(crate) fn unpack(row: &Row) -> Option<Entry> {
    let entry: Entry = serde_json::from_slice(&row.versioned.value).ok()?;
    (number_of(&row.key) == Some(entry.number)).then_some(entry)
}

/// The key of entry `number`. Keys sort as numbers do.
pub fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// `resource` as shown in an entry: in full, or only its size.
pub fn abridged(resource: Option<Value>) -> Option<Value> {
    let resource = resource?;
    let octets = resource.to_string().len();
    Some(if octets <= RESOURCE_OCTETS { resource } else { json!({ "omitted_octets": octets }) })
}

/// Up to `limit` entries before the number `before`, the latest first, and whether there are more. Damaged entries are
/// skipped.
///
/// # Errors
/// If the store cannot be read.
pub async fn list(store: &dyn Store, before: Option<u64>, limit: usize) -> Result<(Vec<Entry>, bool), Unavailable> {
    let (mut entries, mut after) = (Vec::new(), before.map(key));
    loop {
        let page = store.range(PREFIX, after.as_deref(), limit - entries.len(), Order::Descending).await?;
        entries.extend(page.entries.iter().filter_map(unpack));
        after = page.entries.last().map(|row| row.key.to_string());
        if !page.more || after.is_none() || entries.len() >= limit {
            return Ok((entries, page.more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Edit;
    use crate::store::{MemoryStore, wait};

    #[test]
    fn a_damaged_entry_is_skipped_and_its_number_is_not_reused() {
        let store = MemoryStore::new();
        let change = Change::new(Who::Server, "start", Edit::document(Value::Null));
        for number in 1..=5 {
            wait(store.commit(with(Commit::new(), &Entry::of(&change, number, Time::from_millis(0))))).unwrap();
        }
        let damaged =
            Commit::new().put(key(5), b"{".as_slice()).put(key(4), b"".as_slice()).put(key(2), b"[]".as_slice());
        wait(store.commit(damaged)).unwrap();
        for odd in ["audit/zzz", "audit/7", "audit/18446744073709551615", "audit/"] {
            wait(store.commit(Commit::new().put(odd, b"{}".as_slice()))).unwrap();
        }
        assert_eq!(wait(last(&store)).unwrap(), 5);
        let numbers = |before, limit| {
            let (entries, more) = wait(list(&store, before, limit)).unwrap();
            (entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), more)
        };
        assert_eq!(numbers(None, 1), (vec![3], true));
        assert_eq!(numbers(Some(3), 1), (vec![1], true), "a key that is no entry's comes after it");
        assert_eq!(numbers(Some(1), 1), (vec![], false));
        assert_eq!(numbers(None, 100), (vec![3, 1], false));
    }
}
