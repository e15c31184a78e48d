//! What is put in force, and what for: candidates on top of what was published since they were made, and verdicts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::live::overrides;
use tracing::error;

use super::task::Task;
use crate::change::{Active, Refusal};
use crate::clock::now;
use crate::health::HealthEvent;

/// How often, and after which pause each, tables that were replaced are looked at until nobody reads them any more.
const SWEEPS: (usize, Duration) = (1000, Duration::from_millis(5));

impl Task {
    /// Puts `next`, which was made of `base`, in force on top of all that was published since, and returns the generation
    /// of its table.
    pub(super) fn activate(&mut self, base: &Active, next: Active) -> Result<u64, Refusal> {
        let current = self.base();
        let is_new = !next.table.has_topology_of(&current.table);
        if is_new {
            self.keeper.follow(&next.table.topology().site, Instant::now(), now().millis());
        }
        // Of the same topology, what is in force is the newest there is.
        let table = if is_new { next.table.rebased(&base.table, &current.table) } else { (*current.table).clone() };
        self.deadlines.follow(&next.overrides, now(), Instant::now());
        let site = &table.topology().site;
        let states = overrides::apply(next.overrides.values(), site, &self.keeper.states());
        let changes = table.changes_to(&states);
        let table = if is_new && changes.is_empty() { table } else { table.with_changes(&changes) };
        let generation = table.generation();
        self.publish(Active { table: Arc::new(table), ..next })?;
        Ok(generation)
    }

    /// Publishes a table. Only here is one published after the start.
    fn publish(&mut self, next: Active) -> Result<(), Refusal> {
        // The table is shared with what is in force, so the published one is a copy of its few pointers.
        self.published.publish((*next.table).clone()).map_err(|stale| {
            error!(why = %stale, "a table was not published");
            Refusal::Internal
        })?;
        self.meters.published(now());
        let before = self.active.send_replace(Arc::new(next));
        if !before.table.has_topology_of(&self.base().table) {
            self.drop_in_background(before);
        }
        Ok(())
    }

    /// Lets go of what was in force, elsewhere: to free a million names takes its time, and no verdict is to wait for it.
    pub(super) fn drop_in_background(&self, before: Arc<Active>) {
        if before.table.has_topology_of(&self.base().table) {
            return;
        }
        let published = Arc::clone(&self.published);
        self.run_blocking.spawn_blocking(move || {
            for _ in 0..SWEEPS.0 {
                if published.sweep() == 0 {
                    break;
                }
                std::thread::sleep(SWEEPS.1);
            }
            drop(before);
        });
    }

    /// Takes words in, and puts in force what they change, all in one table.
    pub(super) fn apply_event(&mut self, words: &mut Vec<HealthEvent>) {
        let (base, at, wall) = (self.base(), Instant::now(), now().millis());
        let mut looks = Vec::new();
        for word in words.drain(..) {
            match word {
                HealthEvent::Look(look) => looks.push(look),
                word => self.keeper.apply_event(word, &base.table.topology().site, at, wall),
            }
        }
        self.follow_keeper(&base);
        // Who asks and who looks sees what came before, in force.
        self.keeper.reply();
        let active = self.base();
        looks.into_iter().for_each(|look| look(&self.keeper, &active));
    }

    /// Looks at the times that pass by themselves.
    pub(super) fn tick(&mut self) {
        self.meters.turned();
        self.look_at_the_clock();
        let base = self.base();
        self.keeper.tick(&base.table.topology().site, Instant::now(), now().millis());
        self.follow_keeper(&base);
        drop(base);
        self.published.sweep();
    }

    /// Puts in force what the keeper has found to be different from `base`, which is in force.
    fn follow_keeper(&mut self, base: &Active) {
        let mut changed = self.keeper.take_changed();
        // Of several changes to one endpoint the last one holds.
        changed.reverse();
        changed.sort_by_key(|change| (change.pool, change.endpoint));
        changed.dedup_by_key(|change| (change.pool, change.endpoint));
        let site = &base.table.topology().site;
        let mut changes = overrides::apply_to(base.overrides.values(), site, &changed);
        changes.retain(|change| base.table.state(change.pool, change.endpoint) != Some(change.state));
        if !changes.is_empty() {
            let table = Arc::new(base.table.with_changes(&changes));
            // A refusal has been told already.
            let _ = self.publish(Active { table, ..base.clone() });
        }
    }
}
