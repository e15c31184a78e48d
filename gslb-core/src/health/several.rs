//! The probes of one endpoint: what each of them found becomes one verdict, by how many of them its pool requires.

use std::sync::Arc;
use std::time::Duration;

use super::probed::Probed;
use super::status::{ProbeStatus, Progress};
use super::target::{Member, Targets};
use super::verdict::{Rule, Run};
use crate::moment::Moment;
use crate::site::model::{Pool, Probe, ProbeKind, Site};

/// Most probes that a reason names.
const MAX_NAMED: usize = 4;

/// The probes of one endpoint, in the order of the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Probes {
    first: Option<EndpointProbe>,
    /// Of a pool with several probes.
    several: Option<Box<Several>>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointProbe {
    pub(super) target: u32,
    rule: Rule,
    /// Time between two outcomes.
    interval: Duration,
    /// The last verdict.
    verdict: Option<bool>,
}

#[derive(Debug, Clone)]
struct Several {
    /// All but the first.
    more: Vec<EndpointProbe>,
    /// Of all of them.
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

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &EndpointProbe> {
        self.first.iter().chain(self.several.iter().flat_map(|several| &several.more))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut EndpointProbe> {
        self.first.iter_mut().chain(self.several.iter_mut().flat_map(|several| &mut several.more))
    }

    /// The target of the first one; all of them are at the same host.
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

    /// How many must be down before the endpoint is.
    fn fatal(&self) -> usize {
        self.len() + 1 - self.require().min(self.len())
    }

    /// Takes what was found of the targets; the verdict, where enough is known for one.
    pub(super) fn judge(&mut self, probed: &[Probed]) -> Option<bool> {
        self.iter_mut().for_each(|probe| probe.verdict = probe.rule.verdict(run(probed, probe), probe.verdict));
        let count = |up| self.iter().filter(|probe| probe.verdict == Some(up)).count();
        let (up, down) = (count(true), count(false));
        match (up >= self.require(), down >= self.fatal()) {
            _ if self.first.is_none() => None,
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// True where so many passed last that the endpoint would be up.
    pub(super) fn is_passing(&self, probed: &[Probed]) -> bool {
        let passing = self.iter().filter(|probe| run(probed, probe).is_passing()).count();
        self.first.is_some() && passing >= self.require()
    }

    /// True where so many failed last that the endpoint would be down.
    pub(super) fn is_failing(&self, probed: &[Probed]) -> bool {
        let failing = self.iter().filter(|probe| run(probed, probe).is_failing()).count();
        self.first.is_some() && failing >= self.fatal()
    }

    /// Takes those that passed last for up.
    pub(super) fn relieve(&mut self, probed: &[Probed]) {
        let passing = self.iter_mut().filter(|probe| run(probed, probe).is_passing());
        passing.for_each(|probe| probe.verdict = Some(true));
    }

    /// How long it takes at least until an endpoint that is `up` turns, if outcomes go on like the last ones; none where
    /// they agree with what it is.
    pub(super) fn time_to_turn(&self, probed: &[Probed], up: bool) -> Option<Duration> {
        let time = |probe: &EndpointProbe| match probe.verdict {
            Some(verdict) if verdict != up => Some(Duration::ZERO),
            _ => Some(probe.interval.saturating_mul(probe.rule.missing(run(probed, probe), up)?)),
        };
        let needed = if up { self.fatal() } else { self.require() };
        let mut times: Vec<Duration> = self.iter().filter_map(time).collect();
        times.sort_unstable();
        times.get(needed.checked_sub(1)?).map(|time| (*time).max(self.interval()))
    }

    /// The shortest time between two outcomes.
    pub(super) fn interval(&self) -> Duration {
        self.iter().map(|probe| probe.interval).min().unwrap_or_default()
    }

    /// Since when so many are known to fail that the endpoint is down: the probes that found it began then or later.
    pub(super) fn began(&self, probed: &[Probed]) -> Option<Moment> {
        let began = |probe: &EndpointProbe| probed.get(probe.target as usize).map(|probed| probed.began);
        let down = self.iter().filter(|probe| probe.verdict == Some(false));
        let mut all: Vec<Moment> = down.filter_map(began).collect();
        all.sort_unstable();
        let last = all.len().checked_sub(self.fatal()).and_then(|at| all.get(at).copied());
        last.or_else(|| self.first.as_ref().and_then(began))
    }

    /// Why a verdict is what it is.
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

    /// What those found that differ from the status of the endpoint; none where there are no such probes.
    pub(super) fn dissent(&self, probed: &[Probed], up: bool) -> Option<String> {
        self.several.as_ref()?;
        self.iter().any(|probe| probe.verdict == Some(!up)).then(|| self.why(probed, !up))
    }

    /// The places of several, and their verdicts as far as there are any.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (usize, bool)> {
        let all = self.iter().enumerate().filter(|_| self.several.is_some());
        all.filter_map(|(at, probe)| Some((at, probe.verdict?)))
    }

    /// What each of several found.
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

    /// The one that explains the status best: the first that is down, or else the first that failed last, or else the first.
    pub(super) fn leading(&self, probed: &[Probed]) -> Option<&EndpointProbe> {
        let is_down = |probe: &&EndpointProbe| probe.verdict == Some(false);
        let is_failing = |probe: &&EndpointProbe| run(probed, probe).is_failing();
        self.iter().find(is_down).or_else(|| self.iter().find(is_failing)).or(self.first.as_ref())
    }

    /// Why one of them cannot be made.
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

    /// Takes over the verdicts of probes that are the same as before. `old` and `new` are the targets of either.
    pub(super) fn inherit(&mut self, before: &Probes, old: &Targets, new: &Targets) {
        for probe in self.iter_mut() {
            let same = before.iter().find(|before| old.get(before.target) == new.get(probe.target));
            probe.verdict = same.and_then(|same| same.verdict);
        }
    }

    /// Whether these are the same probes as `before`, in whatever order.
    pub(super) fn are_those_of(&self, before: &Probes, old: &Targets, new: &Targets) -> bool {
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

    /// How far the latest outcomes have come.
    pub(super) fn progress(&self, probed: &Probed) -> Progress {
        let passes = probed.run.is_passing();
        let needed = if passes { self.rule.rise } else { self.rule.fall };
        Progress { passes, length: probed.run.length(), needed }
    }
}

/// The latest outcomes of a probe.
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

    /// Targets of which `+` passed last, `-` failed, and `?` is not known.
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
    fn a_verdict_is_what_no_further_probe_can_change() {
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
            // With rise and fall of one, the latest outcomes say the same.
            assert_eq!(probes.is_passing(&probed), verdict == Some(true), "{require} of {found}");
            assert_eq!(probes.is_failing(&probed), verdict == Some(false), "{require} of {found}");
        }
        assert_eq!(Probes::default().judge(&[]), None);
    }

    #[test]
    fn a_reason_names_those_that_led_to_it() {
        let (mut some, found) = (probes(3, 2), probed("+--"));
        some.judge(&found);
        assert_eq!(some.why(&found, false), "2 of 3 probes down: p1 (one failure: seen), p2 (one failure: seen)");
        assert_eq!(some.dissent(&found, false).as_deref(), Some("1 of 3 probes up: p0 (one success: seen)"));
        assert_eq!(some.leading(&found).map(|probe| probe.target), Some(1));
        let (mut many, found) = (probes(9, 1), probed("---------"));
        many.judge(&found);
        assert!(
            many.why(&found, false).ends_with(", p3 (one failure: seen) and 5 more"),
            "{}",
            many.why(&found, false)
        );
        assert_eq!(many.dissent(&found, false), None);
        let (mut alone, found) = (probes(1, 1), probed("-"));
        alone.judge(&found);
        assert_eq!((alone.why(&found, false).as_str(), alone.dissent(&found, true)), ("one failure: seen", None));
        assert!(alone.statuses(&found).is_empty());
    }

    #[test]
    fn it_is_down_since_as_many_as_that_takes_began_to_fail() {
        let (mut some, mut found) = (probes(4, 3), probed("+---"));
        for (probed, seconds) in found.iter_mut().zip([9, 3, 7, 5]) {
            probed.began = Moment(Duration::from_secs(seconds));
        }
        some.judge(&found);
        assert_eq!(some.began(&found), Some(Moment(Duration::from_secs(5))), "two of four must fail");
    }
}
