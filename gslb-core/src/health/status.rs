//! What is told of health: the status of an endpoint with its evidence, and what an outcome changed.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Held, Source};
use super::mass_failure::Ended;
use super::probed::RecordedOutcome;
use super::target::Member;
use crate::live::pool::Change;

/// The status of one endpoint, with its evidence. What an override forces is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// True where it may be answered.
    pub up: bool,
    /// Where that comes from.
    pub source: Source,
    /// Since when, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// Why; while a mass failure is held, why it would be down.
    pub why: Arc<str>,
    /// Why the last verdict is not the status.
    pub held: Option<Held>,
    /// Since when it has recovered and waits for an operator, in milliseconds since 1970-01-01 00:00 UTC.
    pub recovered: Option<u64>,
    /// What each of its probes found, where its pool has several.
    pub probes: Vec<ProbeStatus>,
    /// How far the latest outcomes have come; none where it is not probed. Of several probes this is of the one that explains
    /// the status best: the first that is down, or else that failed last.
    pub progress: Option<Progress>,
    /// The last few outcomes of that probe, the last one last.
    pub outcomes: Vec<RecordedOutcome>,
    /// Why its probe, or one of them, cannot be made, so that nothing new is found; none where it can.
    pub unable: Option<Arc<str>>,
    /// Smoothed time of the way there and back of its successes: that of their connect, or of one question and its answer.
    pub latency: Option<Duration>,
    /// Smoothed time of its successes as a whole.
    pub response: Option<Duration>,
    /// When the server's certificate ends, the earliest of several, in seconds since 1970-01-01 00:00 UTC.
    pub certificate_expires: Option<u64>,
    /// How often its status has changed within [`FLAP_WINDOW`](super::FLAP_WINDOW).
    pub flaps: usize,
    /// Greatest TTL of answers that depend on it, in seconds; none where nothing is about to change.
    pub ttl_limit: Option<u32>,
}

/// What one of several probes of an endpoint found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeStatus {
    /// Name of the probe.
    pub probe: Arc<str>,
    /// Its verdict; none before the first.
    pub up: Option<bool>,
    /// Why.
    pub why: Arc<str>,
    /// How far its latest outcomes have come.
    pub progress: Progress,
    /// Its last outcome.
    pub last: Option<RecordedOutcome>,
    /// Why it cannot be made; none where it can.
    pub unable: Option<Arc<str>>,
    /// Smoothed time of the way there and back of its successes.
    pub latency: Option<Duration>,
    /// Smoothed time of its successes as a whole.
    pub response: Option<Duration>,
    /// When the server's certificate ends, in seconds since 1970-01-01 00:00 UTC.
    pub certificate_expires: Option<u64>,
}

/// How far the latest outcomes have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether they are successes.
    pub passes: bool,
    /// How many there are in a row.
    pub length: u32,
    /// How many turn the endpoint.
    pub needed: u32,
}

/// What an outcome, or the time that passed, has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// Endpoints whose state is another one now, before anything is forced.
    pub changes: Vec<Change>,
    /// Endpoints whose status has turned.
    pub transitions: Vec<Transition>,
    /// Whether the prober is doubted from now on, or no longer is.
    pub mass_failure: Option<MassFailureChange>,
    /// Targets that cannot be probed from now on, or can be again.
    pub abilities: Vec<ProbeAbility>,
    /// Endpoints that have recovered and wait for an operator from now on, or fail again.
    pub recoveries: Vec<Recovery>,
}

/// An endpoint of a pool with `resume = "manual"` that is down and has recovered, or fails again before it was let back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Whose.
    pub member: Member,
    /// True where it waits to be let back from now on.
    pub waits: bool,
    /// What was found.
    pub why: Arc<str>,
}

/// A target whose probe cannot be made by this host, or can again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAbility {
    /// Its number.
    pub target: u32,
    /// Why it cannot be; none where it can.
    pub unable: Option<Arc<str>>,
}

/// A status that has turned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Whose.
    pub member: Member,
    /// What it is now; before it was the opposite.
    pub up: bool,
    /// Why.
    pub why: Arc<str>,
}

/// A turn of the doubt in the prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MassFailureChange {
    /// So many of the hosts that were up fail at once: the last statuses are held.
    Began {
        /// Hosts that fail.
        failing: u32,
        /// Hosts that were up.
        hosts: u32,
        /// Places that fail: data centers, and hosts in none.
        failing_places: u32,
        /// Places where something was up.
        places: u32,
    },
    /// Verdicts hold again.
    Ended(Ended),
}

impl Effects {
    /// True where nothing has changed.
    pub fn is_empty(&self) -> bool {
        let Effects { changes, transitions, mass_failure, abilities, recoveries } = self;
        let is_quiet = changes.is_empty() && transitions.is_empty() && mass_failure.is_none();
        is_quiet && abilities.is_empty() && recoveries.is_empty()
    }
}
