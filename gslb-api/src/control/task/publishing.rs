//! Publishing: candidates, on top of everything published since they were prepared, and health changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::live::overrides;
use tracing::error;

use super::Task;
use crate::change::{Active, Refusal};
use crate::clock::now;
use crate::health::HealthEvent;

/// How often to check whether replaced tables still have readers, and the pause between checks.
const SWEEPS: (usize, Duration) = (1000, Duration::from_millis(5));

impl Task {
    /// Activates `next`, which was prepared from `base`, on top of everything published since. Returns the generation of the
    /// new table.
    pub(super) fn activate(&mut self, base: &Active, next: Active) -> Result<u64, Refusal> {
        let current = self.base();
        let is_new = !next.table.has_topology_of(&current.table);
        if is_new {
            self.keeper.follow(&next.table.topology().site, Instant::now(), now().millis());
        }
        self.deadlines.follow(&next.overrides, now(), Instant::now());
        let site = &next.table.topology().site;
        let states = overrides::apply(next.overrides.values(), site, &self.keeper.states());
        let table = match is_new {
            true => next.table.rebased(&base.table, &current.table, &states),
            false => current.table.with_states(&states),
        };
        let generation = table.generation();
        self.publish(Active { table: Arc::new(table), ..next })?;
        Ok(generation)
    }

    /// Publishes a table. After the start, this is the only place that does.
    fn publish(&mut self, next: Active) -> Result<(), Refusal> {
        // Cloning a table copies only a few pointers.
        self.published.publish((*next.table).clone()).map_err(|stale| {
            error!(why = %stale, "internal error: failed to publish a table");
            Refusal::Internal
        })?;
        self.meters.published(now());
        let before = self.active.send_replace(Arc::new(next));
        if !before.table.has_topology_of(&self.base().table) {
            self.drop_in_background(before);
        }
        Ok(())
    }

    /// Drops a replaced state on a blocking thread: freeing a million names takes time, and no verdict should wait for it.
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

    /// Applies events and publishes all resulting changes in one table.
    pub(super) fn apply_events(&mut self, events: &mut Vec<HealthEvent>) {
        let (base, at, wall) = (self.base(), Instant::now(), now().millis());
        let mut looks = Vec::new();
        for event in events.drain(..) {
            match event {
                HealthEvent::Look(look) => looks.push(look),
                event => self.keeper.apply_event(event, &base.table.topology().site, at, wall),
            }
        }
        self.publish_health_changes(&base);
        // Reply and look only now, when the changes are in force.
        self.keeper.reply();
        let active = self.base();
        looks.into_iter().for_each(|look| look(&self.keeper, &active));
    }

    /// Applies what is due by now.
    pub(super) fn tick(&mut self) {
        self.meters.ticked();
        self.check_wall_clock();
        let base = self.base();
        self.keeper.tick(&base.table.topology().site, Instant::now(), now().millis());
        self.publish_health_changes(&base);
        drop(base);
        self.published.sweep();
    }

    /// Publishes the keeper's changes on top of `base`, the active state.
    fn publish_health_changes(&mut self, base: &Active) {
        let mut changed = self.keeper.take_changed();
        // Of several changes to one endpoint, the last one wins.
        changed.reverse();
        changed.sort_by_key(|change| (change.pool, change.endpoint));
        changed.dedup_by_key(|change| (change.pool, change.endpoint));
        let site = &base.table.topology().site;
        let mut changes = overrides::apply_to(base.overrides.values(), site, &changed);
        changes.retain(|change| base.table.state(change.pool, change.endpoint) != Some(change.state));
        if !changes.is_empty() {
            let table = Arc::new(base.table.with_changes(&changes));
            // A failure is logged already.
            let _ = self.publish(Active { table, ..base.clone() });
        }
    }
}
