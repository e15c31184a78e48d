//! What the doubt in the prober does to the endpoints of a site.

use std::cmp::Reverse;

use super::{Due, Health};
use crate::health::endpoint::{Held, Source};
use crate::health::mass_failure::{Begun, Ended, Tally};
use crate::health::status::{Effects, MassFailureChange};
use crate::moment::Moment;

impl Health {
    /// Believes the failures of a mass failure, as an operator says. None where none are doubted.
    pub fn accept_failures(&mut self, now: Moment, wall: u64) -> Option<Effects> {
        let mut effects = Effects::default();
        self.doubt
            .accept_failures(now)
            .then(|| self.end_mass_failure(Ended::Accepted, None, now, wall, &mut effects))?;
        Some(effects)
    }

    /// Since when a mass failure is doubted.
    pub fn holding_since(&self) -> Option<Moment> {
        self.doubt.since()
    }

    /// Hosts that fail or went down lately, and hosts that are up or were until lately, by findings and not by `initial`.
    pub fn failing(&self) -> (u32, u32) {
        self.doubt.counts()
    }

    /// Takes note of what the doubt counts of an endpoint. One that passes has nothing more to be doubted or believed.
    pub(super) fn look_again(&mut self, number: usize) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let Some(host) = known.probes.target().and_then(|target| self.hosts.get(target as usize)) else { return };
        if known.probes.is_passing(&self.probed) {
            known.believed = None;
            if known.endpoint.relieve() {
                known.probes.relieve(&self.probed);
            }
        }
        let up = known.endpoint.up && known.endpoint.source != Source::Initial;
        let tally = Tally { up, failing: up && known.probes.is_failing(&self.probed) && known.believed.is_none() };
        if tally != known.tally {
            self.doubt.count(host.number, known.tally, tally);
            known.tally = tally;
        }
    }

    /// Whether the verdict of an endpoint that is about to turn down is doubted; it may be the one too many.
    pub(super) fn is_doubted(&mut self, number: usize, now: Moment, wall: u64, effects: &mut Effects) -> bool {
        let Some(known) = self.endpoints.get(number) else { return false };
        match (known.endpoint.source, known.believed) {
            // There is no last status to be held.
            (Source::Initial, _) => false,
            // A probe that began before something answered says nothing of the time since then.
            (_, Some(since)) => known.probes.began(&self.probed).is_some_and(|began| began < since),
            (_, None) => {
                self.begin_doubt(now, wall, effects);
                self.doubt.is_holding() && !self.is_contained(number)
            }
        }
    }

    /// True where the failures of an endpoint are those of its service alone: the way there has worked since the hold began,
    /// and other places of a service with its pool answer. So one tenant's many pools do not delay another's failover.
    fn is_contained(&self, number: usize) -> bool {
        let Some(known) = self.endpoints.get(number) else { return false };
        let began = known.probes.began(&self.probed);
        let is_new = self.doubt.proven().is_some_and(|since| began.is_some_and(|began| began >= since));
        let circles = self.circles.get(known.member.pool.0 as usize).map_or(&[][..], |circles| circles);
        is_new && circles.iter().any(|&circle| self.doubt.is_narrow(circle))
    }

    fn begin_doubt(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(begun) = self.doubt.begins(now) else { return };
        let Begun { failing, hosts, failing_places, places, back } = begun;
        effects.mass_failure = Some(MassFailureChange::Began { failing, hosts, failing_places, places });
        for number in back.into_iter().map(|number| number as usize) {
            let Some(known) = self.endpoints.get_mut(number) else { continue };
            if known.endpoint.restore() {
                known.turned("held up: too many hosts fail at once".to_owned(), now, wall, effects);
                self.look_again(number);
            }
        }
        // TTLs that had fallen for a change that does not come now are raised to that of the hold.
        (0..self.endpoints.len()).for_each(|number| self.tell(number, effects));
    }

    pub(super) fn end_doubt(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        let proven = self.doubt.proven();
        if let Some(ended) = self.doubt.ends(now) {
            self.end_mass_failure(ended, proven, now, wall, effects);
        }
    }

    /// Lets the verdicts hold that were doubted: at once, or where the way there works again, as soon as a probe has failed
    /// that began since then. `proven` says since when it works.
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
            // Most have come back, and the others may be about to.
            Ended::Recovered => now,
            Ended::Confirmed => proven.unwrap_or(now),
            Ended::Unanswered | Ended::Accepted | Ended::RuleRemoved => Moment::default(),
        };
        for number in 0..self.endpoints.len() {
            let Some(known) = self.endpoints.get_mut(number) else { continue };
            if !known.tally.failing && known.endpoint.held != Some(Held::MassFailure) {
                continue;
            }
            known.believed = Some(since);
            for probe in known.probes.iter() {
                let Some(probed) = self.probed.get_mut(probe.target as usize) else { continue };
                if let Some(patience) = probed.patience {
                    // Who sends word has as long as ever to send the next one.
                    probed.is_watched = true;
                    self.due.push(Reverse((now.after(patience), Due::Word(probe.target))));
                }
            }
            self.settle(number, now, wall, effects);
        }
    }
}
