//! One endpoint's status as JSON: what it is, since when, why, and what was seen.

use std::time::Duration;

use gslb_core::health::{Held, Member, ProbeStatus, Progress, Seen, Source, Status};
use gslb_core::live::overrides;
use gslb_core::live::pool::EndpointState;
use gslb_core::site::model::Target;
use serde_json::{Value, json};

use super::Known;
use crate::clock;
use crate::clock::now;
use crate::store::Time;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The last outcome.
    Last,
    /// All outcomes that are kept.
    All,
}

/// The endpoint `member` as JSON; none where there is no such endpoint.
pub(crate) fn endpoint(known: &Known, member: Member, detail: Detail) -> Option<Value> {
    let (in_force, site) = (&known.in_force, &known.in_force.table.topology().site);
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    let state = in_force.table.state(member.pool, member.endpoint)?;
    let holding = overrides::holding(in_force.overrides.values(), site, pool, &endpoint.name);
    let forces = holding.status.filter(|word| matches!(word.force, overrides::Force::Up | overrides::Force::Down));
    let drains = holding.status.filter(|word| word.force == overrides::Force::Drain);
    let status = known.statuses.get(&member);
    let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
    let (source, since, why) = match (forces, status) {
        (Some(word), _) => ("forced", Some(word.created), word.reason.clone()),
        (None, Some((status, _))) if status.held == Some(Held::Manual) => {
            let why = recovered(&pool.name, &endpoint.name, &status.why);
            (source(status.source), Some(status.since), why)
        }
        (None, Some((status, _))) => (source(status.source), Some(status.since), why(status)),
        (None, None) => ("initial", None, String::new()),
    };
    let mut told = json!({
        "pool": &*pool.name,
        "endpoint": &*endpoint.name,
        "data_center": data_center.map(|it| &*it.name),
        "target": target(&endpoint.target),
        "status": word_of(state),
        "source": source,
        "since": since.map(|since| clock::show(Time::from_millis(since))),
        "why": why,
        "weight": state.weight,
        "override": holding.both().next().map(|word| &*word.id),
        "weight_override": drains.or(holding.weight).map(|word| &*word.id),
    });
    if let (Some((status, left)), Some(members)) = (status, told.as_object_mut()) {
        let evidence = evidence(status, *left, detail);
        members.extend(evidence.as_object().cloned().unwrap_or_default());
    }
    Some(told)
}

/// Why an endpoint is down that has recovered; `why` it went down.
pub(crate) fn recovered(pool: &str, endpoint: &str, why: &str) -> String {
    format!("recovered, waiting for `gslb resume {pool}/{endpoint}`; before: {why}")
}

/// Why a status is what it is, and why it may not be what the endpoint is.
fn why(status: &Status) -> String {
    match (&status.unable, status.source) {
        (None, _) => status.why.to_string(),
        (Some(unable), Source::Initial) => format!("cannot be probed: {unable}"),
        (Some(unable), _) => format!("cannot be probed now: {unable}; before: {}", status.why),
    }
}

/// What a status rests on. `unforced` is what it would be if nothing was forced.
fn evidence(status: &Status, left: Option<Duration>, detail: Detail) -> Value {
    let held = status.held.map(|held| match held {
        Held::HoldDown { .. } => {
            json!({ "by": "hold-down", "until": left.map(|left| clock::show(now().after(left))) })
        }
        Held::Manual => {
            json!({ "by": "manual", "since": status.recovered.map(|at| clock::show(Time::from_millis(at))) })
        }
        Held::MassFailure => json!({ "by": "mass-failure" }),
    });
    let outcomes: Vec<Value> = match detail {
        Detail::All => status.outcomes.iter().map(outcome).collect(),
        Detail::Last => status.outcomes.last().map(outcome).into_iter().collect(),
    };
    let mut told = json!({
        "unforced": { "status": word(status.up), "source": source(status.source) },
        "held": held,
        "progress": status.progress.map(progress),
        "outcomes": outcomes,
        "unable": status.unable.as_deref(),
        "ms": status.response.map(millis),
        "connect_ms": status.latency.map(millis),
        "latency_ms": status.latency.map(millis),
        "certificate_expires": status.certificate_expires.map(|at| clock::show(Time::from_millis(at * 1000))),
        "flaps": status.flaps,
        "ttl_limit": status.ttl_limit,
    });
    // With one probe, all that there is to say of it is said.
    if !status.probes.is_empty() {
        told["probes"] = status.probes.iter().map(probe).collect();
    }
    told
}

/// What one of several probes found.
fn probe(status: &ProbeStatus) -> Value {
    json!({
        "probe": &*status.probe,
        "status": status.up.map(word),
        "why": &*status.why,
        "progress": progress(status.progress),
        "last": status.last.as_ref().map(outcome),
        "unable": status.unable.as_deref(),
        "ms": status.response.map(millis),
        "connect_ms": status.latency.map(millis),
        "certificate_expires": status.certificate_expires.map(|at| clock::show(Time::from_millis(at * 1000))),
    })
}

fn progress(progress: Progress) -> Value {
    let length = progress.length.min(progress.needed);
    json!({ "result": result(progress.passes), "count": length, "needed": progress.needed })
}

fn outcome(seen: &Seen) -> Value {
    let outcome = &seen.outcome;
    json!({
        "time": clock::show(Time::from_millis(seen.at)),
        "result": if outcome.is_unable() { "unable" } else { result(outcome.passed()) },
        "failure": outcome.result.err().map(gslb_core::health::Failure::word),
        "ms": millis(outcome.took),
        "connect_ms": outcome.latency.map(millis),
        "evidence": &*outcome.evidence,
    })
}

/// `down`, `drained` where it is up and takes no clients as long as another one can, or `up`.
pub(super) fn word_of(state: EndpointState) -> &'static str {
    if state.up && state.weight == 0 { "drained" } else { word(state.up) }
}

/// `up` or `down`.
pub(super) fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

fn result(passed: bool) -> &'static str {
    if passed { "pass" } else { "fail" }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Initial => "initial",
        Source::Saved => "saved",
        Source::Verdict => "verdict",
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Cname(name) => name.to_string(),
    }
}

/// Milliseconds with three places.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
