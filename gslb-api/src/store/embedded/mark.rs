//! The highest revision that was acknowledged, in a file of its own: a store that has lost commits is noticed.
//!
//! The store's file guards each page of itself by a checksum, but a file of yesterday is sound too, and so is one
//! whose header was damaged so that it points at the commit before the last. The mark shows which one is the latest.
//! It is written after the commit is durable and not forced to the disk itself. So it is never ahead of the store:
//! after a power failure it may be behind, and then guards less, but never accuses a store that is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::Revision;

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    /// None where there is none, and none can be made.
    file: Option<File>,
    path: PathBuf,
}

impl Mark {
    /// Opens the file at `path`, or makes one. If it is read-only, it keeps its revision.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = match file {
            Err(cause) if is_read_only(&cause) => File::open(path).ok(),
            file => Some(file?),
        };
        Ok(Self { file, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its revision; zero if it is new or damaged: it is a second opinion only.
    pub(super) fn highest(&self) -> Revision {
        let mut line = [0; LINE];
        let told =
            self.file.as_ref().and_then(|file| file.read_exact_at(&mut line, 0).ok()).and_then(|()| parse(&line));
        Revision::new(told.unwrap_or_default())
    }

    /// Says that `revision` was reached. Where that fails the store is guarded less, which is no reason to refuse a
    /// commit that is durable.
    pub(super) fn reached(&mut self, revision: Revision) {
        let line = format!("{0:020} {0:020}\n", revision.number());
        let write =
            |file: &Option<File>| file.as_ref().is_some_and(|file| file.write_all_at(line.as_bytes(), 0).is_ok());
        // It may have been opened while the directory could only be read, or have been removed since.
        if !(self.is_in_place() && write(&self.file))
            && let Ok(again) = Self::open(&self.path)
        {
            self.file = again.file;
            write(&self.file);
        }
    }
}

impl Mark {
    /// Whether the file that is open is the one that a later start will read.
    fn is_in_place(&self) -> bool {
        let open = self.file.as_ref().and_then(|file| file.metadata().ok());
        let found = fs::metadata(&self.path).ok();
        open.zip(found).is_some_and(|(open, found)| (open.dev(), open.ino()) == (found.dev(), found.ino()))
    }
}

/// Whether `cause` says that something may be read and not written.
pub(super) fn is_read_only(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Octets of the line: the number twice, so that half a line or a damaged one is noticed.
const LINE: usize = 42;

fn parse(line: &[u8]) -> Option<u64> {
    let (first, second) = str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    if first == second { first.parse().ok() } else { None }
}
