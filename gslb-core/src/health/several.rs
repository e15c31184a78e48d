//! Combines the verdicts of an endpoint's probes into one, by how many of them the pool requires to be up (`require`).

use std::sync::Arc;
use std::time::Duration;

use super::probed::Probed;
use super::status::{ProbeStatus, Progress};
use super::target::{Member, Targets};
use super::verdict::{Rule, Run};
use crate::moment::Moment;
use crate::site::model::{Pool, Probe, ProbeKind, Site};

/// Maximum number of probes that a reason lists by name.
const MAX_NAMED: usize = 4;

/// The probes of one endpoint, in the order of the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Probes {
    first: Option<EndpointProbe>,
    /// Present if the pool has more than one probe.
    several: Option<Box<Several>>,
}

/// One probe of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointProbe {
    pub(super) target: u32,
    rule: Rule,
    /// Expected time between two outcomes.
    interval: Duration,
    /// The last verdict.
    verdict: Option<bool>,
}

#[derive(Debug, Clone)]
struct Several {
    /// All probes but the first.
    more: Vec<EndpointProbe>,
    /// The names of all probes.
    names: Vec<Arc<str>>,
    /// How many must be up.
    require: usize,
}

impl Probes {
    /// The probes of an endpoint of `pool`.
    pub(super) fn of(site: &Site, pool: &Pool, member: Member, targets: &Targets) -> Probes {
        let probes = pool.probes.iter().filter_map(|id| site.probes.get(id.0 as usize));
        let mut all =
            probes.clone().zip(targets.of_endpoint(member)).map(|(probe, target)| EndpointProbe::of(probe, *target));
        let (first, more): (_, Vec<_>) = (all.next(), all.collect());
        let several = (!more.is_empty()).then(|| {
            let names = probes.map(|probe| probe.name.clone()).collect();
            Box::new(Several { more, names, require: pool.require as usize })
        });
        Probes { first, several }
    }

    /// All probes, in the order of the document.
    pub(super) fn iter(&self) -> impl Iterator<Item = &EndpointProbe> {
        self.first.iter().chain(self.several.iter().flat_map(|several| &several.more))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut EndpointProbe> {
        self.first.iter_mut().chain(self.several.iter_mut().flat_map(|several| &mut several.more))
    }

    /// The target of the first probe; all probes of an endpoint have the same host.
    pub(super) fn target(&self) -> Option<u32> {
        self.first.map(|probe| probe.target)
    }

    fn len(&self) -> usize {
        self.several.as_ref().map_or(usize::from(self.first.is_some()), |several| several.names.len())
    }

    /// How many must be up.
    fn require(&self) -> usize {
        self.several.as_ref().map_or(1, |several| several.require)
    }

    /// How many must be down for the endpoint to be down.
    fn failures_needed(&self) -> usize {
        self.len() + 1 - self.require().min(self.len())
    }

    /// Updates the verdict of each probe and returns the combined verdict, if enough probes have one.
    pub(super) fn judge(&mut self, probed: &[Probed]) -> Option<bool> {
        self.iter_mut().for_each(|probe| probe.verdict = probe.rule.verdict(run(probed, probe), probe.verdict));
        let count = |up| self.iter().filter(|probe| probe.verdict == Some(up)).count();
        let (up, down) = (count(true), count(false));
        match (up >= self.require(), down >= self.failures_needed()) {
            _ if self.first.is_none() => None,
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// True if enough probes passed last time for the endpoint to be up.
    pub(super) fn is_passing(&self, probed: &[Probed]) -> bool {
        let passing = self.iter().filter(|probe| run(probed, probe).is_passing()).count();
        self.first.is_some() && passing >= self.require()
    }

    /// True if enough probes failed last time for the endpoint to be down.
    pub(super) fn is_failing(&self, probed: &[Probed]) -> bool {
        let failing = self.iter().filter(|probe| run(probed, probe).is_failing()).count();
        self.first.is_some() && failing >= self.failures_needed()
    }

    /// Sets the verdict of every probe that passed last time to up.
    pub(super) fn mark_passing_up(&mut self, probed: &[Probed]) {
        let passing = self.iter_mut().filter(|probe| run(probed, probe).is_passing());
        passing.for_each(|probe| probe.verdict = Some(true));
    }

    /// The shortest time until the status changes if outcomes continue like the latest ones; `None` if they agree with
    /// the status, which is `up`.
    pub(super) fn time_to_change(&self, probed: &[Probed], up: bool) -> Option<Duration> {
        let time = |probe: &EndpointProbe| match probe.verdict {
            Some(verdict) if verdict != up => Some(Duration::ZERO),
            _ => Some(probe.interval.saturating_mul(probe.rule.missing(run(probed, probe), up)?)),
        };
        let needed = if up { self.failures_needed() } else { self.require() };
        let mut times: Vec<Duration> = self.iter().filter_map(time).collect();
        times.sort_unstable();
        times.get(needed.checked_sub(1)?).map(|time| (*time).max(self.interval()))
    }

    /// The shortest time between two outcomes.
    pub(super) fn interval(&self) -> Duration {
        self.iter().map(|probe| probe.interval).min().unwrap_or_default()
    }

    /// When enough probes had failed to take the endpoint down. The probes that found it started then or later.
    pub(super) fn began(&self, probed: &[Probed]) -> Option<Moment> {
        let began = |probe: &EndpointProbe| probed.get(probe.target as usize).map(|probed| probed.began);
        let down = self.iter().filter(|probe| probe.verdict == Some(false));
        let mut all: Vec<Moment> = down.filter_map(began).collect();
        all.sort_unstable();
        let last = all.len().checked_sub(self.failures_needed()).and_then(|at| all.get(at).copied());
        last.or_else(|| self.first.as_ref().and_then(began))
    }

    /// The reason for a verdict.
    pub(super) fn why(&self, probed: &[Probed], verdict: bool) -> String {
        let why =
            |probe: &EndpointProbe| probed.get(probe.target as usize).map_or_else(String::new, |it| it.why(verdict));
        let Some(several) = &self.several else { return self.first.as_ref().map_or_else(String::new, why) };
        let named = several.names.iter().zip(self.iter()).filter(|(_, probe)| probe.verdict == Some(verdict));
        let named: Vec<String> = named.map(|(name, probe)| format!("{name} ({})", why(probe))).collect();
        let mut list = named.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
        if named.len() > MAX_NAMED {
            list.push_str(&format!(" and {} more", named.len() - MAX_NAMED));
        }
        format!("{} of {} probes {}: {list}", named.len(), self.len(), if verdict { "up" } else { "down" })
    }

    /// What the probes that disagree with the endpoint's status found; `None` if none disagree.
    pub(super) fn disagreement(&self, probed: &[Probed], up: bool) -> Option<String> {
        self.several.as_ref()?;
        self.iter().any(|probe| probe.verdict == Some(!up)).then(|| self.why(probed, !up))
    }

    /// Index and verdict of each probe that has one, for endpoints with several probes.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (usize, bool)> {
        let all = self.iter().enumerate().filter(|_| self.several.is_some());
        all.filter_map(|(at, probe)| Some((at, probe.verdict?)))
    }

    /// The status of each probe, for endpoints with several probes.
    pub(super) fn statuses(&self, probed: &[Probed]) -> Vec<ProbeStatus> {
        let names = self.several.iter().flat_map(|several| &several.names);
        let status = |(name, probe): (&Arc<str>, &EndpointProbe)| {
            let probed = probed.get(probe.target as usize)?;
            Some(ProbeStatus {
                probe: name.clone(),
                up: probe.verdict,
                why: probe.verdict.map_or_else(|| "no verdict yet".into(), |up| probed.why(up).into()),
                progress: probe.progress(probed),
                last: probed.outcomes.back().cloned(),
                unable: probed.unable.clone(),
                latency: probed.latency.get(),
                response: probed.response.get(),
                certificate_expires: probed.certificate_expires,
            })
        };
        names.zip(self.iter()).filter_map(status).collect()
    }

    /// The probe that best explains the status: the first that is down, else the first that failed last time, else the
    /// first.
    pub(super) fn leading(&self, probed: &[Probed]) -> Option<&EndpointProbe> {
        let is_down = |probe: &&EndpointProbe| probe.verdict == Some(false);
        let is_failing = |probe: &&EndpointProbe| run(probed, probe).is_failing();
        self.iter().find(is_down).or_else(|| self.iter().find(is_failing)).or(self.first.as_ref())
    }

    /// Why one of the probes cannot run.
    pub(super) fn unable(&self, probed: &[Probed]) -> Option<Arc<str>> {
        let unable = |probe: &EndpointProbe| probed.get(probe.target as usize)?.unable.clone();
        match &self.several {
            None => self.first.as_ref().and_then(unable),
            Some(several) => several
                .names
                .iter()
                .zip(self.iter())
                .find_map(|(name, probe)| Some(format!("{name}: {}", unable(probe)?).into())),
        }
    }

    /// Keeps the verdicts of probes that have not changed. `old` and `new` are the targets before and now.
    pub(super) fn inherit(&mut self, before: &Probes, old: &Targets, new: &Targets) {
        for probe in self.iter_mut() {
            let same = before.iter().find(|before| old.get(before.target) == new.get(probe.target));
            probe.verdict = same.and_then(|same| same.verdict);
        }
    }

    /// True if these are the same probes as `before`, in any order.
    pub(super) fn are_same_as(&self, before: &Probes, old: &Targets, new: &Targets) -> bool {
        let has = |a: &Probes, of_a: &Targets, b: &Probes, of_b: &Targets| {
            a.iter().all(|probe| b.iter().any(|other| of_a.get(probe.target) == of_b.get(other.target)))
        };
        self.len() == before.len() && has(self, new, before, old) && has(before, old, self, new)
    }
}

impl EndpointProbe {
    fn of(probe: &Probe, target: u32) -> EndpointProbe {
        let interval = match probe.kind {
            ProbeKind::Push { ttl } => ttl,
            _ => probe.interval,
        };
        EndpointProbe { target, rule: Rule { rise: probe.rise, fall: probe.fall }, interval, verdict: None }
    }

    /// How many of the outcomes that a change needs have been seen.
    pub(super) fn progress(&self, probed: &Probed) -> Progress {
        let passes = probed.run.is_passing();
        let needed = if passes { self.rule.rise } else { self.rule.fall };
        Progress { passes, length: probed.run.length(), needed }
    }
}

/// The current run of outcomes of a probe.
fn run(probed: &[Probed], probe: &EndpointProbe) -> Run {
    probed.get(probe.target as usize).map_or(Run::default(), |probed| probed.run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;
    use crate::health::outcome::Failure;

    const RULE: Rule = Rule { rise: 1, fall: 1 };

    fn probes(count: u32, require: usize) -> Probes {
        let probe = |target| EndpointProbe { target, rule: RULE, interval: Duration::from_secs(1), verdict: None };
        let names = (0..count).map(|at| format!("p{at}").into()).collect();
        let several = Several { more: (1..count).map(probe).collect(), names, require };
        Probes { first: Some(probe(0)), several: (count > 1).then(|| Box::new(several)) }
    }

    /// Targets whose latest outcome is a success (`+`), a failure (`-`) or unknown (`?`).
    fn probed(found: &str) -> Vec<Probed> {
        let one = |found: char| {
            let mut probed = Probed::new(None, Moment::default());
            if found != '?' {
                let result = if found == '+' { Ok(()) } else { Err(Failure::Refused) };
                probed.observe(&Outcome::new(result, Duration::ZERO, "seen"), Moment::default(), 0);
            }
            probed
        };
        found.chars().map(one).collect()
    }

    #[test]
    fn there_is_a_verdict_once_no_missing_probe_can_change_it() {
        for (require, found, verdict) in [
            (1, "?", None),
            (1, "+", Some(true)),
            (1, "-", Some(false)),
            (2, "++", Some(true)),
            (2, "+?", None),
            (2, "-?", Some(false)),
            (2, "+-", Some(false)),
            (1, "+?", Some(true)),
            (1, "-?", None),
            (1, "+-", Some(true)),
            (1, "--", Some(false)),
            (2, "+-+", Some(true)),
            (2, "+--", Some(false)),
            (2, "+-?", None),
            (2, "?--", Some(false)),
        ] {
            let mut probes = probes(found.len() as u32, require);
            let probed = probed(found);
            assert_eq!(probes.judge(&probed), verdict, "{require} of {found}");
            // With rise and fall of 1, the latest outcomes give the same result.
            assert_eq!(probes.is_passing(&probed), verdict == Some(true), "{require} of {found}");
            assert_eq!(probes.is_failing(&probed), verdict == Some(false), "{require} of {found}");
        }
        assert_eq!(Probes::default().judge(&[]), None);
    }

    #[test]
    fn a_reason_names_the_probes_behind_it() {
        let (mut some, found) = (probes(3, 2), probed("+--"));
        some.judge(&found);
        assert_eq!(some.why(&found, false), "2 of 3 probes down: p1 (one failure: seen), p2 (one failure: seen)");
        assert_eq!(some.disagreement(&found, false).as_deref(), Some("1 of 3 probes up: p0 (one success: seen)"));
        assert_eq!(some.leading(&found).map(|probe| probe.target), Some(1));
        let (mut many, found) = (probes(9, 1), probed("---------"));
        many.judge(&found);
        assert!(
            many.why(&found, false).ends_with(", p3 (one failure: seen) and 5 more"),
            "{}",
            many.why(&found, false)
        );
        assert_eq!(many.disagreement(&found, false), None);
        let (mut alone, found) = (probes(1, 1), probed("-"));
        alone.judge(&found);
        assert_eq!((alone.why(&found, false).as_str(), alone.disagreement(&found, true)), ("one failure: seen", None));
        assert!(alone.statuses(&found).is_empty());
    }

    #[test]
    fn an_endpoint_is_down_since_enough_probes_failed() {
        let (mut some, mut found) = (probes(4, 3), probed("+---"));
        for (probed, seconds) in found.iter_mut().zip([9, 3, 7, 5]) {
            probed.began = Moment(Duration::from_secs(seconds));
        }
        some.judge(&found);
        assert_eq!(some.began(&found), Some(Moment(Duration::from_secs(5))), "two of four must fail to take it down");
    }
}
