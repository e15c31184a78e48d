//! `gslb drill`: what would happen if a data center died; with `--really`, what happens.

mod watched;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use gslb_api::types::{
    AddressType, AffectedClients, Drill, DrillRequest, Force, Lifetime, LossAnswer, OverrideRequest, Role, Targets,
};
use gslb_core::notation::duration;
use gslb_core::site::pattern::Pattern;
use hyper::Method;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};

use super::digits::{counted, grouped};
use super::exit::Exit;
use super::remote::{Remote, show, undotted};
use super::{Outcome, moves};
use crate::capture::placeholder::DEFAULT;
use crate::client::{Client, Request};
use crate::printable::printable;
use watched::{Since, Watch};

/// Most services named in a list; `-o json` has all.
const NAMES: usize = 10;
/// Most regions named for clients that would lose service; `-o json` has all.
const REGIONS: usize = 4;
/// The longest drill with `--really`.
const LONGEST: Duration = Duration::from_secs(3600);
/// Time for answers to change before the drill fails; more for many queries.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Data center to simulate losing
    #[arg(value_name = "data-center/NAME", value_parser = data_center, required_unless_present = "data_center")]
    target: Option<String>,
    /// Data center to simulate losing, by name only
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    data_center: Option<String>,
    /// Force the data center down for this long, 1s to 1h
    #[arg(long = "for", value_name = "TIME", value_parser = time, requires = "really")]
    lasts: Option<Duration>,
    /// Confirm that real traffic may be redirected
    #[arg(long, requires = "lasts")]
    really: bool,
    /// Override safety rules, for this audited reason (admins)
    #[arg(long, value_name = "REASON", requires = "really")]
    override_rules: Option<String>,
    /// Where to watch answers
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5353")]
    dns: SocketAddr,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let role = match (arguments.really, &arguments.override_rules) {
        (true, Some(_)) => Role::Admin,
        (true, None) => Role::Operator,
        (false, _) => Role::Viewer,
    };
    let client = arguments.remote.client()?.needing(role);
    let body = DrillRequest { data_center: arguments.name().to_owned() };
    let answer = client.ask(Request::new(Method::POST, "/api/v1/drill").json(&body))?;
    let drill: Drill = answer.read()?;
    let Some(lasts) = arguments.lasts.filter(|_| arguments.really) else {
        show(arguments.remote.format(), &answer.json()?, described)?;
        return Ok(judged(&drill).into());
    };
    if judged(&drill) == Exit::Fails && arguments.override_rules.is_none() {
        show(arguments.remote.format(), &answer.json()?, described)?;
        let why =
            "not done: services would fail for the clients above; an admin may do it with --override-rules REASON";
        return Err(why.into());
    }
    let report = really(arguments, &client, &drill, lasts)?;
    show(arguments.remote.format(), &serde_json::to_value(&report)?, measured)?;
    let all_moved = report.not_redirected.is_empty() && report.not_restored.is_empty();
    Ok(if all_moved { Exit::Done } else { Exit::Unmoved }.into())
}

/// The outcome of a drill.
fn judged(drill: &Drill) -> Exit {
    if !drill.failing.is_empty() || !drill.moves.left_without.is_empty() {
        Exit::Fails
    } else if !drill.one_left.is_empty() {
        Exit::OneLeft
    } else {
        Exit::Done
    }
}

fn described(drill: &Drill) -> String {
    let affected = counted(drill.services as u64, "service", "services");
    let mut parts = vec![format!("if {} failed, {affected} would be affected", drill.data_center)];
    parts.push(moves::described(&drill.moves));
    let failing: Vec<String> = drill
        .failing
        .iter()
        .map(|it| format!("{}: {} would get {}", of_types(&it.service, &it.types), whom(&it.clients), gets(it.gets)))
        .collect();
    if !failing.is_empty() {
        parts.push(format!("would fail, without a working endpoint:\n{}", lines(&failing)));
    }
    let one: Vec<String> = drill
        .one_left
        .iter()
        .map(|it| format!("{}: {} would have {} alone", of_types(&it.service, &it.types), whom(&it.clients), it.left))
        .collect();
    if !one.is_empty() {
        parts.push(format!("would have one location left:\n{}", lines(&one)));
    }
    if judged(drill) == Exit::Done {
        parts.push("no service would fail, and none would have only one location left".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// What clients without a working endpoint would get.
fn gets(answer: LossAnswer) -> &'static str {
    match answer {
        LossAnswer::DeadEndpoint => "an endpoint that is down",
        LossAnswer::ServFail => "SERVFAIL",
        LossAnswer::NoData => "no address",
    }
}

/// The affected clients of an entry, and their number.
fn whom(AffectedClients { all, extent, traffic, regions }: &AffectedClients) -> String {
    let traffic =
        traffic.map_or_else(String::new, |traffic| format!(", {} of its sampled queries", moves::share(traffic)));
    if *all {
        return format!("all clients{traffic}");
    }
    let (v4, v6) = (moves::share(extent.v4.share), moves::share(extent.v6.share));
    let names: Vec<&str> = regions.iter().map(|it| it.region.as_deref().unwrap_or(DEFAULT)).collect();
    let more = names.len().saturating_sub(REGIONS);
    let named = names.iter().take(REGIONS).copied().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("clients in {named}{more} ({v4} of IPv4, {v6} of IPv6{traffic})")
}

/// A service and the affected types.
fn of_types(service: &str, types: &[AddressType]) -> String {
    let types: Vec<&str> = types.iter().map(|it| it.name()).collect();
    format!("{} {}", undotted(service), types.join(" "))
}

fn lines(names: &[String]) -> String {
    let mut lines: Vec<String> = names.iter().take(NAMES).map(|name| format!("  {name}")).collect();
    if names.len() > NAMES {
        lines.push(format!("  and {} more", grouped((names.len() - NAMES) as u64)));
    }
    lines.join("\n")
}

/// Forces the data center down for a while, and watches real answers over DNS.
fn really(
    arguments: &Arguments,
    client: &Client,
    drill: &Drill,
    lasts: Duration,
) -> Result<Report, Box<dyn std::error::Error>> {
    let mut watched = Watch::of(&drill.witnesses, arguments.dns)?;
    refuse_empty_observation(arguments, &mut watched, lasts)?;
    say(arguments, &format!("watching {} queries at {}", watched.len(), arguments.dns));
    let begun = Instant::now();
    force_down(arguments, client, lasts)?;
    let detection = begun.elapsed();
    let redirected = watched.redirected(begun, lasts.min(patience(&watched)))?;
    let not_redirected = watched.never(&redirected, |_| true);
    let some_were = redirected.iter().any(Option::is_some);
    if some_were {
        say(arguments, &format!("{} is down; it returns in {}", arguments.name(), duration::show(lasts)));
        std::thread::sleep(lasts.saturating_sub(begun.elapsed()));
    }
    let ended = Instant::now();
    // Queries that were never redirected cannot be restored.
    let patience = if some_were { patience(&watched) } else { Duration::ZERO };
    let restored = watched.restored(&redirected, ended, patience)?;
    let left = |number: usize| redirected.get(number).is_some_and(Option::is_some);
    let not_restored = watched.never(&restored, left);
    let millis = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    let last = |times: &[Since], never: &[String]| times.iter().flatten().max().filter(|_| never.is_empty()).copied();
    Ok(Report {
        data_center: arguments.name().to_owned(),
        queries: watched.len(),
        detection_ms: millis(detection),
        redirect_ms: last(&redirected, &not_redirected).map(millis),
        restore_ms: last(&restored, &not_restored).map(millis),
        not_redirected,
        not_restored,
    })
}

/// The measurements of a real drill; with `-o json`, its output.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    data_center: String,
    queries: usize,
    detection_ms: f64,
    redirect_ms: Option<f64>,
    restore_ms: Option<f64>,
    /// Queries that still named the data center while it was down.
    not_redirected: Vec<String>,
    /// Queries that did not name it again.
    not_restored: Vec<String>,
}

/// How long answers may take to change before the drill fails.
fn patience(watched: &Watch) -> Duration {
    PATIENCE.max(watched.round() * 2)
}

/// Refuses a drill that could not measure anything.
fn refuse_empty_observation(
    arguments: &Arguments,
    watched: &mut Watch,
    lasts: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    if watched.is_empty() {
        let message =
            format!("no query is certain to be answered from {} now: there is nothing to watch", arguments.name());
        return Err(message.into());
    }
    if watched.round() > lasts {
        let least = Duration::from_secs(watched.round().as_secs() + 1);
        let message =
            format!("watching {} queries takes longer: use at least --for {}", watched.len(), duration::show(least));
        return Err(message.into());
    }
    let unnamed = watched.unnamed()?;
    if !unnamed.is_empty() {
        let message = "these answers do not come from that server, or do not name the data center";
        let (dns, unnamed) = (arguments.dns, lines(&unnamed));
        return Err(format!("{dns}: {message}; set --dns to an address where it answers. Queries:\n{unnamed}").into());
    }
    Ok(())
}

/// Prints progress for people. With `-o json` there is only the report at the end.
fn say(arguments: &Arguments, line: &str) {
    if arguments.remote.is_talkative() {
        eprintln!("{}", printable(line));
    }
}

fn force_down(arguments: &Arguments, client: &Client, lasts: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let path = format!("/api/v1/overrides/drill-{}", arguments.name());
    let body = OverrideRequest {
        targets: Targets(vec![Pattern::DataCenter(arguments.name().into())]),
        force: Force::Down,
        reason: "drill".parse()?,
        owner: None,
        expires: None,
        expires_in: Some(Lifetime(lasts)),
    };
    let with_rules = match &arguments.override_rules {
        Some(reason) => format!("{path}?override_rules={}", gslb_api::escape(reason)),
        None => path.clone(),
    };
    let request = Request::new(Method::PUT, with_rules).json(&body);
    let request = match super::resource::current_tag(client, &path)? {
        Some(tag) => request.with(IF_MATCH, tag),
        None => request.with(IF_NONE_MATCH, "*"),
    };
    client.ask(request)?;
    Ok(())
}

fn measured(report: &Report) -> String {
    let Report { data_center: name, queries, detection_ms, redirect_ms, restore_ms, .. } = report;
    let Report { not_redirected, not_restored, .. } = report;
    let time = |time: Option<f64>, from: &str, instead: &str| {
        time.map_or_else(|| instead.to_owned(), |milliseconds| format!("{milliseconds} ms  {from}"))
    };
    let never = "not within the waiting time";
    let not_back = if not_restored.is_empty() { "not measured: nothing was redirected" } else { never };
    let no_longer = format!("until no answer to {queries} queries named {name}");
    let mut parts = vec![format!(
        "detection  {detection_ms} ms  from the request to the response that it is in force\nredirect   {}\nrestore    {}",
        time(*redirect_ms, &no_longer, never),
        time(*restore_ms, "from the end of the override until all redirected queries named it again", not_back),
    )];
    if !not_redirected.is_empty() {
        parts.push(format!(
            "still named {name} while it was down, or nothing; is --dns an address of that server?\n{}",
            lines(not_redirected)
        ));
    }
    if !not_restored.is_empty() {
        parts.push(format!("did not name {name} again:\n{}", lines(not_restored)));
    }
    parts.join("\n\n")
}

fn data_center(text: &str) -> Result<String, &'static str> {
    let name = text.strip_prefix("data-center/").filter(|name| !name.is_empty() && !name.contains('/'));
    name.map(str::to_owned).ok_or("expected data-center/NAME")
}

impl Arguments {
    /// The name of the data center.
    fn name(&self) -> &str {
        self.target.as_deref().or(self.data_center.as_deref()).unwrap_or_default()
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text).filter(|time| (Duration::from_secs(1)..=LONGEST).contains(time));
    time.ok_or_else(|| "not a time from 1s to 1h: write a number and its unit (s, m, h), like 60s".to_owned())
}
