//! `gslb events`: changes, as they happen.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, value_parser};
use gslb_api::types::{self, EventStatus, MassFailureRecord, Override, StateChange};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Outcome;
use super::following::{Stream, follow};
use super::overrides::force_text;
use super::remote::{Format, Remote, in_terminal};
use crate::client::events::Event;
use crate::printable::printable;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Start after this event; 0 shows all kept events
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Stop after this many events
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// Follows the events until the limit, or forever.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    let stream = Stream { path: "/api/v1/events", last: arguments.after.clone(), keeps: true };
    // A replayed change has no own time.
    let is_new = arguments.after.is_none();
    follow(&client, stream, arguments.limit, |event| {
        write(arguments.remote.format(), event, is_new.then(Timestamp::now)).map(|()| 1)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints each event as JSON, or each of its changes on a line.
fn write(format: Format, event: &Event, now: Option<Timestamp>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => {
            let data = serde_json::from_str(&event.data).unwrap_or_else(|_| Value::String(event.data.clone()));
            let event = serde_json::json!({ "id": event.id, "event": event.name, "data": data });
            writeln!(out, "{}", in_terminal(&event.to_string()))?;
        }
        Format::Table | Format::Wide | Format::Toml => {
            people(event, now).iter().try_for_each(|line| writeln!(out, "{}", printable(line)))?
        }
    }
    out.flush()
}

/// A change. One of an unknown kind, from a later server, is shown as is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Known(StateChange),
    Unknown(Value),
}

/// The data of an event named `change`, as far as it can be read.
#[derive(Deserialize)]
struct Items {
    time: Option<types::Timestamp>,
    changes: Vec<Item>,
}

/// The lines of an event: its id, and the time and text of each change. A change without a time gets `now`.
fn people(event: &Event, now: Option<Timestamp>) -> Vec<String> {
    let line = |time: Option<Timestamp>, what: &str| {
        let time = time.or(now).map_or_else(|| "-".to_owned(), |time| time.strftime("%F %T").to_string());
        // No line breaks, and no control characters for the terminal.
        let what: String = what.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        format!("{:>6}  {time:<19}  {what}", event.id)
    };
    match serde_json::from_str::<Items>(&event.data) {
        Ok(Items { time: whole, changes }) => {
            // The time of the whole event applies to changes without one.
            let show = |item: &Item| {
                line(time(item).or(whole.map(types::Timestamp::millis)).and_then(moment), &described(item))
            };
            changes.iter().map(show).collect()
        }
        Err(_) if event.name == "reset" => {
            vec![line(None, "earlier events are no longer kept; later ones follow")]
        }
        Err(_) => vec![line(None, &format!("{}: {}", event.name, event.data))],
    }
}

fn moment(millis: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}

/// The time of a change, in milliseconds since 1970-01-01 00:00 UTC. The end of something has none.
fn time(item: &Item) -> Option<u64> {
    let Item::Known(change) = item else { return None };
    match change {
        StateChange::Status { status, .. } => {
            status.as_ref().map(|status| status.recovered.unwrap_or(status.since).millis())
        }
        StateChange::Override { r#override, .. } => r#override.as_ref().map(|entry| entry.created.millis()),
        StateChange::MassFailure { mass_failure } => mass_failure.as_ref().map(|failure| failure.since),
        StateChange::Document { .. } => None,
    }
}

/// A change in words.
fn described(item: &Item) -> String {
    let change = match item {
        Item::Known(change) => change,
        Item::Unknown(change) => return change.to_string(),
    };
    match change {
        StateChange::Document { revision } => {
            format!("document: revision {} is in force", revision.map(|it| it.to_string()).unwrap_or_default())
        }
        StateChange::Status { pool, endpoint, status: Some(EventStatus { status, why, .. }) } => {
            format!("{pool}/{endpoint} is {}: {why}", status.name())
        }
        StateChange::Status { pool, endpoint, status: None } => {
            format!("{pool}/{endpoint}: its status was removed")
        }
        StateChange::MassFailure { mass_failure: Some(MassFailureRecord { failing, hosts, .. }) } => {
            format!("mass failure: {failing} of {hosts} hosts fail at once, so the last statuses hold")
        }
        StateChange::MassFailure { mass_failure: None } => "mass failure: it is over".to_owned(),
        StateChange::Override { id, r#override: Some(entry) } => overridden(id, entry),
        StateChange::Override { id, r#override: None } => format!("override {id} has ended"),
    }
}

/// An override: its state, targets, end, owner and reason.
fn overridden(id: &str, Override { targets, force, reason, owner, expires, .. }: &Override) -> String {
    let until = expires.map(|expires| format!(" until {expires}")).unwrap_or_default();
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    format!("override {id}: {} {}{until}, by {owner}: {reason}", force_text(*force), targets.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(changes: Value, now: Option<Timestamp>) -> Vec<String> {
        let event = Event { id: "7".to_owned(), name: "change".to_owned(), data: String::new() };
        let event = Event { data: json!({ "changes": changes }).to_string(), ..event };
        people(&event, now)
    }

    #[test]
    fn each_kind_of_change_is_a_line_with_its_time() {
        let status = json!({"status": "down", "since": "2026-11-22T20:00:16.972Z", "why": "2 failures\nin a row"});
        let recovered = json!({
            "status": "down", "since": "2026-11-22T20:00:16.972Z", "recovered": "2026-11-22T20:05:00Z",
            "why": "recovered, waiting for `gslb resume fra/fra-1`",
        });
        let entry = json!({
            "targets": ["pool/fra", "pool/iad"], "force": "drain", "reason": "kernel", "owner": "ann",
            "created": "2026-11-22T20:00:17.5Z", "expires": "2026-11-22T22:00:17Z",
        });
        let mut weight = entry.clone();
        weight["force"] = json!({"weight": 0});
        weight.as_object_mut().unwrap().remove("expires");
        let all = json!([
            {"kind": "status", "pool": "fra", "endpoint": "fra-1", "status": status},
            {"kind": "status", "pool": "fra", "endpoint": "fra-1", "status": null},
            {"kind": "status", "pool": "fra", "endpoint": "fra-1", "status": recovered},
            {"kind": "mass-failure", "mass_failure": {"since": 1795377600000u64, "failing": 7, "hosts": 9, "failing_places": 2, "places": 3}},
            {"kind": "mass-failure", "mass_failure": null},
            {"kind": "override", "id": "a", "override": entry},
            {"kind": "override", "id": "a", "override": weight},
            {"kind": "override", "id": "a", "override": null},
            {"kind": "document", "revision": 3},
            {"kind": "news"},
        ]);
        let now = "2026-11-23T01:02:03Z".parse().ok();
        let expected = [
            "     7  2026-11-22 20:00:16  fra/fra-1 is down: 2 failures in a row",
            "     7  2026-11-23 01:02:03  fra/fra-1: its status was removed",
            "     7  2026-11-22 20:05:00  fra/fra-1 is down: recovered, waiting for `gslb resume fra/fra-1`",
            "     7  2026-11-22 20:00:00  mass failure: 7 of 9 hosts fail at once, so the last statuses hold",
            "     7  2026-11-23 01:02:03  mass failure: it is over",
            "     7  2026-11-22 20:00:17  override a: drain pool/fra pool/iad until 2026-11-22T22:00:17.000Z, by ann: kernel",
            "     7  2026-11-22 20:00:17  override a: weight 0 pool/fra pool/iad, by ann: kernel",
            "     7  2026-11-23 01:02:03  override a has ended",
            "     7  2026-11-23 01:02:03  document: revision 3 is in force",
            "     7  2026-11-23 01:02:03  {\"kind\":\"news\"}",
        ];
        assert_eq!(lines(all, now), expected);
        let replayed = lines(json!([{"kind": "document", "revision": 3}]), None);
        assert_eq!(replayed, ["     7  -                    document: revision 3 is in force"]);
    }
}
