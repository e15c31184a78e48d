//! Damaged rows of the store: those in `store.last-good` are restored, the others are ignored one by one.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fallback_store::last_good;
use crate::readable::is_readable;
use crate::revisions;
use crate::store::{Commit, Entry, Order, Store, Unavailable, limits, wait};

/// Most keys in a message.
const MAX_NAMED: usize = 8;

/// The damaged rows of an otherwise healthy store.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DamagedRows {
    /// Keys restored from `store.last-good`.
    pub restored: BTreeSet<String>,
    /// Keys whose values are ignored.
    pub ignored: BTreeSet<String>,
}

impl DamagedRows {
    /// A sentence about the damage; `None` if there is none.
    pub fn summary(&self) -> Option<String> {
        let part = |keys: &BTreeSet<String>, what: &str| (!keys.is_empty()).then(|| format!("{what}: {}", named(keys)));
        let restored = part(&self.restored, "restored from store.last-good");
        let parts: Vec<String> = [restored, part(&self.ignored, "ignored")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| {
            format!(
                "{} rows of the store were damaged or missing ({}). All others are in use. Check the disk; set what was \
                 ignored again, or restore a backup. This is reported until the next start",
                self.restored.len() + self.ignored.len(),
                parts.join("; ")
            )
        })
    }
}

fn named(keys: &BTreeSet<String>) -> String {
    let more = if keys.len() > MAX_NAMED { format!(" and {} more", keys.len() - MAX_NAMED) } else { String::new() };
    let first: Vec<&str> = keys.iter().take(MAX_NAMED).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}

/// Finds the rows of `store` that this version cannot read, and restores those that the copy in `directory` has. The
/// others stay, since a later version may read them. This blocks on the disk.
///
/// # Errors
/// If the store cannot be read.
pub fn repair(store: &dyn Store, directory: &Path) -> Result<DamagedRows, Unavailable> {
    let mut ignored = find(store)?;
    if ignored.is_empty() {
        return Ok(DamagedRows::default());
    }
    let good: Vec<Entry> = last_good::read(directory).map(|(_, entries)| entries).unwrap_or_default();
    let mut restored = BTreeSet::new();
    for entry in replacements(store, &ignored, good)? {
        let (key, stored) = (&*entry.key, entry.versioned);
        let commit = match stored.expires {
            Some(expires) => Commit::new().put_until(key, stored.value, expires),
            None => Commit::new().put(key, stored.value),
        };
        // A store that cannot be written is reported separately.
        if wait(store.commit(commit)).is_ok() {
            restored.extend(ignored.take(key));
        }
    }
    Ok(DamagedRows { restored, ignored })
}

/// Replacements for damaged rows.
fn replacements(store: &dyn Store, damaged: &BTreeSet<String>, good: Vec<Entry>) -> Result<Vec<Entry>, Unavailable> {
    let latest = wait(revisions::Kept::of(store))?.before(u64::MAX).next();
    let usable = |entry: &Entry| damaged.contains(&*entry.key) && is_readable(entry);
    let mut all: Vec<Entry> = good.into_iter().filter(usable).collect();
    for entry in &mut all {
        // The copy may be older than the store, whose latest revision is current.
        if let Some(latest) = latest.filter(|_| &*entry.key == revisions::CURRENT) {
            entry.versioned.value = revisions::pack_current(latest).into();
        }
    }
    Ok(all)
}

/// The keys of `store` that this version cannot read, or that are missing although others refer to them.
fn find(store: &dyn Store) -> Result<BTreeSet<String>, Unavailable> {
    let (mut damaged, mut after) = (BTreeSet::new(), None::<String>);
    loop {
        let page = wait(store.range("", after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending))?;
        damaged.extend(page.entries.iter().filter(|entry| !is_readable(entry)).map(|entry| entry.key.to_string()));
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            break;
        }
    }
    if let Some(current) = wait(revisions::current(store))? {
        if wait(store.read(revisions::CURRENT))?.is_none() {
            damaged.insert(revisions::CURRENT.to_owned());
        }
        if !wait(revisions::is_whole(store, current))? {
            damaged.insert(revisions::key(current));
        }
    }
    Ok(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Time};
    use crate::{audit, auth, health, overrides};
    use serde_json::json;

    fn put(store: &MemoryStore, key: &str, value: impl Into<Vec<u8>>) {
        wait(store.commit(Commit::new().put(key, value.into()))).unwrap();
    }

    /// A store with a row of each kind, and its last good copy.
    fn filled() -> (MemoryStore, tempfile::TempDir) {
        let (store, folder) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        for number in [1, 2] {
            let header = revisions::Header {
                revision: number,
                author: "a".to_owned(),
                author_name: "a".to_owned(),
                millis: 1,
                message: String::new(),
                restored: None,
                commit: None,
                octets: 0,
            };
            put(&store, &revisions::key(number), &*revisions::pack(header, &json!({}).into()));
            put(&store, &revisions::text::key(number), &*revisions::text::pack("# text").unwrap());
        }
        put(&store, revisions::CURRENT, revisions::pack_current(2));
        let stored =
            json!({"id": "a", "targets": ["pool/fra"], "force": "drain", "reason": "r", "owner": "o", "created": 0});
        put(&store, "overrides/a", stored.to_string());
        wait(auth::create(&store, "Ada", auth::Role::Admin, Time::from_millis(1), None)).unwrap();
        last_good::write(&store, folder.path()).unwrap();
        (store, folder)
    }

    #[test]
    fn a_healthy_store_has_no_damaged_rows() {
        let (store, folder) = filled();
        put(&store, "of/a/later/version", "?");
        put(&store, health::SEEN, "7");
        let found = repair(&store, folder.path()).unwrap();
        assert_eq!((found.summary(), found), (None, DamagedRows::default()));
    }

    #[test]
    fn rows_in_the_copy_are_restored_and_others_are_ignored() {
        let (store, folder) = filled();
        let keys = |prefix: &str| {
            let page = wait(store.range(prefix, None, 9, Order::Ascending)).unwrap();
            page.entries.into_iter().map(|entry| (entry.key.to_string(), entry.versioned.value)).collect::<Vec<_>>()
        };
        let before = keys("");
        let token = keys(auth::PREFIX)[0].0.clone();
        let kept = [revisions::CURRENT, &revisions::key(2), "overrides/a", &token];
        let lost = [
            &*revisions::key(1),
            &revisions::text::key(1),
            &audit::key(1),
            "audit/x",
            "revisions/x",
            "health/fra/fra-1",
            "health-seen",
            "mass-failure",
            "thaw",
            "latency/region/x",
            "latency-observed",
            "overrides/b",
            "tokens/b",
        ];
        for value in ["", "garbage", "{\"revision\":", "[]"] {
            kept.iter().chain(&lost).for_each(|key| put(&store, key, value));
            let found = repair(&store, folder.path()).unwrap();
            assert_eq!(found.restored, kept.iter().map(ToString::to_string).collect(), "{value}");
            // An array is a value that such a row may have.
            let expected = lost.iter().filter(|key| value != "[]" || **key != health::MASS_FAILURE);
            assert_eq!(found.ignored, expected.map(ToString::to_string).collect(), "{value}");
            let summary = found.summary().unwrap();
            assert!(
                summary.contains("restored from store.last-good: document, ") && summary.contains(" more"),
                "{summary}"
            );
            for key in kept {
                let stored = wait(store.read(key)).unwrap().unwrap();
                assert!(before.contains(&(key.to_owned(), stored.value)), "{key} is unchanged");
            }
        }
    }

    #[test]
    fn the_latest_revision_is_current_even_if_its_pointer_is_damaged() {
        let (store, folder) = filled();
        for damage in [Commit::new().delete(revisions::CURRENT), Commit::new().put(revisions::CURRENT, *b"?")] {
            wait(store.commit(damage)).unwrap();
            assert_eq!(wait(revisions::current(&store)).unwrap(), Some(2));
            assert!(repair(&store, folder.path()).unwrap().restored.contains(revisions::CURRENT));
        }
        wait(store.commit(Commit::new().delete(revisions::key(2)))).unwrap();
        assert!(repair(&store, folder.path()).unwrap().restored.contains(&revisions::key(2)), "it was missing");
        // The copy is older: the store has a later revision than the copy.
        put(&store, &revisions::key(3), &*wait(store.read(&revisions::key(2))).unwrap().unwrap().value);
        put(&store, revisions::CURRENT, "?");
        repair(&store, folder.path()).unwrap();
        assert_eq!(wait(revisions::current(&store)).unwrap(), Some(3));
    }

    #[test]
    fn without_a_copy_everything_damaged_is_ignored() {
        let (store, _) = filled();
        put(&store, "overrides/a", "{\"id\":\"b\"}");
        let empty = tempfile::tempdir().unwrap();
        let found = repair(&store, empty.path()).unwrap();
        assert_eq!((found.restored.len(), found.ignored), (0, BTreeSet::from(["overrides/a".to_owned()])));
        assert!(wait(overrides::read(&store)).unwrap().is_empty());
    }
}
