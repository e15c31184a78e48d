//! Saving overrides: a change is in force first, and is saved as soon as the store can be written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::{error, info, warn};

use super::{Mailbox, Task};
use crate::audit::{self, Entry};
use crate::change::{Active, Applied, Change, Edit, Refusal};
use crate::control::backlog::MAX_WAITING;
use crate::control::candidate::Candidate;
use crate::degraded::Concern;
use crate::store::{Commit, CommitError, Time, Unavailable};

/// Delay before a failed commit is retried.
const RETRY: Duration = Duration::from_secs(10);
/// Timeout of a small commit: a hanging disk must not keep operators from draining a data center.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a commit is retried at once after a conflict.
const MAX_CONFLICTS: usize = 3;

impl Task {
    /// Activates a change of an override, prepared from `base`, and saves it. If the store cannot be written, saving waits:
    /// overrides must not depend on a disk.
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
            return Err(Refusal::Unavailable(format!("{MAX_WAITING} changes are waiting to be saved: {why}")));
        }
        let Candidate { next, before, after, mut done, .. } = candidate;
        let mut entry = Entry::of(change, 0, now);
        (entry.revision, entry.before, entry.after) = (next.revision, audit::abridged(before), audit::abridged(after));
        entry.broke = done.breaks.iter().map(ToString::to_string).collect();
        let body = body.as_deref().cloned();
        if let Some(body) = &body {
            self.deadlines.set(body, change.requested.0, change.requested.1);
        }
        done.generation = self.activate(base, next)?;
        self.backlog.add_override(id, body, base.overrides.contains_key(id), entry);
        super::log_change(change, Some(done.revision), Some(done.generation));
        self.save_when_due(mailbox).await;
        let unsaved = self.unsaved.borrow();
        done.not_saved = unsaved.concerns(id).then(|| unsaved.why.clone());
        drop(unsaved);
        Ok(done)
    }

    /// Adds an audit entry without a change.
    pub(super) async fn add_audit_entry(&mut self, mailbox: &mut Mailbox, entry: Entry) {
        if self.backlog.is_full() {
            let (request, who, outcome) = (&*entry.request, &*entry.name, entry.outcome.name());
            warn!(request, who, outcome, "failed to write audit entry: too many changes are waiting to be saved");
            return;
        }
        self.backlog.add_entry(entry);
        self.save_when_due(mailbox).await;
    }

    /// Saves the backlog, unless a commit has just failed.
    pub(super) async fn save_when_due(&mut self, mailbox: &mut Mailbox) {
        if self.backlog.is_empty() || Instant::now() >= self.retry_at {
            // A failure is logged already.
            let _ = self.save(mailbox).await;
        } else {
            self.report_unsaved(None);
        }
    }

    /// Saves the backlog, the oldest change first.
    ///
    /// # Errors
    /// Why the store failed. The rest of the backlog waits.
    pub(super) async fn save(&mut self, mailbox: &mut Mailbox) -> Result<(), CommitError> {
        let mut conflicts = 0;
        loop {
            self.resolve_commit_outcome(mailbox).await;
            let done = match self.backlog.first(self.audited + 1) {
                None => {
                    // The store works: the next change is saved at once.
                    self.retry_at = Instant::now();
                    self.report_unsaved(None);
                    return Ok(());
                }
                Some(_) if self.commit_outcome_unknown => {
                    Err(Unavailable { reason: "its content cannot be read".to_owned() }.into())
                }
                Some(commit) => self.commit_to_store(mailbox, commit, PATIENCE).await,
            };
            match done {
                Ok(()) => {
                    self.audited += 1;
                    self.backlog.saved();
                }
                Err(cause) => {
                    self.note_commit_error(&cause);
                    conflicts += 1;
                    let waiting = self.backlog.len();
                    self.resolve_commit_outcome(mailbox).await;
                    let was_saved = self.backlog.len() < waiting;
                    if was_saved || (matches!(cause, CommitError::Conflict { .. }) && conflicts < MAX_CONFLICTS) {
                        continue;
                    }
                    self.retry_at = Instant::now() + RETRY;
                    self.report_unsaved(Some(&cause));
                    return Err(cause);
                }
            }
        }
    }

    /// Updates the reported unsaved overrides. `cause` is the error, if one just occurred.
    pub(super) fn report_unsaved(&mut self, cause: Option<&CommitError>) {
        let before = Arc::clone(&self.unsaved.borrow());
        let why = cause.map_or_else(|| before.why.clone(), ToString::to_string);
        let unsaved = self.backlog.unsaved(if self.backlog.is_empty() { "" } else { &why });
        if unsaved == *before {
            return;
        }
        match unsaved.summary() {
            Some(summary) => {
                if before.changes == 0 || before.why != unsaved.why {
                    error!(why = unsaved.why, changes = unsaved.changes, "overrides are in force but not saved");
                }
                self.degraded.set(Concern::Overrides, summary);
            }
            None => {
                if before.changes > 0 {
                    info!(changes = before.changes, "all overrides are saved again");
                }
                self.degraded.clear(Concern::Overrides);
            }
        }
        self.unsaved.send_replace(Arc::new(unsaved));
    }

    /// Commits to the store, and handles health events while it waits. After a timeout (`patience`) the commit may still succeed
    /// later.
    pub(super) async fn commit_to_store(
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
            let reason = format!("no answer for {} s: its disk hangs", patience.as_secs());
            Err(Unavailable { reason }.into())
        })
        .map(drop)
    }
}
