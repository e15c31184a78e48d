//! The writer thread of an embedded store: it decides commits in order of arrival, and those that arrive while the disk
//! is busy share the next write.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::super::changes::Changes;
use super::super::commit::{Commit, CommitError};
use super::super::limits::{BATCH_COMMITS, BATCH_OCTETS};
use super::super::shared::Shared;
use super::super::stage::Stage;
use super::super::{Expired, Revision, Time, Unavailable};
use super::disk::{Attach, Disk, DiskError};
use super::identity::{Identity, Number, shown};
use super::lease::{Lease, Released};
use super::mark::Mark;
use super::{ID_FILE, OpenError, load};

/// Advice if the store's file was removed or replaced.
const PUT_BACK: &str = "restore the store's own file, or restart gslb to use the file that is there";

/// The sender of a reply.
pub(super) type ReplyTx<T> = oneshot::Sender<Result<T, CommitError>>;

/// A request to the thread.
pub(super) enum Job {
    Commit(Commit, ReplyTx<Revision>),
    Expire(Time, ReplyTx<Expired>),
    Check(ReplyTx<()>),
    /// Release the store until the receiver says how to go on.
    Release(oneshot::Receiver<Released>, ReplyTx<()>),
}

/// A decided job, whose reply waits until the commits it depends on are durable.
enum Decided {
    Commit(ReplyTx<Revision>, Result<Revision, CommitError>),
    Expire(ReplyTx<Expired>, Result<Expired, CommitError>),
    Check(ReplyTx<()>, Result<(), CommitError>),
}

impl Decided {
    /// Sends the reply; the caller may have stopped waiting.
    fn answer(self) {
        match self {
            Self::Commit(reply_tx, result) => drop(reply_tx.send(result)),
            Self::Expire(reply_tx, result) => drop(reply_tx.send(result)),
            Self::Check(reply_tx, result) => drop(reply_tx.send(result)),
        }
    }
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) path: PathBuf,
    pub(super) attach: Attach,
    pub(super) mark: Mark,
    /// `None` after a failure, until it is reopened.
    pub(super) disk: Option<Disk>,
    /// The number of the store.
    pub(super) identity: Number,
    /// Commits whose write failed: reopening shows whether they are on the disk.
    pub(super) unknown_outcome: Vec<Arc<Changes>>,
    /// The lock of the directory.
    pub(super) lease: Lease,
}

impl Writer {
    /// Handles jobs until all senders are gone.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let next = match job {
                Job::Release(end, reply_tx) => Some((end, reply_tx)),
                job => self.round(job, &mut jobs),
            };
            if let Some((end, reply_tx)) = next
                && let Some(why) = self.release(end, reply_tx)
            {
                return refuse_all(jobs, &self.unavailable(why));
            }
        }
        if let Some(disk) = self.disk.take() {
            disk.close();
        }
    }

    /// Closes the files until `end` says how to go on; jobs wait in the queue. Returns why the store is given up, if it
    /// is.
    fn release(&mut self, end: oneshot::Receiver<Released>, reply_tx: ReplyTx<()>) -> Option<String> {
        // A commit of unknown outcome must be settled by this process.
        if let Err(unavailable) = self.recover() {
            let _ = reply_tx.send(Err(unavailable.into()));
            return None;
        }
        if let Some(disk) = self.disk.take() {
            disk.close();
        }
        self.lease.release();
        // Whoever asked may have stopped waiting.
        if reply_tx.send(Ok(())).is_err() {
            let _ = self.reclaim();
            return None;
        }
        match end.blocking_recv() {
            Ok(Released::Reclaim(reply_tx)) => {
                let _ = reply_tx.send(self.reclaim().map_err(CommitError::from));
                None
            }
            Ok(Released::GiveUp(why)) => Some(why),
            // The store is dropped.
            Err(_) => Some("it is closed".to_owned()),
        }
    }

    /// Opens the released store again. Another process may have added commits.
    fn reclaim(&mut self) -> Result<(), Unavailable> {
        let mut reopen = || {
            self.lease.retake()?;
            let directory = self.path.parent().unwrap_or(Path::new(""));
            let mark_path = self.mark.path();
            let system = |cause| OpenError::System { what: "open", path: mark_path.to_owned(), cause };
            let mut mark = Mark::open(mark_path).map_err(system)?;
            let id = Identity::read(&directory.join(ID_FILE));
            let (disk, state, identity) = load(&self.path, &mark, &id, &self.attach)?;
            mark.reached(state.revision());
            Ok((mark, disk, state, identity))
        };
        let reopened: Result<_, OpenError> = reopen();
        match reopened {
            Ok((mark, disk, state, identity)) => {
                (self.mark, self.disk, self.identity) = (mark, Some(disk), identity);
                if state.revision() != self.shared.read().revision() {
                    self.shared.replace(state);
                }
                Ok(())
            }
            Err(error) => {
                self.lease.release();
                Err(self.unavailable(error.to_string()))
            }
        }
    }

    /// Handles `first` and the jobs queued behind it, with one write to the disk. Returns a release that was among them,
    /// which ends the round.
    fn round(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Option<Release> {
        let shared = Arc::clone(&self.shared);
        if let Err(unavailable) = self.recover() {
            refuse(first, unavailable);
            return None;
        }
        let state = shared.read();
        let mut stage = Stage::on(&state);
        let mut decided = Vec::new();
        let (mut next, mut octets, mut release) = (Some(first), 0, None);
        while let Some(job) = next {
            octets += if let Job::Commit(commit, _) = &job { commit.octets() } else { 0 };
            match decide(job, &mut stage) {
                Ok(job) => decided.push(job),
                Err(found) => {
                    release = Some(found);
                    break;
                }
            }
            let is_full = decided.len() >= BATCH_COMMITS || octets >= BATCH_OCTETS;
            next = if is_full { None } else { jobs.try_recv().ok() };
        }
        let revision = stage.revision();
        let commits = stage.finish();
        drop(state);
        match self.write(commits, revision) {
            Ok(()) => decided.into_iter().for_each(Decided::answer),
            Err(unavailable) => decided.into_iter().for_each(|job| failed(job, &unavailable)),
        }
        release
    }

    /// Makes commits durable, then visible.
    fn write(&mut self, commits: Vec<Arc<Changes>>, revision: Revision) -> Result<(), Unavailable> {
        let Some(disk) = &self.disk else { return Err(self.unavailable("it is closed")) };
        if commits.is_empty() {
            return Ok(());
        }
        match disk.write(&commits, revision, self.identity) {
            Ok(()) => {
                self.mark.reached(revision);
                self.shared.publish(commits);
                Ok(())
            }
            Err(reason) => {
                self.unknown_outcome = commits;
                if let Some(disk) = self.disk.take() {
                    disk.close();
                }
                let outcome = match self.recover() {
                    Ok(()) if self.shared.read().revision() < revision => "it was not written",
                    Ok(()) => "but it is on the disk: read before trying again",
                    Err(_) => "whether it was written is unknown until the disk is repaired",
                };
                Err(self.unavailable(format!("{reason}; {outcome}")))
            }
        }
    }

    /// Ensures that the disk is open. After a failure, the database must be reopened.
    fn recover(&mut self) -> Result<(), Unavailable> {
        if self.lease.is_released() {
            return self.reclaim();
        }
        if let Some(disk) = &self.disk {
            return match disk.is_at(&self.path) {
                Ok(()) => Ok(()),
                Err(found) => self.put_back(found),
            };
        }
        let disk = Disk::open(&self.path, &self.attach).map_err(|error| self.cannot_open(error))?;
        let found = match disk.revision().and_then(|found| disk.identity().map(|number| (found, number))) {
            Ok((_, Some(number))) if number != self.identity => {
                disk.close();
                return Err(self.unavailable(format!("it is now another store, {}: {PUT_BACK}", shown(number))));
            }
            Ok((Some(found), _)) => found,
            Ok((None, _)) => {
                disk.close();
                return Err(self.unavailable("its revision is damaged: restart gslb to continue from the entries"));
            }
            Err(error) => {
                disk.close();
                return Err(self.cannot_open(error));
            }
        };
        let known = self.shared.read().revision();
        if self.unknown_outcome.last().is_some_and(|commit| commit.revision == found) {
            self.mark.reached(found);
            self.shared.publish(std::mem::take(&mut self.unknown_outcome));
        } else if found == known {
            self.unknown_outcome.clear();
        } else {
            disk.close();
            let found = format!("it is at revision {found} and should be at {known}: restart gslb");
            return Err(self.unavailable(found));
        }
        self.disk = Some(disk);
        Ok(())
    }

    /// Switches to the file now at the path, if it is the same store in the same state: it was restored. `found` is
    /// what happened to the open file, which stays open until then, since it has what the directory lost.
    fn put_back(&mut self, found: String) -> Result<(), Unavailable> {
        if let Ok(disk) = Disk::open(&self.path, &self.attach) {
            let known = self.shared.read().revision();
            let is_same = disk.revision().is_ok_and(|revision| revision == Some(known))
                && disk.identity().is_ok_and(|number| number == Some(self.identity));
            if is_same && let Some(before) = self.disk.replace(disk) {
                before.close();
                return Ok(());
            }
        }
        Err(self.unavailable(format!("{found}: {PUT_BACK}")))
    }

    fn cannot_open(&self, error: DiskError) -> Unavailable {
        self.unavailable(match error {
            DiskError::System(cause) => cause.to_string(),
            DiskError::InUse => "another process has it".to_owned(),
            DiskError::Damaged(found) => format!("it is damaged: {found}"),
            DiskError::Later(format) => format!("it has format {format}, of a later version"),
        })
    }

    fn unavailable(&self, reason: impl AsRef<str>) -> Unavailable {
        let reason = format!("cannot write {}: {}", self.path.display(), reason.as_ref());
        Unavailable { reason }
    }
}

/// A release that is to follow.
type Release = (oneshot::Receiver<Released>, ReplyTx<()>);

/// Decides `job`, or returns it if it is a release.
fn decide(job: Job, stage: &mut Stage<'_>) -> Result<Decided, Release> {
    Ok(match job {
        Job::Release(end, reply_tx) => return Err((end, reply_tx)),
        Job::Commit(commit, reply_tx) => Decided::Commit(reply_tx, stage.commit(commit)),
        Job::Expire(now, reply_tx) => {
            let expired = stage.expire(now).map(|keys| Expired { keys, revision: stage.revision() });
            Decided::Expire(reply_tx, expired)
        }
        Job::Check(reply_tx) => Decided::Check(reply_tx, Ok(())),
    })
}

/// Replies that a job was not done. Its decision is void, even a conflict: it may be with a commit that failed.
fn failed(job: Decided, unavailable: &Unavailable) {
    let error = || CommitError::Unavailable(unavailable.clone());
    match job {
        Decided::Commit(reply_tx, _) => Decided::Commit(reply_tx, Err(error())),
        Decided::Expire(reply_tx, _) => Decided::Expire(reply_tx, Err(error())),
        Decided::Check(reply_tx, _) => Decided::Check(reply_tx, Err(error())),
    }
    .answer();
}

fn refuse(job: Job, unavailable: Unavailable) {
    match job {
        Job::Commit(_, reply_tx) => Decided::Commit(reply_tx, Err(unavailable.into())).answer(),
        Job::Expire(_, reply_tx) => Decided::Expire(reply_tx, Err(unavailable.into())).answer(),
        Job::Check(reply_tx) => Decided::Check(reply_tx, Err(unavailable.into())).answer(),
        Job::Release(_, reply_tx) => drop(reply_tx.send(Err(unavailable.into()))),
    }
}

/// Refuses all jobs until the store is dropped.
fn refuse_all(mut jobs: mpsc::Receiver<Job>, unavailable: &Unavailable) {
    while let Some(job) = jobs.blocking_recv() {
        refuse(job, unavailable.clone());
    }
}
