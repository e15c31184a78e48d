//! Statuses as a Nagios plugin tells them: one line with performance data, and an exit code, whatever goes wrong.

use crate::printable::printable;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use serde_json::Value;

use super::remote::{text, undotted};

/// The flag that asks for this. Who asks reads standard output and the exit code only, also of what is wrong.
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

/// Tells what `answer` comes to, or why nobody knows.
pub(super) fn told(answer: Result<&Value, String>) -> ExitCode {
    let (state, line) = match answer {
        Ok(answer) => judged(answer),
        Err(why) => (State::Unknown, unknown(&why)),
    };
    let _ = writeln!(io::stdout(), "{}", printable(&line));
    ExitCode::from(state as u8)
}

/// What becomes of a command line that cannot be read, where it asks for this: a check that was never made is not one
/// that found something.
pub fn misused(arguments: impl IntoIterator<Item = OsString>, error: &clap::Error) -> Option<ExitCode> {
    let is_question = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let asks = |argument: &OsString| argument == FLAG || starts(argument, "--nagios=");
    if is_question || !arguments.into_iter().any(|argument| asks(&argument)) {
        return None;
    }
    let message = error.to_string();
    // Behind what is wrong stands how to use the whole command.
    let message = message.split("\n\nUsage:").next().unwrap_or_default();
    let message = message.split("\n\nFor more information").next().unwrap_or_default();
    Some(told(Err(message.strip_prefix("error: ").unwrap_or(message).to_owned())))
}

fn starts(text: &OsStr, begin: &str) -> bool {
    text.as_encoded_bytes().starts_with(begin.as_bytes())
}

/// One line, without the bar behind which performance data would stand.
fn unknown(why: &str) -> String {
    let words: Vec<&str> = why.split([' ', '\n', '\t', '\r', '|']).filter(|word| !word.is_empty()).collect();
    format!("UNKNOWN - {}", words.join(" "))
}

fn judged(answer: &Value) -> (State, String) {
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |of: &str| -> Vec<String> {
        let entries = answer[of].as_object().into_iter().flatten();
        entries.filter(|(_, it)| it["status"] == "down").map(|(name, _)| undotted(name).to_owned()).collect()
    };
    let (pools, services) = (named("pools"), named("services"));
    let which = |is_meant: &dyn Fn(&Value) -> bool| -> Vec<String> {
        let meant = endpoints.iter().filter(|endpoint| is_meant(endpoint));
        meant.map(|endpoint| format!("{}/{}", text(endpoint, "/pool"), text(endpoint, "/endpoint"))).collect()
    };
    let down = which(&|endpoint| endpoint["status"] == "down");
    // Nobody has ever found out what these are, and nobody can.
    let unknown = which(&|endpoint| endpoint["unable"].is_string() && endpoint["source"] == "initial");
    // These keep the status that they had, which nobody can check now.
    let blind = which(&|endpoint| endpoint["unable"].is_string() && endpoint["source"] != "initial");
    let waiting = which(&|endpoint| endpoint["held"]["by"] == "manual");
    let overdue = |of: &str| -> Vec<String> {
        let entries = answer[of].as_object().into_iter().flatten();
        entries.filter(|(_, it)| it["override"]["overdue"] == true).map(|(name, _)| name.clone()).collect()
    };
    let (overdue_centers, overdue_pools) = (overdue("data_centers"), overdue("pools"));
    let warns = [&down, &blind, &waiting, &overdue_centers, &overdue_pools].iter().any(|names| !names.is_empty());
    let held = answer["mass_failure"].is_object();
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
    let drained = which(&|endpoint| endpoint["status"] == "drained").len();
    let up = endpoints.len() - down.len() - drained;
    let mut told = vec![format!("{up} of {} endpoints up", endpoints.len())];
    if drained > 0 {
        told.push(format!("{drained} drained"));
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
    told.extend(
        lists.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| format!("{what}: {}", some(names))),
    );
    if held {
        told.push("a mass failure is held".to_owned());
    }
    let all = endpoints.len();
    let data = format!(
        "endpoints_up={up};;;0;{all} endpoints_down={};;;0;{all} pools_down={};;;0 services_down={};;;0",
        down.len(),
        pools.len(),
        services.len()
    );
    (state, format!("{word} - {} | {data}", told.join("; ")))
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
    use serde_json::json;

    use super::*;

    fn answer(endpoint: &str, pool: &str) -> Value {
        json!({
            "endpoints": [
                {"pool": "fra", "endpoint": "fra-1", "status": endpoint},
                {"pool": "fra", "endpoint": "fra-2", "status": "up"},
            ],
            "pools": {"fra": {"status": pool}}, "services": {}, "mass_failure": null,
        })
    }

    #[test]
    fn the_worst_that_there_is_counts() {
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
        assert_eq!(state, State::Warning, "it was found up, and nobody can check that now");
        assert!(line.contains("; cannot be probed now: fra/fra-1 |"), "{line}");
        let mut waiting = answer("up", "up");
        waiting["endpoints"][0]["held"] = json!({"by": "manual"});
        assert_eq!(judged(&waiting).0, State::Warning);
        let mut drained = answer("up", "up");
        drained["data_centers"] = json!({"fra": {"status": "drained", "override": {"id": "a", "overdue": false}}});
        assert_eq!(judged(&drained).0, State::Ok, "as long as it is meant to be");
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
        service["services"] = json!({"www.example.com.": {"status": "down"}});
        let line = judged(&service).1;
        assert!(line.contains("; services down: www.example.com |"), "{line}");
    }

    #[test]
    fn what_is_wrong_is_one_line_without_performance_data() {
        assert_eq!(unknown("no | token (401)\n    help: give\none"), "UNKNOWN - no token (401) help: give one");
    }
}
