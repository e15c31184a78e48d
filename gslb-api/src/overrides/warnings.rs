//! What an operator should know of overrides: those that others hide, and those that mean nothing any more.

use std::collections::BTreeMap;

use gslb_core::live::overrides as core;
use gslb_core::problem::{Location, Problem, Severity};
use gslb_core::site::model::Site;

use super::Override;

/// The overrides of `after` that get their way with less than they did among those of `before`, and the new ones that do not
/// get it with all that they mean.
pub fn hidden(before: &BTreeMap<String, Override>, after: &BTreeMap<String, Override>, site: &Site) -> Vec<Problem> {
    let were = core::hidden(before.values(), site);
    let is_news = |id: &str, hidden: usize| {
        before.get(id) != after.get(id) || were.get(id).is_none_or(|were| were.hidden < hidden)
    };
    let told = |(id, core::Hidden { meant, hidden, by }): (&str, core::Hidden<'_>)| {
        let extent = if hidden == meant { "none of them" } else { "not all of them" };
        let by: Vec<&str> = by.into_iter().collect();
        let message = format!(
            "override {id} means {meant} endpoints and gets its way with {extent} ({hidden} are otherwise): {} before it",
            if by.len() == 1 {
                format!("override {} comes", by[0])
            } else {
                format!("overrides {} come", by.join(", "))
            }
        );
        let help =
            format!("`gslb overrides` lists them, `gslb overrides delete {}` ends one", by.first().unwrap_or(&id));
        doubt(id, Severity::Warning, message, help)
    };
    let all = core::hidden(after.values(), site);
    all.into_iter().filter(|(id, of)| is_news(id, of.hidden)).map(told).collect()
}

/// The overrides of `all` that mean an endpoint in `before` and none in `after`.
pub fn idle(all: &BTreeMap<String, Override>, before: &Site, after: &Site, severity: Severity) -> Vec<Problem> {
    let told = |held: &Override| {
        let targets: Vec<String> = held.targets.iter().map(ToString::to_string).collect();
        let message =
            format!("override {} would mean no endpoint any more: its targets are {}", held.id, targets.join(" "));
        doubt(&held.id, severity, message, format!("end it with `gslb overrides delete {}`", held.id))
    };
    let means = core::mean_any(all.values(), before).into_iter().zip(core::mean_any(all.values(), after));
    let is_idle = |(held, (was, is)): (_, (bool, bool))| (was && !is).then_some(held);
    all.values().zip(means).filter_map(is_idle).map(told).collect()
}

fn doubt(id: &str, severity: Severity, message: String, help: String) -> Problem {
    let location = Location { file: format!("override {id}").into(), line: 0, column: 0 };
    Problem { severity, location, path: String::new(), message, help }
}
