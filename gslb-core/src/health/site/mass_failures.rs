//! How the mass-failure guard affects the endpoints of a site.

use std::cmp::Reverse;

use super::{Due, Health};
use crate::health::endpoint::{Held, Source};
use crate::health::mass_failure::{Begun, Ended, Tally};
use crate::health::status::{Effects, MassFailureChange};
use crate::moment::Moment;

impl Health {
    /// Ends a mass failure on an operator's request, so that its failures take effect. `None` if there is none.
    pub fn accept_failures(&mut self, now: Moment, wall: u64) -> Option<Effects> {
        let mut effects = Effects::default();
        self.guard
            .accept_failures(now)
            .then(|| self.end_mass_failure(Ended::Accepted, None, now, wall, &mut effects))?;
        Some(effects)
    }

    /// Since when statuses are held because of a mass failure.
    pub fn holding_since(&self) -> Option<Moment> {
        self.guard.since()
    }

    /// Hosts that fail or recently went down, and hosts that are up or recently were. Statuses from `initial` do not
    /// count.
    pub fn failing(&self) -> (u32, u32) {
        self.guard.counts()
    }

    /// Updates what the guard counts for an endpoint, and releases its hold if it passes.
    pub(super) fn update_tally(&mut self, number: usize) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let Some(host) = known.probes.target().and_then(|target| self.hosts.get(target as usize)) else { return };
        if known.probes.is_passing(&self.probed) {
            known.accepted_since = None;
            if known.endpoint.release_mass_failure_hold() {
                known.probes.mark_passing_up(&self.probed);
            }
        }
        let up = known.endpoint.up && known.endpoint.source != Source::Initial;
        let tally =
            Tally { up, failing: up && known.probes.is_failing(&self.probed) && known.accepted_since.is_none() };
        if tally != known.tally {
            self.guard.count(host.number, known.tally, tally);
            known.tally = tally;
        }
    }

    /// True if an endpoint that is about to go down must be held up. It may be the one that starts the mass failure.
    pub(super) fn must_hold(&mut self, number: usize, now: Moment, wall: u64, effects: &mut Effects) -> bool {
        let Some(known) = self.endpoints.get(number) else { return false };
        match (known.endpoint.source, known.accepted_since) {
            // There is no earlier status to hold.
            (Source::Initial, _) => false,
            // A probe that started before the network was seen to work proves nothing.
            (_, Some(since)) => known.probes.began(&self.probed).is_some_and(|began| began < since),
            (_, None) => {
                self.begin_hold(now, wall, effects);
                self.guard.is_holding() && !self.is_contained(number)
            }
        }
    }

    /// True if the failures are confined to the endpoint's own service: the network has worked since the hold began,
    /// and other places of a service with its pool answer. This keeps one tenant's many pools from delaying another's
    /// failover.
    fn is_contained(&self, number: usize) -> bool {
        let Some(known) = self.endpoints.get(number) else { return false };
        let began = known.probes.began(&self.probed);
        let is_new = self.guard.proven().is_some_and(|since| began.is_some_and(|began| began >= since));
        let pool_spreads =
            self.pool_spreads.get(known.member.pool.0 as usize).map_or(&[][..], |pool_spreads| pool_spreads);
        is_new && pool_spreads.iter().any(|&spread| self.guard.is_narrow(spread))
    }

    fn begin_hold(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(begun) = self.guard.begin_if_due(now) else { return };
        let Begun { failing, hosts, failing_places, places, back } = begun;
        effects.mass_failure = Some(MassFailureChange::Began { failing, hosts, failing_places, places });
        for number in back.into_iter().map(|number| number as usize) {
            let Some(known) = self.endpoints.get_mut(number) else { continue };
            if known.endpoint.restore() {
                known.record_transition("kept up: too many hosts fail at once".to_owned(), now, wall, effects);
                self.update_tally(number);
            }
        }
        // TTLs that were lowered for a change that will not happen now rise to that of the hold.
        (0..self.endpoints.len()).for_each(|number| self.emit_change(number, effects));
    }

    pub(super) fn end_hold_if_due(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        let proven = self.guard.proven();
        if let Some(ended) = self.guard.end_if_due(now) {
            self.end_mass_failure(ended, proven, now, wall, effects);
        }
    }

    /// Lets held verdicts take effect: at once or, if the network works again, once a probe that started since then
    /// fails. `proven` is when it was first seen to work.
    pub(super) fn end_mass_failure(
        &mut self,
        ended: Ended,
        proven: Option<Moment>,
        now: Moment,
        wall: u64,
        effects: &mut Effects,
    ) {
        effects.mass_failure = Some(MassFailureChange::Ended(ended));
        let since = match ended {
            // Most have recovered, and the others may be about to.
            Ended::Recovered => now,
            Ended::Confirmed => proven.unwrap_or(now),
            Ended::Unanswered | Ended::Accepted | Ended::RuleRemoved => Moment::default(),
        };
        for number in 0..self.endpoints.len() {
            let Some(known) = self.endpoints.get_mut(number) else { continue };
            if !known.tally.failing && known.endpoint.held != Some(Held::MassFailure) {
                continue;
            }
            known.accepted_since = Some(since);
            for probe in known.probes.iter() {
                let Some(probed) = self.probed.get_mut(probe.target as usize) else { continue };
                if let Some(push_ttl) = probed.push_ttl {
                    // A push target gets its full ttl for the next report.
                    probed.has_push_deadline = true;
                    self.due.push(Reverse((now.after(push_ttl), Due::PushDeadline(probe.target))));
                }
            }
            self.settle(number, now, wall, effects);
        }
    }
}
