//! The thread that writes an embedded store: it decides commits in the order in which they come, and those that come
//! while the disk is busy share its next write.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::super::changes::Changes;
use super::super::commit::{Commit, CommitError};
use super::super::limits::{BATCH_COMMITS, BATCH_OCTETS};
use super::super::shared::Shared;
use super::super::stage::Stage;
use super::super::{Expired, Revision, Time, Unavailable};
use super::disk::{Attach, Disk, DiskError};
use super::identity::{Number, shown};
use super::mark::Mark;

/// What to do where another file, or none, is in the place of the store's.
const PUT_BACK: &str = "put the store's own file back, or restart gslb, which then starts from what is there";

/// Who waits for an answer.
pub(super) type ReplyTx<T> = oneshot::Sender<Result<T, CommitError>>;

/// What the thread is asked for.
pub(super) enum Job {
    Commit(Commit, ReplyTx<Revision>),
    Expire(Time, ReplyTx<Expired>),
    Check(ReplyTx<()>),
}

/// A job that is decided, but not answered before what it stands on is durable.
enum Decided {
    Commit(ReplyTx<Revision>, Result<Revision, CommitError>),
    Expire(ReplyTx<Expired>, Result<Expired, CommitError>),
    Check(ReplyTx<()>, Result<(), CommitError>),
}

impl Decided {
    /// Tells who asked; it is nothing to us if nobody waits any more.
    fn answer(self) {
        match self {
            Self::Commit(reply_tx, result) => drop(reply_tx.send(result)),
            Self::Expire(reply_tx, result) => drop(reply_tx.send(result)),
            Self::Check(reply_tx, result) => drop(reply_tx.send(result)),
        }
    }
}

/// All that the thread owns.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) path: PathBuf,
    pub(super) attach: Attach,
    pub(super) mark: Mark,
    /// Closed after a failure, until it could be opened again.
    pub(super) disk: Option<Disk>,
    /// The number of the store.
    pub(super) identity: Number,
    /// The commits whose writing failed: whether they are on the disk shows when it is open again.
    pub(super) in_doubt: Vec<Arc<Changes>>,
}

impl Writer {
    /// Does what it is asked for until nobody can ask any more.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            self.round(job, &mut jobs);
        }
        if let Some(disk) = self.disk.take() {
            disk.close();
        }
    }

    /// Does `first`, and what waits behind it, with one write to the disk.
    fn round(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) {
        let shared = Arc::clone(&self.shared);
        if let Err(unavailable) = self.recover() {
            return refuse(first, unavailable);
        }
        let state = shared.read();
        let mut stage = Stage::on(&state);
        let mut decided = Vec::new();
        let (mut next, mut octets) = (Some(first), 0);
        while let Some(job) = next {
            octets += if let Job::Commit(commit, _) = &job { commit.octets() } else { 0 };
            decided.push(decide(job, &mut stage));
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
                self.in_doubt = commits;
                if let Some(disk) = self.disk.take() {
                    disk.close();
                }
                let outcome = match self.recover() {
                    Ok(()) if self.shared.read().revision() < revision => "nothing of it was written",
                    Ok(()) => "it is found on the disk all the same: read before trying again",
                    Err(_) => "whether it was written shows when the disk is mended",
                };
                Err(self.unavailable(format!("{reason}; {outcome}")))
            }
        }
    }

    /// Sees that the disk is open. After a failure the database is opened again, since it refuses everything else.
    fn recover(&mut self) -> Result<(), Unavailable> {
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
                return Err(self.unavailable(format!("it is another store now, {}: {PUT_BACK}", shown(number))));
            }
            Ok((Some(found), _)) => found,
            Ok((None, _)) => {
                disk.close();
                return Err(self.unavailable("its revision is damaged: restart gslb, which goes on from what is there"));
            }
            Err(error) => {
                disk.close();
                return Err(self.cannot_open(error));
            }
        };
        let known = self.shared.read().revision();
        if self.in_doubt.last().is_some_and(|commit| commit.revision == found) {
            self.mark.reached(found);
            self.shared.publish(std::mem::take(&mut self.in_doubt));
        } else if found == known {
            self.in_doubt.clear();
        } else {
            disk.close();
            let found = format!("it is at revision {found} and should be at {known}: restart gslb");
            return Err(self.unavailable(found));
        }
        self.disk = Some(disk);
        Ok(())
    }

    /// Goes on with the file that is in the place of the one that is open, where it is the same store in the same state: it
    /// was put back. `found` says what happened to the one that is open, which is kept as long as there is no other: it has
    /// what the directory has lost.
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

fn decide(job: Job, stage: &mut Stage<'_>) -> Decided {
    match job {
        Job::Commit(commit, reply_tx) => Decided::Commit(reply_tx, stage.commit(commit)),
        Job::Expire(now, reply_tx) => {
            let expired = stage.expire(now).map(|keys| Expired { keys, revision: stage.revision() });
            Decided::Expire(reply_tx, expired)
        }
        Job::Check(reply_tx) => Decided::Check(reply_tx, Ok(())),
    }
}

/// Tells that a job was not done. What was decided is void, a conflict too: it may be with a commit that is not done.
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
    }
}
