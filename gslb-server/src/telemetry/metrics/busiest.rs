//! Chooses the busiest services, which get series of their own. The others share one sum.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use gslb_core::dns::name::Name;

use crate::telemetry::ledger::Answers;

/// A service replaces a shown one only if it has more than this many times its answers.
const MARGIN: u64 = 2;

/// The services with their own series, and the sum of the others.
///
/// A counter that decreases looks like a restart. So the sum of the others has only answers given while a service was
/// one of them: it never decreases when a service gets its own series.
#[derive(Debug)]
pub(super) struct BusiestServices {
    most: Option<usize>,
    /// Whether there are more services than series.
    is_limited: bool,
    members: HashSet<Name>,
    /// Answers of each service at the last update; kept only if the number of series is limited.
    seen: HashMap<Name, Answers>,
    others: Answers,
}

impl BusiestServices {
    /// Shows at most `most` services, or all if `None`.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, is_limited: false, members: HashSet::new(), seen: HashMap::new(), others: Answers::default() }
    }

    /// Whether a service is shown.
    pub(super) fn has(&self, name: &Name) -> bool {
        !self.is_limited || self.members.contains(name)
    }

    /// Answers of the others; `None` if there have never been any.
    pub(super) fn others(&self) -> Option<&Answers> {
        (self.is_limited || self.others.all > 0).then_some(&self.others)
    }

    /// Takes the current answers of every service: adds to the sum of the others, then chooses which services to show.
    pub(super) fn update(&mut self, names: &[(&Name, Answers)]) {
        let Some(most) = self.most else { return };
        self.is_limited = names.len() > most;
        // At the first update, choose first: the answers so far of the services shown must not go to the others.
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
    /// Adds the difference between `now` and `before`.
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
    fn the_busiest_get_their_own_series_and_the_sum_of_the_others_never_decreases() {
        let names: Vec<Name> = ["a.example", "b.example", "c.example"].map(|name| name.parse().unwrap()).into();
        let mut shown = BusiestServices::new(Some(1));
        let update = |shown: &mut BusiestServices, counts: [u64; 3]| {
            let list: Vec<_> = names.iter().zip(counts).map(|(name, all)| (name, answers(all))).collect();
            shown.update(&list);
            let members: Vec<String> = shown.members.iter().map(Name::to_written).collect();
            (members.concat(), shown.others.all)
        };
        assert_eq!(
            update(&mut shown, [1, 10, 0]),
            ("b.example".into(), 1),
            "a shown service is not counted in the others"
        );
        assert_eq!(update(&mut shown, [15, 12, 0]), ("b.example".into(), 15), "the margin is not reached");
        assert_eq!(update(&mut shown, [30, 14, 2]), ("a.example".into(), 32), "a replaces b");
        assert_eq!(update(&mut shown, [90, 20, 2]), ("a.example".into(), 38), "b now counts in the others");
    }

    #[test]
    fn counters_do_not_jump_when_services_exceed_the_series() {
        let names: Vec<Name> = ["a.example", "b.example", "c.example"].map(|name| name.parse().unwrap()).into();
        let list = |counts: &[u64]| -> Vec<(&Name, Answers)> {
            names.iter().zip(counts).map(|(name, all)| (name, answers(*all))).collect()
        };
        let mut shown = BusiestServices::new(Some(2));
        for counts in [&[3, 5][..], &[30, 50], &[30, 50, 0]] {
            shown.update(&list(counts));
        }
        assert_eq!((shown.members.len(), shown.others.all), (2, 0));
        shown.update(&list(&[30, 50, 1]));
        assert_eq!(shown.others.all, 1);
    }
}
