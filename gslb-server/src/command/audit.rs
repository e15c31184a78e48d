//! `gslb audit`: who changed what, when and from where.

use std::process::ExitCode;

use clap::Args;
use gslb_api::types::{AuditEntry, AuditOutcome, AuditPage, Role};
use serde::Deserialize;

use super::Outcome;
use super::age::relative;
use super::remote::{Remote, show};
use super::table::{Cell, Color, Column, is_wide, table};
use crate::client::Request;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Number of entries, latest first
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let path = format!("/api/v1/audit?limit={}", arguments.limit);
    let answer = arguments.remote.client()?.ask(Request::get(path))?.json()?;
    show(arguments.remote.format(), &answer, listed)?;
    Ok(ExitCode::SUCCESS)
}

fn listed(page: &AuditPage) -> String {
    let row = |entry: &AuditEntry| {
        let color = if entry.outcome == AuditOutcome::Done { Color::Green } else { Color::Red };
        [
            Cell::new(relative(&entry.at)),
            Cell::new(&entry.name),
            Cell::new(entry.role.map(Role::name).unwrap_or_default()),
            Cell::new(entry.scopes.join(" ")),
            Cell::new(entry.from.map(|from| from.to_string()).unwrap_or_default()),
            Cell::new(request(entry)),
            Cell::new(entry.outcome.name()).fg(color),
            Cell::new(entry.revision),
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
    table(columns, page.entries.iter().map(row))
}

/// Method and path, without the common prefix of all paths unless `-o wide`.
fn request(AuditEntry { request, .. }: &AuditEntry) -> String {
    if is_wide() { request.clone() } else { request.replace(" /api/v1/", " ") }
}

/// An override or a thaw in the audit log.
#[derive(Deserialize)]
struct Reasoned {
    reason: String,
}

/// Why it was done: the author's message, or the reason of an override; and why a rule was overridden, or which one
/// refused it.
fn why(entry: &AuditEntry) -> String {
    let reason = entry.after.as_ref().and_then(|after| Reasoned::deserialize(after).ok());
    let reason = reason.map(|after| after.reason);
    let message = Some(&entry.message).filter(|message| !message.is_empty());
    let all = [message, reason.as_ref(), entry.override_rules.as_ref(), entry.broke.first()];
    all.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("; ")
}
