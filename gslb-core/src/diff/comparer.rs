//! What of two services moves for the clients of a class each.

use std::sync::Arc;

use super::answers::{Answers, Asked, Distribution, lone};
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

/// What happens to the clients of two classes.
pub(super) struct Compared {
    /// Who moves, for the type of which more move.
    pub(super) flows: Vec<Flow>,
    /// What they were and are answered, for the first type that either service steers.
    pub(super) before: Arc<Distribution>,
    pub(super) after: Arc<Distribution>,
    /// How many of the clients were, and are, named endpoints that are up, from 0 to 1: for the type of which more are.
    pub(super) was_served: f64,
    pub(super) is_served: f64,
}

impl<'t> Comparer<'t> {
    pub(super) fn new(old: &'t RoutingTable, new: &'t RoutingTable) -> Comparer<'t> {
        Comparer { old: Answers::of(old), new: Answers::of(new), contents: Contents::new() }
    }

    /// Compares what the clients of a class of the old service get with what those of a class of the new one do.
    pub(super) fn compare(&mut self, old: (&Service, u32), new: (&Service, u32)) -> Compared {
        let unsteered = lone(Destination::ZoneFile, &mut self.contents);
        let mut compared: Option<Compared> = None;
        for asked in Asked::ALL {
            let before = self.old.to(old.0, old.1, asked, &mut self.contents);
            let after = self.new.to(new.0, new.1, asked, &mut self.contents);
            if before.is_none() && after.is_none() {
                continue;
            }
            let [before, after] = [before, after].map(|found| found.unwrap_or_else(|| Arc::clone(&unsteered)));
            let flows = flows(&before, &after, &mut self.contents);
            let (was_served, is_served) = (before.served, after.served);
            let Some(first) = &mut compared else {
                compared = Some(Compared { flows, before, after, was_served, is_served });
                continue;
            };
            first.was_served = first.was_served.max(was_served);
            first.is_served = first.is_served.max(is_served);
            if extent(&flows) > extent(&first.flows) {
                first.flows = flows;
            }
        }
        compared.unwrap_or_else(|| Compared {
            flows: Vec::new(),
            before: Arc::clone(&unsteered),
            after: unsteered,
            was_served: 0.0,
            is_served: 0.0,
        })
    }

    /// True where some class of a service of the new table has an endpoint that is up.
    pub(super) fn serves(&mut self, service: &Service) -> bool {
        let classes = 0..service.targets.len() as u32;
        classes.into_iter().any(|class| {
            Asked::ALL.into_iter().any(|asked| {
                self.new.to(service, class, asked, &mut self.contents).is_some_and(|answers| answers.served > 0.0)
            })
        })
    }
}

/// How much goes elsewhere, and then how much moves at all.
fn extent(flows: &[Flow]) -> (f64, f64) {
    let sum = |elsewhere: bool| {
        flows.iter().filter(|flow| !elsewhere || flow.from != flow.to).map(|flow| flow.share).sum::<f64>() + 0.0
    };
    (sum(true), sum(false))
}
