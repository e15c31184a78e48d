//! Answers, fallbacks and pools by service, for at most the configured number of services.

use std::collections::HashMap;
use std::sync::Arc;

use gslb_core::dns::name::Name;
use gslb_core::table::RoutingTable;
use parking_lot::Mutex;

use super::busiest::BusiestServices;
use super::{Collector, Family, reach};
use crate::capture::placeholder::OTHER;
use crate::telemetry::ledger::{Answers, KINDS, Ledger};

/// Most services that get a series only because all their pools are down.
const MOST_DOWN: usize = 1_000;

/// The services of `ledger`, at most `most` of them by name.
pub fn collector(ledger: Arc<Ledger>, most: Option<usize>) -> Collector {
    let shown = Mutex::new(BusiestServices::new(most));
    Collector::new("services", move || {
        // Keep the lock while reading the ledger: older numbers after newer ones would be counted twice.
        let mut shown = shown.lock();
        let Some(sums) = ledger.read() else { return Vec::new() };
        let services = &sums.counts.topology().site.services;
        let names: Vec<(&Name, Answers)> =
            services.iter().map(|service| &service.name).zip(sums.services.iter().copied()).collect();
        // Even if all are shown, so that their answers are not added to the others later.
        shown.update(&names);
        let mut families = Vec::from(answers(&names, &shown));
        families.extend(pools(&ledger.table(), &shown));
        families.push(super::pools::answers(&sums));
        families
    })
}

fn answers(names: &[(&Name, Answers)], shown: &BusiestServices) -> [Family; 2] {
    let mut answers = Family::counter("gslb_service_answers_total", "Answers that services decided, by service.");
    let help = "Answers that deviate from the policy because something is down or drained, by service and kind.";
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

/// Pools of the published table, which may be newer than the one whose answers were read.
fn pools(table: &RoutingTable, shown: &BusiestServices) -> [Family; 2] {
    let mut pools = Family::gauge("gslb_service_pools", "Pools that the policy of a service can use.");
    let mut up = Family::gauge("gslb_service_pools_up", "Pools that the policy of a service can use and that are up.");
    let (mut known, mut beyond) = (HashMap::new(), 0);
    for service in &table.topology().site.services {
        let (all, alive) = *known.entry(service.policy).or_insert_with(|| reach::pools(table, service));
        let is_shown = shown.has(&service.name);
        // A service that is down loses its traffic, but must stay visible.
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
