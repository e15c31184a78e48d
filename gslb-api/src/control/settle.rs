//! What the store has is put in force: after a commit that may have been done although the store said that it could not,
//! and when the latest revision may be served that could not be at the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::StartError;
use super::candidate;
use super::task::{Mailbox, Task};
use crate::audit;
use crate::change::Active;
use crate::overrides;
use crate::revisions::{self, Kept};
use crate::store::CommitError;
use crate::thaw;

impl Task {
    /// Notes how a commit failed: unless it was refused, nobody knows whether it was done.
    pub(super) fn failed(&mut self, cause: &CommitError) {
        if matches!(cause, CommitError::Unavailable(_) | CommitError::Conflict { .. }) {
            self.commit_outcome_unknown = true;
        }
    }

    /// Takes in what the store has, where the last commit is in doubt. What cannot be read is tried again later.
    pub(super) async fn settle(&mut self, mailbox: &mut Mailbox) {
        if !self.commit_outcome_unknown {
            return;
        }
        match self.take_in(mailbox).await {
            // A revision that was passed over at the start is not what was in doubt: it may stay passed over.
            Ok(_) => {
                self.commit_outcome_unknown = false;
                self.show_unsaved(None);
            }
            Err(cause) => warn!(why = %cause, "what the store has is not known, so nothing can be changed"),
        }
    }

    /// Puts in force what the store has. Returns why its latest revision cannot be served, where that is so: an older one
    /// stays in force, with all else that the store has.
    pub(super) async fn take_in(&mut self, mailbox: &mut Mailbox) -> Result<Option<StartError>, StartError> {
        let base = self.base();
        let mut kept = Kept::of(&*self.store).await?;
        let audited = audit::last(&*self.store).await?;
        let (now, at) = (crate::clock::now(), Instant::now());
        let stored = overrides::read(&*self.store).await?.into_iter();
        if let Some(key) = self.backlog.doubtful() {
            let held = self.store.read(&key).await?;
            self.backlog.settle(held.as_ref().map(|held| &*held.value));
        }
        let mut all: BTreeMap<_, _> = stored.collect();
        self.backlog.apply(&mut all);
        let (over, all): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(_, held)| self.deadlines.has_passed(held, now, at));
        self.end_in_store(over.values(), base.revision, now);
        let thaw = thaw::read(&*self.store).await?;
        let revision = revisions::current(&*self.store).await?.unwrap_or(base.revision);
        kept.note_given(revision);
        let mut not_served = None;
        if revision != base.revision {
            match self.put_revision(mailbox, &base, revision, &all).await {
                Ok(()) => info!(revision, "the latest revision in the store is in force"),
                Err(why @ (StartError::Invalid(_) | StartError::Missing(_) | StartError::Damaged(_))) => {
                    not_served = Some(why);
                }
                Err(why) => return Err(why),
            }
        }
        let base = self.base();
        if all != *base.overrides {
            let next = Active { overrides: Arc::new(all), ..(*base).clone() };
            self.activate(&base, next).map_err(|_| StartError::Internal)?;
            info!("the overrides in the store are in force");
        }
        let base = self.base();
        if thaw != base.thaw {
            self.activate(&base, Active { thaw, ..(*base).clone() }).map_err(|_| StartError::Internal)?;
        }
        (self.kept, self.audited) = (kept, audited);
        Ok(not_served)
    }

    async fn put_revision(
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
            let built = candidate::build(&document, &before, &states, &all).map_err(StartError::Invalid)?;
            let (document, overrides, table) = (Arc::new(document), Arc::new(all), Arc::new(built.0));
            Ok::<_, StartError>(Active { revision, document, overrides, table, ..(*before).clone() })
        };
        let next = self.run_blocking(mailbox, work).await.map_err(|_| StartError::Internal)??;
        self.activate(base, next).map(drop).map_err(|_| StartError::Internal)
    }
}
