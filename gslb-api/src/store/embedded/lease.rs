//! The lock of the data directory, which a process releases for another one that continues its work.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::OpenError;
use super::mark;
use super::writer::ReplyTx;

/// How long a released lock may still be locked: a process that was just started has copies of all open files until it
/// runs its own program.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// What ends the release of a store.
#[derive(Debug)]
pub(super) enum Released {
    /// Open it again.
    Reclaim(ReplyTx<()>),
    /// Another process continues: refuse everything, for this reason.
    GiveUp(String),
}

/// The lock file. The database locks its file too, but not while it is reopened.
#[derive(Debug)]
pub(super) struct Lease {
    path: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Locked; without a file if the directory is read-only and has none.
    Taken(Option<File>),
    Released,
}

impl Lease {
    /// Locks the directory for this process.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process has it, or the system's error.
    pub(super) fn take(path: PathBuf) -> Result<Self, OpenError> {
        let state = State::Taken(lock(&path)?);
        Ok(Self { path, state })
    }

    /// Whether another process may have the directory.
    pub(super) fn is_released(&self) -> bool {
        matches!(self.state, State::Released)
    }

    /// Unlocks the directory.
    pub(super) fn release(&mut self) {
        if let State::Taken(Some(file)) = std::mem::replace(&mut self.state, State::Released) {
            // Closing it is not enough while a child has a copy.
            let _ = file.unlock();
        }
    }

    /// Locks the directory again.
    ///
    /// # Errors
    /// As for [`Lease::take`].
    pub(super) fn retake(&mut self) -> Result<(), OpenError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match lock(&self.path) {
                Err(OpenError::InUse { .. }) if Instant::now() < until => thread::sleep(PAUSE),
                locked => {
                    self.state = State::Taken(locked?);
                    return Ok(());
                }
            }
        }
    }
}

/// Locks the file at `path`. A read-only directory without a lock file cannot be locked.
fn lock(path: &Path) -> Result<Option<File>, OpenError> {
    let refused = |what| move |cause| OpenError::System { what, path: path.to_owned(), cause };
    let file = match OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path) {
        Err(cause) if mark::is_read_only(&cause) => match File::open(path) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        },
        file => file.map_err(refused("open"))?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(refused("lock")(cause)),
    }
}
