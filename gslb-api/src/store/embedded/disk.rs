//! The store's file: a redb database with the entries in one table and the revision in another.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError, TableDefinition,
};

use super::super::changes::{Change, Changes};
use super::super::{Entry, Revision, Time, Versioned};
use super::identity::Number;

/// Key to revision, expiry and value; see [`pack`].
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// Single values: [`REVISION`], [`FORMAT`] and [`IDENTITY`].
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
const IDENTITY: &str = "identity";

/// The format version that this code writes, and the highest that it reads.
pub(super) const KNOWN_FORMAT: u64 = 1;

/// Size of the database's cache in octets. The entries are in memory anyway.
const CACHE_OCTETS: usize = 16 << 20;

/// Opens a database on a file; tests insert a failing disk.
pub(super) type Attach = Box<dyn Fn(&Builder, FileBackend) -> Result<Database, DatabaseError> + Send>;

/// The one outside of tests.
pub(super) fn attach() -> Attach {
    Box::new(|builder, file| builder.create_with_backend(file))
}

/// An error of a store's file.
#[derive(Debug)]
pub(super) enum DiskError {
    /// A system call failed.
    System(io::Error),
    /// Another process has it open.
    InUse,
    /// It is damaged.
    Damaged(String),
    /// It was written by a later version.
    Later(u64),
}

/// The open database. Dropping it may panic after a failure; [`Disk::close`] does not.
pub(super) struct Disk {
    database: Database,
    /// Device and inode of its file; `None` for a copy in memory.
    file: Option<(u64, u64)>,
}

impl Disk {
    /// Creates a file with an empty store at `path`. It gets that name once it is complete and durable.
    pub(super) fn create(path: &Path, attach: &Attach, identity: Number) -> Result<(), DiskError> {
        let unfinished = path.with_extension("new");
        match fs::remove_file(&unfinished) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(DiskError::System(cause)),
            _ => {}
        }
        let open = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&unfinished);
        let disk = Self::attach(open().map_err(DiskError::System)?, attach)?;
        let written = disk.write(&[], Revision::ZERO, identity);
        disk.close();
        written.map_err(|reason| DiskError::System(io::Error::other(reason)))?;
        let name = || {
            File::open(&unfinished)?.sync_all()?;
            fs::rename(&unfinished, path)?;
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        name().map_err(DiskError::System)
    }

    /// Opens the file at `path`, which must exist. Reads and checks all of it, and refuses changes by another program
    /// or a failing disk.
    pub(super) fn open(path: &Path, attach: &Attach) -> Result<Self, DiskError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(DiskError::System)?;
        // The database would treat an empty file as a new one.
        if file.metadata().map_err(DiskError::System)?.len() == 0 {
            return Err(DiskError::Damaged("it is empty".to_owned()));
        }
        Self::attach(file, attach)
    }

    /// Opens a copy in memory of the file at `path`, which may be read-only. The copy is repaired after a
    /// crash.
    pub(super) fn open_copy(path: &Path) -> Result<Self, DiskError> {
        let octets = fs::read(path).map_err(DiskError::System)?;
        if octets.is_empty() {
            return Err(DiskError::Damaged("it is empty".to_owned()));
        }
        guarded(|| {
            let memory = InMemoryBackend::new();
            memory.set_len(octets.len() as u64).and_then(|()| memory.write(0, &octets)).map_err(DiskError::System)?;
            drop(octets);
            builder().create_with_backend(memory).map_err(DiskError::from)
        })
        .unwrap_or_else(|panic| Err(DiskError::Damaged(panic)))
        .map(|database| Self { database, file: None })
    }

    fn attach(file: File, attach: &Attach) -> Result<Self, DiskError> {
        let at = place(&file.metadata().map_err(DiskError::System)?);
        guarded(|| attach(&builder(), FileBackend::new(file)?).map_err(DiskError::from))
            .unwrap_or_else(|panic| Err(DiskError::Damaged(panic)))
            .map(|database| Self { database, file: Some(at) })
    }

    /// Checks that the open file is still the one at `path`.
    ///
    /// # Errors
    /// What was found there instead. Writes to the open file would be lost.
    pub(super) fn is_at(&self, path: &Path) -> Result<(), String> {
        match fs::metadata(path) {
            Ok(found) if self.file.is_none_or(|own| own == place(&found)) => Ok(()),
            Ok(_) => Err("the file was replaced by another one".to_owned()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err("the file was removed".to_owned()),
            Err(cause) => Err(format!("the file cannot be found: {cause}")),
        }
    }

    /// The store's identity; `None` if it is older than identities.
    pub(super) fn identity(&self) -> Result<Option<Number>, DiskError> {
        let read = || {
            let numbers = self.database.begin_read().map_err(damage)?.open_table(NUMBERS).map_err(damage)?;
            Ok(numbers.get(IDENTITY).map_err(damage)?.map(|number| number.value()))
        };
        guarded(read).unwrap_or_else(|panic| Err(DiskError::Damaged(panic)))
    }

    /// The revision in the file; `None` if that row is missing or invalid.
    pub(super) fn revision(&self) -> Result<Option<Revision>, DiskError> {
        let read = || {
            let numbers = self.database.begin_read().map_err(damage)?.open_table(NUMBERS).map_err(damage)?;
            let number = |name| -> Result<Option<u64>, DiskError> {
                Ok(numbers.get(name).map_err(damage)?.map(|number| number.value()))
            };
            if let Some(format) = number(FORMAT)?.filter(|format| *format > KNOWN_FORMAT) {
                return Err(DiskError::Later(format));
            }
            Ok(number(REVISION)?.map(Revision::new).filter(|revision| *revision <= Revision::MAX))
        };
        guarded(read).unwrap_or_else(|panic| Err(DiskError::Damaged(panic)))
    }

    /// All entries. A row that is not an entry is returned as the value of its key, so only readers of that key find it
    /// damaged.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, DiskError> {
        let read = || {
            let table = self.database.begin_read().map_err(damage)?.open_table(ENTRIES).map_err(damage)?;
            let mut entries = Vec::new();
            for row in table.iter().map_err(damage)? {
                let (key, packed) = row.map_err(damage)?;
                let versioned = unpack(packed.value()).filter(|versioned| versioned.revision <= Revision::MAX);
                let versioned = versioned.unwrap_or_else(|| damaged_row(packed.value()));
                entries.push(Entry { key: key.value().into(), versioned });
            }
            Ok(entries)
        };
        guarded(read).unwrap_or_else(|panic| Err(DiskError::Damaged(panic)))
    }

    /// Writes commits, the last of which has `revision`, in one transaction, and returns when they are durable.
    ///
    /// # Errors
    /// The failure. The database refuses everything until it is reopened.
    pub(super) fn write(&self, commits: &[Arc<Changes>], revision: Revision, identity: Number) -> Result<(), String> {
        guarded(|| self.try_write(commits, revision, identity).map_err(|error| error.to_string())).unwrap_or_else(Err)
    }

    fn try_write(&self, commits: &[Arc<Changes>], revision: Revision, identity: Number) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        // With one phase, a latest commit that is damaged later looks like one interrupted by a crash, and the previous
        // one is used silently. With two phases, it is an error.
        transaction.set_two_phase_commit(true);
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            for change in commits.iter().flat_map(|commit| &commit.changes) {
                match change {
                    Change::Put { key, versioned } => entries.insert(&**key, &*pack(versioned))?,
                    Change::Deleted { key } => entries.remove(&**key)?,
                };
            }
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert(REVISION, revision.number())?;
            numbers.insert(FORMAT, KNOWN_FORMAT)?;
            numbers.insert(IDENTITY, identity)?;
        }
        Ok(transaction.commit()?)
    }

    /// Closes the database in any state.
    pub(super) fn close(self) {
        // All acknowledged commits are durable: closing only makes the next opening faster.
        let _ = guarded(|| self.database.close());
    }
}

/// The identity of a file on this host.
fn place(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_OCTETS).set_check_integrity_on_open(true);
    builder
}

/// Runs `work` in the database's code, which may panic on damaged files and after failures.
///
/// # Errors
/// The message of the panic.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // The database is closed after a panic, so no partial state is visible.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("its reader failed: {}", said.unwrap_or("no reason given"))
    })
}

fn damage(error: impl Into<redb::Error>) -> DiskError {
    match error.into() {
        redb::Error::Io(cause) => system(cause),
        error => DiskError::Damaged(error.to_string()),
    }
}

/// A read error: a truncated file, or one with another header, is damaged; other errors are the system's.
fn system(cause: io::Error) -> DiskError {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => DiskError::Damaged(cause.to_string()),
        _ => DiskError::System(cause),
    }
}

impl From<DatabaseError> for DiskError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Self::InUse,
            DatabaseError::Storage(StorageError::Io(cause)) => system(cause),
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// Octets before the value: the revision and the expiry, little-endian.
const HEAD: usize = 16;
/// The expiry of an entry that does not expire.
const NEVER: u64 = u64::MAX;

/// Encodes an entry.
fn pack(versioned: &Versioned) -> Vec<u8> {
    let mut packed = Vec::with_capacity(HEAD + versioned.value.len());
    packed.extend_from_slice(&versioned.revision.number().to_le_bytes());
    packed.extend_from_slice(&versioned.expires.map_or(NEVER, Time::millis).to_le_bytes());
    packed.extend_from_slice(&versioned.value);
    packed
}

/// Decodes an entry; `None` if it is not one.
fn unpack(packed: &[u8]) -> Option<Versioned> {
    let (revision, rest) = packed.split_first_chunk()?;
    let (expires, value) = rest.split_first_chunk()?;
    let expires = Some(u64::from_le_bytes(*expires)).filter(|millis| *millis != NEVER);
    let revision = Revision::new(u64::from_le_bytes(*revision));
    Some(Versioned { value: value.into(), revision, expires: expires.map(Time::from_millis) })
}

/// The value of a row that is not an entry.
fn damaged_row(octets: &[u8]) -> Versioned {
    Versioned { value: octets.into(), revision: Revision::ZERO, expires: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let value: Arc<[u8]> = b"value".as_slice().into();
        for expires in [None, Some(Time::from_millis(0)), Some(Time::from_millis(1 << 41))] {
            let versioned = Versioned { value: Arc::clone(&value), revision: Revision::new(7), expires };
            assert_eq!(unpack(&pack(&versioned)), Some(versioned));
        }
        assert_eq!(unpack(&[0; HEAD - 1]), None);
    }
}
