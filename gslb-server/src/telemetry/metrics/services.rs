//! Answers, fallbacks and pools by service, of as many services as the configuration says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gslb_core::dns::name::Name;
use gslb_core::table::RoutingTable;

use super::busiest::Shown;
use super::{Collector, Family, reach};
use crate::capture::placeholder::OTHER;
use crate::telemetry::ledger::{Answers, KINDS, Ledger};

/// Most services that are shown because all their pools are down, besides those that are shown in any case.
const MOST_DOWN: usize = 1_000;

/// The services that `ledger` knows, at most `most` of them by name.
pub fn collector(ledger: Arc<Ledger>, most: Option<usize>) -> Collector {
    let shown = Mutex::new(Shown::new(most));
    Collector::new("services", move || {
        // Held while the ledger is read: numbers that are older than those of the look before would be counted again.
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sums) = ledger.read() else { return Vec::new() };
        let services = &sums.topology_id.topology().site.services;
        let names: Vec<(&Name, Answers)> =
            services.iter().map(|service| &service.name).zip(sums.services.iter().copied()).collect();
        // Also while all are shown, so that what they answer then is never taken for that of others.
        shown.look(&names);
        let mut families = Vec::from(answers(&names, &shown));
        families.extend(pools(&ledger.table(), &shown));
        families.push(super::pools::answers(&sums));
        families
    })
}

fn answers(names: &[(&Name, Answers)], shown: &Shown) -> [Family; 2] {
    let mut answers = Family::counter("gslb_service_answers_total", "Answers that services decided, by service.");
    let help = "Answers that the policy would not give if all were well, by service and kind.";
    let mut fallbacks = Family::counter("gslb_service_fallbacks_total", help);
    let mut add = |name: &str, counted: &Answers| {
        answers.add(&[("service", name)], counted.all as f64);
        for (kind, &count) in KINDS.iter().zip(&counted.fallbacks).filter(|(_, count)| **count > 0) {
            fallbacks.add(&[("kind", kind), ("service", name)], count as f64);
        }
    };
    for (name, counted) in names.iter().filter(|(name, _)| shown.has(name)) {
        add(&name.to_written(), counted);
    }
    shown.others().into_iter().for_each(|others| add(OTHER, others));
    [answers, fallbacks]
}

/// Of the table in force, which may be a newer one than that whose answers were read.
fn pools(table: &RoutingTable, shown: &Shown) -> [Family; 2] {
    let mut pools = Family::gauge("gslb_service_pools", "Pools that a service may come to.");
    let mut up = Family::gauge("gslb_service_pools_up", "Of the pools that a service may come to, those that are up.");
    let (mut known, mut beyond) = (HashMap::new(), 0);
    for service in &table.topology().site.services {
        let (all, alive) = *known.entry(service.policy).or_insert_with(|| reach::pools(table, service));
        let is_shown = shown.has(&service.name);
        // What is down loses its traffic, and must be seen all the same.
        let is_down = !is_shown && all > 0 && alive == 0 && beyond < MOST_DOWN;
        beyond += usize::from(is_down);
        if is_shown || is_down {
            let name = service.name.to_written();
            pools.add(&[("service", &name)], all as f64);
            up.add(&[("service", &name)], alive as f64);
        }
    }
    [pools, up]
}
