//! How changes of overrides come into the store: in force first, saved as soon as the store can be written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::{error, info, warn};

use super::backlog::MAX_WAITING;
use super::candidate::Candidate;
use super::task::{Mailbox, Task};
use crate::audit::{self, Entry};
use crate::change::{Active, Applied, Change, Edit, Refusal};
use crate::degraded::Concern;
use crate::store::{Commit, CommitError, Time, Unavailable};

/// After which time what the store could not do is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a small commit is waited for. A disk that hangs keeps nobody longer from draining a data center.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the first change is handed to the store again at once, where something else was there before it.
const MAX_CONFLICTS: usize = 3;

impl Task {
    /// Puts a change of an override in force, which was made of `base`, and saves it. Where the store cannot be written, it
    /// waits: what an operator forces must not depend on a disk.
    pub(super) async fn force(
        &mut self,
        mailbox: &mut Mailbox,
        change: &Change,
        base: &Active,
        candidate: Candidate,
        now: Time,
    ) -> Result<Applied, Refusal> {
        let Edit::Override { id, body, .. } = &change.edit else { return Err(Refusal::Internal) };
        if self.backlog.is_full() {
            let why = &self.unsaved.borrow().why;
            return Err(Refusal::Unavailable(format!("{MAX_WAITING} changes wait to be saved already: {why}")));
        }
        let Candidate { next, before, after, mut done, .. } = candidate;
        let mut entry = Entry::of(change, 0, now);
        (entry.revision, entry.before, entry.after) = (next.revision, audit::abridged(before), audit::abridged(after));
        entry.broke = done.breaks.iter().map(ToString::to_string).collect();
        let body = body.as_deref().cloned();
        if let Some(held) = &body {
            self.deadlines.set(held, change.requested.0, change.requested.1);
        }
        done.generation = self.activate(base, next)?;
        self.backlog.add_override(id, body, base.overrides.contains_key(id), entry);
        super::task::tell(change, Some(done.revision), Some(done.generation));
        self.save_when_due(mailbox).await;
        let unsaved = self.unsaved.borrow();
        done.not_saved = unsaved.concerns(id).then(|| unsaved.why.clone());
        drop(unsaved);
        Ok(done)
    }

    /// Keeps an entry of the audit that goes with no other commit.
    pub(super) async fn note(&mut self, mailbox: &mut Mailbox, entry: Entry) {
        if self.backlog.is_full() {
            let (request, who, outcome) = (&*entry.request, &*entry.name, entry.outcome.name());
            warn!(request, who, outcome, "failed to write audit entry: too much waits to be saved");
            return;
        }
        self.backlog.add_entry(entry);
        self.save_when_due(mailbox).await;
    }

    /// Saves what waits, unless that has just failed.
    pub(super) async fn save_when_due(&mut self, mailbox: &mut Mailbox) {
        if self.backlog.is_empty() || Instant::now() >= self.again {
            // A failure has been told already.
            let _ = self.save(mailbox).await;
        } else {
            self.show_unsaved(None);
        }
    }

    /// Saves what waits, the oldest first.
    ///
    /// # Errors
    /// Why the store could not. The rest waits.
    pub(super) async fn save(&mut self, mailbox: &mut Mailbox) -> Result<(), CommitError> {
        let mut conflicts = 0;
        loop {
            self.settle(mailbox).await;
            let done = match self.backlog.first(self.audited + 1) {
                None => {
                    // It can be written: the next change waits for nothing.
                    self.again = Instant::now();
                    self.show_unsaved(None);
                    return Ok(());
                }
                Some(_) if self.commit_outcome_unknown => {
                    Err(Unavailable { reason: "what it has cannot be read".to_owned() }.into())
                }
                Some(commit) => self.store(mailbox, commit, PATIENCE).await,
            };
            match done {
                Ok(()) => {
                    self.audited += 1;
                    self.backlog.saved();
                }
                Err(cause) => {
                    self.failed(&cause);
                    conflicts += 1;
                    let waiting = self.backlog.len();
                    self.settle(mailbox).await;
                    let was_saved = self.backlog.len() < waiting;
                    if was_saved || (matches!(cause, CommitError::Conflict { .. }) && conflicts < MAX_CONFLICTS) {
                        continue;
                    }
                    self.again = Instant::now() + AGAIN;
                    self.show_unsaved(Some(&cause));
                    return Err(cause);
                }
            }
        }
    }

    /// Shows what is not saved to whoever looks; `cause` is why, where that was just found out.
    pub(super) fn show_unsaved(&mut self, cause: Option<&CommitError>) {
        let before = Arc::clone(&self.unsaved.borrow());
        let why = cause.map_or_else(|| before.why.clone(), ToString::to_string);
        let unsaved = self.backlog.unsaved(if self.backlog.is_empty() { "" } else { &why });
        if unsaved == *before {
            return;
        }
        match unsaved.summary() {
            Some(told) => {
                if before.changes == 0 || before.why != unsaved.why {
                    error!(why = unsaved.why, changes = unsaved.changes, "overrides are in force, but not saved");
                }
                self.degraded.set(Concern::Overrides, told);
            }
            None => {
                if before.changes > 0 {
                    info!(changes = before.changes, "no override waits to be saved any more");
                }
                self.degraded.clear(Concern::Overrides);
            }
        }
        self.unsaved.send_replace(Arc::new(unsaved));
    }

    /// Hands a commit to the store, and puts verdicts in force while it works. A store that does not answer within `patience`
    /// may do it later all the same.
    pub(super) async fn store(
        &mut self,
        mailbox: &mut Mailbox,
        commit: Commit,
        patience: Duration,
    ) -> Result<(), CommitError> {
        let store = Arc::clone(&self.store);
        let work = async move { timeout(patience, store.commit(commit)).await };
        let done = self.while_handling_events(mailbox, work).await;
        done.unwrap_or_else(|_| {
            self.meters.committed(patience, false);
            let reason = format!("it has not answered for {} s: its disk hangs", patience.as_secs());
            Err(Unavailable { reason }.into())
        })
        .map(drop)
    }
}
