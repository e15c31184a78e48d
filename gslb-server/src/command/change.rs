//! How a change is asked for, and what is told of it: what differs, whose traffic moves, which rules it breaks.

use clap::Args;
use gslb_api::auth::Role;
use serde_json::Value;

use super::Outcome;
use super::exit::Exit;
use super::moves;
use super::remote::{Format, Remote, safe, show, text};
use super::resource::shortened;
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
    /// Break safety rules, for this audited reason (admins)
    #[arg(long, value_name = "REASON")]
    override_rules: Option<String>,
}

impl ChangeOptions {
    /// Whether nothing is to be changed.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The same, to be foreseen only.
    pub(super) fn foreseen(&self) -> Self {
        Self { dry_run: true, ..self.clone() }
    }

    /// Whether safety rules are not to hold.
    pub(super) fn overrides_rules(&self) -> bool {
        self.override_rules.is_some()
    }

    /// The role that a change needs.
    pub(super) fn role(&self) -> Role {
        if self.overrides_rules() { Role::Admin } else { Role::Operator }
    }

    /// `path`, with the query that asks for this.
    pub(super) fn path(&self, path: &str) -> String {
        let mut path = path.to_owned();
        let mut add = |key: &str, value: &str| {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&format!("{key}={}", super::resource::escape(value)));
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

/// Tells what came of a change, or would. What a safety rule would refuse is no success.
pub(super) fn tell(remote: &Remote, options: &ChangeOptions, done: &Value) -> Outcome {
    // What was made as it was asked for needs no word.
    if !remote.is_quiet() || options.is_dry_run() || remote.format() != Format::Table {
        show(remote.format(), done, told);
    } else if done["saved"] == false {
        eprintln!("gslb: {}", printable(&not_saved(done)));
    }
    let refused = options.is_dry_run() && !options.overrides_rules();
    Ok(if refused { broken(done) } else { Exit::Done }.into())
}

/// Whether a safety rule would be broken: what cannot be done is no good plan.
pub(super) fn broken(foreseen: &Value) -> Exit {
    match foreseen["breaks"].as_array() {
        Some(rules) if !rules.is_empty() => Exit::Unsafe,
        _ => Exit::Done,
    }
}

/// All that is known of a change, for people.
pub(super) fn told(done: &Value) -> String {
    joined([work(done), revision(done), not_saved(done)])
}

/// The same without the revision: what a change is, before anybody has said whether it is to be done.
pub(super) fn work(done: &Value) -> String {
    let done = &*safe(done);
    let moves = moves::told(done.get("moves").unwrap_or(&Value::Null));
    joined([differences(done, "changes"), moves, rules(done), warnings(done)])
}

fn joined<const PARTS: usize>(parts: [String; PARTS]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// What documents say differently, a line each; `key` is where `done` has it.
pub(super) fn differences(done: &Value, key: &str) -> String {
    let list = done.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let row = |difference: &Value| {
        let (before, after) = (difference.get("before"), difference.get("after"));
        let (sign, colour) = match (before, after) {
            (None, _) => ("+", Color::Green),
            (_, None) => ("-", Color::Red),
            _ => ("~", Color::Yellow),
        };
        let value = |value: Option<&Value>| value.map(|value| shortened(&value.to_string())).unwrap_or_default();
        let change = match (before, after) {
            (Some(_), Some(_)) => format!("{} -> {}", value(before), value(after)),
            _ => value(after.or(before)),
        };
        [Cell::new(sign).fg(colour), Cell::new(text(difference, "/pointer")).fg(colour), Cell::new(change)]
    };
    if list.is_empty() {
        String::new()
    } else {
        table([Column::key(""), Column::key("document"), Column::prose("change", 1)], list.iter().map(row))
    }
}

/// The safety rules that it breaks.
fn rules(done: &Value) -> String {
    let list = done.get("breaks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let row = |rule: &Value| [Cell::new(text(rule, "/rule")).fg(Color::Red), Cell::new(text(rule, "/detail"))];
    if list.is_empty() {
        String::new()
    } else {
        table([Column::key("safety rule"), Column::prose("violation", 1)], list.iter().map(row))
    }
}

fn warnings(done: &Value) -> String {
    let list = done.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |problem: &Value| match text(problem, "/pointer") {
        // It is about all of it, or about no document at all.
        pointer if pointer.is_empty() => format!("warning: {}", text(problem, "/detail")),
        pointer => format!("warning: {pointer}: {}", text(problem, "/detail")),
    };
    list.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is doubtful about a change that was made: rules that it broke, warnings, and whether it is not saved.
pub(super) fn amiss(done: &Value) -> String {
    let done = &*safe(done);
    joined([rules(done), warnings(done), not_saved(done)])
}

/// Says so where a change holds and is not saved.
fn not_saved(done: &Value) -> String {
    if done["saved"] != false {
        return String::new();
    }
    format!(
        "NOT SAVED: in force now, saved once the store can be written, lost if gslb restarts before that; {}",
        text(done, "/not_saved")
    )
}

/// The revision in force, and the table that serves it.
pub(super) fn revision(done: &Value) -> String {
    if done["dry_run"] == true {
        return format!("nothing was changed: revision {} is in force", text(done, "/revision"));
    }
    match (text(done, "/revision"), text(done, "/generation")) {
        (revision, _) if revision.is_empty() => String::new(),
        (revision, generation) if generation.is_empty() => format!("revision {revision}"),
        (revision, generation) => format!("revision {revision}, served by table {generation}"),
    }
}
