//! The highest acknowledged revision in a separate file, to detect a store that lost commits.
//!
//! Checksums protect each page of the store's file. But an old copy has valid checksums too, and so has a file whose
//! damaged header points at the previous commit. The mark shows which commit is the latest. It is written after the
//! commit is durable, and is not synced itself. So it is never ahead of the store. After a power failure it may be
//! behind: then it detects less, but never rejects a complete store.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::Revision;

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    /// `None` if it does not exist and cannot be created.
    file: Option<File>,
    path: PathBuf,
}

impl Mark {
    /// Opens or creates the file at `path`. If it is read-only, it keeps its revision.
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

    /// Its revision; zero if it is new or damaged: it is only an additional check.
    pub(super) fn highest(&self) -> Revision {
        let mut line = [0; LINE];
        let number =
            self.file.as_ref().and_then(|file| file.read_exact_at(&mut line, 0).ok()).and_then(|()| parse(&line));
        Revision::new(number.unwrap_or_default())
    }

    /// Records that `revision` was reached. If that fails, the commit is still durable and is not
    /// refused.
    pub(super) fn reached(&mut self, revision: Revision) {
        let line = format!("{0:020} {0:020}\n", revision.number());
        let write =
            |file: &Option<File>| file.as_ref().is_some_and(|file| file.write_all_at(line.as_bytes(), 0).is_ok());
        // It may have been opened while the directory was read-only, or have been removed since.
        if !(self.is_in_place() && write(&self.file))
            && let Ok(again) = Self::open(&self.path)
        {
            self.file = again.file;
            write(&self.file);
        }
    }
}

impl Mark {
    /// Whether the open file is the one that a later start will read.
    fn is_in_place(&self) -> bool {
        let open = self.file.as_ref().and_then(|file| file.metadata().ok());
        let found = fs::metadata(&self.path).ok();
        open.zip(found).is_some_and(|(open, found)| (open.dev(), open.ino()) == (found.dev(), found.ino()))
    }
}

/// Whether `cause` means read-only.
pub(super) fn is_read_only(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Octets of the line: the number twice, to detect a truncated or damaged line.
const LINE: usize = 42;

fn parse(line: &[u8]) -> Option<u64> {
    let (first, second) = str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    if first == second { first.parse().ok() } else { None }
}
