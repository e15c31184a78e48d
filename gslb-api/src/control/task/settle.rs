//! Activates what the store has: after a commit whose outcome is unknown, and when the latest revision, which could not be
//! served at the start, may be servable now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use gslb_core::budget::Budget;
use tracing::{info, warn};

use super::{Mailbox, Task};
use crate::audit;
use crate::change::Active;
use crate::control::StartError;
use crate::control::candidate;
use crate::overrides;
use crate::revisions::{self, Kept};
use crate::store::CommitError;
use crate::thaw;

impl Task {
    /// Records a failed commit. Unless the store refused it, its outcome is unknown.
    pub(super) fn note_commit_error(&mut self, cause: &CommitError) {
        if matches!(cause, CommitError::Unavailable(_) | CommitError::Conflict { .. }) {
            self.commit_outcome_unknown = true;
        }
    }

    /// If the outcome of the last commit is unknown, reloads from the store. A failed read is retried later.
    pub(super) async fn resolve_commit_outcome(&mut self, mailbox: &mut Mailbox) {
        if !self.commit_outcome_unknown {
            return;
        }
        match self.reload_from_store(mailbox).await {
            // A revision that could not be served at the start is a separate matter: an older one stays in force.
            Ok(_) => {
                self.commit_outcome_unknown = false;
                self.report_unsaved(None);
            }
            Err(cause) => warn!(why = %cause, "the store cannot be read after a failed commit: changes are refused"),
        }
    }

    /// Activates what the store has. Returns why its latest revision cannot be served, if so: an older one then stays in
    /// force, with everything else from the store.
    pub(super) async fn reload_from_store(&mut self, mailbox: &mut Mailbox) -> Result<Option<StartError>, StartError> {
        let base = self.base();
        let mut kept = Kept::of(&*self.store).await?;
        let audited = audit::last(&*self.store).await?;
        let (now, at) = (crate::clock::now(), Instant::now());
        let stored_overrides = overrides::read(&*self.store).await?;
        if let Some(key) = self.backlog.uncertain_key() {
            let stored = self.store.read(&key).await?;
            self.backlog.resolve_outcome(stored.as_ref().map(|stored| &*stored.value));
        }
        let mut all = stored_overrides;
        self.backlog.apply(&mut all);
        let (over, all): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(_, entry)| self.deadlines.has_passed(entry, now, at));
        self.save_expiries(over.values(), base.revision, now);
        let thaw = thaw::read(&*self.store).await?;
        let revision = revisions::current(&*self.store).await?.unwrap_or(base.revision);
        kept.note_given(revision);
        let mut unservable = None;
        if revision != base.revision {
            match self.activate_revision(mailbox, &base, revision, &all).await {
                Ok(()) => info!(revision, "activated the latest revision in the store"),
                Err(why @ (StartError::Invalid(_) | StartError::Missing(_) | StartError::Damaged(_))) => {
                    unservable = Some(why);
                }
                Err(why) => return Err(why),
            }
        }
        let base = self.base();
        if all != *base.overrides {
            let next = Active { overrides: Arc::new(all), ..(*base).clone() };
            self.activate(&base, next).map_err(|_| StartError::Internal)?;
            info!("activated the overrides in the store");
        }
        let base = self.base();
        if thaw != base.thaw {
            self.activate(&base, Active { thaw, ..(*base).clone() }).map_err(|_| StartError::Internal)?;
        }
        (self.kept, self.audited) = (kept, audited);
        Ok(unservable)
    }

    async fn activate_revision(
        &mut self,
        mailbox: &mut Mailbox,
        base: &Arc<Active>,
        revision: u64,
        all: &BTreeMap<String, overrides::Override>,
    ) -> Result<(), StartError> {
        let (_, document) = revisions::read(&*self.store, revision).await?.ok_or(StartError::Missing(revision))?;
        let all = all.clone();
        let (before, states) = (Arc::clone(base), self.keeper.states());
        let work = move || {
            let (budget, table) = (&mut { Budget::UNLIMITED }, &before.table);
            let with = (&*before.databases, &table.topology().latencies);
            let built = candidate::compiled(budget, &document, with, table, &states, &all);
            let built = built.map_err(StartError::Invalid)?;
            let (overrides, table) = (Arc::new(all), Arc::new(built.0));
            Ok::<_, StartError>(Active { revision, document, overrides, table, ..(*before).clone() })
        };
        let next = self.run_blocking(mailbox, work).await.map_err(|_| StartError::Internal)??;
        self.activate(base, next).map(drop).map_err(|_| StartError::Internal)
    }
}
