//! `gslb audit`: who changed what, when and from where.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use super::age::relative;
use super::remote::{Remote, show, strings, text};
use super::table::{Cell, Color, Column, is_wide, table};
use crate::client::Request;

#[derive(Debug, Args)]
pub struct Arguments {
    /// How many entries, the latest first
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
            Cell::new(relative(&text(entry, "/at"))),
            Cell::new(text(entry, "/name")),
            Cell::new(text(entry, "/role")),
            Cell::new(strings(&entry["scopes"])),
            Cell::new(text(entry, "/from")),
            Cell::new(request(entry)),
            Cell::new(outcome).fg(colour),
            Cell::new(text(entry, "/revision")),
            Cell::new(why(entry)),
        ]
    };
    let columns = [
        Column::key("time"),
        Column::key("who"),
        Column::ranked("role", 2),
        Column::list("scopes", 3),
        Column::ranked("from", 6),
        Column::key("request"),
        Column::key("outcome"),
        Column::ranked("revision", 5),
        Column::prose("why", 4),
    ];
    table(columns, entries.iter().map(row))
}

/// Method and path; the path that all have in common is left out, unless everything is to be shown.
fn request(entry: &Value) -> String {
    let request = text(entry, "/request");
    if is_wide() { request } else { request.replace(" /api/v1/", " ") }
}

/// Why it was done: what who did it said, or the reason of an override; and why a rule did not hold, or which one did.
fn why(entry: &Value) -> String {
    let said = ["/message", "/after/reason", "/override_rules", "/broke/0"].map(|pointer| text(entry, pointer));
    said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}
