//! Rejects documents whose policies would take too much work, or would give wrong answers.

use std::collections::HashMap;

use crate::budget::OverBudget;
use crate::problem::{Location, Problem, Severity};
use crate::site::model::{MAX_WIDTH, Policy, PolicyKind, Site, Target};

/// Reports policies that cover too many pools, and `all` policies that would return one address twice.
pub(super) fn problems(site: &Site) -> Vec<Problem> {
    let mut problems = too_wide(site);
    for policy in &site.policies {
        if let PolicyKind::All(_) = policy.kind {
            problems.extend(duplicate_address(site, policy));
        }
    }
    problems
}

/// A policy is as wide as all policies it refers to, counted once per reference: that is how often a decision may have
/// to check a pool.
fn too_wide(site: &Site) -> Vec<Problem> {
    let mut widths: Vec<usize> = Vec::with_capacity(site.policies.len());
    let mut problems = Vec::new();
    for policy in &site.policies {
        // Children come before the policies that refer to them.
        let of = |id: &crate::site::model::PolicyId| widths.get(id.0 as usize).copied().unwrap_or(0);
        let width = match &policy.kind {
            PolicyKind::Pool(_) => 1,
            PolicyKind::Geo { branches, default } => branches.iter().map(|(_, id)| of(id)).sum::<usize>() + of(default),
            PolicyKind::Failover(list) => list.iter().map(of).sum(),
            PolicyKind::Only(id) => of(id),
            PolicyKind::Weighted(list) => list.iter().map(|(id, _)| of(id)).sum(),
            PolicyKind::Nearest(pools)
            | PolicyKind::Latency(pools)
            | PolicyKind::Hash(pools)
            | PolicyKind::All(pools) => pools.len(),
        };
        if width > MAX_WIDTH {
            problems.push(error(
                policy,
                format!("the policy refers to {width} pools, counting each reference"),
                format!("use {MAX_WIDTH} or fewer: refer to fewer policies, or to each of them only once"),
            ));
        }
        // Reported once, for the innermost policy; the policies around it are not at fault.
        widths.push(if width > MAX_WIDTH { 1 } else { width });
    }
    problems
}

/// The same address in two pools of an `all` policy would appear twice in one record set (RFC 2181 §5).
fn duplicate_address(site: &Site, policy: &Policy) -> Option<Problem> {
    let PolicyKind::All(pools) = &policy.kind else { return None };
    let mut first: HashMap<&Target, &str> = HashMap::new();
    for pool in pools.iter().filter_map(|id| site.pools.get(id.0 as usize)) {
        for endpoint in &pool.endpoints {
            if let Some(other) = first.insert(&endpoint.target, &pool.name).filter(|other| *other != &*pool.name) {
                let message = format!("the pools `{other}` and `{}` have an endpoint with the same address", pool.name);
                return Some(error(policy, message, "list it in one of the two pools".into()));
            }
        }
    }
    None
}

/// The policies exceed the memory budget: at `policy`, or in the services that use them.
pub(super) fn over_budget(over: OverBudget, policy: Option<&Policy>) -> Problem {
    let help = "use fewer policies that depend on client location, or share them between services".to_owned();
    match policy {
        Some(policy) => error(policy, format!("compiling the policies up to this one takes {over}"), help),
        None => {
            let location = Location { file: "document".into(), line: 0, column: 0 };
            let message = format!("compiling the services takes {over}");
            Problem::new(Severity::Error, location, ["services"].into(), message, help)
        }
    }
}

fn error(policy: &Policy, message: String, help: String) -> Problem {
    Problem::new(Severity::Error, policy.location.clone(), policy.path(), message, help)
}
