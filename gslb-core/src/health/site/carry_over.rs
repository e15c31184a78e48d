//! What is known at the start of a process or a document: what was saved, and what another document knew.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use super::layout::Layout;
use super::{Due, Health, Known};
use crate::health::endpoint::{Held, Source};
use crate::health::mass_failure::{Ended, MassFailureGuard};
use crate::health::probed::Probed;
use crate::health::saved::{SAVED_STATUS_FRESH_FOR, Saved, SavedKey, SavedStatus, target_text};
use crate::health::status::Effects;
use crate::health::target::{Member, Targets};
use crate::health::ways::Ways;
use crate::moment::Moment;
use crate::site::model::{self, PoolId, ProbeKind, Site};

/// By which an endpoint is found again: its pool, its name and what it answers. Where there is none, one takes the place of
/// an endpoint that is gone and answered the same.
type Name<'k> = (&'k str, &'k str, &'k model::Target);

fn name(known: &Known) -> Name<'_> {
    (&known.pool, &known.name, &known.answers)
}

impl Health {
    /// The health of `site` at its start; `wall` is the time in milliseconds since 1970-01-01 00:00 UTC, here and below.
    pub fn new(site: &Site, saved: &Saved, now: Moment, wall: u64) -> Health {
        let mut health = Health::fresh(site, now, wall);
        let key = |known: &Known| SavedKey::of(&known.pool, &known.name, &known.answers);
        let keys: HashSet<SavedKey> = health.endpoints.iter().map(key).collect();
        let mut gone: HashMap<&str, &SavedStatus> = HashMap::new();
        for (key, status) in &saved.statuses {
            if !keys.contains(key) {
                // Of several that are gone the one that is down counts: what holds it down is not to be forgotten.
                let heir = gone.entry(&key.target).or_insert(status);
                if heir.up {
                    *heir = status;
                }
            }
        }
        for known in health.endpoints.iter_mut().filter(|known| known.probes.target().is_some()) {
            if let Some(status) =
                saved.statuses.get(&key(known)).or_else(|| gone.get(&*target_text(&known.answers)).copied())
            {
                known.recall(status.up, status.since, status.why.as_str().into(), now, wall);
                known.recovered = status.recovered.filter(|_| !status.up);
                let seen = saved.seen.max(status.since);
                known.is_old = !status.up && wall.saturating_sub(seen) > SAVED_STATUS_FRESH_FOR.as_millis() as u64;
            }
        }
        health.begin(now, wall, &mut Effects::default());
        health
    }

    /// The health of another document, and what has turned by it: what is known of a target stays known, and so does the
    /// status of an endpoint that is probed otherwise, or named otherwise, than before.
    pub fn for_site(&self, site: &Site, now: Moment, wall: u64) -> (Health, Effects) {
        let (mut health, mut effects) = (Health::fresh(site, now, wall), Effects::default());
        for (probed, (target, _)) in health.probed.iter_mut().zip(health.targets.iter()) {
            let before = self.targets.number(target).and_then(|number| self.probed.get(number as usize));
            if let Some(before) = before {
                *probed = Probed { is_watched: false, ..before.clone() };
            }
        }
        health.ways = self.ways.of_host();
        let places = self.carried_over(&mut health, now, wall);
        let hosts = &health.hosts;
        let place = |before: u32| {
            let number = *places.get(&(before as usize))?;
            let target = health.endpoints.get(number)?.probes.target()?;
            Some((number as u32, hosts.get(target as usize)?.number))
        };
        let goes_on = health.doubt.resume_from(&self.doubt, place);
        health.begin(now, wall, &mut effects);
        if !goes_on {
            health.end_mass_failure(Ended::RuleRemoved, None, now, wall, &mut effects);
        }
        (health, effects)
    }

    /// Hands what is known of endpoints to those of the next health; where each of ours is there now.
    fn carried_over(&self, next: &mut Health, now: Moment, wall: u64) -> HashMap<usize, usize> {
        let named: HashMap<Name<'_>, usize> = (0..).zip(&self.endpoints).map(|(at, known)| (name(known), at)).collect();
        let names: HashSet<Name<'_>> = next.endpoints.iter().map(name).collect();
        let mut gone: HashMap<&model::Target, usize> = HashMap::new();
        for (number, known) in self.endpoints.iter().enumerate() {
            if !names.contains(&name(known)) {
                let heir = gone.entry(&known.answers).or_insert(number);
                if self.endpoints.get(*heir).is_some_and(|known| known.endpoint.up) {
                    *heir = number;
                }
            }
        }
        let mut inherited = Vec::new();
        for (number, known) in next.endpoints.iter().enumerate() {
            let before = named.get(&name(known)).or_else(|| gone.get(&known.answers));
            inherited.extend(before.map(|before| (*before, number)));
        }
        for &(before, number) in &inherited {
            let (Some(before), Some(known)) = (self.endpoints.get(before), next.endpoints.get_mut(number)) else {
                continue;
            };
            let is_same = known.probes.are_those_of(&before.probes, &self.targets, &next.targets);
            known.probes.inherit(&before.probes, &self.targets, &next.targets);
            known.inherit(before, is_same, now, wall);
        }
        inherited.into_iter().collect()
    }

    /// Nothing is known yet.
    fn fresh(site: &Site, now: Moment, wall: u64) -> Health {
        let targets = Targets::of(site);
        let patience = |kind: &ProbeKind| if let ProbeKind::Push { ttl } = kind { Some(*ttl) } else { None };
        let probed = targets.iter().map(|(target, _)| Probed::new(patience(&target.kind), now)).collect();
        let (mut endpoints, mut first) = (Vec::new(), Vec::new());
        for (pool, id) in site.pools.iter().zip(0..) {
            first.push(endpoints.len());
            for at in 0..pool.endpoints.len() as u32 {
                let member = Member { pool: PoolId(id), endpoint: at };
                endpoints.extend(Known::fresh(site, pool, member, &targets, wall));
            }
        }
        let Layout { hosts, spots, circles, places } = Layout::of(site, &targets);
        let doubt = MassFailureGuard::new(site.safety.mass_failure, spots, &places);
        Health {
            targets,
            probed,
            hosts,
            circles,
            endpoints,
            first,
            doubt,
            ways: Ways::default(),
            due: BinaryHeap::new(),
        }
    }

    /// Counts who fails, judges what came with its outcomes, and notes what is due.
    fn begin(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        (0..self.endpoints.len()).for_each(|number| self.look_again(number));
        for number in 0..self.endpoints.len() {
            if let Some(Held::HoldDown { until }) = self.endpoints.get(number).and_then(|known| known.endpoint.held) {
                self.due.push(Reverse((until, Due::Comeback(number))));
            }
            self.settle(number, now, wall, effects);
        }
        (0..self.probed.len() as u32).for_each(|target| self.watch(target));
    }
}

impl Known {
    /// Takes over what was known of this endpoint, or of one that it takes the place of. `is_same` says that it is probed
    /// as before.
    fn inherit(&mut self, before: &Known, is_same: bool, now: Moment, wall: u64) {
        self.flaps = before.flaps.clone();
        if before.endpoint.source == Source::Initial {
            return;
        }
        if is_same {
            (self.endpoint, self.since, self.is_old) = (before.endpoint, before.since, before.is_old);
            (self.why, self.believed) = (before.why.clone(), before.believed);
            self.recovered = before.recovered;
        } else if self.probes.target().is_some() {
            self.recall(before.endpoint.up, before.since, before.why.clone(), now, wall);
            self.recovered = before.recovered;
        }
    }

    /// Takes a status from before.
    fn recall(&mut self, up: bool, since: u64, why: std::sync::Arc<str>, now: Moment, wall: u64) {
        let age = Duration::from_millis(wall.saturating_sub(since));
        self.endpoint = crate::health::Endpoint::saved(up, age, self.rules, now);
        (self.since, self.why) = (since, why);
    }
}
