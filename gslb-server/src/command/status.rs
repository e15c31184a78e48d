//! `gslb status` and `gslb resume`: what is up, since when and why; for people and for programs.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use gslb_api::ACCEPT_MASS_FAILURE;
use hyper::Method;
use serde_json::{Value, json};

use super::age::relative;
use super::digits::{grouped, of_json};
use super::remote::{Remote, show, text, undotted};
use super::resource::escape;
use super::table::{Cell, Color, Column, table};
use super::target::Target;
use super::{Outcome, nagios};
use crate::client::{Client, Request};

/// How often a watch looks again.
const AGAIN: Duration = Duration::from_secs(1);
/// Entries of one answer.
const PAGE: usize = 1000;

/// Whose status.
#[derive(Debug, Clone, Default, Args)]
struct Chosen {
    /// data-center/NAME, pool/NAME, endpoint/POOL/NAME or service/NAME
    #[arg(value_name = "TARGET", conflicts_with_all = ["pool", "data_center", "service"])]
    target: Option<Target>,
    /// Only this pool, and services that have no other
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Only this data center, and services that have no other
    #[arg(long, value_name = "NAME")]
    data_center: Option<String>,
    /// Only this service, and the endpoints it may use
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only endpoints that are down
    #[arg(long)]
    down: bool,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    chosen: Chosen,
    /// Refresh every second until interrupted
    #[arg(short, long)]
    watch: bool,
    /// Act as a Nagios plugin: one line with performance data
    #[arg(long, conflicts_with_all = ["watch", "output"])]
    nagios: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// Endpoint to return to service
    #[arg(value_name = "endpoint/POOL/NAME", value_parser = pair, required_unless_present = "mass_failure")]
    endpoint: Option<(String, String)>,
    /// Accept the failures of a mass failure instead
    #[arg(long, conflicts_with = "endpoint")]
    mass_failure: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn status(arguments: &Status) -> Outcome {
    if arguments.nagios {
        let chosen = arguments.chosen.settled();
        let answer = arguments.remote.client().and_then(|client| read(&client, &chosen));
        let checked = answer.map_err(|error| error.to_string()).and_then(|answer| match chosen.missed(&answer) {
            Some(told) => Err(told),
            None => Ok(answer),
        });
        return Ok(nagios::told(checked.as_ref().map_err(Clone::clone)));
    }
    let (client, chosen) = (arguments.remote.client()?, arguments.chosen.settled());
    if arguments.watch {
        super::unread::ends();
    }
    loop {
        let answer = read(&client, &chosen)?;
        if arguments.watch && io::stdout().is_terminal() {
            // Home, and away with what was there.
            let _ = write!(io::stdout(), "\x1b[H\x1b[2J");
        }
        show(arguments.remote.format(), &answer, |answer| told(&chosen, answer));
        if !arguments.watch {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(AGAIN);
    }
}

pub(super) fn resume(arguments: &Resume) -> Outcome {
    let client = arguments.remote.client()?;
    let Some((pool, endpoint)) = &arguments.endpoint else {
        let answer = client.ask(Request::new(Method::POST, ACCEPT_MASS_FAILURE.to_owned()))?.json()?;
        show(arguments.remote.format(), &answer, |_| "the failures are accepted: what fails is down now".to_owned());
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
    if chosen.down && chosen.endpoint().is_none() {
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
    if let Some((pool, name)) = chosen.endpoint() {
        keep_endpoint(&mut answer, pool, name, chosen.down)?;
    }
    Ok(answer)
}

/// Leaves one endpoint in the status of its pool, and nothing that is about others too.
fn keep_endpoint(
    answer: &mut Value,
    pool: &str,
    name: &str,
    only_down: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let endpoints = answer["endpoints"].as_array_mut().ok_or("the server has no list of endpoints")?;
    endpoints.retain(|endpoint| endpoint["endpoint"] == name);
    if endpoints.is_empty() {
        return Err(format!("there is no endpoint {pool}/{name}").into());
    }
    endpoints.retain(|endpoint| !only_down || endpoint["status"] == "down");
    for of in ["data_centers", "pools", "services"] {
        answer[of] = json!({});
    }
    Ok(())
}

impl Chosen {
    /// The same with the target as its options.
    fn settled(&self) -> Self {
        let mut chosen = self.clone();
        match self.target.clone() {
            None => {}
            Some(Target::DataCenter(name)) => chosen.data_center = Some(name),
            Some(Target::Pool(name) | Target::Endpoint { pool: name, .. }) => chosen.pool = Some(name),
            Some(Target::Service(name)) => chosen.service = Some(name),
        }
        chosen
    }

    /// Pool and name of the endpoint, where one is chosen.
    fn endpoint(&self) -> Option<(&str, &str)> {
        match &self.target {
            Some(Target::Endpoint { pool, name }) => Some((pool, name)),
            _ => None,
        }
    }

    /// What is chosen, in words; nothing where that is all.
    fn words(&self) -> String {
        let said = [("pool", &self.pool), ("data center", &self.data_center), ("service", &self.service)];
        let said = said.into_iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
        said.collect::<Vec<_>>().join(" and ")
    }

    /// What to say where each of the names is known, and nothing is of all of them.
    fn missed(&self, answer: &Value) -> Option<String> {
        let none = self.endpoint().is_none() && answer["pools"].as_object().is_none_or(serde_json::Map::is_empty);
        let words = self.words();
        (none && !words.is_empty()).then(|| format!("nothing matches: no pool is of {words}"))
    }
}

/// How much of what is shown is up: data centers, pools and endpoints. Of endpoints that are down only, how many there are.
fn counts(chosen: &Chosen, answer: &Value) -> String {
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some((pool, name)) = chosen.endpoint() {
        let status = endpoints.first().map_or_else(|| "not down".to_owned(), |it| text(it, "/status"));
        return format!("endpoint {pool}/{name} is {status}");
    }
    if chosen.words().is_empty() {
        let counts = &answer["counts"];
        let count = |of: &str| {
            let drained = counts[of]["drained"].as_u64().filter(|drained| *drained > 0);
            let drained = drained.map_or_else(String::new, |drained| format!(" ({} drained)", grouped(drained)));
            let (up, all) = (of_json(&counts[of]["up"]), of_json(&counts[of]["all"]));
            format!("{up} of {all} {of} up{drained}").replace('_', " ")
        };
        return format!("{}, {}, {}", count("data_centers"), count("pools"), count("endpoints"));
    }
    let pools: Vec<&Value> = answer["pools"].as_object().into_iter().flatten().map(|(_, pool)| pool).collect();
    let names: BTreeSet<&str> = pools.iter().filter_map(|pool| pool["data_center"].as_str()).collect();
    let up = |what: &str, all: &[&Value]| {
        let up = all.iter().filter(|it| it["status"] == "up").count();
        format!("{} of {} {what} up", grouped(up as u64), grouped(all.len() as u64))
    };
    let data_centers: Vec<&Value> = names.iter().map(|name| &answer["data_centers"][name]).collect();
    let sum = |of: &str| pools.iter().filter_map(|pool| pool[of].as_u64()).sum::<u64>();
    let endpoints = if chosen.down {
        format!("{} endpoints down", grouped(endpoints.len() as u64))
    } else {
        let drained = sum("endpoints_drained");
        let told = if drained > 0 { format!(" ({} drained)", grouped(drained)) } else { String::new() };
        let up = grouped(sum("endpoints_up").saturating_sub(drained));
        format!("{up} of {} endpoints up{told}", grouped(sum("endpoints")))
    };
    let all = [up("data centers", &data_centers), up("pools", &pools), endpoints];
    format!("{}: {}", chosen.words(), all.join(", "))
}

/// For people: data centers, services that are not all up, and the endpoints.
fn told(chosen: &Chosen, answer: &Value) -> String {
    let mut parts = vec![chosen.missed(answer).unwrap_or_else(|| counts(chosen, answer))];
    if let Some(seconds) = answer["mass_failure"]["seconds"].as_u64() {
        parts.push(format!(
            "MASS FAILURE for {seconds} s: too many hosts fail at once, so statuses stay as they were; to accept the \
             failures: gslb resume --mass-failure"
        ));
    }
    for degraded in answer["degraded"].as_array().into_iter().flatten() {
        parts.push(format!("DEGRADED, {}: {}", text(degraded, "/what"), text(degraded, "/why")));
    }
    parts.extend(super::thaw::told(&answer["thaw"]));
    if let Some(overrides) = answer["overrides"].as_u64().filter(|overrides| *overrides > 0) {
        let are = if overrides == 1 { "override is" } else { "overrides are" };
        parts.push(format!("{overrides} {are} in force; `gslb overrides` lists them"));
    }
    parts.extend(data_centers(answer));
    parts.extend(services(answer));
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = [
        Column::key("endpoint"),
        Column::ranked("data center", 2),
        Column::key("status"),
        Column::ranked("source", 3),
        Column::key("since"),
        Column::ranked("ms", 4),
        Column::ranked("connect ms", 5),
        Column::prose("why", 1),
    ];
    if !endpoints.is_empty() {
        parts.push(table(columns, endpoints.iter().map(row)));
    }
    parts.join("\n\n")
}

/// Every data center, with what is drained there.
fn data_centers(answer: &Value) -> Option<String> {
    let all = answer["data_centers"].as_object().filter(|all| !all.is_empty())?;
    let row = |(name, it): (&String, &Value)| {
        let count = |of: &str| format!("{} of {}", of_json(&it[format!("{of}_up")]), of_json(&it[of]));
        [
            Cell::new(name),
            status_cell(&it["state"]),
            Cell::new(count("pools")),
            Cell::new(count("endpoints")),
            Cell::new(forced(&it["override"])),
        ]
    };
    let columns = [
        Column::key("data center"),
        Column::key("state"),
        Column::key("pools up"),
        Column::key("endpoints up"),
        Column::prose("override", 1),
    ];
    Some(table(columns, all.iter().map(row)))
}

/// An override of a whole data center, and when it ends.
fn forced(told: &Value) -> String {
    if told.is_null() {
        return String::new();
    }
    let end = match told["expires"].as_str() {
        Some(expires) => format!("ends {}", relative(expires)),
        None => "without an end".to_owned(),
    };
    format!("{} by {}, {end}: {}", text(told, "/force"), text(told, "/id"), text(told, "/reason"))
}

/// Services that are not all up.
fn services(answer: &Value) -> Option<String> {
    let all = answer["services"].as_object()?;
    let hurt: Vec<_> = all.iter().filter(|(_, service)| service["status"] != "up").collect();
    let row = |(name, service): &(&String, &Value)| {
        let pools = format!("{} of {}", of_json(&service["pools_up"]), of_json(&service["pools"]));
        let further: Vec<&str> =
            service["names"].as_array().into_iter().flatten().filter_map(Value::as_str).map(undotted).collect();
        let also = if further.is_empty() { String::new() } else { format!(" (also {})", further.join(", ")) };
        [
            Cell::new(format!("{}{also}", undotted(name))),
            status_cell(&service["status"]),
            Cell::new(pools),
            Cell::new(text(service, "/when_all_down")),
        ]
    };
    let columns = [
        Column::list("service", 0),
        Column::key("status"),
        Column::key("pools up"),
        Column::ranked("when all are down", 1),
    ];
    (!hurt.is_empty()).then(|| table(columns, hurt.iter().map(row)))
}

fn row(endpoint: &Value) -> [Cell; 8] {
    let held = text(endpoint, "/held/by");
    let why = match (text(endpoint, "/weight_override"), text(endpoint, "/weight")) {
        (id, weight) if !id.is_empty() => format!("{} (weight {weight} by override {id})", text(endpoint, "/why")),
        _ => text(endpoint, "/why"),
    };
    let why = if held.is_empty() || held == "manual" { why } else { format!("held by {held}; {why}") };
    let time = |of: &str| endpoint[of].as_f64().map(|ms| format!("{ms:.1}")).unwrap_or_default();
    [
        Cell::new(format!("{}/{}", text(endpoint, "/pool"), text(endpoint, "/endpoint"))),
        Cell::new(text(endpoint, "/data_center")),
        status_cell(&endpoint["status"]),
        Cell::new(text(endpoint, "/source")),
        Cell::new(relative(&text(endpoint, "/since"))),
        Cell::new(time("ms")).right(),
        Cell::new(time("connect_ms")).right(),
        Cell::new(why),
    ]
}

fn status_cell(status: &Value) -> Cell {
    let word = status.as_str().unwrap_or_default();
    let colour = match word {
        "up" => Color::Green,
        "degraded" | "drained" => Color::Yellow,
        _ => Color::Red,
    };
    Cell::new(word).fg(colour)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let is_pair =
        |(pool, endpoint): &(&str, &str)| ![pool, endpoint].iter().any(|it| it.is_empty() || it.contains('/'));
    // As a target everywhere, and as endpoints are shown in status.
    let target = text.strip_prefix("endpoint/").and_then(|text| text.split_once('/')).filter(is_pair);
    let parts = target.or_else(|| text.split_once('/').filter(is_pair));
    let (pool, endpoint) = parts.ok_or("not an endpoint: write endpoint/POOL/NAME, such as endpoint/fra/fra-1")?;
    Ok((pool.to_owned(), endpoint.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_with_its_pool() {
        let named = |pool: &str, endpoint: &str| Ok((pool.to_owned(), endpoint.to_owned()));
        assert_eq!(pair("endpoint/fra/fra-1"), named("fra", "fra-1"));
        assert_eq!(pair("fra/fra-1"), named("fra", "fra-1"));
        assert_eq!(pair("endpoint/fra-1"), named("endpoint", "fra-1"), "a pool may be called so");
        assert!(["", "fra", "/x", "x/", "a/b/c", "endpoint/a/", "pool/a/b"].iter().all(|wrong| pair(wrong).is_err()));
    }
}
