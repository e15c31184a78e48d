//! Initial health: from saved statuses at startup, or carried over from the previous document.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use super::layout::Layout;
use super::{Due, EndpointHealth, Health};
use crate::health::endpoint::{Held, Source};
use crate::health::mass_failure::{Ended, MassFailureGuard};
use crate::health::probed::Probed;
use crate::health::reachability::Reachability;
use crate::health::saved::{SAVED_STATUS_FRESH_FOR, Saved, SavedKey, SavedStatus, target_text};
use crate::health::status::Effects;
use crate::health::target::{Member, Targets};
use crate::live::states::{Identity, predecessors};
use crate::moment::Moment;
use crate::site::model::{PoolId, ProbeKind, Site};

fn identity(known: &EndpointHealth) -> Identity<'_> {
    Identity { pool: &known.pool, name: &known.name, target: &known.answers }
}

impl Health {
    /// The health of `site` at startup. Here and below, `wall` is the time in milliseconds since 1970-01-01 00:00 UTC.
    pub fn new(site: &Site, saved: &Saved, now: Moment, wall: u64) -> Health {
        let mut health = Health::fresh(site, now, wall);
        let key = |known: &EndpointHealth| SavedKey::of(&known.pool, &known.name, &known.answers);
        let keys: HashSet<SavedKey> = health.endpoints.iter().map(key).collect();
        let mut gone: HashMap<&str, &SavedStatus> = HashMap::new();
        for (key, status) in &saved.statuses {
            if !keys.contains(key) {
                // Of several removed endpoints, one that is down wins, so that its hold_down is not lost.
                let inherited_from = gone.entry(&key.target).or_insert(status);
                if inherited_from.up {
                    *inherited_from = status;
                }
            }
        }
        for known in health.endpoints.iter_mut().filter(|known| known.probes.target().is_some()) {
            if let Some(status) =
                saved.statuses.get(&key(known)).or_else(|| gone.get(&*target_text(&known.answers)).copied())
            {
                known.restore_saved(status.up, status.since, status.why.as_str().into(), now, wall);
                known.recovered = status.recovered.filter(|_| !status.up);
                let seen = saved.seen.max(status.since);
                known.is_stale = !status.up && wall.saturating_sub(seen) > SAVED_STATUS_FRESH_FOR.as_millis() as u64;
            }
        }
        health.begin(now, wall, &mut Effects::default());
        health
    }

    /// The health after the document changed to `site`, and the effects of the change. EndpointHealth targets keep
    /// their outcomes, and endpoints keep their status even if they were renamed or are probed differently.
    pub fn for_site(&self, site: &Site, now: Moment, wall: u64) -> (Health, Effects) {
        let (mut health, mut effects) = (Health::fresh(site, now, wall), Effects::default());
        for (probed, (target, _)) in health.probed.iter_mut().zip(health.targets.iter()) {
            let before = self.targets.number(target).and_then(|number| self.probed.get(number as usize));
            if let Some(before) = before {
                *probed = Probed { has_push_deadline: false, ..before.clone() };
            }
        }
        health.reachability = self.reachability.without_answers();
        let places = self.carry_over_to(&mut health, now, wall);
        let hosts = &health.hosts;
        let place = |before: u32| {
            let number = *places.get(&(before as usize))?;
            let target = health.endpoints.get(number)?.probes.target()?;
            Some((number as u32, hosts.get(target as usize)?.number))
        };
        let goes_on = health.guard.resume_from(&self.guard, place);
        health.begin(now, wall, &mut effects);
        if !goes_on {
            health.end_mass_failure(Ended::RuleRemoved, None, now, wall, &mut effects);
        }
        (health, effects)
    }

    /// Copies what is known of endpoints into `next`; returns the new index of each endpoint, by its old one.
    fn carry_over_to(&self, next: &mut Health, now: Moment, wall: u64) -> HashMap<usize, usize> {
        let [earlier, later] = [self, next].map(|health| health.endpoints.iter().map(identity).collect::<Vec<_>>());
        let is_up = |at: usize| self.endpoints.get(at).is_some_and(|known| known.endpoint.up);
        let predecessors = predecessors(&earlier, is_up, &later);
        let inherited: Vec<(usize, usize)> =
            predecessors.into_iter().zip(0..).filter_map(|(before, number)| Some((before?, number))).collect();
        for &(before, number) in &inherited {
            let (Some(before), Some(known)) = (self.endpoints.get(before), next.endpoints.get_mut(number)) else {
                continue;
            };
            let is_same = known.probes.are_same_as(&before.probes, &self.targets, &next.targets);
            known.probes.inherit(&before.probes, &self.targets, &next.targets);
            known.inherit(before, is_same, now, wall);
        }
        inherited.into_iter().collect()
    }

    /// Health before anything is known.
    fn fresh(site: &Site, now: Moment, wall: u64) -> Health {
        let targets = Targets::of(site);
        let push_ttl = |kind: &ProbeKind| if let ProbeKind::Push { ttl } = kind { Some(*ttl) } else { None };
        let probed = targets.iter().map(|(target, _)| Probed::new(push_ttl(&target.kind), now)).collect();
        let count = site.pools.iter().map(|pool| pool.endpoints.len()).sum();
        let (mut endpoints, mut first) = (Vec::with_capacity(count), Vec::with_capacity(site.pools.len()));
        let unknown = [false, true].map(|is_probed| if is_probed { "no verdict yet" } else { "not probed" }.into());
        for (pool, id) in site.pools.iter().zip(0..) {
            first.push(endpoints.len());
            for at in 0..pool.endpoints.len() as u32 {
                let member = Member { pool: PoolId(id), endpoint: at };
                endpoints.extend(EndpointHealth::fresh(site, pool, member, &targets, &unknown, wall));
            }
        }
        let Layout { hosts, spots, pool_spreads, places } = Layout::of(site, &targets);
        let guard = MassFailureGuard::new(site.safety.mass_failure, spots, &places);
        Health {
            targets,
            probed,
            hosts,
            pool_spreads,
            endpoints,
            first,
            guard,
            reachability: Reachability::default(),
            due: BinaryHeap::new(),
        }
    }

    /// Counts failures, settles every endpoint, and schedules deadlines.
    fn begin(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        (0..self.endpoints.len()).for_each(|number| self.update_tally(number));
        for number in 0..self.endpoints.len() {
            if let Some(Held::HoldDown { until }) = self.endpoints.get(number).and_then(|known| known.endpoint.held) {
                self.due.push(Reverse((until, Due::HoldDownEnd(number))));
            }
            self.settle(number, now, wall, effects);
        }
        (0..self.probed.len() as u32).for_each(|target| self.schedule_push_deadline(target));
    }
}

impl EndpointHealth {
    /// Takes over the state of the previous endpoint. `is_same` says that it is probed as before.
    fn inherit(&mut self, before: &EndpointHealth, is_same: bool, now: Moment, wall: u64) {
        self.flaps = before.flaps.clone();
        if before.endpoint.source == Source::Initial {
            return;
        }
        if is_same {
            (self.endpoint, self.since, self.is_stale) = (before.endpoint, before.since, before.is_stale);
            (self.why, self.accepted_since) = (before.why.clone(), before.accepted_since);
            self.recovered = before.recovered;
        } else if self.probes.target().is_some() {
            self.restore_saved(before.endpoint.up, before.since, before.why.clone(), now, wall);
            self.recovered = before.recovered;
        }
    }

    /// Restores an earlier status.
    fn restore_saved(&mut self, up: bool, since: u64, why: std::sync::Arc<str>, now: Moment, wall: u64) {
        let age = Duration::from_millis(wall.saturating_sub(since));
        self.endpoint = crate::health::Endpoint::saved(up, age, self.rules, now);
        (self.since, self.why) = (since, why);
    }
}
