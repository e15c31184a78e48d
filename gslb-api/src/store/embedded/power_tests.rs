//! Power failures: the disk has what was synced, and any prefix of the writes since.

use std::fs;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::wait;
use super::*;

/// The log of a disk.
#[derive(Debug, Default)]
struct Log {
    /// Synced content.
    synced: Vec<u8>,
    /// Writes since, with their offsets.
    since: Vec<(usize, Vec<u8>)>,
    /// Possible contents of the disk if the power had failed, recorded at each sync.
    images: Vec<Vec<u8>>,
}

impl Log {
    /// Records the possible contents now: what was synced, with each prefix of the writes since.
    fn note(&mut self) {
        let mut image = self.synced.clone();
        self.images.push(image.clone());
        for (offset, data) in &self.since {
            put_at(&mut image, *offset, data);
            self.images.push(image.clone());
        }
    }

    fn sync(&mut self) {
        self.note();
        for (offset, data) in std::mem::take(&mut self.since) {
            put_at(&mut self.synced, offset, &data);
        }
    }
}

fn put_at(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(data);
}

/// A file whose writes are logged.
#[derive(Debug)]
struct Logged {
    file: FileBackend,
    log: Arc<Mutex<Log>>,
}

impl StorageBackend for Logged {
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
        // The length counts as durable at once: a file system that lost it would also lose later writes.
        self.log.lock().unwrap().synced.resize(usize::try_from(len).unwrap(), 0);
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.log.lock().unwrap().sync();
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.log.lock().unwrap().since.push((usize::try_from(offset).unwrap(), data.to_vec()));
        self.file.write(offset, data)
    }
}

/// The revision of the store in `image`, in which two keys always have its number as value.
fn revision_in(image: &[u8], what: &str) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("store.redb"), image).unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let revision = wait(store.revision()).unwrap().number();
    for key in ["left", "right"] {
        let versioned = wait(store.read(key)).unwrap().map(|versioned| versioned.value[0]);
        assert_eq!(versioned, u8::try_from(revision).ok().filter(|number| *number > 0), "{what}: {key}");
    }
    revision
}

#[test]
fn a_power_failure_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    drop(EmbeddedStore::open(directory.path()).unwrap());
    let synced = fs::read(directory.path().join("store.redb")).unwrap();
    let log = Arc::new(Mutex::new(Log { synced, ..Log::default() }));
    let logged = Arc::clone(&log);
    let attach =
        move |builder: &redb::Builder, file| builder.create_with_backend(Logged { file, log: Arc::clone(&logged) });
    let store = EmbeddedStore::open_with(directory.path(), Box::new(attach)).unwrap();
    let mut images = 0;
    for number in 1..=12u8 {
        log.lock().unwrap().images.clear();
        let value = vec![number; 100 * usize::from(number)];
        wait(store.commit(Commit::new().put("left", value.clone()).put("right", value))).unwrap();
        let mut log = log.lock().unwrap();
        for (moment, image) in std::mem::take(&mut log.images).iter().enumerate() {
            let found = revision_in(image, &format!("moment {moment} of commit {number}"));
            assert!(found == u64::from(number) || found + 1 == u64::from(number), "{found} while {number} is written");
            images += 1;
        }
        log.note();
        for image in std::mem::take(&mut log.images) {
            assert_eq!(revision_in(&image, "after it was acknowledged"), u64::from(number));
        }
    }
    assert!(images > 50, "{images} moments");
}
