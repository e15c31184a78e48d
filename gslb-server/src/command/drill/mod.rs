//! `gslb drill`: what would happen if a data center died; with `--really`, what does.

mod watched;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use gslb_api::auth::Role;
use gslb_core::site::document::duration;
use hyper::Method;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::digits::{counted, grouped};
use super::exit::Exit;
use super::remote::{Remote, show, text, undotted};
use super::{Outcome, moves};
use crate::capture::placeholder::DEFAULT;
use crate::client::{Client, Request};
use crate::printable::printable;
use watched::{Since, Watched};

/// Services of each list that are named; `-o json` has all.
const NAMES: usize = 10;
/// Regions that are named of the clients who would lose; `-o json` has all.
const REGIONS: usize = 4;
/// The longest real drill.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long answers may take to change before the drill has failed; longer where there is more to ask.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Drill {
    /// Data center to simulate losing
    #[arg(value_name = "data-center/NAME", value_parser = data_center, required_unless_present = "data_center")]
    target: Option<String>,
    /// The same, by name only
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    data_center: Option<String>,
    /// Force it down for this long, 1s to 1h
    #[arg(long = "for", value_name = "TIME", value_parser = time, requires = "really")]
    lasts: Option<Duration>,
    /// Confirm: redirects real traffic
    #[arg(long, requires = "lasts")]
    really: bool,
    /// Break safety rules, for this audited reason (admins)
    #[arg(long, value_name = "REASON", requires = "really")]
    override_rules: Option<String>,
    /// Where to watch answers
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5353")]
    dns: SocketAddr,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Drill) -> Outcome {
    let role = match (arguments.really, &arguments.override_rules) {
        (true, Some(_)) => Role::Admin,
        (true, None) => Role::Operator,
        (false, _) => Role::Viewer,
    };
    let client = arguments.remote.client()?.needing(role);
    let body = json!({ "data_center": arguments.name() });
    let foreseen = client.ask(Request::new(Method::POST, "/api/v1/drill").json(&body))?.json()?;
    let Some(lasts) = arguments.lasts.filter(|_| arguments.really) else {
        show(arguments.remote.format(), &foreseen, told);
        return Ok(judged(&foreseen).into());
    };
    if judged(&foreseen) == Exit::Fails && arguments.override_rules.is_none() {
        show(arguments.remote.format(), &foreseen, told);
        let why =
            "not done: services would fail for the clients above; an admin may do it with --override-rules REASON";
        return Err(why.into());
    }
    let report = really(arguments, &client, &foreseen, lasts)?;
    show(arguments.remote.format(), &report, measured);
    let all_moved = ["not_redirected", "not_restored"].iter().all(|list| strings(&report[*list]).next().is_none());
    Ok(if all_moved { Exit::Done } else { Exit::Unmoved }.into())
}

/// What a drill comes to.
fn judged(foreseen: &Value) -> Exit {
    let has = |name: &str| foreseen[name].as_array().is_some_and(|list| !list.is_empty());
    if has("failing") || has_losers(foreseen) {
        Exit::Fails
    } else if has("one_left") {
        Exit::OneLeft
    } else {
        Exit::Done
    }
}

/// Whether some service has clients who would get nothing that is up.
fn has_losers(foreseen: &Value) -> bool {
    foreseen["moves"]["left_without"].as_array().is_some_and(|list| !list.is_empty())
}

fn told(foreseen: &Value) -> String {
    let name = text(foreseen, "/data_center");
    let mut parts = vec![format!(
        "if {name} failed, {} would be affected",
        counted(foreseen["services"].as_u64().unwrap_or(0), "service", "services")
    )];
    parts.push(moves::told(&foreseen["moves"]));
    let failing: Vec<String> = objects(&foreseen["failing"])
        .map(|it| format!("{}: {} would get {}", of_types(it), whom(it), gets(it)))
        .collect();
    if !failing.is_empty() {
        parts.push(format!("would fail, with nothing left that is up:\n{}", lines(&failing)));
    }
    let one: Vec<String> = objects(&foreseen["one_left"])
        .map(|it| format!("{}: {} would have {} alone", of_types(it), whom(it), text(it, "/left")))
        .collect();
    if !one.is_empty() {
        parts.push(format!("would have one place left:\n{}", lines(&one)));
    }
    if failing.is_empty() && one.is_empty() && !has_losers(foreseen) {
        parts.push("no service would fail, and none would have one place only".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// What clients get who would have nothing that is up.
fn gets(it: &Value) -> &'static str {
    match it["gets"].as_str() {
        Some("dead-endpoint") => "an endpoint that is down",
        Some("serv-fail") => "SERVFAIL",
        _ => "no address",
    }
}

/// Which clients an entry is about, and how many they are.
fn whom(it: &Value) -> String {
    let percent = |pointer: &str| moves::share(it.pointer(pointer).unwrap_or(&Value::Null));
    let (v4, v6) = (percent("/v4/share"), percent("/v6/share"));
    let traffic = match &it["traffic"] {
        Value::Null => String::new(),
        traffic => format!(", {} of its sampled queries", moves::share(traffic)),
    };
    if it["all"] == true {
        return format!("all clients{}", if it["traffic"].is_null() { "" } else { traffic.as_str() });
    }
    let regions: Vec<String> = objects(&it["clients"])
        .map(|clients| Some(text(clients, "/region")).filter(|it| !it.is_empty()).unwrap_or_else(|| DEFAULT.to_owned()))
        .collect();
    let more = regions.len().saturating_sub(REGIONS);
    let named = regions.iter().take(REGIONS).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("clients in {named}{more} ({v4} of IPv4, {v6} of IPv6{traffic})")
}

fn objects(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// A service and the types that it is about.
fn of_types(it: &Value) -> String {
    let types: Vec<String> = strings(&it["types"]).collect();
    format!("{} {}", undotted(&text(it, "/service")), types.join(" "))
}

fn strings(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned))
}

fn lines(names: &[String]) -> String {
    let mut lines: Vec<String> = names.iter().take(NAMES).map(|name| format!("  {name}")).collect();
    if names.len() > NAMES {
        lines.push(format!("  and {} more", grouped((names.len() - NAMES) as u64)));
    }
    lines.join("\n")
}

/// Forces the data center down for a while, and watches real answers all the while.
fn really(
    arguments: &Drill,
    client: &Client,
    foreseen: &Value,
    lasts: Duration,
) -> Result<Value, Box<dyn std::error::Error>> {
    let mut watched = Watched::of(&foreseen["witnesses"], arguments.dns)?;
    refuse_what_tells_nothing(arguments, &mut watched, lasts)?;
    say(arguments, &format!("watching {} queries at {}", watched.len(), arguments.dns));
    let begun = Instant::now();
    force_down(arguments, client, lasts)?;
    let detection = begun.elapsed();
    let redirected = watched.redirected(begun, lasts.min(patience(&watched)))?;
    let not_redirected = watched.never(&redirected, |_| true);
    let some_were = redirected.iter().any(Option::is_some);
    if some_were {
        say(arguments, &format!("{} is down; it comes back in {}", arguments.name(), duration::show(lasts)));
        std::thread::sleep(lasts.saturating_sub(begun.elapsed()));
    }
    let ended = Instant::now();
    // What never left cannot come back.
    let patience = if some_were { patience(&watched) } else { Duration::ZERO };
    let restored = watched.restored(&redirected, ended, patience)?;
    let left = |number: usize| redirected.get(number).is_some_and(Option::is_some);
    let not_restored = watched.never(&restored, left);
    let millis = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    let last = |times: &[Since], never: &[String]| times.iter().flatten().max().filter(|_| never.is_empty()).copied();
    Ok(json!({
        "data_center": arguments.name(),
        "queries": watched.len(),
        "detection_ms": millis(detection),
        "redirect_ms": last(&redirected, &not_redirected).map(millis),
        "restore_ms": last(&restored, &not_restored).map(millis),
        "not_redirected": not_redirected,
        "not_restored": not_restored,
    }))
}

/// How long answers may take to change before the drill has failed.
fn patience(watched: &Watched) -> Duration {
    PATIENCE.max(watched.round() * 2)
}

/// A drill from which nothing can be learned is not done.
fn refuse_what_tells_nothing(
    arguments: &Drill,
    watched: &mut Watched,
    lasts: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    if watched.is_empty() {
        let told = format!("no client is surely answered from {} now: there is nothing to watch", arguments.name());
        return Err(told.into());
    }
    if watched.round() > lasts {
        let least = Duration::from_secs(watched.round().as_secs() + 1);
        let told = format!("to watch {} queries takes longer: --for {} at least", watched.len(), duration::show(least));
        return Err(told.into());
    }
    let unnamed = watched.unnamed()?;
    if !unnamed.is_empty() {
        let told = "what answers there is not the server that was asked, or does not name the data center";
        let (dns, unnamed) = (arguments.dns, lines(&unnamed));
        return Err(format!("{dns}: {told}; say in --dns where it answers. Asked for:\n{unnamed}").into());
    }
    Ok(())
}

/// Tells people how far it is; programs get one answer, at the end.
fn say(arguments: &Drill, line: &str) {
    if arguments.remote.is_talkative() {
        eprintln!("{}", printable(line));
    }
}

fn force_down(arguments: &Drill, client: &Client, lasts: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let path = format!("/api/v1/overrides/drill-{}", arguments.name());
    let body = json!({
        "targets": [format!("data-center/{}", arguments.name())],
        "force": "down",
        "reason": "drill",
        "expires_in": duration::show(lasts),
    });
    let with_rules = match &arguments.override_rules {
        Some(reason) => format!("{path}?override_rules={}", super::resource::escape(reason)),
        None => path.clone(),
    };
    let request = Request::new(Method::PUT, with_rules).json(&body);
    let request = match super::resource::current_tag(client, &path)? {
        Some(tag) => request.with(IF_MATCH, tag),
        None => request.with(IF_NONE_MATCH, "*"),
    };
    client.ask(request)?.json()?;
    Ok(())
}

fn measured(report: &Value) -> String {
    let name = text(report, "/data_center");
    let lists = ["not_redirected", "not_restored"].map(|list| strings(&report[list]).collect::<Vec<String>>());
    let [not_redirected, not_restored] = &lists;
    let time = |time: &str, told: &str, instead: &str| {
        report[time].as_f64().map_or_else(|| instead.to_owned(), |milliseconds| format!("{milliseconds} ms  {told}"))
    };
    let never = "never, as far as was waited";
    let not_back = if not_restored.is_empty() { "not measured: nothing was redirected" } else { never };
    let gone = format!("until none of {} queries named {name} any more", report["queries"]);
    let mut parts = vec![format!(
        "detection  {}\nredirect   {}\nrestore    {}",
        time("detection_ms", "from the order to the answer that it is in force", "unknown"),
        time("redirect_ms", &gone, never),
        time("restore_ms", "from the end of the override until all that had left did again", not_back),
    )];
    if !not_redirected.is_empty() {
        parts.push(format!(
            "still named {name} while it was down, or nothing; is what answers there the server that was asked?\n{}",
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

impl Drill {
    /// The name of the data center.
    fn name(&self) -> &str {
        self.target.as_deref().or(self.data_center.as_deref()).unwrap_or_default()
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text).filter(|time| (Duration::from_secs(1)..=LONGEST).contains(time));
    time.ok_or_else(|| "not a time from 1s to 1h: write a number and its unit (s, m, h), like 60s".to_owned())
}
