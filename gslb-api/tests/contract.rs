//! The contract of every store, checked for each of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use gslb_api::store::{
    Change, Commit, CommitError, EmbeddedStore, Expectation, Expired, Limit, MemoryStore, Order, Revision, Store, Time,
    Watch, WatchEvent, limits, wait,
};

/// Runs each test with each store.
macro_rules! on_every_store {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() { super::$name(super::Arc::new(super::MemoryStore::new())); })*
        }
        mod embedded {
            $(#[test] fn $name() {
                let directory = tempfile::tempdir().unwrap();
                super::$name(super::Arc::new(super::EmbeddedStore::open(directory.path()).unwrap()));
            })*
        }
    };
}

on_every_store! {
    a_new_store_is_empty
    written_entries_are_read
    every_commit_gets_the_next_revision
    a_failed_expectation_rejects_the_whole_commit
    a_commit_without_writes_only_checks
    deleting_what_is_not_there_changes_nothing
    commits_that_no_store_accepts_are_refused
    a_store_that_is_full_takes_deletions
    pages_go_through_a_prefix_in_both_orders
    a_prefix_ends_where_it_should
    nothing_expires_by_itself
    rewriting_a_key_replaces_its_expiry
    many_keys_expire_in_several_commits
    a_watch_returns_every_change_in_order
    a_watch_waits_for_the_next_change
    a_watch_of_a_compacted_revision_reports_it
    a_slow_watch_learns_that_it_fell_behind
    a_watch_ends_when_the_store_is_closed
    of_a_hundred_racing_writers_none_is_lost
    a_canceled_commit_harms_nothing
    a_runtime_with_one_thread_is_not_blocked
}

type AnyStore = Arc<dyn Store>;

fn commit(store: &AnyStore, commit: Commit) -> Result<u64, CommitError> {
    wait(store.commit(commit)).map(Revision::number)
}

fn put(store: &AnyStore, key: &str, value: &str) -> u64 {
    commit(store, Commit::new().put(key, value.as_bytes())).unwrap()
}

fn read(store: &AnyStore, key: &str) -> Option<(String, u64)> {
    let stored = wait(store.read(key)).unwrap()?;
    Some((String::from_utf8(stored.value.to_vec()).unwrap(), stored.revision.number()))
}

fn revision(store: &AnyStore) -> u64 {
    wait(store.revision()).unwrap().number()
}

fn a_new_store_is_empty(store: AnyStore) {
    assert_eq!(revision(&store), 0);
    assert_eq!(read(&store, "document"), None);
    let page = wait(store.range("", None, 10, Order::Ascending)).unwrap();
    assert!(page.entries.is_empty() && !page.more);
}

fn written_entries_are_read(store: AnyStore) {
    assert_eq!(put(&store, "document", "one"), 1);
    assert_eq!(read(&store, "document"), Some(("one".into(), 1)));
    let two = Commit::new().put("document", *b"two").put("audit/1", *b"");
    assert_eq!(commit(&store, two).unwrap(), 2);
    assert_eq!(read(&store, "document"), Some(("two".into(), 2)));
    assert_eq!(read(&store, "audit/1"), Some((String::new(), 2)));
    assert_eq!(commit(&store, Commit::new().delete("document")).unwrap(), 3);
    assert_eq!(read(&store, "document"), None);
    assert_eq!(read(&store, "audit/1"), Some((String::new(), 2)));
}

fn every_commit_gets_the_next_revision(store: AnyStore) {
    for expected in 1..=20 {
        assert_eq!(put(&store, &format!("key/{}", expected % 3), "value"), expected);
        assert_eq!(revision(&store), expected);
    }
}

fn a_failed_expectation_rejects_the_whole_commit(store: AnyStore) {
    let first = Revision::new(put(&store, "there", "value"));
    let cases = [
        ("there", Expectation::Absent, Some(first)),
        ("there", Expectation::At(Revision::ZERO), Some(first)),
        ("there", Expectation::At(Revision::new(9)), Some(first)),
        ("absent", Expectation::At(first), None),
        ("absent", Expectation::Any, None),
    ];
    for (key, expectation, found) in cases {
        let both = Commit::new().expect("there", Expectation::Any).expect(key, expectation);
        let both = both.put("other", *b"value").delete("there");
        let conflict = CommitError::Conflict { key: key.into(), found };
        assert_eq!(commit(&store, both), Err(conflict), "{key} {expectation:?}");
    }
    assert_eq!((revision(&store), read(&store, "other")), (1, None));

    let all = Commit::new().expect("there", Expectation::At(first)).expect("absent", Expectation::Absent);
    assert_eq!(commit(&store, all.put("there", *b"new").put("absent", *b"new")), Ok(2));
    assert_eq!(read(&store, "absent"), Some(("new".into(), 2)));
}

fn a_commit_without_writes_only_checks(store: AnyStore) {
    put(&store, "there", "value");
    let mut watch = store.watch("", Revision::new(1));
    assert_eq!(commit(&store, Commit::new().expect("there", Expectation::Any)), Ok(1));
    assert!(commit(&store, Commit::new().expect("there", Expectation::Absent)).is_err());
    assert_eq!((revision(&store), watch.ready()), (1, None));
}

fn deleting_what_is_not_there_changes_nothing(store: AnyStore) {
    let mut watch = store.watch("", Revision::ZERO);
    assert_eq!(commit(&store, Commit::new().delete("absent")), Ok(1));
    assert_eq!(watch.ready(), None);
    assert_eq!(put(&store, "absent", "value"), 2);
    assert!(matches!(watch.ready(), Some(WatchEvent::Changed(changes)) if changes.revision == Revision::new(2)));
}

fn commits_that_no_store_accepts_are_refused(store: AnyStore) {
    let invalid = [
        Commit::new().put("", *b"value"),
        Commit::new().put("line\nbreak", *b"value"),
        Commit::new().expect("", Expectation::Absent).put("key", *b"value"),
        Commit::new().put("twice", *b"value").put("other", *b"value").delete("twice"),
    ];
    for invalid in invalid {
        assert!(matches!(commit(&store, invalid.clone()), Err(CommitError::Invalid { .. })), "{invalid:?}");
    }
    let over =
        |limit| move |error| assert!(matches!(error, CommitError::TooLarge { limit: found, .. } if found == limit));
    let most = "k".repeat(limits::KEY_OCTETS);
    assert_eq!(put(&store, &most, "value"), 1);
    over(Limit::KeyOctets)(commit(&store, Commit::new().put(most + "k", *b"")).unwrap_err());
    let value = vec![0; limits::VALUE_OCTETS + 1];
    over(Limit::ValueOctets)(commit(&store, Commit::new().put("key", value)).unwrap_err());
    let many = (0..=limits::COMMIT_KEYS).fold(Commit::new(), |commit, number| commit.put(number.to_string(), *b""));
    over(Limit::CommitKeys)(commit(&store, many).unwrap_err());
    let value: Arc<[u8]> = vec![0; limits::VALUE_OCTETS].into();
    let three = Commit::new().put("1", value.clone()).put("2", value.clone()).put("3", value);
    over(Limit::CommitOctets)(commit(&store, three).unwrap_err());
    assert_eq!(revision(&store), 1);
}

fn a_store_that_is_full_takes_deletions(store: AnyStore) {
    let value: Arc<[u8]> = vec![7; limits::VALUE_OCTETS].into();
    let fits = limits::STORE_OCTETS / limits::VALUE_OCTETS - 1;
    for number in 0..fits {
        commit(&store, Commit::new().put(format!("{number}"), value.clone())).unwrap();
    }
    let full = commit(&store, Commit::new().put("more", value.clone())).unwrap_err();
    assert!(matches!(full, CommitError::TooLarge { limit: Limit::StoreOctets, .. }), "{full}");
    commit(&store, Commit::new().delete("0").put("more", value.clone())).unwrap();
    commit(&store, Commit::new().delete("1")).unwrap();
    commit(&store, Commit::new().put("again", value)).unwrap();
}

/// The keys of all pages of `limit` entries.
fn keys(store: &AnyStore, prefix: &str, limit: usize, order: Order) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = wait(store.range(prefix, keys.last().map(String::as_str), limit, order)).unwrap();
        assert!(page.entries.len() <= limit);
        assert_eq!(page.revision.number(), revision(store));
        keys.extend(page.entries.iter().map(|entry| entry.key.to_string()));
        if !page.more {
            return keys;
        }
        assert_eq!(page.entries.len(), limit);
    }
}

fn pages_go_through_a_prefix_in_both_orders(store: AnyStore) {
    let all: Vec<String> = (0..25).map(|number| format!("revisions/{number:020}")).collect();
    let filled = all.iter().fold(Commit::new(), |commit, key| commit.put(key.as_str(), key.as_bytes()));
    commit(&store, filled.put("revision", *b"").put("revisions", *b"").put("revisionsx", *b"")).unwrap();
    let reversed: Vec<String> = all.iter().rev().cloned().collect();
    for limit in [1, 7, 24, 25, 26] {
        assert_eq!(keys(&store, "revisions/", limit, Order::Ascending), all);
        assert_eq!(keys(&store, "revisions/", limit, Order::Descending), reversed);
    }
    let nothing = wait(store.range("revisions/", None, 0, Order::Ascending)).unwrap();
    assert!(nothing.entries.is_empty() && nothing.more);
    // A key that is not there, or not within the prefix, can be gone on from too.
    let from = |after, order| wait(store.range("revisions/", Some(after), 100, order)).unwrap().entries.len();
    assert_eq!((from("a", Order::Ascending), from("a", Order::Descending)), (25, 0));
    assert_eq!((from("z", Order::Ascending), from("z", Order::Descending)), (0, 25));
    assert_eq!((from(&(all[4].clone() + "0"), Order::Ascending), from(&all[5], Order::Descending)), (20, 5));
}

fn a_prefix_ends_where_it_should(store: AnyStore) {
    let all = [
        "a",
        "a\u{d7ff}",
        "a\u{d7ff}x",
        "a\u{e000}",
        "a\u{10ffff}",
        "a\u{10ffff}\u{10ffff}",
        "b",
        "\u{10ffff}",
        "\u{10ffff}x",
    ];
    commit(&store, all.iter().fold(Commit::new(), |commit, key| commit.put(*key, *b""))).unwrap();
    for prefix in all.into_iter().chain([""]) {
        let expected: BTreeSet<&str> = all.into_iter().filter(|key| key.starts_with(prefix)).collect();
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(keys(&store, prefix, 2, Order::Ascending), expected, "{prefix:?}");
        let reversed: Vec<String> = expected.into_iter().rev().collect();
        assert_eq!(keys(&store, prefix, 2, Order::Descending), reversed, "{prefix:?}");
    }
}

/// A moment.
fn noon() -> Time {
    Time::from_millis(1_700_000_000_000)
}

fn nothing_expires_by_itself(store: AnyStore) {
    let later = noon().after(Duration::from_secs(60));
    let three = Commit::new().put("stays", *b"").put_until("soon", *b"", noon()).put_until("later", *b"", later);
    commit(&store, three).unwrap();
    assert_eq!(wait(store.read("soon")).unwrap().unwrap().expires, Some(noon()));
    let before = Time::from_millis(noon().millis() - 1);
    assert_eq!(wait(store.expire(before)), Ok(Expired { keys: 0, revision: Revision::new(1) }));
    let mut watch = store.watch("", Revision::new(1));
    assert_eq!(wait(store.expire(noon())), Ok(Expired { keys: 1, revision: Revision::new(2) }));
    let Some(WatchEvent::Changed(changes)) = watch.ready() else { panic!("there is no change") };
    assert_eq!(changes.changes, [Change::Deleted { key: "soon".into() }]);
    assert_eq!(keys(&store, "", 10, Order::Ascending), ["later", "stays"]);
    assert_eq!(wait(store.expire(later)), Ok(Expired { keys: 1, revision: Revision::new(3) }));
    assert_eq!(wait(store.expire(later)), Ok(Expired { keys: 0, revision: Revision::new(3) }));
}

fn rewriting_a_key_replaces_its_expiry(store: AnyStore) {
    let later = noon().after(Duration::from_secs(60));
    commit(&store, Commit::new().put_until("longer", *b"", noon()).put_until("always", *b"", noon())).unwrap();
    commit(&store, Commit::new().put_until("longer", *b"", later).put("always", *b"")).unwrap();
    assert_eq!(wait(store.expire(noon())).unwrap().keys, 0);
    assert_eq!(wait(store.expire(later)).unwrap().keys, 1);
    assert_eq!(keys(&store, "", 10, Order::Ascending), ["always"]);
}

fn many_keys_expire_in_several_commits(store: AnyStore) {
    for part in 0..3 {
        let keys = (0..1000).map(|number| format!("health/{part}/{number}"));
        commit(&store, keys.fold(Commit::new(), |commit, key| commit.put_until(key, *b"up", noon()))).unwrap();
    }
    put(&store, "health/stays", "up");
    assert_eq!(wait(store.expire(noon())), Ok(Expired { keys: 3000, revision: Revision::new(7) }));
    assert_eq!(keys(&store, "", 10, Order::Ascending), ["health/stays"]);
}

/// The changes of a watch until it waits, as revision, key and whether the key exists.
fn changes_so_far(watch: &mut Watch) -> Vec<(u64, String, bool)> {
    let mut changes_so_far = Vec::new();
    while let Some(watched) = watch.ready() {
        let WatchEvent::Changed(changes) = watched else { panic!("{watched:?}") };
        for change in changes.changes {
            changes_so_far.push((
                changes.revision.number(),
                change.key().to_string(),
                matches!(change, Change::Put { .. }),
            ));
        }
    }
    changes_so_far
}

fn a_watch_returns_every_change_in_order(store: AnyStore) {
    put(&store, "overrides/1", "before");
    let mut watch = store.watch("overrides/", Revision::new(1));
    let mut from_the_start = store.watch("", Revision::ZERO);
    commit(&store, Commit::new().put("overrides/2", *b"").put("audit/1", *b"").put("overrides/3", *b"")).unwrap();
    put(&store, "document", "other");
    commit(&store, Commit::new().delete("overrides/1").delete("overrides/9")).unwrap();
    let expected = [(2, "overrides/2", true), (2, "overrides/3", true), (4, "overrides/1", false)];
    assert_eq!(changes_so_far(&mut watch), expected.map(|(revision, key, there)| (revision, key.to_owned(), there)));
    assert_eq!(changes_so_far(&mut from_the_start).len(), 6);
    assert_eq!(changes_so_far(&mut watch), []);
}

fn a_watch_waits_for_the_next_change(store: AnyStore) {
    let mut on_a_thread = store.watch("key", Revision::ZERO);
    let mut in_a_task = store.watch("key", Revision::ZERO);
    let waiting = thread::spawn(move || wait(on_a_thread.next()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let task = runtime.spawn(async move {
        // Who gives up waiting loses nothing.
        while tokio::time::timeout(Duration::from_millis(1), in_a_task.next()).await.is_err() {}
        in_a_task.next().await
    });
    put(&store, "other", "value");
    put(&store, "key", "value");
    put(&store, "key", "again");
    assert!(matches!(waiting.join().unwrap(), WatchEvent::Changed(changes) if changes.revision == Revision::new(2)));
    let second = runtime.block_on(task).unwrap();
    assert!(matches!(second, WatchEvent::Changed(changes) if changes.revision == Revision::new(3)));
}

fn a_watch_of_a_compacted_revision_reports_it(store: AnyStore) {
    let mut early = store.watch("key", Revision::ZERO);
    let value: Arc<[u8]> = vec![0; limits::HISTORY_OCTETS / 4].into();
    for _ in 0..8 {
        commit(&store, Commit::new().put("key", value.clone())).unwrap();
    }
    assert_eq!(early.ready(), Some(WatchEvent::Compacted));
    assert_eq!(early.ready(), Some(WatchEvent::Compacted), "the watch has ended");
    assert_eq!(store.watch("", Revision::new(1)).ready(), Some(WatchEvent::Compacted));
    assert_eq!(store.watch("", Revision::new(8)).ready(), None);
    // A revision that this store has not reached is of another one.
    assert_eq!(store.watch("", Revision::new(9)).ready(), Some(WatchEvent::Compacted));
}

fn a_slow_watch_learns_that_it_fell_behind(store: AnyStore) {
    let mut slow = store.watch("key", Revision::ZERO);
    put(&store, "key", "first");
    assert!(matches!(slow.ready(), Some(WatchEvent::Changed(_))));
    // Commits by several writers share writes to the disk.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..=limits::HISTORY_COMMITS / 8 {
                    put(&store, "key", "value");
                }
            });
        }
    });
    assert_eq!(wait(slow.next()), WatchEvent::Compacted);
    let mut again = store.watch("key", Revision::new(revision(&store)));
    put(&store, "key", "value");
    assert!(matches!(wait(again.next()), WatchEvent::Changed(_)));
}

fn a_watch_ends_when_the_store_is_closed(store: AnyStore) {
    let mut watch = store.watch("", Revision::ZERO);
    put(&store, "key", "value");
    drop(store);
    assert!(matches!(wait(watch.next()), WatchEvent::Changed(_)), "earlier changes are returned");
    assert_eq!(wait(watch.next()), WatchEvent::Closed);
}

fn of_a_hundred_racing_writers_none_is_lost(store: AnyStore) {
    const WRITERS: usize = 100;
    let mut watch = store.watch("counter", Revision::ZERO);
    put(&store, "counter", "0");
    let start = Barrier::new(WRITERS);
    let successes: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| add_one(&store, &start))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let revisions: BTreeSet<u64> = successes.into_iter().collect();
    assert_eq!(revisions, (2..=101).collect(), "each success is a revision of its own");
    assert_eq!(read(&store, "counter"), Some(("100".into(), 101)));
    assert_eq!(changes_so_far(&mut watch).len(), 101);
}

/// Increments the counter, retrying on conflicts, and returns the revision that did.
fn add_one(store: &AnyStore, start: &Barrier) -> u64 {
    start.wait();
    loop {
        let (value, revision) = read(store, "counter").unwrap();
        let more = (value.parse::<u64>().unwrap() + 1).to_string();
        let counted = Commit::new().expect("counter", Expectation::At(Revision::new(revision)));
        match commit(store, counted.put("counter", more.as_bytes())) {
            Ok(revision) => return revision,
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn a_canceled_commit_harms_nothing(store: AnyStore) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        drop(store.commit(Commit::new().put("never", *b"")));
        for _ in 0..50 {
            let pending = store.commit(Commit::new().put("key", *b"value"));
            let _ = tokio::time::timeout(Duration::ZERO, pending).await;
        }
        store.commit(Commit::new().put("last", *b"")).await.unwrap();
    });
    assert_eq!(read(&store, "never"), None, "a commit that is never polled does nothing");
    assert_eq!(read(&store, "last").map(|(_, at)| at), Some(revision(&store)));
}

fn a_runtime_with_one_thread_is_not_blocked(store: AnyStore) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let revisions = runtime.block_on(async {
        let tasks: Vec<_> = (0..50u8)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.commit(Commit::new().put("key", [number])).await.unwrap().number() })
            })
            .collect();
        let mut revisions = BTreeSet::new();
        for task in tasks {
            revisions.insert(task.await.unwrap());
        }
        revisions
    });
    assert_eq!(revisions, (1..=50).collect());
}
