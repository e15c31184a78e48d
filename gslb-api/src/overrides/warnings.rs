//! Warnings about overrides: those that others hide, and those that no longer match any endpoint.

use std::collections::BTreeMap;

use gslb_core::live::overrides as core;
use gslb_core::problem::{KeyPath, Location, Problem, Severity};
use gslb_core::site::model::Site;

use super::Override;

/// Overrides of `after` that apply to fewer of their endpoints than in `before`, and new ones that do not apply to all of them.
pub fn hidden(before: &BTreeMap<String, Override>, after: &BTreeMap<String, Override>, site: &Site) -> Vec<Problem> {
    let were = core::hidden(before.values(), site);
    let is_new = |id: &str, hidden: usize| {
        before.get(id) != after.get(id) || were.get(id).is_none_or(|were| were.hidden < hidden)
    };
    let warn = |(id, core::Hidden { matched, hidden, by }): (&str, core::Hidden<'_>)| {
        let extent = if hidden == matched { "none of them" } else { "not all of them" };
        let by: Vec<&str> = by.into_iter().collect();
        let message = format!(
            "override {id} matches {matched} endpoints and applies to {extent} ({hidden} are hidden): {} precedence",
            if by.len() == 1 {
                format!("override {} takes", by[0])
            } else {
                format!("overrides {} take", by.join(", "))
            }
        );
        let help =
            format!("`gslb overrides` lists them, `gslb overrides delete {}` ends one", by.first().unwrap_or(&id));
        warning(id, Severity::Warning, message, help)
    };
    let all = core::hidden(after.values(), site);
    all.into_iter().filter(|(id, of)| is_new(id, of.hidden)).map(warn).collect()
}

/// Overrides that match endpoints in `before` and none in `after`.
pub fn idle(all: &BTreeMap<String, Override>, before: &Site, after: &Site, severity: Severity) -> Vec<Problem> {
    let warn = |it: &Override| {
        let targets: Vec<String> = it.targets.iter().map(ToString::to_string).collect();
        let message =
            format!("override {} would no longer match any endpoint: its targets are {}", it.id, targets.join(" "));
        warning(&it.id, severity, message, format!("end it with `gslb overrides delete {}`", it.id))
    };
    let matches = core::match_any(all.values(), before).into_iter().zip(core::match_any(all.values(), after));
    let is_idle = |(it, (was, is)): (_, (bool, bool))| (was && !is).then_some(it);
    all.values().zip(matches).filter_map(is_idle).map(warn).collect()
}

fn warning(id: &str, severity: Severity, message: String, help: String) -> Problem {
    let location = Location { file: format!("override {id}").into(), line: 0, column: 0 };
    Problem::new(severity, location, KeyPath::default(), message, help)
}
