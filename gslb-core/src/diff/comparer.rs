//! Compares two services for the clients of a class each.

use std::sync::Arc;

use super::answers::{Answers, Distribution, SteeredType, lone};
use super::comparison::Destination;
use super::content::Contents;
use super::flow::{Flow, flows};
use crate::table::{RoutingTable, Service};

/// Compares answers of two tables.
pub(super) struct Comparer<'t> {
    old: Answers<'t>,
    new: Answers<'t>,
    pub(super) contents: Contents,
}

/// The change for the clients of two classes.
pub(super) struct Compared {
    /// The clients that move, for the type with more movement.
    pub(super) flows: Vec<Flow>,
    /// Their old and new answers, for the first type that either service steers.
    pub(super) before: Arc<Distribution>,
    pub(super) after: Arc<Distribution>,
    /// Share of clients that got and get endpoints that are up, from 0 to 1, for the type with the greater share.
    pub(super) was_up: f64,
    pub(super) is_up: f64,
}

impl<'t> Comparer<'t> {
    pub(super) fn new(old: &'t RoutingTable, new: &'t RoutingTable) -> Comparer<'t> {
        Comparer { old: Answers::of(old), new: Answers::of(new), contents: Contents::new() }
    }

    /// Compares the answers for a class of the old service with those for a class of the new one.
    pub(super) fn compare(&mut self, old: (&Service, u32), new: (&Service, u32)) -> Compared {
        let unsteered = lone(Destination::ZoneFile, &mut self.contents);
        let mut compared: Option<Compared> = None;
        for steered_type in SteeredType::ALL {
            let before = self.old.to(old.0, old.1, steered_type, &mut self.contents);
            let after = self.new.to(new.0, new.1, steered_type, &mut self.contents);
            if before.is_none() && after.is_none() {
                continue;
            }
            let [before, after] = [before, after].map(|found| found.unwrap_or_else(|| Arc::clone(&unsteered)));
            let flows = flows(&before, &after, &mut self.contents);
            let (was_up, is_up) = (before.up, after.up);
            let Some(first) = &mut compared else {
                compared = Some(Compared { flows, before, after, was_up, is_up });
                continue;
            };
            first.was_up = first.was_up.max(was_up);
            first.is_up = first.is_up.max(is_up);
            if extent(&flows) > extent(&first.flows) {
                first.flows = flows;
            }
        }
        compared.unwrap_or_else(|| Compared {
            flows: Vec::new(),
            before: Arc::clone(&unsteered),
            after: unsteered,
            was_up: 0.0,
            is_up: 0.0,
        })
    }

    /// True if some class of a service in the new table has an endpoint that is up.
    pub(super) fn serves(&mut self, service: &Service) -> bool {
        let classes = 0..service.targets.len() as u32;
        classes.into_iter().any(|class| {
            SteeredType::ALL.into_iter().any(|steered_type| {
                self.new.to(service, class, steered_type, &mut self.contents).is_some_and(|answers| answers.up > 0.0)
            })
        })
    }
}

/// The share that moves to another destination, then the share that moves at all.
fn extent(flows: &[Flow]) -> (f64, f64) {
    let sum = |across: bool| {
        flows.iter().filter(|flow| !across || flow.from != flow.to).map(|flow| flow.share).sum::<f64>() + 0.0
    };
    (sum(true), sum(false))
}
