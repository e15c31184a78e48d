//! Disk failures: each operation fails in turn, and a disk that is full for a while.

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::wait;
use super::*;

/// Operations left before all writes fail.
type Left = Arc<AtomicU64>;

const ALL: u64 = u64::MAX;

/// A file on a disk that fails after some operations, like a full one.
#[derive(Debug)]
struct Failing {
    file: FileBackend,
    left: Left,
}

impl Failing {
    fn operate(&self) -> io::Result<()> {
        let spent = |left| if left == ALL { Some(ALL) } else { u64::checked_sub(left, 1) };
        match self.left.fetch_update(SeqCst, SeqCst, spent) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl StorageBackend for Failing {
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.operate()?;
        self.file.write(offset, data)
    }
}

fn open(directory: &Path, left: &Left) -> Result<EmbeddedStore, OpenError> {
    let left = Arc::clone(left);
    let attach =
        move |builder: &redb::Builder, file| builder.create_with_backend(Failing { file, left: Arc::clone(&left) });
    EmbeddedStore::open_with(directory, Box::new(attach))
}

fn put(store: &EmbeddedStore, key: &str, value: u8) -> Result<Revision, CommitError> {
    wait(store.commit(Commit::new().put(key, [value; 3000]).put("same", [value])))
}

fn same(store: &EmbeddedStore) -> Option<u8> {
    wait(store.read("same")).unwrap().map(|versioned| versioned.value[0])
}

#[test]
fn wherever_the_disk_fails_nothing_is_lost_and_writing_resumes_once_it_is_repaired() {
    let mut failures = 0;
    for operations in 0..60 {
        let directory = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicU64::new(ALL));
        let store = open(directory.path(), &left).unwrap();
        put(&store, "first", 1).unwrap();
        let mut watch = store.watch("same", Revision::new(1));

        left.store(operations, SeqCst);
        let (mut acknowledged, mut value) = (1, 1);
        for next in 2..8 {
            match put(&store, &format!("key/{next}"), next) {
                Ok(revision) => (acknowledged, value) = (revision.number(), next),
                Err(CommitError::Unavailable(Unavailable { reason })) => {
                    failures += 1;
                    assert!(reason.contains("store.redb"), "{reason}");
                }
                Err(error) => panic!("{error}"),
            }
            // Reads continue, and see acknowledged commits, or failed ones that are found on the disk.
            assert!(same(&store).is_some_and(|seen| seen >= value), "{operations}");
        }
        left.store(ALL, SeqCst);
        let revision = put(&store, "last", 99).unwrap();
        assert!(revision.number() > acknowledged);
        // The watcher saw exactly the commits that exist.
        let mut seen = Revision::new(1);
        while let Some(watched) = watch.ready() {
            let super::super::WatchEvent::Changed(changes) = watched else { panic!("{watched:?}") };
            assert_eq!(changes.revision, seen.next(), "{operations}");
            seen = changes.revision;
        }
        assert_eq!(seen, revision);

        let expected = wait(store.range("", None, 1000, Order::Ascending)).unwrap();
        drop(store);
        let again = EmbeddedStore::open(directory.path()).unwrap();
        assert_eq!(wait(again.range("", None, 1000, Order::Ascending)).unwrap(), expected, "{operations}");
    }
    assert!(failures > 100, "{failures} commits failed");
}

#[test]
fn a_disk_failure_while_creating_a_store_leaves_none_behind() {
    let directory = tempfile::tempdir().unwrap();
    let left = Arc::new(AtomicU64::new(0));
    let mut failures = 0;
    for operations in 0..200 {
        left.store(operations, SeqCst);
        match open(directory.path(), &left) {
            Ok(_) => break,
            Err(error) => {
                failures += 1;
                assert!(error.to_string().contains("store.redb"), "{error}");
            }
        }
    }
    assert!(failures > 3, "{failures}");
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(put(&store, "first", 1).unwrap(), Revision::new(1));
}

#[test]
fn a_disk_that_fails_at_closing_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let left = Arc::new(AtomicU64::new(ALL));
    let store = open(directory.path(), &left).unwrap();
    put(&store, "first", 1).unwrap();
    left.store(0, SeqCst);
    drop(store);
    assert_eq!(same(&EmbeddedStore::open(directory.path()).unwrap()), Some(1));
}

#[test]
fn a_removed_or_replaced_file_refuses_commits_until_it_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = EmbeddedStore::open(directory.path()).unwrap();
    wait(store.commit(Commit::new().put("a", b"1".to_vec()))).unwrap();
    let other = tempfile::tempdir().unwrap();
    let others = EmbeddedStore::open(other.path()).unwrap();
    // It is at the same revision.
    wait(others.commit(Commit::new().put("theirs", b"1".to_vec()))).unwrap();
    drop(others);
    let away = directory.path().join("away");
    fs::rename(&path, &away).unwrap();
    let refused = |what: &str| {
        let Err(CommitError::Unavailable(why)) = wait(store.commit(Commit::new().put("b", b"2".to_vec()))) else {
            panic!("it would be lost")
        };
        assert!(why.reason.contains(what) && why.reason.contains("restore the store's own file"), "{why}");
        assert_eq!(wait(store.check()).unwrap_err(), why);
    };
    refused("was removed");
    fs::copy(other.path().join("store.redb"), &path).unwrap();
    refused("was replaced");
    fs::copy(&away, &path).unwrap();
    wait(store.check()).expect("a copy of the same state is as good");
    wait(store.commit(Commit::new().put("b", b"2".to_vec()))).unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(wait(store.read("b")).unwrap().unwrap().value.as_ref(), b"2");
}

#[test]
fn the_store_of_another_directory_is_not_used() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for directory in [&one, &other] {
        let store = EmbeddedStore::open(directory.path()).unwrap();
        wait(store.commit(Commit::new().put("a", b"1".to_vec()))).unwrap();
    }
    let path = one.path().join("store.redb");
    let backup = fs::read(&path).unwrap();
    fs::copy(other.path().join("store.redb"), &path).unwrap();
    let refused = EmbeddedStore::open(one.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }) && refused.to_string().contains("store.id"), "{refused}");
    fs::write(&path, &backup).unwrap();
    drop(EmbeddedStore::open(one.path()).expect("a backup of its own is taken"));
    // Moved to another host, without the other files.
    let new = tempfile::tempdir().unwrap();
    fs::write(new.path().join("store.redb"), &backup).unwrap();
    drop(EmbeddedStore::open(new.path()).unwrap());
    let id = |directory: &Path| fs::read_to_string(directory.join("store.id")).unwrap();
    assert_eq!(id(new.path()), id(one.path()));
    fs::copy(other.path().join("store.redb"), &path).unwrap();
    fs::remove_file(one.path().join("store.id")).unwrap();
    drop(EmbeddedStore::open(one.path()).expect("an operator accepted it"));
    assert_eq!(id(one.path()), id(other.path()));
}
