//! `gslb audit`: who changed what, when and from where.

use std::process::ExitCode;

use clap::Args;
use comfy_table::{Cell, Color};
use serde_json::Value;

use super::Outcome;
use super::remote::{Remote, show, table, text};
use crate::client::Request;

#[derive(Debug, Args)]
pub struct Arguments {
    /// How many entries, the latest first; -o json has each with before and after
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let path = format!("/api/v1/audit?limit={}", arguments.limit);
    let answer = arguments.remote.client()?.ask(Request::get(path))?.json()?;
    show(arguments.remote.format(), &answer, listed);
    Ok(ExitCode::SUCCESS)
}

fn listed(answer: &Value) -> String {
    let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |entry: &Value| {
        let outcome = text(entry, "/outcome");
        let colour = if outcome == "done" { Color::Green } else { Color::Red };
        [
            Cell::new(text(entry, "/at")),
            Cell::new(text(entry, "/name")),
            Cell::new(text(entry, "/from")),
            Cell::new(text(entry, "/request")),
            Cell::new(outcome).fg(colour),
            Cell::new(text(entry, "/revision")),
            Cell::new(why(entry)),
        ]
    };
    table(["time", "who", "from", "request", "outcome", "revision", "why"], entries.iter().map(row))
}

/// Why it was done: what who did it said, or the reason of an override; and why a rule did not hold, or which one did.
fn why(entry: &Value) -> String {
    let said = ["/message", "/after/reason", "/override_rules", "/broke/0"].map(|pointer| text(entry, pointer));
    said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}
