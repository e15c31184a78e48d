//! Initial health: from saved statuses at startup, or carried over from the previous document.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::layout::Layout;
use super::{Due, EndpointHealth, Health, NOT_PROBED, rules};
use crate::health::endpoint::{Held, Rules, Source};
use crate::health::mass_failure::{Ended, MassFailureGuard};
use crate::health::probed::Probed;
use crate::health::reachability::Reachability;
use crate::health::saved::{SAVED_STATUS_FRESH_FOR, Saved, SavedKey, SavedStatus};
use crate::health::status::Effects;
use crate::health::target::{Member, Targets, members};
use crate::live::states::{identities, predecessors};
use crate::moment::Moment;
use crate::site::model::{PoolId, ProbeKind, Site};

impl Health {
    /// The health of `site` at startup. Here and below, `wall` is the time in milliseconds since 1970-01-01 00:00 UTC.
    pub fn new(site: &Arc<Site>, saved: &Saved, now: Moment, wall: u64) -> Health {
        let mut health = Health::fresh(site, now, wall);
        if !saved.statuses.is_empty() {
            health.restore(saved, now, wall);
        }
        health.begin(now, wall, &mut Effects::default());
        health
    }

    /// Takes over the statuses that an earlier process saved.
    fn restore(&mut self, saved: &Saved, now: Moment, wall: u64) {
        let site = Arc::clone(&self.site);
        let keys: HashSet<&SavedKey> = members(&site)
            .filter_map(|member| Some(saved.statuses.get_key_value(&saved_key(&site, member)?)?.0))
            .collect();
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
        for known in &mut self.endpoints {
            let Some(key) = saved_key(&site, known.member) else { continue };
            let status = saved.statuses.get(&key).or_else(|| gone.get(&*key.target).copied());
            if let (Some(status), Some(rules)) = (status, rules(&site, known.member.pool)) {
                known.restore_saved(status.up, status.since, status.why.as_str().into(), rules, now, wall);
                known.recovered = status.recovered.filter(|_| !status.up);
                let seen = saved.seen.max(status.since);
                known.is_stale = !status.up && wall.saturating_sub(seen) > SAVED_STATUS_FRESH_FOR.as_millis() as u64;
            }
        }
    }

    /// The health after the document changed to `site`, and the effects of the change. Targets keep their outcomes, and
    /// endpoints keep their status even if they were renamed or are probed differently.
    pub fn for_site(&self, site: &Arc<Site>, now: Moment, wall: u64) -> (Health, Effects) {
        // First, since it takes as much memory as the health of the endpoints.
        let continued = self.continued_in(site);
        let (mut health, mut effects) = (Health::fresh(site, now, wall), Effects::default());
        for (probed, (target, _)) in health.probed.iter_mut().zip(health.targets.iter()) {
            let before = self.targets.number(target).and_then(|number| self.probed.get(number as usize));
            if let Some(before) = before {
                *probed = Probed { has_push_deadline: false, ..before.clone() };
            }
        }
        health.reachability = self.reachability.without_answers();
        let places = self.carry_over_to(&mut health, &continued, now, wall);
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

    /// The endpoints of `site` that continue one of which something is known, each after that one.
    fn continued_in(&self, site: &Site) -> Vec<(Member, Member)> {
        let has_history = |member: Member| self.number(member).is_some() || self.earlier_flaps.contains_key(&member);
        if self.endpoints.is_empty() && self.earlier_flaps.is_empty() {
            return Vec::new();
        }
        let earlier: Vec<Member> = members(&self.site).collect();
        let is_up = |at: usize| earlier.get(at).and_then(|member| self.state(*member)).is_some_and(|state| state.up);
        let found = predecessors(&identities(&self.site), is_up, &identities(site));
        let before = |at: Option<usize>| earlier.get(at?).copied().filter(|member| has_history(*member));
        found.into_iter().zip(members(site)).filter_map(|(at, member)| Some((before(at)?, member))).collect()
    }

    /// Copies what is known of endpoints into `next`; returns the new index of each probed endpoint, by its old one.
    fn carry_over_to(
        &self,
        next: &mut Health,
        continued: &[(Member, Member)],
        now: Moment,
        wall: u64,
    ) -> HashMap<usize, usize> {
        let mut places = HashMap::new();
        for &(before, member) in continued {
            let (old, new) = (self.number(before), next.number(member));
            let known_before = self.known(before);
            let flaps = known_before.map(|known| &known.flaps).or_else(|| self.earlier_flaps.get(&before));
            let Some(number) = new else {
                if let Some(flaps) = flaps.filter(|flaps| flaps.count(now) > 0) {
                    next.earlier_flaps.insert(member, flaps.clone());
                }
                continue;
            };
            let (Some(known), Some(rules)) = (next.endpoints.get_mut(number), rules(&next.site, member.pool)) else {
                continue;
            };
            known.flaps = flaps.cloned().unwrap_or_default();
            let (Some(old), Some(before)) = (old, known_before) else { continue };
            places.insert(old, number);
            let is_same = known.probes.are_same_as(&before.probes, &self.targets, &next.targets);
            known.probes.inherit(&before.probes, &self.targets, &next.targets);
            known.inherit(before, is_same, rules, now, wall);
        }
        places
    }

    /// Health before anything is known.
    fn fresh(site: &Arc<Site>, now: Moment, wall: u64) -> Health {
        let targets = Targets::of(site);
        let push_ttl = |kind: &ProbeKind| if let ProbeKind::Push { ttl } = kind { Some(*ttl) } else { None };
        let probed = targets.iter().map(|(target, _)| Probed::new(push_ttl(&target.kind), now)).collect();
        let with_probes = || site.pools.iter().filter(|pool| !pool.probes.is_empty());
        let count = with_probes().map(|pool| pool.endpoints.len()).sum();
        let (mut endpoints, mut first) = (Vec::with_capacity(count), Vec::with_capacity(site.pools.len()));
        let no_verdict = "no verdict yet".into();
        for (pool, id) in site.pools.iter().zip(0..) {
            if pool.probes.is_empty() {
                first.push(NOT_PROBED);
                continue;
            }
            first.push(endpoints.len() as u32);
            for at in 0..pool.endpoints.len() as u32 {
                let member = Member { pool: PoolId(id), endpoint: at };
                endpoints.extend(EndpointHealth::fresh(site, pool, member, &targets, &no_verdict, wall));
            }
        }
        let Layout { hosts, spots, pool_spreads, places } = Layout::of(site, &targets);
        let guard = MassFailureGuard::new(site.safety.mass_failure, spots, &places);
        Health {
            site: Arc::clone(site),
            targets,
            probed,
            hosts,
            pool_spreads,
            endpoints,
            first,
            since: wall,
            not_probed: "not probed".into(),
            earlier_flaps: HashMap::new(),
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

/// The key under which the status of an endpoint is saved.
fn saved_key(site: &Site, member: Member) -> Option<SavedKey> {
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    Some(SavedKey::of(&pool.name, &endpoint.name, &endpoint.target))
}

impl EndpointHealth {
    /// Takes over the state of the previous endpoint. `is_same` says that it is probed as before.
    fn inherit(&mut self, before: &EndpointHealth, is_same: bool, rules: Rules, now: Moment, wall: u64) {
        if before.endpoint.source == Source::Initial {
            return;
        }
        if is_same {
            (self.endpoint, self.since, self.is_stale) = (before.endpoint, before.since, before.is_stale);
            (self.why, self.accepted_since) = (before.why.clone(), before.accepted_since);
        } else {
            self.restore_saved(before.endpoint.up, before.since, before.why.clone(), rules, now, wall);
        }
        self.recovered = before.recovered;
    }

    /// Restores an earlier status.
    fn restore_saved(&mut self, up: bool, since: u64, why: Arc<str>, rules: Rules, now: Moment, wall: u64) {
        let age = Duration::from_millis(wall.saturating_sub(since));
        self.endpoint = crate::health::Endpoint::saved(up, age, rules, now);
        (self.since, self.why) = (since, why);
    }
}
