//! What of a document is refused for the work or the answers it would make.

use std::collections::HashMap;

use crate::budget::OverBudget;
use crate::problem::{Location, Problem, Severity};
use crate::site::model::{MAX_WIDTH, Policy, PolicyKind, Site, Target};

/// Policies that stand for too many pools, and `all` policies that would answer one address twice.
pub(super) fn problems(site: &Site) -> Vec<Problem> {
    let mut problems = too_wide(site);
    for policy in &site.policies {
        if let PolicyKind::All(_) = policy.kind {
            problems.extend(twins(site, policy));
        }
    }
    problems
}

/// Policies that name others are as wide as all they name together, each time they are named: that is how often a
/// decision may have to look at a pool.
fn too_wide(site: &Site) -> Vec<Problem> {
    let mut widths: Vec<usize> = Vec::with_capacity(site.policies.len());
    let mut problems = Vec::new();
    for policy in &site.policies {
        // Children stand before those who refer to them.
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
                format!("the policy comes to {width} pools, counted as often as they are named"),
                format!("keep it at {MAX_WIDTH} or fewer: name fewer policies, or each of them once"),
            ));
        }
        // Told once, where it begins; policies around it are not blamed for it.
        widths.push(if width > MAX_WIDTH { 1 } else { width });
    }
    problems
}

/// An address in two pools of one `all` policy would stand twice in one record set (RFC 2181 §5).
fn twins(site: &Site, policy: &Policy) -> Option<Problem> {
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

/// That policies take more memory than they may: with `policy`, or with the services that name them.
pub(super) fn takes_too_much(over: OverBudget, policy: Option<&Policy>) -> Problem {
    let help = "name fewer policies that choose by place, or let services share them".to_owned();
    match policy {
        Some(policy) => {
            error(policy, format!("with the policies before it, this one takes {over} when it is compiled"), help)
        }
        None => {
            let location = Location { file: "document".into(), line: 0, column: 0 };
            let message = format!("the services take {over} when they are compiled");
            Problem { severity: Severity::Error, location, path: "services".to_owned(), message, help }
        }
    }
}

fn error(policy: &Policy, message: String, help: String) -> Problem {
    Problem { severity: Severity::Error, location: policy.location.clone(), path: policy.path(), message, help }
}
