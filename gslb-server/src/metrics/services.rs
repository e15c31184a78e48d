//! Answers and fallbacks by service, of as many services as the configuration says.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use gslb_core::name::Name;
use gslb_core::table::RoutingTable;

use super::nameless::OTHER;
use super::{Collector, Family, reach};
use crate::ledger::{Answers, KINDS, Ledger, Sums};

/// How many times the answers of a service that is shown one has that takes its place.
const MARGIN: u64 = 2;

/// The services that are shown, and what the others have answered together.
///
/// A series that goes down looks like a restart, so the sum of the others is one of what they have answered while they
/// were others: it never falls when a service gets a series of its own.
#[derive(Debug)]
pub struct Shown {
    most: Option<usize>,
    members: HashSet<Name>,
    /// What each service had answered when it was looked at last; kept only where there are more than are shown.
    seen: HashMap<Name, Answers>,
    others: Answers,
}

/// The services that `ledger` knows, at most `most` of them by name.
pub fn collector(ledger: Arc<Ledger>, most: Option<usize>) -> Collector {
    let shown = Mutex::new(Shown::new(most));
    Collector::new("services", move || {
        let Some(sums) = ledger.read() else { return Vec::new() };
        let table = ledger.table();
        let mut families = shown.lock().unwrap_or_else(PoisonError::into_inner).families(&sums, &table);
        families.push(pools(&sums));
        families
    })
}

/// Most services that are shown because all their pools are down, besides those that are shown in any case.
const MOST_DOWN: usize = 1_000;

impl Shown {
    /// At most `most` services; none is all.
    pub fn new(most: Option<usize>) -> Self {
        Self { most, members: HashSet::new(), seen: HashMap::new(), others: Answers::default() }
    }

    fn families(&mut self, sums: &Sums, table: &RoutingTable) -> Vec<Family> {
        let services = &sums.edition.topology().site.services;
        let names: Vec<(&Name, Answers)> =
            services.iter().map(|service| &service.name).zip(sums.services.iter().copied()).collect();
        let is_limited = self.most.is_some_and(|most| names.len() > most);
        // Also while all are shown, so that what they answer then is never taken for that of others.
        if self.most.is_some() {
            self.look(&names);
        }
        let mut answers = Family::counter("gslb_service_answers_total", "Answers that services decided, by service.");
        let help = "Answers that the policy would not give if all were well, by service and kind.";
        let mut fallbacks = Family::counter("gslb_service_fallbacks_total", help);
        let mut add = |name: &str, counted: &Answers| {
            answers.add(&[("service", name)], counted.all as f64);
            for (kind, &count) in KINDS.iter().zip(&counted.fallbacks).filter(|(_, count)| **count > 0) {
                fallbacks.add(&[("kind", kind), ("service", name)], count as f64);
            }
        };
        for (name, counted) in names.iter().filter(|(name, _)| !is_limited || self.members.contains(*name)) {
            add(&name.to_written(), counted);
        }
        if is_limited || self.others.all > 0 {
            add(OTHER, &self.others);
        }
        let mut pools = Family::gauge("gslb_service_pools", "Pools that a service may come to.");
        let mut up =
            Family::gauge("gslb_service_pools_up", "Of the pools that a service may come to, those that are up.");
        let (mut known, mut beyond) = (HashMap::new(), 0);
        // Of the table in force, which may be a newer one by now.
        for service in &table.topology().site.services {
            let (all, alive) = *known.entry(service.policy).or_insert_with(|| reach::pools(table, service));
            let is_shown = !is_limited || self.members.contains(&service.name);
            // What is down loses its traffic, and must be seen all the same.
            let is_down = !is_shown && all > 0 && alive == 0 && beyond < MOST_DOWN;
            beyond += usize::from(is_down);
            if is_shown || is_down {
                let name = service.name.to_written();
                pools.add(&[("service", &name)], all as f64);
                up.add(&[("service", &name)], alive as f64);
            }
        }
        vec![answers, fallbacks, pools, up]
    }

    /// Counts what the others have answered, then sees who is shown from now on.
    fn look(&mut self, names: &[(&Name, Answers)]) {
        // At first all that was answered is of the past, and only that of those who are not shown is of others.
        if self.seen.is_empty() {
            self.choose(names);
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
        self.choose(names);
    }

    fn choose(&mut self, names: &[(&Name, Answers)]) {
        let most = self.most.unwrap_or(usize::MAX);
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

fn pools(sums: &Sums) -> Family {
    let help = "Answers that name endpoints of a pool, by pool and its data center.";
    let mut family = Family::counter("gslb_pool_answers_total", help);
    let site = &sums.edition.topology().site;
    for (pool, &count) in site.pools.iter().zip(&sums.pools) {
        family.add(&[("data_center", super::pools::data_center(site, pool)), ("pool", &pool.name)], count as f64);
    }
    family
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
