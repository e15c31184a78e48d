//! Options of a change, and the report of its result: what differs, whose traffic moves, which rules it breaks.

use clap::Args;
use gslb_api::auth::Role;
use gslb_api::types::{ChangeResult, Difference, Json, ProblemDetail};
use serde_json::Value;

use super::Outcome;
use super::exit::Exit;
use super::moves;
use super::remote::{Format, Remote, read, show};
use super::shortened::shortened;
use super::table::{Cell, Color, Column, table};
use crate::printable::printable;

#[derive(Debug, Clone, Default, Args)]
pub(super) struct ChangeOptions {
    /// Show the effect without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Message for the history
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Override safety rules, for this audited reason (admins)
    #[arg(long, value_name = "REASON")]
    override_rules: Option<String>,
}

impl ChangeOptions {
    /// Whether this is a dry run.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The same as a dry run.
    pub(super) fn as_dry_run(&self) -> Self {
        Self { dry_run: true, ..self.clone() }
    }

    /// Whether safety rules are overridden.
    pub(super) fn overrides_rules(&self) -> bool {
        self.override_rules.is_some()
    }

    /// The role that a change needs.
    pub(super) fn role(&self) -> Role {
        if self.overrides_rules() { Role::Admin } else { Role::Operator }
    }

    /// `path` with these options as its query.
    pub(super) fn path(&self, path: &str) -> String {
        let mut path = path.to_owned();
        let mut add = |key: &str, value: &str| {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&format!("{key}={}", gslb_api::escape(value)));
        };
        if self.dry_run {
            add("dry_run", "true");
        }
        if let Some(message) = &self.message {
            add("message", message);
        }
        if let Some(reason) = &self.override_rules {
            add("override_rules", reason);
        }
        path
    }
}

/// Prints the result of a change or a dry run. A dry run that breaks a safety rule is not a success.
pub(super) fn report(remote: &Remote, options: &ChangeOptions, answer: &Value) -> Outcome {
    let result: ChangeResult = read(answer)?;
    // A change that was done as requested needs no report.
    if !remote.is_quiet() || options.is_dry_run() || remote.format() != Format::Table {
        show(remote.format(), answer, described)?;
    } else if let Some(warning) = not_saved(&result) {
        eprintln!("gslb: {}", printable(&warning));
    }
    let is_judged = options.is_dry_run() && !options.overrides_rules();
    Ok(if is_judged { judged(&result) } else { Exit::Done }.into())
}

/// Whether a safety rule would be broken: such a plan cannot be applied.
pub(super) fn judged(plan: &ChangeResult) -> Exit {
    if plan.breaks.is_empty() { Exit::Done } else { Exit::Unsafe }
}

/// The full report of a change, for people.
pub(super) fn described(result: &ChangeResult) -> String {
    joined([effect(result), revision(result), not_saved(result).unwrap_or_default()])
}

/// The same without the revision: the effect of a change, before it is confirmed.
pub(super) fn effect(result: &ChangeResult) -> String {
    let moves = result.moves.as_ref().map(moves::described).unwrap_or_default();
    joined([differences(&result.changes), moves, rules(result), warnings(result)])
}

fn joined<const PARTS: usize>(parts: [String; PARTS]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The differences between documents, one per line.
pub(super) fn differences(list: &[Difference]) -> String {
    let row = |Difference { pointer, before, after }: &Difference| {
        let (sign, color) = match (before, after) {
            (None, _) => ("+", Color::Green),
            (_, None) => ("-", Color::Red),
            _ => ("~", Color::Yellow),
        };
        let value = |value: &Option<Json>| value.as_ref().map(|it| shortened(it.as_str())).unwrap_or_default();
        let change = match (before, after) {
            (Some(_), Some(_)) => format!("{} -> {}", value(before), value(after)),
            (Some(_), None) => value(before),
            (None, _) => value(after),
        };
        [Cell::new(sign).fg(color), Cell::new(pointer).fg(color), Cell::new(change)]
    };
    if list.is_empty() {
        String::new()
    } else {
        table([Column::key(""), Column::key("document"), Column::prose("change", 1)], list.iter().map(row))
    }
}

/// The safety rules that it breaks.
fn rules(result: &ChangeResult) -> String {
    let rows = result.breaks.iter().map(|broken| [Cell::new(&broken.rule).fg(Color::Red), Cell::new(&broken.detail)]);
    if result.breaks.is_empty() {
        String::new()
    } else {
        table([Column::key("safety rule"), Column::prose("violation", 1)], rows)
    }
}

fn warnings(result: &ChangeResult) -> String {
    let line = |problem: &ProblemDetail| match &*problem.pointer {
        // It is about the whole document, or about none.
        "" => format!("warning: {}", problem.detail),
        pointer => format!("warning: {pointer}: {}", problem.detail),
    };
    result.warnings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Warnings about an applied change: rules that it broke, problems, and whether it is not saved.
pub(super) fn suspicions(result: &ChangeResult) -> String {
    joined([rules(result), warnings(result), not_saved(result).unwrap_or_default()])
}

/// Warns if a change is in force but not saved.
fn not_saved(result: &ChangeResult) -> Option<String> {
    let why = result.not_saved.as_deref().unwrap_or_default();
    (!result.saved).then(|| {
        format!(
            "NOT SAVED: in force now, saved once the store can be written, lost if gslb restarts before that; {why}"
        )
    })
}

/// The revision in force, and the table that serves it.
pub(super) fn revision(result: &ChangeResult) -> String {
    let ChangeResult { dry_run, revision, generation, .. } = result;
    if *dry_run {
        return format!("nothing was changed: revision {revision} is in force");
    }
    format!("revision {revision}, served by table {generation}")
}
