//! What happens where the disk fails: every operation on it, in turn, and a disk that is full for a while.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::wait;
use super::*;

/// Operations that a disk still does before all that change it fail.
type Left = Arc<AtomicU64>;

const ALL: u64 = u64::MAX;

/// A file on a disk that fails after some operations, as one that is full does.
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
    wait(store.read("same")).unwrap().map(|held| held.value[0])
}

#[test]
fn wherever_the_disk_fails_nothing_is_lost_and_writing_goes_on_when_it_is_mended() {
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
            // Reads go on, and see what was acknowledged, or what failed but is found to be there.
            assert!(same(&store).is_some_and(|seen| seen >= value), "{operations}");
        }
        left.store(ALL, SeqCst);
        let revision = put(&store, "last", 99).unwrap();
        assert!(revision.number() > acknowledged);
        // The watcher missed nothing of what is there, and saw nothing else.
        let mut seen = Revision::new(1);
        while let Some(watched) = watch.ready() {
            let super::super::Watched::Changed(changes) = watched else { panic!("{watched:?}") };
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
fn a_disk_that_fails_while_a_store_is_made_leaves_none_behind() {
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
