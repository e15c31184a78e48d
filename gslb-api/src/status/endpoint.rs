//! The status of one endpoint, with its time, reason and evidence.

use std::time::Duration;

use gslb_core::health::{self, Member, RecordedOutcome, Source};
use gslb_core::live::overrides;
use gslb_core::live::pool::EndpointState;
use gslb_core::site::model::Target;

use super::Known;
use crate::clock::now;
use crate::store::Time;
use crate::types::{
    EndpointStatus, Evidence, Held, ProbeOutcome, ProbeResult, ProbeStatus, Progress, Status, StatusSource, Timestamp,
    UnforcedStatus,
};

/// How many probe outcomes to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The last outcome.
    Last,
    /// All stored outcomes.
    All,
}

/// The status of the endpoint `member`; `None` if it does not exist.
pub(crate) fn endpoint(known: &Known, member: Member, detail: Detail) -> Option<EndpointStatus> {
    let (active, site) = (&known.active, &known.active.table.topology().site);
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    let state = active.table.state(member.pool, member.endpoint)?;
    let holding = overrides::holding(active.overrides.values(), site, pool, &endpoint.name);
    let forces = holding.status.filter(|word| matches!(word.force, overrides::Force::Up | overrides::Force::Down));
    let drains = holding.status.filter(|word| word.force == overrides::Force::Drain);
    let status = known.statuses.get(&member);
    let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
    let (source, since, why) = match (forces, status) {
        (Some(forced), _) => (StatusSource::Forced, Some(forced.created), forced.reason.clone()),
        (None, Some((status, _))) if status.held == Some(health::Held::Manual) => {
            let why = recovered(&pool.name, &endpoint.name, &status.why);
            (source(status.source), Some(status.since), why)
        }
        (None, Some((status, _))) => (source(status.source), Some(status.since), why(status)),
        (None, None) => (StatusSource::Initial, None, String::new()),
    };
    Some(EndpointStatus {
        pool: pool.name.to_string(),
        endpoint: endpoint.name.to_string(),
        data_center: data_center.map(|it| it.name.to_string()),
        target: target(&endpoint.target),
        status: status_of(state),
        source,
        since: since.map(Timestamp::from_millis),
        why,
        weight: state.weight,
        r#override: holding.both().next().map(|it| it.id.clone()),
        weight_override: drains.or(holding.weight).map(|it| it.id.clone()),
        evidence: status.map(|(status, left)| evidence(status, *left, detail)),
    })
}

/// Why a recovered endpoint is still down. `why`: why it went down.
pub(crate) fn recovered(pool: &str, endpoint: &str, why: &str) -> String {
    format!("recovered, waiting for `gslb resume {pool}/{endpoint}`; before: {why}")
}

/// The reason of a status, and why it may be out of date.
fn why(status: &health::Status) -> String {
    match (&status.unable, status.source) {
        (None, _) => status.why.to_string(),
        (Some(unable), Source::Initial) => format!("cannot be probed: {unable}"),
        (Some(unable), _) => format!("cannot be probed now: {unable}; before: {}", status.why),
    }
}

/// The evidence of a status. `left` is the time left of a hold-down.
fn evidence(status: &health::Status, left: Option<Duration>, detail: Detail) -> Evidence {
    let held = status.held.map(|held| match held {
        health::Held::HoldDown { .. } => Held::HoldDown { until: left.map(|left| Timestamp(now().after(left))) },
        health::Held::Manual => Held::Manual { since: status.recovered.map(Timestamp::from_millis) },
        health::Held::MassFailure => Held::MassFailure,
    });
    let outcomes = match detail {
        Detail::All => status.outcomes.iter().map(outcome).collect(),
        Detail::Last => status.outcomes.last().map(outcome).into_iter().collect(),
    };
    Evidence {
        unforced: UnforcedStatus { status: up_or_down(status.up), source: source(status.source) },
        held,
        progress: status.progress.map(progress),
        outcomes,
        unable: status.unable.as_deref().map(str::to_owned),
        ms: status.response.map(millis),
        connect_ms: status.latency.map(millis),
        latency_ms: status.latency.map(millis),
        certificate_expires: status.certificate_expires.map(seconds),
        flaps: status.flaps,
        ttl_limit: status.ttl_limit,
        // With a single probe, the fields above say everything.
        probes: status.probes.iter().map(probe).collect(),
    }
}

/// The result of one of several probes.
fn probe(status: &health::ProbeStatus) -> ProbeStatus {
    ProbeStatus {
        probe: status.probe.to_string(),
        status: status.up.map(up_or_down),
        why: status.why.to_string(),
        progress: progress(status.progress),
        last: status.last.as_ref().map(outcome),
        unable: status.unable.as_deref().map(str::to_owned),
        ms: status.response.map(millis),
        connect_ms: status.latency.map(millis),
        certificate_expires: status.certificate_expires.map(seconds),
    }
}

fn progress(progress: health::Progress) -> Progress {
    let count = progress.length.min(progress.needed);
    Progress { result: result(progress.passes), count, needed: progress.needed }
}

fn outcome(seen: &RecordedOutcome) -> ProbeOutcome {
    let outcome = &seen.outcome;
    ProbeOutcome {
        time: Timestamp::from_millis(seen.at),
        result: if outcome.is_unable() { ProbeResult::Unable } else { result(outcome.passed()) },
        failure: outcome.result.err().map(|failure| failure.word().to_owned()),
        ms: millis(outcome.took),
        connect_ms: outcome.latency.map(millis),
        evidence: outcome.evidence.to_string(),
    }
}

/// Down, drained (up, but without clients while others can take them), or up.
pub(super) fn status_of(state: EndpointState) -> Status {
    if state.up && state.weight == 0 { Status::Drained } else { up_or_down(state.up) }
}

pub(super) fn up_or_down(up: bool) -> Status {
    if up { Status::Up } else { Status::Down }
}

fn result(passed: bool) -> ProbeResult {
    if passed { ProbeResult::Pass } else { ProbeResult::Fail }
}

fn source(source: Source) -> StatusSource {
    match source {
        Source::Initial => StatusSource::Initial,
        Source::Saved => StatusSource::Saved,
        Source::Verdict => StatusSource::Verdict,
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Cname(name) => name.to_string(),
    }
}

/// Milliseconds, rounded to three decimals.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// From seconds since 1970-01-01 00:00 UTC.
fn seconds(seconds: u64) -> Timestamp {
    Timestamp(Time::from_millis(seconds * 1000))
}
