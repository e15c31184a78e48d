//! `gslb status` and `gslb resume`: what is up, since when and why; for people, for programs, and for Nagios.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use comfy_table::{Cell, Color};
use gslb_api::LIFT_MASS_FAILURE;
use hyper::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::remote::{Remote, show, table, text};
use super::resource::escape;
use crate::client::{Client, Request};

/// How often a watch looks again.
const AGAIN: Duration = Duration::from_secs(1);
/// Entries of one answer.
const PAGE: usize = 1000;

/// Whose status.
#[derive(Debug, Clone, Default, Args)]
struct Chosen {
    /// Endpoints of this pool only
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Endpoints of this data center only
    #[arg(long, value_name = "NAME")]
    data_center: Option<String>,
    /// Endpoints that this service may answer with only
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Endpoints that are down only
    #[arg(long)]
    down: bool,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    chosen: Chosen,
    /// Look again each second, until it is interrupted
    #[arg(short, long)]
    watch: bool,
    /// One line with performance data and the exit codes of a Nagios plugin: 0 all up, 1 some down, 2 a pool or a service
    /// down, 3 unknown
    #[arg(long, conflicts_with = "watch")]
    nagios: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// The endpoint, as POOL/ENDPOINT
    #[arg(value_name = "POOL/ENDPOINT", value_parser = pair, required_unless_present = "mass_failure")]
    endpoint: Option<(String, String)>,
    /// Believe the failures of a mass failure instead: what fails goes down
    #[arg(long, conflicts_with = "endpoint")]
    mass_failure: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn status(arguments: &Status) -> Outcome {
    if arguments.nagios {
        return Ok(nagios(arguments));
    }
    let client = arguments.remote.client()?;
    if arguments.watch {
        super::unread::ends();
    }
    loop {
        let answer = read(&client, &arguments.chosen)?;
        if arguments.watch && io::stdout().is_terminal() {
            // Home, and away with what was there.
            let _ = write!(io::stdout(), "\x1b[H\x1b[2J");
        }
        show(arguments.remote.format(), &answer, told);
        if !arguments.watch {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(AGAIN);
    }
}

pub(super) fn resume(arguments: &Resume) -> Outcome {
    let client = arguments.remote.client()?;
    let Some((pool, endpoint)) = &arguments.endpoint else {
        let answer = client.ask(Request::new(Method::POST, LIFT_MASS_FAILURE.to_owned()))?.json()?;
        show(arguments.remote.format(), &answer, |_| "the failures are believed: what fails is down now".to_owned());
        return Ok(ExitCode::SUCCESS);
    };
    let path = format!("/api/v1/status/{}/{}/resume", escape(pool), escape(endpoint));
    let answer = client.ask(Request::new(Method::POST, path))?.json()?;
    show(arguments.remote.format(), &answer, |_| format!("{pool}/{endpoint} is back"));
    Ok(ExitCode::SUCCESS)
}

/// All of it, page by page.
fn read(client: &Client, chosen: &Chosen) -> Result<Value, Box<dyn std::error::Error>> {
    let mut path = format!("/api/v1/status?limit={PAGE}");
    let said = [("pool", &chosen.pool), ("data_center", &chosen.data_center), ("service", &chosen.service)];
    for (name, value) in said {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    if chosen.down {
        path.push_str("&status=down");
    }
    let mut answer = client.ask(Request::get(path))?.json()?;
    for of in ["endpoints", "pools", "services"] {
        let mut next = answer["next"][of].as_str().map(str::to_owned);
        while let Some(path) = next {
            let mut page = client.ask(Request::get(path))?.json()?;
            next = page["next"][of].as_str().map(str::to_owned);
            match (&mut answer[of], page[of].take()) {
                (Value::Array(all), Value::Array(more)) => all.extend(more),
                (Value::Object(all), Value::Object(more)) => all.extend(more),
                _ => {}
            }
        }
    }
    answer["next"] = json!({});
    Ok(answer)
}

/// For people: data centers, services that are not all up, and the endpoints.
fn told(answer: &Value) -> String {
    let counts = &answer["counts"];
    let count = |of: &str| format!("{} of {} {of} up", counts[of]["up"], counts[of]["all"]).replace('_', " ");
    let mut parts = vec![format!("{}, {}, {}", count("data_centers"), count("pools"), count("endpoints"))];
    if let Some(seconds) = answer["mass_failure"]["seconds"].as_u64() {
        parts.push(format!(
            "MASS FAILURE, held for {seconds} s: too many hosts fail at once, so the last statuses hold; \
             gslb resume --mass-failure believes the failures"
        ));
    }
    if let Some(overrides) = answer["overrides"].as_u64().filter(|overrides| *overrides > 0) {
        parts.push(format!("{overrides} in force of what operators override: gslb overrides"));
    }
    parts.extend(services(answer));
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let headings = ["endpoint", "data center", "status", "source", "since", "ms", "why"];
    if !endpoints.is_empty() {
        parts.push(table(headings, endpoints.iter().map(row)));
    }
    parts.join("\n\n")
}

/// Services that are not all up.
fn services(answer: &Value) -> Option<String> {
    let all = answer["services"].as_object()?;
    let hurt: Vec<_> = all.iter().filter(|(_, service)| service["status"] != "up").collect();
    let row = |(name, service): &(&String, &Value)| {
        let pools = format!("{} of {}", service["pools_up"], service["pools"]);
        [Cell::new(name), status_cell(&service["status"]), Cell::new(pools), Cell::new(text(service, "/when_all_down"))]
    };
    (!hurt.is_empty()).then(|| table(["service", "status", "pools up", "when all are down"], hurt.iter().map(row)))
}

fn row(endpoint: &Value) -> [Cell; 7] {
    let held = text(endpoint, "/held/by");
    let why = match (text(endpoint, "/weight_override"), text(endpoint, "/weight")) {
        (id, weight) if !id.is_empty() => format!("{} (weight {weight} by override {id})", text(endpoint, "/why")),
        _ => text(endpoint, "/why"),
    };
    let why = if held.is_empty() { why } else { format!("held by {held}; {why}") };
    let latency = endpoint["latency_ms"].as_f64().map(|ms| format!("{ms:.1}")).unwrap_or_default();
    [
        Cell::new(format!("{}/{}", text(endpoint, "/pool"), text(endpoint, "/endpoint"))),
        Cell::new(text(endpoint, "/data_center")),
        status_cell(&endpoint["status"]),
        Cell::new(text(endpoint, "/source")),
        Cell::new(text(endpoint, "/since")),
        Cell::new(latency),
        Cell::new(why),
    ]
}

fn status_cell(status: &Value) -> Cell {
    let word = status.as_str().unwrap_or_default();
    let colour = match word {
        "up" => Color::Green,
        "degraded" => Color::Yellow,
        _ => Color::Red,
    };
    Cell::new(word).fg(colour)
}

/// The states of a Nagios plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Nagios {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// One line, whatever happens: who reads it knows no other form.
fn nagios(arguments: &Status) -> ExitCode {
    let answer = arguments.remote.client().and_then(|client| read(&client, &arguments.chosen));
    let (state, line) = match answer {
        Ok(answer) => judged(&answer),
        Err(error) => (Nagios::Unknown, format!("UNKNOWN - {}", error.to_string().replace(['\n', '|'], " "))),
    };
    let _ = writeln!(io::stdout(), "{line}");
    ExitCode::from(state as u8)
}

fn judged(answer: &Value) -> (Nagios, String) {
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |of: &str| -> Vec<String> {
        let entries = answer[of].as_object().into_iter().flatten();
        entries.filter(|(_, it)| it["status"] == "down").map(|(name, _)| name.clone()).collect()
    };
    let (pools, services) = (named("pools"), named("services"));
    let down: Vec<String> = endpoints
        .iter()
        .filter(|endpoint| endpoint["status"] == "down")
        .map(|endpoint| format!("{}/{}", text(endpoint, "/pool"), text(endpoint, "/endpoint")))
        .collect();
    let held = answer["mass_failure"].is_object();
    // Nobody has ever found out what these are, and nobody can.
    let unknown: Vec<String> = endpoints
        .iter()
        .filter(|endpoint| endpoint["unable"].is_string() && endpoint["source"] == "initial")
        .map(|endpoint| format!("{}/{}", text(endpoint, "/pool"), text(endpoint, "/endpoint")))
        .collect();
    let state = if !pools.is_empty() || !services.is_empty() || held {
        Nagios::Critical
    } else if !down.is_empty() {
        Nagios::Warning
    } else if !unknown.is_empty() {
        Nagios::Unknown
    } else {
        Nagios::Ok
    };
    let word = match state {
        Nagios::Ok => "OK",
        Nagios::Warning => "WARNING",
        Nagios::Critical => "CRITICAL",
        Nagios::Unknown => "UNKNOWN",
    };
    let up = endpoints.len() - down.len();
    let mut told = vec![format!("{up} of {} endpoints up", endpoints.len())];
    let lists = [
        ("services down", &services),
        ("pools down", &pools),
        ("endpoints down", &down),
        ("cannot be probed", &unknown),
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

fn pair(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('/').filter(|(pool, endpoint)| !pool.is_empty() && !endpoint.is_empty());
    let (pool, endpoint) = parts.ok_or("not an endpoint: write POOL/ENDPOINT, such as fra/fra-1")?;
    Ok((pool.to_owned(), endpoint.to_owned()))
}

#[cfg(test)]
mod tests {
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
    fn nagios_tells_by_the_worst_that_there_is() {
        assert_eq!(judged(&answer("up", "up")).0, Nagios::Ok);
        let (state, line) = judged(&answer("down", "up"));
        assert_eq!(state, Nagios::Warning);
        assert_eq!(
            line,
            "WARNING - 1 of 2 endpoints up; endpoints down: fra/fra-1 | endpoints_up=1;;;0;2 endpoints_down=1;;;0;2 \
             pools_down=0;;;0 services_down=0;;;0"
        );
        assert_eq!(judged(&answer("down", "down")).0, Nagios::Critical);
        let mut blind = answer("up", "up");
        blind["endpoints"][0]["unable"] = json!("no route");
        assert_eq!(judged(&blind).0, Nagios::Ok, "it was found up");
        blind["endpoints"][0]["source"] = json!("initial");
        let (state, line) = judged(&blind);
        assert_eq!(state, Nagios::Unknown);
        assert!(line.starts_with("UNKNOWN - 2 of 2 endpoints up; cannot be probed: fra/fra-1 |"), "{line}");
    }

    #[test]
    fn an_endpoint_is_named_with_its_pool() {
        assert_eq!(pair("fra/fra-1"), Ok(("fra".to_owned(), "fra-1".to_owned())));
        assert!(["", "fra", "/x", "x/"].iter().all(|wrong| pair(wrong).is_err()));
    }
}
