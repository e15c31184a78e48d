//! Statuses as a Nagios plugin prints them: one line with performance data, and an exit code, also after any error.

use crate::printable::printable;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use gslb_api::types::{self, EndpointStatus, Evidence, Held, Status, StatusPage, StatusSource, TargetOverride};

use super::remote::undotted;

/// The flag for this output. A monitoring system reads only standard output and the exit code, even after errors.
const FLAG: &str = "--nagios";

/// The states of a Nagios plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// Prints the state in `answer`, or why it is unknown.
pub(super) fn report(answer: Result<&StatusPage, String>) -> ExitCode {
    let (state, line) = match answer {
        Ok(answer) => judged(answer),
        Err(why) => (State::Unknown, unknown(&why)),
    };
    let _ = writeln!(io::stdout(), "{}", printable(&line));
    ExitCode::from(state as u8)
}

/// The result of an invalid command line with the flag: a check that did not run is UNKNOWN, not a
/// finding.
pub fn misused(arguments: impl IntoIterator<Item = OsString>, error: &clap::Error) -> Option<ExitCode> {
    let is_question = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let asks = |argument: &OsString| argument == FLAG || starts(argument, "--nagios=");
    if is_question || !arguments.into_iter().any(|argument| asks(&argument)) {
        return None;
    }
    let message = error.to_string();
    // The error is followed by the usage of the command.
    let message = message.split("\n\nUsage:").next().unwrap_or_default();
    let message = message.split("\n\nFor more information").next().unwrap_or_default();
    Some(report(Err(message.strip_prefix("error: ").unwrap_or(message).to_owned())))
}

fn starts(text: &OsStr, begin: &str) -> bool {
    text.as_encoded_bytes().starts_with(begin.as_bytes())
}

/// One line, without the bar that starts performance data.
fn unknown(why: &str) -> String {
    let words: Vec<&str> = why.split([' ', '\n', '\t', '\r', '|']).filter(|word| !word.is_empty()).collect();
    format!("UNKNOWN - {}", words.join(" "))
}

fn judged(page: &StatusPage) -> (State, String) {
    let pools = names(page.pools.iter().filter(|(_, pool)| pool.status == Status::Down));
    let services = names(page.services.iter().filter(|(_, service)| service.status == types::State::Down));
    let endpoints = &page.endpoints;
    let which = |is_one: &dyn Fn(&EndpointStatus) -> bool| -> Vec<String> {
        endpoints.iter().filter(|it| is_one(it)).map(|it| format!("{}/{}", it.pool, it.endpoint)).collect()
    };
    let evidence = |it: &EndpointStatus, has: fn(&Evidence) -> bool| it.evidence.as_ref().is_some_and(has);
    let is_unable = |it: &EndpointStatus| evidence(it, |evidence| evidence.unable.is_some());
    let down = which(&|it| it.status == Status::Down);
    // Their status was never known, and they cannot be probed.
    let unknown = which(&|it| is_unable(it) && it.source == StatusSource::Initial);
    // These keep their status, which cannot be checked now.
    let blind = which(&|it| is_unable(it) && it.source != StatusSource::Initial);
    let waiting = which(&|it| evidence(it, |evidence| matches!(evidence.held, Some(Held::Manual { .. }))));
    let is_overdue = |held: &Option<TargetOverride>| held.as_ref().is_some_and(|held| held.overdue);
    let overdue_centers = names(page.data_centers.iter().filter(|(_, it)| is_overdue(&it.r#override)));
    let overdue_pools = names(page.pools.iter().filter(|(_, it)| is_overdue(&it.r#override)));
    let warns = [&down, &blind, &waiting, &overdue_centers, &overdue_pools].iter().any(|names| !names.is_empty());
    let held = page.mass_failure.is_some();
    let state = if !pools.is_empty() || !services.is_empty() || held {
        State::Critical
    } else if warns {
        State::Warning
    } else if !unknown.is_empty() {
        State::Unknown
    } else {
        State::Ok
    };
    let word = match state {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    };
    let drained = which(&|it| it.status == Status::Drained).len();
    let up = endpoints.len() - down.len() - drained;
    let mut report = vec![format!("{up} of {} endpoints up", endpoints.len())];
    if drained > 0 {
        report.push(format!("{drained} drained"));
    }
    let lists = [
        ("services down", &services),
        ("pools down", &pools),
        ("endpoints down", &down),
        ("cannot be probed", &unknown),
        ("cannot be probed now", &blind),
        ("recovered, waiting for `gslb resume`", &waiting),
        ("data centers drained for too long", &overdue_centers),
        ("pools drained for too long", &overdue_pools),
    ];
    report.extend(
        lists.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| format!("{what}: {}", some(names))),
    );
    if held {
        report.push("a mass failure is held".to_owned());
    }
    let all = endpoints.len();
    let data = format!(
        "endpoints_up={up};;;0;{all} endpoints_down={};;;0;{all} pools_down={};;;0 services_down={};;;0",
        down.len(),
        pools.len(),
        services.len()
    );
    (state, format!("{word} - {} | {data}", report.join("; ")))
}

/// Names of entries for people.
fn names<'p, T: 'p>(entries: impl Iterator<Item = (&'p str, &'p T)>) -> Vec<String> {
    entries.map(|(name, _)| undotted(name).to_owned()).collect()
}

/// The first few names, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn endpoint(name: &str, status: &str) -> Value {
        json!({
            "pool": "fra", "endpoint": name, "data_center": null, "target": "192.0.2.1", "status": status,
            "source": "verdict", "since": null, "why": "", "weight": 1, "override": null, "weight_override": null,
            "unforced": {"status": "up", "source": "verdict"}, "held": null, "progress": null, "outcomes": [],
            "unable": null, "flaps": 0, "ttl_limit": null,
        })
    }

    fn answer(status: &str, pool: &str) -> Value {
        let count = json!({"all": 0, "up": 0, "drained": 0, "down": 0});
        json!({
            "time": "2026-11-22T10:09:58.123Z", "revision": 1, "generation": 1, "degraded": [], "overrides": 0, "thaw": null,
            "counts": {"endpoints": count, "pools": count, "data_centers": count, "services": 0}, "data_centers": {},
            "endpoints": [endpoint("fra-1", status), endpoint("fra-2", "up")], "services": {}, "mass_failure": null,
            "pools": {"fra": {
                "status": pool, "override": null, "data_center": null, "endpoints": 2, "endpoints_up": 2,
                "endpoints_drained": 0, "min_up": 1,
            }},
            "next": {}, "a member of a later version": 1,
        })
    }

    fn judged(answer: &Value) -> (State, String) {
        super::judged(&serde_json::from_value(answer.clone()).unwrap())
    }

    #[test]
    fn the_worst_state_counts() {
        assert_eq!(judged(&answer("up", "up")).0, State::Ok);
        let (state, line) = judged(&answer("down", "up"));
        assert_eq!(state, State::Warning);
        assert_eq!(
            line,
            "WARNING - 1 of 2 endpoints up; endpoints down: fra/fra-1 | endpoints_up=1;;;0;2 endpoints_down=1;;;0;2 \
             pools_down=0;;;0 services_down=0;;;0"
        );
        assert_eq!(judged(&answer("down", "down")).0, State::Critical);
        let mut blind = answer("up", "up");
        blind["endpoints"][0]["unable"] = json!("no route");
        let (state, line) = judged(&blind);
        assert_eq!(state, State::Warning, "it was up, and that cannot be checked now");
        assert!(line.contains("; cannot be probed now: fra/fra-1 |"), "{line}");
        let mut waiting = answer("up", "up");
        waiting["endpoints"][0]["held"] = json!({"by": "manual"});
        assert_eq!(judged(&waiting).0, State::Warning);
        let mut drained = answer("up", "up");
        drained["data_centers"] = json!({"fra": {
            "status": "drained", "state": "drained", "pools": 1, "pools_up": 1, "endpoints": 2, "endpoints_up": 2,
            "endpoints_drained": 2, "override": {
                "id": "a", "force": "drain", "reason": "r", "created": "2026-11-22T10:09:58.123Z", "expires": null,
                "overdue": false,
            },
        }});
        assert_eq!(judged(&drained).0, State::Ok, "not longer than planned");
        drained["data_centers"]["fra"]["override"]["overdue"] = json!(true);
        let (state, line) = judged(&drained);
        assert_eq!(state, State::Warning);
        assert!(line.contains("; data centers drained for too long: fra |"), "{line}");
        let mut away = answer("drained", "drained");
        let (state, line) = judged(&away);
        assert_eq!(state, State::Ok, "{line}");
        assert!(
            line.starts_with("OK - 1 of 2 endpoints up; 1 drained | endpoints_up=1;;;0;2 endpoints_down=0;"),
            "{line}"
        );
        away["endpoints"][1]["status"] = json!("down");
        assert_eq!(judged(&away).0, State::Warning);
        blind["endpoints"][0]["source"] = json!("initial");
        let (state, line) = judged(&blind);
        assert_eq!(state, State::Unknown);
        assert!(line.starts_with("UNKNOWN - 2 of 2 endpoints up; cannot be probed: fra/fra-1 |"), "{line}");
        let mut service = answer("up", "up");
        service["services"] = json!({"www.example.com.": {
            "status": "down", "pools": 1, "pools_up": 0, "when_all_down": "serve-all",
        }});
        let line = judged(&service).1;
        assert!(line.contains("; services down: www.example.com |"), "{line}");
    }

    #[test]
    fn an_error_is_one_line_without_performance_data() {
        assert_eq!(unknown("no | token (401)\n    help: give\none"), "UNKNOWN - no token (401) help: give one");
    }
}
