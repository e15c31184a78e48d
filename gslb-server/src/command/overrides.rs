//! `gslb drain`, `force` and `overrides`: states that an operator forces, regardless of document and probes.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use gslb_api::degraded::Concern;
use gslb_api::document::Etag;
use gslb_api::types::{self, ByName, Caller, ChangeResult, Lifetime, Override, OverrideRequest, StatusPage, Targets};
use gslb_core::notation::duration;
use gslb_core::site::pattern::Pattern;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::Outcome;
use super::age::relative;
use super::change::{ChangeOptions, report, revision, suspicions};
use super::moves;
use super::remote::{Format, Remote, read, show};
use super::resource::current_tag;
use super::table::{Cell, Color, Column, table};
use super::token::now;
use crate::client::{self, Client, Request};
use crate::printable::printable;
use gslb_api::escape;

/// The path of overrides.
pub(super) const PATH: &str = "/api/v1/overrides";

/// Targets and reason of an override.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    /// data-center/NAME, pool/NAME or endpoint/POOL/NAME; * and ? are wildcards
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Reason, kept in the audit log
    #[arg(short, long, value_name = "TEXT")]
    reason: String,
    /// Who is responsible [default: the token's name]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Time until it ends, like 30m or 2h [default: none]
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    lasts: Option<Duration>,
    /// Name of the override [default: made from the other options]
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Show every answer that moves
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

/// What to force.
#[derive(Debug, Subcommand)]
pub enum Force {
    /// Treat endpoints as up
    #[command(after_help = "Example:\n  gslb force up pool/fra --for 1h --reason 'probe is wrong'")]
    Up(OverrideArgs),
    /// Treat endpoints as down
    #[command(after_help = "Example:\n  gslb force down endpoint/fra/fra-1 --for 1h --reason 'bad disk'")]
    Down(OverrideArgs),
    /// Give endpoints another weight
    #[command(after_help = "Example:\n  gslb force weight 5 endpoint/fra/fra-2 --for 1d --reason canary")]
    Weight {
        /// Weight from 0 to 1000000
        weight: u32,
        #[command(flatten)]
        arguments: OverrideArgs,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Overrides {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Delete an override
    #[command(after_help = "Example:\n  gslb overrides delete drain-pool-fra-ann-0123456789ab")]
    Delete {
        /// Name of the override, as `gslb overrides` lists it
        id: String,
        /// Show every answer that moves
        #[arg(short, long)]
        verbose: bool,
        #[command(flatten)]
        options: ChangeOptions,
        #[command(flatten)]
        remote: Remote,
    },
}

pub(super) fn drain(arguments: &OverrideArgs) -> Outcome {
    put(arguments, "drain", types::Force::Drain)
}

pub(super) fn force(force: &Force) -> Outcome {
    match force {
        Force::Up(arguments) => put(arguments, "up", types::Force::Up),
        Force::Down(arguments) => put(arguments, "down", types::Force::Down),
        Force::Weight { weight, arguments } => put(arguments, "weight", types::Force::Weight(*weight)),
    }
}

fn put(arguments: &OverrideArgs, kind: &str, force: types::Force) -> Outcome {
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let owner = arguments.owner.clone().map_or_else(|| own_name(&client), Ok)?;
    let id = arguments.id.clone().unwrap_or_else(|| name(kind, &arguments.targets, &owner, &arguments.reason, force));
    let targets: Result<Vec<Pattern>, _> = arguments.targets.iter().map(|target| target.parse()).collect();
    let request = OverrideRequest {
        targets: Targets(targets?),
        force,
        reason: arguments.reason.parse()?,
        owner: Some(owner.parse()?),
        expires: None,
        expires_in: None,
    };
    let path = format!("{PATH}/{}", escape(&id));
    // The same override by the same owner for the same reason extends the existing one.
    let (ends, condition) = match renewed(&client, &path, &id, &request)? {
        Some((tag, entry)) => (later(arguments.lasts, entry.expires), (IF_MATCH, tag)),
        None => (arguments.lasts.map_or(Ends::Removed, Ends::After), (IF_NONE_MATCH, "*".to_owned())),
    };
    let put = Request::new(Method::PUT, arguments.options.path(&path)).json(&ends.of(request));
    let done = client.ask(put.with(condition.0, condition.1))?.json()?;
    let targets = arguments.targets.join(" ");
    let undo = if kind == "drain" { format!("gslb undrain {targets}") } else { format!("gslb overrides delete {id}") };
    let what = format!("{kind} {targets}, {ends} (override {id})");
    let next = |_: &ChangeResult| format!("to end it: {undo}");
    report_override(&arguments.remote, &arguments.options, arguments.verbose, &done, &what, next)
}

/// Prints the result of an override on two lines: what is forced or no longer forced; and whose answers move, with the
/// next step. `-o json`, `--dry-run` and `--verbose` print the whole response.
fn report_override(
    remote: &Remote,
    options: &ChangeOptions,
    is_verbose: bool,
    answer: &Value,
    what: &str,
    next: impl FnOnce(&ChangeResult) -> String,
) -> Outcome {
    let is_done = !options.is_dry_run() && remote.is_talkative();
    if is_done {
        say(what);
    }
    if !is_done || is_verbose {
        return report(remote, options, answer);
    }
    let result: ChangeResult = read(answer)?;
    let moved = result.moves.as_ref().map(moves::in_short).unwrap_or_default();
    say(&[moved, next(&result)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "));
    let suspicions = suspicions(&result);
    if !suspicions.is_empty() {
        eprintln!("{}", printable(&suspicions));
    }
    Ok(ExitCode::SUCCESS)
}

/// When an override ends.
enum Ends {
    /// When it is removed.
    Removed,
    /// After this time.
    After(Duration),
    /// At this moment, from an earlier request and later than the requested end.
    At(types::Timestamp),
}

impl Ends {
    /// `request` with this end.
    fn of(&self, request: OverrideRequest) -> OverrideRequest {
        match self {
            Self::Removed => request,
            Self::After(time) => OverrideRequest { expires_in: Some(Lifetime(*time)), ..request },
            Self::At(moment) => OverrideRequest { expires: Some(*moment), ..request },
        }
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => out.write_str("until it is removed"),
            Self::After(time) => write!(out, "for {}", duration::show(*time)),
            Self::At(moment) => write!(out, "until {moment} as before: repeating it does not shorten it"),
        }
    }
}

/// The later of the requested end and the existing one.
fn later(requested: Option<Duration>, entry: Option<types::Timestamp>) -> Ends {
    let (Some(requested), Some(entry)) = (requested, entry) else { return Ends::Removed };
    let left = Duration::from_millis(entry.millis().saturating_sub(now().millis()));
    if left > requested { Ends::At(entry) } else { Ends::After(requested) }
}

/// The name of this client's token.
pub(super) fn own_name(client: &Client) -> Result<String, Box<dyn Error>> {
    let own: Caller = client.ask(Request::get("/api/v1/token"))?.read()?;
    Ok(own.name)
}

/// Prints a line for people. A closed standard output is not an error.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", printable(line));
}

/// The override at `path` that `request` extends, with its tag, if there is one.
fn renewed(
    client: &Client,
    path: &str,
    id: &str,
    request: &OverrideRequest,
) -> Result<Option<(String, Override)>, Box<dyn Error>> {
    let entry = match client.ask(Request::get(path)) {
        Ok(entry) => entry,
        Err(client::Error::Refused(refusal)) if refusal.code == StatusCode::NOT_FOUND => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let tag = entry.etag.clone().unwrap_or_else(|| "*".to_owned());
    let entry: Override = entry.read()?;
    let targets = texts(&entry.targets);
    let is_same = entry.force == request.force && sorted(&targets) == sorted(&texts(&request.targets.0));
    if is_same && request.owner.as_ref().is_some_and(|owner| owner.as_str() == entry.owner) {
        return Ok(Some((tag, entry)));
    }
    // Never replace another owner's override silently.
    let message = format!(
        "override {id} exists: {} on {}, by {}; end it with `gslb overrides delete {id}`, or choose \
         another name with --id",
        force_text(entry.force),
        targets.join(" "),
        entry.owner
    );
    Err(message.into())
}

/// The forced state in words.
pub(super) fn force_text(force: types::Force) -> String {
    match force {
        types::Force::Up => "up".to_owned(),
        types::Force::Down => "down".to_owned(),
        types::Force::Drain => "drain".to_owned(),
        types::Force::Weight(weight) => format!("weight {weight}"),
    }
}

pub(super) fn texts(targets: &[Pattern]) -> Vec<String> {
    targets.iter().map(ToString::to_string).collect()
}

fn sorted(targets: &[String]) -> Vec<String> {
    let mut sorted = targets.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted
}

pub(super) fn overrides(arguments: &Overrides) -> Outcome {
    if let Some(What::Delete { id, verbose, options, remote }) = &arguments.what {
        return remove(remote, options, *verbose, id);
    }
    let client = arguments.remote.client()?;
    let all = client.ask(Request::get(PATH))?.json()?;
    show(arguments.remote.format(), &all, listed)?;
    if arguments.remote.format() == Format::Table {
        not_saved(&client)?.iter().for_each(|why| say(&format!("\n{why}")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Unsaved overrides, including those that have ended.
fn not_saved(client: &Client) -> Result<Option<String>, Box<dyn Error>> {
    let status: StatusPage = client.ask(Request::get("/api/v1/status?limit=1"))?.read()?;
    let unsaved = status.degraded.into_iter().find(|degraded| degraded.what == Concern::Overrides.word());
    Ok(unsaved.map(|degraded| degraded.why))
}

pub(super) fn remove(remote: &Remote, options: &ChangeOptions, is_verbose: bool, id: &str) -> Outcome {
    let client = remote.client()?.needing(options.role());
    let path = format!("{PATH}/{}", escape(id));
    let mut request = Request::new(Method::DELETE, options.path(&path));
    if let Some(tag) = current_tag(&client, &path)? {
        request = request.with(IF_MATCH, tag);
    }
    let done = client.ask(request)?.json()?;
    report_override(remote, options, is_verbose, &done, &format!("ended override {id}"), revision)
}

fn listed(all: &ByName<Override>) -> String {
    let row = |(id, entry): (&str, &Override)| {
        let color = match entry.force {
            types::Force::Up => Color::Green,
            types::Force::Down | types::Force::Drain => Color::Red,
            types::Force::Weight(_) => Color::Yellow,
        };
        let expires =
            entry.expires.map_or_else(|| "until removed".to_owned(), |expires| relative(&expires.to_string()));
        let expires = if entry.saved == Some(false) { format!("{expires}, not saved") } else { expires };
        [
            Cell::new(id),
            Cell::new(force_text(entry.force)).fg(color),
            Cell::new(texts(&entry.targets).join(" ")),
            Cell::new(expires),
            Cell::new(&entry.owner),
            Cell::new(&entry.reason),
        ]
    };
    if all.is_empty() {
        return "nothing is overridden".to_owned();
    }
    let columns = [
        Column::key("id"),
        Column::key("force"),
        Column::list("targets", 0),
        Column::key("ends"),
        Column::ranked("owner", 1),
        Column::prose("reason", 2),
    ];
    table(columns, all.iter().map(row))
}

/// The id of an override without a name: the action, the targets, the owner, and a digest of everything including the
/// reason. The same request gets the same id, so a retry extends the override. Another owner or reason gets a separate
/// one.
fn name(kind: &str, targets: &[String], owner: &str, reason: &str, force: types::Force) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    let digest = Etag::of(&(sorted(targets), owner, reason, force));
    let digest: String = digest.opaque().chars().take(DIGEST_CHARACTERS).collect();
    let begun = format!("{kind}-{}", targets.join("-"));
    let owner: String = owner.chars().map(plain).take(OWNER_CHARACTERS).collect();
    let left = NAME_CHARACTERS - DIGEST_CHARACTERS - owner.len() - 2;
    let begun: String = begun.chars().map(plain).take(left).collect();
    format!("{begun}-{owner}-{digest}")
}

/// Characters of the owner in a generated id.
const OWNER_CHARACTERS: usize = 16;
/// Characters of a generated id, and of the digest at its end: 48 bits for at most a thousand ids.
const NAME_CHARACTERS: usize = 63;
const DIGEST_CHARACTERS: usize = 12;

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a time: write a number and its unit (ms, s, m, h, d), like 30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeating_an_override_never_shortens_it() {
        let soon = types::Timestamp(now().after(Duration::from_secs(600)));
        let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
        assert!(matches!(later(Some(hour), Some(soon)), Ends::After(time) if time == hour));
        assert!(matches!(later(Some(minute), Some(soon)), Ends::At(at) if at == soon));
        assert!(matches!(later(None, Some(soon)), Ends::Removed));
        assert!(matches!(later(Some(hour), None), Ends::Removed));
    }

    #[test]
    fn an_override_id_names_its_action_and_target() {
        let by = |owner: &str, reason: &str, targets: &[&str]| {
            let targets: Vec<String> = targets.iter().map(|&text| text.to_owned()).collect();
            name("drain", &targets, owner, reason, types::Force::Drain)
        };
        let called = |targets: &[&str]| by("ann", "disk", targets);
        let long = "x".repeat(100);
        let all = [
            called(&["pool/a-b"]),
            called(&["pool/a", "b"]),
            called(&["pool/a?"]),
            called(&["pool/a*"]),
            called(&[&format!("pool/{long}1")]),
            called(&[&format!("pool/{long}2")]),
            by("bob", "disk", &["pool/a-b"]),
            by("ann", "kernel", &["pool/a-b"]),
            by(&"ö".repeat(500), "disk", &["pool/a-b"]),
        ];
        for (at, id) in all.iter().enumerate() {
            assert!(id.starts_with("drain-pool-") && id.len() <= NAME_CHARACTERS, "{id}");
            assert!(!all[..at].contains(id), "{id} is not unique");
        }
        assert_eq!(called(&["pool/a", "pool/b"]).rsplit('-').next(), called(&["pool/b", "pool/a"]).rsplit('-').next());
    }
}
