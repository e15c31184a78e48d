//! The store in a local file, for one server.
//!
//! All entries are in memory; the file is the durable copy. Reads never touch the disk. Commits go through a queue to
//! the store's own thread: no runtime task blocks on the disk, there is a single writer without a lock, and commits
//! that arrive while it is busy share the next write (group commit).
//!
//! The data directory has four files, readable by this user only:
//!
//! | file | what it is |
//! |---|---|
//! | `store.redb` | the entries and the revision; every page has a checksum, which is checked when it is opened |
//! | `store.highest` | the highest acknowledged revision, to detect lost commits |
//! | `store.id` | the store's identity, to detect the store of another node |
//! | `store.lock` | locked while a process has the store |
//!
//! After a write failure, the database is reopened at once, and then with every commit and expiry until that succeeds.
//! A read-only directory is treated like a failed disk: its entries are read, and nothing can be changed until it is
//! writable. The content of the disk decides whether the failed commit took effect. If the system lost writes that it
//! could not sync, the checksums reveal it at the next opening.
//!
//! Before each commit, the store checks that its open file is still the one in the directory: writes to a removed or
//! replaced file would be lost.
//!
//! Not detected: a change together with its checksum, and the loss of the latest commits together with
//! `store.highest`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::commit::{Commit, CommitError};
use super::limits::QUEUE;
use super::shared::Shared;
use super::state::State;
use super::value::{Order, Page, Revision, Time, Versioned};
use super::watch::Watch;
use super::{Expired, Pending, Store, Unavailable};

mod disk;
mod error;
mod identity;
mod lease;
mod mark;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod release_tests;
#[cfg(test)]
mod tests;
mod writer;

use disk::{Attach, Disk, DiskError, KNOWN_FORMAT};
use identity::{Identity, Number, shown};
use lease::{Lease, Released};
use mark::Mark;
use writer::{Job, ReplyTx, Writer};

pub use error::OpenError;

/// The file with the store's identity.
const ID_FILE: &str = "store.id";

/// A [`Store`] in the files of a directory.
///
/// Dropping it waits for queued commits and releases the directory. That may take as long as a disk write, so drop it
/// where blocking is allowed.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// `None` once the thread is to end.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Ends the wait of the thread while the store is released.
    released: Mutex<Option<oneshot::Sender<Released>>>,
    /// Whether another process may have the directory.
    is_released: AtomicBool,
}

impl EmbeddedStore {
    /// Opens the store in `directory`, or creates both. Reads and checks all of it, which takes a moment for each
    /// hundred megabytes.
    ///
    /// # Errors
    /// [`OpenError`]; the files are not modified then.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_with(directory, disk::attach())
    }

    fn open_with(directory: &Path, attach: Attach) -> Result<Self, OpenError> {
        let refused = |what, path: &Path| {
            let path = path.to_owned();
            move |cause| OpenError::System { what, path, cause }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(refused("create", directory))?;
        let lease = Lease::take(directory.join("store.lock"))?;
        let path = directory.join("store.redb");
        let mark_path = directory.join("store.highest");
        let mut mark = Mark::open(&mark_path).map_err(refused("open", &mark_path))?;
        let id = Identity::read(&directory.join(ID_FILE));
        let (disk, state, identity) = match load(&path, &mark, &id, &attach) {
            Err(OpenError::System { cause, .. }) if mark::is_read_only(&cause) && path.exists() => {
                warn!(path = %path.display(), why = %cause, "changes are refused while the store cannot be written");
                let (state, identity) = load_copy(&path, &mark, &id)?;
                (None, state, identity)
            }
            loaded => loaded.map(|(disk, state, identity)| (Some(disk), state, identity))?,
        };
        mark.reached(state.revision());

        let shared = Arc::new(Shared::new(state));
        let (jobs, queue) = mpsc::channel(QUEUE);
        let unknown_outcome = Vec::new();
        let writer = Writer {
            shared: Arc::clone(&shared),
            path: path.clone(),
            attach,
            mark,
            disk,
            identity,
            unknown_outcome,
            lease,
        };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || writer.run(queue));
        let thread = thread.map_err(refused("start a thread for", &path))?;
        Ok(Self {
            shared,
            jobs: Some(jobs),
            thread: Some(thread),
            released: Mutex::default(),
            is_released: AtomicBool::new(false),
        })
    }

    /// Sends a job to the thread, and waits for its reply.
    async fn ask<T>(&self, job: impl FnOnce(ReplyTx<T>) -> Job) -> Result<T, CommitError> {
        let (reply_tx, answer) = oneshot::channel();
        let ended = || Unavailable { reason: "its thread has ended".to_owned() };
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job(reply_tx)).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended().into()))
    }
}

/// Opens the file at `path`, creates it if there never was one, and reads all entries.
fn load(path: &Path, mark: &Mark, id: &Identity, attach: &Attach) -> Result<(Disk, State, Number), OpenError> {
    let failed_to = |what| move |error| open_error(error, what, path, mark);
    if !path.try_exists().map_err(|cause| open_error(DiskError::System(cause), "open", path, mark))? {
        at_least(Revision::ZERO, path, mark)?;
        let number = id.settle(None).map_err(DiskError::System).map_err(failed_to("create"))?;
        Disk::create(path, attach, number).map_err(failed_to("create"))?;
    }
    let disk = Disk::open(path, attach).map_err(failed_to("open"))?;
    match read(&disk, path, mark, id) {
        Ok((state, identity)) => {
            restate(&disk, &state, identity, path);
            Ok((disk, state, identity))
        }
        Err(error) => {
            disk.close();
            Err(error)
        }
    }
}

/// Reads all entries of a read-only file at `path`.
fn load_copy(path: &Path, mark: &Mark, id: &Identity) -> Result<(State, Number), OpenError> {
    let copy = Disk::open_copy(path).map_err(|error| open_error(error, "read", path, mark))?;
    let state = read(&copy, path, mark, id);
    copy.close();
    state
}

/// All entries of `disk`, and the store's identity.
fn read(disk: &Disk, path: &Path, mark: &Mark, id: &Identity) -> Result<(State, Number), OpenError> {
    let failed_to = |error| open_error(error, "read", path, mark);
    let stated = disk.revision().map_err(failed_to)?;
    let number = disk.identity().map_err(failed_to)?;
    if let (Some(known), Some(found)) = (id.other_than(number), number) {
        let (path, identity) = (path.to_owned(), id.path().to_owned());
        return Err(OpenError::Foreign { path, found: shown(found), known: shown(known), identity });
    }
    let entries = disk.entries().map_err(failed_to)?;
    let last = entries.iter().map(|entry| entry.versioned.revision).max().unwrap_or_default();
    let revision = match stated {
        Some(stated) if stated >= last => at_least(stated, path, mark)?,
        // There are later commits, so only that row is damaged and no commit is missing.
        _ => mark.highest().max(last),
    };
    let state = State::at(revision, entries);
    let number = id.settle(number).map_err(DiskError::System).map_err(failed_to)?;
    Ok((state, number))
}

/// Repairs the revision on `disk` if it differs from that of `state` or is missing. If that fails, so does the
/// next commit, which reports why.
fn restate(disk: &Disk, state: &State, identity: Number, path: &Path) {
    let (stated, revision) = (disk.revision().ok().flatten(), state.revision());
    if stated == Some(revision) {
        return;
    }
    warn!(
        path = %path.display(),
        "the revision of the store is damaged: continuing from revision {revision}, the latest known"
    );
    let _ = disk.write(&[], revision, identity);
}

/// `revision`, if no later one was acknowledged.
fn at_least(revision: Revision, path: &Path, mark: &Mark) -> Result<Revision, OpenError> {
    let highest = mark.highest();
    if revision >= highest {
        return Ok(revision);
    }
    Err(OpenError::Behind { path: path.to_owned(), revision, highest, mark: mark.path().to_owned() })
}

fn open_error(error: DiskError, what: &'static str, path: &Path, mark: &Mark) -> OpenError {
    let (path, mark) = (path.to_owned(), mark.path().to_owned());
    match error {
        DiskError::System(cause) => OpenError::System { what, path, cause },
        DiskError::InUse => OpenError::InUse { path },
        DiskError::Damaged(found) => OpenError::Damaged { path, found, mark },
        DiskError::Later(format) => OpenError::Later { path, format, known: KNOWN_FORMAT },
    }
}

/// The error of a job that is not a commit.
fn unavailable(error: CommitError) -> Unavailable {
    match error {
        CommitError::Unavailable(unavailable) => unavailable,
        other => Unavailable { reason: other.to_string() },
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // A thread that waits while the store is released would never see that the queue has ended.
        *self.released.lock() = None;
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Store for EmbeddedStore {
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().revision()) })
    }

    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().get(key).cloned()) })
    }

    fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        order: Order,
    ) -> Pending<'a, Result<Page, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().page(prefix, after, limit, order)) })
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Box::pin(self.ask(|reply_tx| Job::Commit(commit, reply_tx)))
    }

    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            // That process checks it.
            if self.is_released.load(Relaxed) {
                return Ok(());
            }
            self.ask(Job::Check).await.map_err(unavailable)
        })
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Box::pin(async move {
            let mut keys = 0;
            loop {
                let expired = self.ask(|reply_tx| Job::Expire(now, reply_tx)).await?;
                if expired.keys == 0 {
                    return Ok(Expired { keys, revision: expired.revision });
                }
                keys += expired.keys;
            }
        })
    }

    fn release(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            let (sender, end) = oneshot::channel();
            *self.released.lock() = Some(sender);
            self.ask(|reply_tx| Job::Release(end, reply_tx)).await.map_err(unavailable)?;
            self.is_released.store(true, Relaxed);
            Ok(())
        })
    }

    fn reclaim(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            let (reply_tx, answer) = oneshot::channel();
            let Some(released) = self.released.lock().take() else { return Ok(()) };
            // Without a receiver, it was not released.
            if released.send(Released::Reclaim(reply_tx)).is_err() {
                return Ok(());
            }
            let ended = || Unavailable { reason: "its thread has ended".to_owned() };
            let reclaimed = answer.await.unwrap_or_else(|_| Err(ended().into())).map_err(unavailable);
            self.is_released.store(false, Relaxed);
            reclaimed
        })
    }

    fn give_up(&self, why: &str) {
        if let Some(released) = self.released.lock().take() {
            let _ = released.send(Released::GiveUp(why.to_owned()));
        }
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.shared.watch(prefix, after)
    }
}
