//! Which services have series of their own: the busiest. What the others have answered is counted together.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use gslb_core::dns::name::Name;

use crate::telemetry::ledger::Answers;

/// How many times the answers of a service that is shown one has that takes its place.
const MARGIN: u64 = 2;

/// The services that are shown, and what the others have answered together.
///
/// A series that goes down looks like a restart, so the sum of the others is one of what they have answered while they
/// were others: it never falls when a service gets a series of its own.
#[derive(Debug)]
pub(super) struct Shown {
    most: Option<usize>,
    /// Whether there are more services than are shown.
    is_limited: bool,
    members: HashSet<Name>,
    /// What each service had answered when it was looked at last; kept only where there may be more than are shown.
    seen: HashMap<Name, Answers>,
    others: Answers,
}

impl Shown {
    /// At most `most` services; none is all.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, is_limited: false, members: HashSet::new(), seen: HashMap::new(), others: Answers::default() }
    }

    /// Whether a service is shown.
    pub(super) fn has(&self, name: &Name) -> bool {
        !self.is_limited || self.members.contains(name)
    }

    /// What the others have answered; none where there are none, and never have been.
    pub(super) fn others(&self) -> Option<&Answers> {
        (self.is_limited || self.others.all > 0).then_some(&self.others)
    }

    /// Takes what every service has answered by now: counts what the others have, then sees who is shown from now on.
    pub(super) fn look(&mut self, names: &[(&Name, Answers)]) {
        let Some(most) = self.most else { return };
        self.is_limited = names.len() > most;
        // At first all that was answered is of the past, and only that of those who are not shown is of others.
        if self.seen.is_empty() {
            self.choose(names, most);
        }
        for (name, now) in names {
            let before = self.seen.get(*name).copied().unwrap_or_default();
            if !self.members.contains(*name) {
                self.others.add_growth(now, &before);
            }
            if *now != before {
                self.seen.insert((*name).clone(), *now);
            }
        }
        let known: HashSet<&Name> = names.iter().map(|(name, _)| *name).collect();
        self.seen.retain(|name, _| known.contains(name));
        self.members.retain(|name| known.contains(name));
        self.choose(names, most);
    }

    fn choose(&mut self, names: &[(&Name, Answers)], most: usize) {
        let (mut inside, mut outside): (Vec<_>, Vec<_>) = names
            .iter()
            .map(|(name, counted)| (counted.all, *name))
            .partition(|(_, name)| self.members.contains(*name));
        outside.sort_by_key(|(all, _)| Reverse(*all));
        inside.sort_by_key(|(all, _)| *all);
        let mut least = inside.into_iter();
        for (all, name) in outside {
            if self.members.len() >= most {
                match least.next() {
                    Some((fewer, member)) if all > fewer.saturating_mul(MARGIN) => self.members.remove(member),
                    _ => return,
                };
            }
            self.members.insert(name.clone());
        }
    }
}

impl Answers {
    /// Adds what `now` has more than `before`.
    fn add_growth(&mut self, now: &Self, before: &Self) {
        self.all += now.all.saturating_sub(before.all);
        for ((sum, now), before) in self.fallbacks.iter_mut().zip(now.fallbacks).zip(before.fallbacks) {
            *sum += now.saturating_sub(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(all: u64) -> Answers {
        Answers { all, ..Answers::default() }
    }

    #[test]
    fn the_busiest_are_shown_and_the_sum_of_the_others_never_falls() {
        let names: Vec<Name> = ["a.example", "b.example", "c.example"].map(|name| name.parse().unwrap()).into();
        let mut shown = Shown::new(Some(1));
        let look = |shown: &mut Shown, counts: [u64; 3]| {
            let list: Vec<_> = names.iter().zip(counts).map(|(name, all)| (name, answers(all))).collect();
            shown.look(&list);
            let members: Vec<String> = shown.members.iter().map(Name::to_written).collect();
            (members.concat(), shown.others.all)
        };
        assert_eq!(look(&mut shown, [1, 10, 0]), ("b.example".into(), 1), "what is shown is not of the others as well");
        assert_eq!(look(&mut shown, [15, 12, 0]), ("b.example".into(), 15), "the margin is not reached");
        assert_eq!(look(&mut shown, [30, 14, 2]), ("a.example".into(), 32), "a takes the place of b");
        assert_eq!(look(&mut shown, [90, 20, 2]), ("a.example".into(), 38), "what b answers is of the others now");
    }

    #[test]
    fn nothing_jumps_when_there_are_more_services_than_are_shown() {
        let names: Vec<Name> = ["a.example", "b.example", "c.example"].map(|name| name.parse().unwrap()).into();
        let list = |counts: &[u64]| -> Vec<(&Name, Answers)> {
            names.iter().zip(counts).map(|(name, all)| (name, answers(*all))).collect()
        };
        let mut shown = Shown::new(Some(2));
        for counts in [&[3, 5][..], &[30, 50], &[30, 50, 0]] {
            shown.look(&list(counts));
        }
        assert_eq!((shown.members.len(), shown.others.all), (2, 0));
        shown.look(&list(&[30, 50, 1]));
        assert_eq!(shown.others.all, 1);
    }
}
