//! What is known of endpoints: states, statuses, and what probes measured.

use std::sync::Arc;
use std::time::Duration;

use super::Health;
use crate::health::endpoint::{Held, Source};
use crate::health::outcome::Failure;
use crate::health::probed::Probed;
use crate::health::saved::{SavedKey, SavedStatus};
use crate::health::several::EndpointProbe;
use crate::health::status::Status;
use crate::health::target::{Member, members};
use crate::live::pool::{EndpointState, NO_TTL_LIMIT};
use crate::live::states::{States, initial_states};
use crate::moment::Moment;
use crate::site::model::Site;

impl Health {
    /// The state of every endpoint, before overrides.
    pub fn states(&self) -> States {
        let mut states = initial_states(&self.site);
        for known in &self.endpoints {
            let pool = states.get_mut(known.member.pool.0 as usize);
            if let Some(state) = pool.and_then(|pool| pool.get_mut(known.member.endpoint as usize)) {
                *state = known.state;
            }
        }
        states
    }

    /// The state of one endpoint, before overrides.
    pub fn state(&self, member: Member) -> Option<EndpointState> {
        let initial = || self.written(member).map(|(pool, endpoint)| EndpointState::initial(pool, endpoint.weight));
        self.known(member).map(|known| known.state).or_else(initial)
    }

    /// The status of an endpoint, with its evidence.
    pub fn status(&self, member: Member, now: Moment) -> Option<Status> {
        let Some(known) = self.known(member) else { return self.status_without_probe(member, now) };
        let all = &self.probed;
        let of = |probe: &EndpointProbe| self.probed.get(probe.target as usize);
        let leading = known.probes.leading(all).and_then(|probe| Some((probe, of(probe)?)));
        let limit = known.state.ttl_limit;
        Some(Status {
            up: known.endpoint.up,
            source: known.endpoint.source,
            since: known.since,
            why: match (known.endpoint.held, leading) {
                // The operator who decides whether to accept the failures needs to see them.
                (Some(Held::MassFailure), Some(_)) => format!("would be down: {}", known.probes.why(all, false)).into(),
                _ => match known.probes.disagreement(all, known.endpoint.up) {
                    Some(disagreement) => format!("{}; now {disagreement}", known.why).into(),
                    None => known.why.clone(),
                },
            },
            held: known.endpoint.held,
            recovered: known.recovered,
            probes: known.probes.statuses(all),
            progress: leading.map(|(probe, probed)| probe.progress(probed)),
            outcomes: leading.map_or_else(Vec::new, |(_, probed)| probed.outcomes.iter().cloned().collect()),
            unable: known.probes.unable(all),
            latency: known.probes.iter().filter_map(of).find_map(|probed| probed.latency.get()),
            response: known.probes.iter().filter_map(of).find_map(|probed| probed.response.get()),
            certificate_expires: known.probes.iter().filter_map(of).filter_map(|it| it.certificate_expires).min(),
            flaps: known.flaps.count(now),
            ttl_limit: (limit != NO_TTL_LIMIT).then_some(limit),
        })
    }

    /// The status of an endpoint of a pool without probes: the initial one.
    fn status_without_probe(&self, member: Member, now: Moment) -> Option<Status> {
        let (pool, _) = self.written(member)?;
        Some(Status {
            up: pool.initial.is_up(),
            source: Source::Initial,
            since: self.since,
            why: Arc::clone(&self.not_probed),
            held: None,
            recovered: None,
            probes: Vec::new(),
            progress: None,
            outcomes: Vec::new(),
            unable: None,
            latency: None,
            response: None,
            certificate_expires: None,
            flaps: self.earlier_flaps.get(&member).map_or(0, |flaps| flaps.count(now)),
            ttl_limit: None,
        })
    }

    /// The status to save for an endpoint; `None` if nothing is known of it.
    pub fn saved(&self, member: Member) -> Option<(SavedKey, SavedStatus)> {
        let known = self.known(member).filter(|known| known.endpoint.source != Source::Initial)?;
        let (pool, endpoint) = self.written(member)?;
        let (up, since, recovered) = (known.endpoint.up, known.since, known.recovered);
        let key = SavedKey::of(&pool.name, &endpoint.name, &endpoint.target);
        Some((key, SavedStatus { up, since, why: known.why.to_string(), recovered }))
    }

    /// All endpoints, pool by pool.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        members(&self.site)
    }

    /// When the certificates of probed servers expire, in seconds since 1970-01-01 00:00 UTC, for each endpoint and
    /// each probe that saw one. The second value is the probe's index in the pool.
    pub fn certificates(&self) -> impl Iterator<Item = (Member, usize, u64)> {
        self.endpoints.iter().flat_map(|known| {
            known.probes.iter().enumerate().filter_map(|(at, probe)| {
                let probed = self.probed.get(probe.target as usize)?;
                Some((known.member, at, probed.certificate_expires?))
            })
        })
    }

    /// Endpoints that cannot be probed and so keep their status, each with the first reason.
    pub fn unable(&self) -> impl Iterator<Item = (Member, Failure)> {
        self.endpoints.iter().filter_map(|known| {
            let all = known.probes.iter().filter_map(|probe| self.probed.get(probe.target as usize));
            Some((known.member, all.filter_map(Probed::probe_error).next()?))
        })
    }

    /// For pools with several probes: endpoint, index of the probe in the pool, and its verdict. Probes without a
    /// verdict are omitted.
    pub fn verdicts(&self) -> impl Iterator<Item = (Member, usize, bool)> {
        self.endpoints.iter().flat_map(|known| known.probes.verdicts().map(|(at, up)| (known.member, at, up)))
    }

    /// The lowest smoothed latency among each data center's passing targets: the fastest endpoint shows how far away a
    /// data center is, while slower ones add their own processing time. One entry per data center of `site`, which must
    /// be the site of this health.
    pub fn latencies(&self, site: &Site) -> Vec<Option<Duration>> {
        let mut least: Vec<Option<Duration>> = vec![None; site.data_centers.len()];
        for known in &self.endpoints {
            let data_center = site.pools.get(known.member.pool.0 as usize).and_then(|pool| pool.data_center);
            let slot = data_center.and_then(|id| least.get_mut(id.0 as usize));
            let probed = known.probes.iter().filter_map(|probe| self.probed.get(probe.target as usize));
            let measured =
                probed.filter(|probed| probed.run.is_passing()).filter_map(|probed| probed.latency.get()).min();
            if let (Some(slot), Some(measured)) = (slot, measured) {
                *slot = Some(slot.map_or(measured, |least| least.min(measured)));
            }
        }
        least
    }

    /// Number of endpoints that have recovered and wait for an operator to resume them.
    pub fn awaiting_resume(&self) -> usize {
        self.endpoints.iter().filter(|known| known.endpoint.held == Some(Held::Manual)).count()
    }
}
