//! Divides the clients of a policy into classes: loci with equal plans are one class.

use std::collections::HashMap;

use super::plan::{PlanId, Plans};
use super::resolve::Resolver;
use super::trace::Trace;
use crate::locate::index::LocationIndex;
use crate::locate::pairs::Mixing;
use crate::site::model::PolicyId;

/// The classes of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// The class of every locus of the index.
    pub of_locus: Vec<u32>,
    /// The plan of every class.
    pub plans: Vec<PlanId>,
}

impl Classes {
    /// Evaluates the policy for every locus. Only one of all loci that the policy cannot distinguish is resolved, and
    /// recorded in `trace`.
    pub fn of(
        policy: PolicyId,
        resolver: &Resolver<'_>,
        index: &LocationIndex,
        plans: &mut Plans,
        trace: &mut impl Trace,
    ) -> Classes {
        let mut classes = Classes { of_locus: Vec::with_capacity(index.loci.len()), plans: Vec::new() };
        let mut by_plan: HashMap<PlanId, u32> = HashMap::new();
        let mut by_view: HashMap<Box<[u32]>, u32, Mixing> = HashMap::default();
        let mut view = Vec::new();
        let loci = if resolver.depends_on_place(policy) { index.loci.len() as u32 } else { 1 };
        for locus in 0..loci {
            view.clear();
            resolver.look(policy, locus, &mut view);
            let class = by_view.get(&*view).copied().unwrap_or_else(|| {
                let plan = resolver.resolve(policy, locus, plans, trace);
                let class = *by_plan.entry(plan).or_insert_with(|| {
                    classes.plans.push(plan);
                    classes.plans.len() as u32 - 1
                });
                by_view.insert(view.as_slice().into(), class);
                class
            });
            classes.of_locus.push(class);
        }
        classes.of_locus.resize(index.loci.len(), 0);
        classes
    }
}
