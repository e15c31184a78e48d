//! What health reports: the status of an endpoint with its evidence, and the effects of an outcome.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Held, Source};
use super::mass_failure::Ended;
use super::probed::RecordedOutcome;
use super::target::Member;
use crate::live::pool::Change;

/// The status of one endpoint, with its evidence, before overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// True if it may be used in answers.
    pub up: bool,
    /// Where the status comes from.
    pub source: Source,
    /// Since when, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// The reason; during a mass failure, why it would be down.
    pub why: Arc<str>,
    /// Why the status differs from the last verdict.
    pub held: Option<Held>,
    /// Since when it has recovered and waits for an operator, in milliseconds since 1970-01-01 00:00 UTC.
    pub recovered: Option<u64>,
    /// The status of each probe, if its pool has several.
    pub probes: Vec<ProbeStatus>,
    /// Progress towards the next verdict; `None` if it is not probed. With several probes, that of the probe that best
    /// explains the status: the first that is down, else the first that failed last time.
    pub progress: Option<Progress>,
    /// The latest outcomes of that probe, newest last.
    pub outcomes: Vec<RecordedOutcome>,
    /// Why one of its probes cannot run; `None` if all can.
    pub unable: Option<Arc<str>>,
    /// Smoothed round-trip time of successful probes: the time to connect, or from one request to its response.
    pub latency: Option<Duration>,
    /// Smoothed total time of successful probes.
    pub response: Option<Duration>,
    /// When the server's certificate expires (the earliest of several), in seconds since 1970-01-01 00:00 UTC.
    pub certificate_expires: Option<u64>,
    /// How often its status changed within [`FLAP_WINDOW`](super::FLAP_WINDOW).
    pub flaps: usize,
    /// Maximum TTL of answers that depend on it, in seconds; `None` if no change is near.
    pub ttl_limit: Option<u32>,
}

/// The status of one of an endpoint's several probes.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeStatus {
    /// Name of the probe.
    pub probe: Arc<str>,
    /// Its verdict; `None` before the first.
    pub up: Option<bool>,
    /// The reason.
    pub why: Arc<str>,
    /// Progress towards the next verdict.
    pub progress: Progress,
    /// Its last outcome.
    pub last: Option<RecordedOutcome>,
    /// Why it cannot run; `None` if it can.
    pub unable: Option<Arc<str>>,
    /// Smoothed round-trip time of successful probes.
    pub latency: Option<Duration>,
    /// Smoothed total time of successful probes.
    pub response: Option<Duration>,
    /// When the server's certificate expires, in seconds since 1970-01-01 00:00 UTC.
    pub certificate_expires: Option<u64>,
}

/// Progress of the current run towards a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether the outcomes are successes.
    pub passes: bool,
    /// How many there have been in a row.
    pub length: u32,
    /// How many are needed for a verdict.
    pub needed: u32,
}

/// What changed because of an outcome, or because time passed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// Endpoints with a new state, before overrides.
    pub changes: Vec<Change>,
    /// Endpoints that went up or down.
    pub transitions: Vec<Transition>,
    /// Set if a mass failure began or ended.
    pub mass_failure: Option<MassFailureChange>,
    /// Targets that can no longer be probed, or can be probed again.
    pub abilities: Vec<ProbeAbility>,
    /// Endpoints that have recovered and now wait for an operator, or that fail again.
    pub recoveries: Vec<Recovery>,
}

/// An endpoint of a pool with `resume = "manual"` that is down and has recovered, or that fails again before it was
/// resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The endpoint.
    pub member: Member,
    /// True if it now waits to be resumed.
    pub waits: bool,
    /// What its probes found.
    pub why: Arc<str>,
}

/// A target that this host can no longer probe, or can probe again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAbility {
    /// The target's number.
    pub target: u32,
    /// Why it cannot be probed; `None` if it can.
    pub unable: Option<Arc<str>>,
}

/// An endpoint that went up or down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The endpoint.
    pub member: Member,
    /// The new status; it was the opposite before.
    pub up: bool,
    /// Why.
    pub why: Arc<str>,
}

/// The start or end of a mass failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MassFailureChange {
    /// Too many hosts fail at once: statuses are held as they were.
    Began {
        /// Hosts that fail.
        failing: u32,
        /// Hosts that were up.
        hosts: u32,
        /// Places that fail: data centers, and hosts outside any data center.
        failing_places: u32,
        /// Places where something was up.
        places: u32,
    },
    /// Verdicts apply again.
    Ended(Ended),
}

impl Effects {
    /// True if nothing changed.
    pub fn is_empty(&self) -> bool {
        let Effects { changes, transitions, mass_failure, abilities, recoveries } = self;
        let is_quiet = changes.is_empty() && transitions.is_empty() && mass_failure.is_none();
        is_quiet && abilities.is_empty() && recoveries.is_empty()
    }
}
