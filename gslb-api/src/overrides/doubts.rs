//! What an operator should know of overrides: those that others hide, and those that mean nothing any more.

use std::collections::BTreeMap;

use gslb_core::model::Site;
use gslb_core::problem::{Location, Problem, Severity};
use gslb_core::table::overrides as core;

use super::Override;

/// That the override `id` of `all` does not hold for all that it means, where that is so.
pub fn hidden(all: &BTreeMap<String, Override>, site: &Site, id: &str) -> Option<Problem> {
    let core::Hidden { meant, hidden, by } = core::hidden(all.values(), site, id)?;
    let extent =
        if hidden == meant { "has no effect".to_owned() } else { format!("has effect on {} only", meant - hidden) };
    let message = format!("it means {meant} endpoints and {extent}: override {by} comes before it");
    Some(doubt(
        id,
        Severity::Warning,
        message,
        format!("look at it with `gslb overrides`, end it with `gslb overrides delete {by}`"),
    ))
}

/// The overrides of `all` that mean an endpoint in `before` and none in `after`.
pub fn idle(all: &BTreeMap<String, Override>, before: &Site, after: &Site, severity: Severity) -> Vec<Problem> {
    let idle = |held: &&Override| {
        held.targets.iter().any(|target| target.means_any(before))
            && !held.targets.iter().any(|target| target.means_any(after))
    };
    let told = |held: &Override| {
        let targets: Vec<String> = held.targets.iter().map(ToString::to_string).collect();
        let message =
            format!("override {} would mean no endpoint any more: its targets are {}", held.id, targets.join(" "));
        doubt(&held.id, severity, message, format!("end it with `gslb overrides delete {}`", held.id))
    };
    all.values().filter(idle).map(told).collect()
}

fn doubt(id: &str, severity: Severity, message: String, help: String) -> Problem {
    let location = Location { file: format!("override {id}").into(), line: 0, column: 0 };
    Problem { severity, location, path: String::new(), message, help }
}
