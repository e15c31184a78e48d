//! `gslb drain`, `undrain`, `force` and `overrides`: what an operator forces, whatever the document and the probes say.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use gslb_api::document::Etag;
use gslb_core::site::document::duration;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use super::age::relative;
use super::asking;
use super::change::{ChangeOptions, amiss, revision, tell};
use super::moves;
use super::remote::{Format, Remote, show, text};
use super::resource::{current_tag, escape};
use super::table::{Cell, Color, Column, table};
use crate::client::{self, Client, Request};
use crate::printable::printable;

/// Where overrides are.
const PATH: &str = "/api/v1/overrides";

/// Whose endpoints an override is about, and why.
#[derive(Debug, Args)]
pub struct Word {
    /// data-center/NAME, pool/NAME or endpoint/POOL/NAME; * and ? match
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
    /// Name of the override [default: made from the rest]
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

#[derive(Debug, Args)]
pub struct Undrain {
    /// Targets as they were drained
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Whose drains to end [default: the token's name]
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    owner: Option<String>,
    /// End everybody's drains of these targets
    #[arg(long)]
    all: bool,
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
    Up(Word),
    /// Treat endpoints as down
    #[command(after_help = "Example:\n  gslb force down endpoint/fra/fra-1 --for 1h --reason 'bad disk'")]
    Down(Word),
    /// Give endpoints another weight
    #[command(after_help = "Example:\n  gslb force weight 5 endpoint/fra/fra-2 --for 1d --reason canary")]
    Weight {
        /// Weight from 0 to 1000000
        weight: u32,
        #[command(flatten)]
        word: Word,
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

pub(super) fn drain(word: &Word) -> Outcome {
    put(word, "drain", &json!("drain"))
}

pub(super) fn force(force: &Force) -> Outcome {
    match force {
        Force::Up(word) => put(word, "up", &json!("up")),
        Force::Down(word) => put(word, "down", &json!("down")),
        Force::Weight { weight, word } => put(word, "weight", &json!({ "weight": weight })),
    }
}

fn put(word: &Word, kind: &str, force: &Value) -> Outcome {
    let client = word.remote.client()?.needing(word.options.role());
    let owner = word.owner.clone().map_or_else(|| own_name(&client), Ok)?;
    let id = word.id.clone().unwrap_or_else(|| name(kind, &word.targets, &owner, &word.reason, force));
    let mut body = json!({ "targets": word.targets, "force": force, "reason": word.reason, "owner": owner });
    let path = format!("{PATH}/{}", escape(&id));
    let request = |body: &Value| Request::new(Method::PUT, word.options.path(&path)).json(body);
    // The same owner who says the same again, for the same reason, extends what is there.
    let (request, ends) = match renewed(&client, &path, &id, &body)? {
        Some((tag, held)) => {
            let ends = later(word.lasts, text(&held, "/expires"));
            ends.write_to(&mut body);
            (request(&body).with(IF_MATCH, tag), ends)
        }
        None => {
            let ends = word.lasts.map_or(Ends::Removed, Ends::After);
            ends.write_to(&mut body);
            (request(&body).with(IF_NONE_MATCH, "*"), ends)
        }
    };
    let done = client.ask(request)?.json()?;
    let targets = word.targets.join(" ");
    let undo = if kind == "drain" { format!("gslb undrain {targets}") } else { format!("gslb overrides delete {id}") };
    let begun = format!("{kind} {targets}, {ends} (override {id})");
    tell_override(&word.remote, &word.options, word.verbose, &done, (&begun, &format!("to end it: {undo}")))
}

/// Tells on two lines what came of an override: what is forced, or no longer is; and whose answers move, with what can be
/// done about it. `-o json`, `--dry-run` and `--verbose` have all that the server said.
fn tell_override(
    remote: &Remote,
    options: &ChangeOptions,
    is_verbose: bool,
    done: &Value,
    (what, next): (&str, &str),
) -> Outcome {
    let is_done = !options.is_dry_run() && remote.is_talkative();
    if is_done {
        say(what);
    }
    if !is_done || is_verbose {
        return tell(remote, options, done);
    }
    let moved = moves::in_short(&done["moves"]);
    say(&[&*moved, next].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "));
    let amiss = amiss(done);
    if !amiss.is_empty() {
        eprintln!("{}", printable(&amiss));
    }
    Ok(ExitCode::SUCCESS)
}

/// When an override ends.
enum Ends {
    /// Not before somebody removes it.
    Removed,
    /// So much later than now.
    After(Duration),
    /// At this moment, which is that of an earlier request and later than what is asked for now.
    At(String),
}

impl Ends {
    fn write_to(&self, body: &mut Value) {
        match self {
            Self::Removed => {}
            Self::After(time) => body["expires_in"] = duration::show(*time).into(),
            Self::At(moment) => body["expires"] = moment.as_str().into(),
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

/// The later of the end asked for and the end in force, which is none where `held` is empty.
fn later(asked: Option<Duration>, held: String) -> Ends {
    let Some(asked) = asked else { return Ends::Removed };
    let Ok(at) = held.parse::<Timestamp>() else { return Ends::Removed };
    let left = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
    if left > asked { Ends::At(held) } else { Ends::After(asked) }
}

/// The name that the server puts on what this client does.
fn own_name(client: &Client) -> Result<String, Box<dyn Error>> {
    let own = client.ask(Request::get("/api/v1/token"))?.json()?;
    Ok(own["name"].as_str().unwrap_or_default().to_owned())
}

/// Writes a line for people. Who reads no further has what they want.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", printable(line));
}

/// The override at `path` that `body` renews, with its tag; nothing where there is none.
fn renewed(client: &Client, path: &str, id: &str, body: &Value) -> Result<Option<(String, Value)>, Box<dyn Error>> {
    let held = match client.ask(Request::get(path)) {
        Ok(held) => held,
        Err(client::Error::Refused(refusal)) if refusal.code == StatusCode::NOT_FOUND => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let tag = held.etag.clone().unwrap_or_else(|| "*".to_owned());
    let (value, targets) = (held.json()?, |word: &Value| sorted(&targets(word)));
    let is_same = value["force"] == body["force"] && targets(&value) == targets(body);
    if is_same && value["owner"] == body["owner"] {
        return Ok(Some((tag, value)));
    }
    // What somebody else forces is not replaced in passing.
    let message = format!(
        "override {id} is there already: {} on {}, by {}; end it with `gslb overrides delete {id}`, or give this one \
         another name with --id",
        value["force"],
        targets(&value).join(" "),
        text(&value, "/owner")
    );
    Err(message.into())
}

fn targets(word: &Value) -> Vec<String> {
    word["targets"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn sorted(targets: &[String]) -> Vec<String> {
    let mut sorted = targets.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted
}

pub(super) fn undrain(arguments: &Undrain) -> Outcome {
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let all = client.ask(Request::get(PATH))?.json()?;
    let drains = |word: &Value| word["force"] == "drain";
    // A drain of further targets as well is not ended for one of them.
    let is_asked = |word: &Value| targets(word).iter().all(|target| arguments.targets.contains(target));
    let meets = |word: &Value| targets(word).iter().any(|target| arguments.targets.contains(target));
    let met: Vec<(&String, &Value)> =
        all.as_object().into_iter().flatten().filter(|(_, word)| drains(word) && meets(word)).collect();
    if !met.iter().any(|(_, word)| is_asked(word)) {
        return Err(not_drained(arguments, &met).into());
    }
    let owner = match (&arguments.owner, arguments.all) {
        (_, true) => None,
        (Some(owner), _) => Some(owner.clone()),
        (None, _) => Some(own_name(&client)?),
    };
    let is_own = |word: &Value| owner.as_ref().is_none_or(|owner| word["owner"] == owner.as_str());
    let (mut ending, mut staying): (Vec<_>, Vec<_>) =
        met.into_iter().partition(|(_, word)| is_asked(word) && is_own(word));
    if ending.is_empty() {
        let (of_others, wider): (Vec<_>, Vec<_>) = staying.into_iter().partition(|(_, word)| is_asked(word));
        let question = format!("{}\nEnd it all the same?", still(&of_others));
        if !asking::is_possible() {
            let hint = "none of these is yours: add --all to end them, or --owner NAME to end somebody's";
            return Err(format!("{}\n{hint}", still(&of_others)).into());
        }
        if !asking::agreed(&printable(&question))? {
            return Err("nothing was changed".into());
        }
        (ending, staying) = (of_others, wider);
    }
    // Of several exit codes, the first that is no success.
    let mut code = ExitCode::SUCCESS;
    for (id, _) in ending {
        let removed = remove(&arguments.remote, &arguments.options, arguments.verbose, id)?;
        code = if code == ExitCode::SUCCESS { removed } else { code };
    }
    if !staying.is_empty() && arguments.remote.is_talkative() {
        say(&still(&staying));
    }
    Ok(code)
}

/// Why there is nothing to end.
fn not_drained(arguments: &Undrain, met: &[(&String, &Value)]) -> String {
    let asked = arguments.targets.join(" ");
    if met.is_empty() {
        return format!("nothing is drained by {asked}; `gslb overrides` lists what is");
    }
    format!(
        "{}\nThese drain further targets too: name all of them, or end one with `gslb overrides delete ID`",
        still(met)
    )
}

/// Which drains are in force, by whom and until when, a line each.
fn still(drains: &[(&String, &Value)]) -> String {
    let line = |(id, word): &(&String, &Value)| {
        let ends = Some(text(word, "/expires")).filter(|ends| !ends.is_empty());
        let ends = ends.map_or_else(|| "until it is removed".to_owned(), |ends| format!("until {ends}"));
        let (targets, owner, reason) = (targets(word).join(" "), text(word, "/owner"), text(word, "/reason"));
        format!("{targets} is still drained by {owner} {ends} (override {id}): {reason}")
    };
    drains.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn overrides(arguments: &Overrides) -> Outcome {
    if let Some(What::Delete { id, verbose, options, remote }) = &arguments.what {
        return remove(remote, options, *verbose, id);
    }
    let client = arguments.remote.client()?;
    let all = client.ask(Request::get(PATH))?.json()?;
    show(arguments.remote.format(), &all, listed);
    if arguments.remote.format() == Format::Table {
        not_saved(&client)?.iter().for_each(|why| say(&format!("\n{why}")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Which overrides are not saved, those that have ended among them.
fn not_saved(client: &Client) -> Result<Option<String>, Box<dyn Error>> {
    let status = client.ask(Request::get("/api/v1/status?limit=1"))?.json()?;
    let mut degraded = status["degraded"].as_array().into_iter().flatten();
    Ok(degraded.find(|degraded| degraded["what"] == "overrides").map(|degraded| text(degraded, "/why")))
}

fn remove(remote: &Remote, options: &ChangeOptions, is_verbose: bool, id: &str) -> Outcome {
    let client = remote.client()?.needing(options.role());
    let path = format!("{PATH}/{}", escape(id));
    let mut request = Request::new(Method::DELETE, options.path(&path));
    if let Some(tag) = current_tag(&client, &path)? {
        request = request.with(IF_MATCH, tag);
    }
    let done = client.ask(request)?.json()?;
    tell_override(remote, options, is_verbose, &done, (&format!("ended override {id}"), &revision(&done)))
}

fn listed(all: &Value) -> String {
    let row = |(id, word): (&String, &Value)| {
        let (force, colour) = match &word["force"] {
            Value::String(force) => (force.clone(), if force == "up" { Color::Green } else { Color::Red }),
            other => (format!("weight {}", text(other, "/weight")), Color::Yellow),
        };
        let targets = targets(word);
        let expires = Some(text(word, "/expires")).filter(|expires| !expires.is_empty());
        let expires = expires.map_or_else(|| "until removed".to_owned(), |expires| relative(&expires));
        let expires = if word["saved"] == false { format!("{expires}, not saved") } else { expires };
        [
            Cell::new(id),
            Cell::new(force).fg(colour),
            Cell::new(targets.join(" ")),
            Cell::new(expires),
            Cell::new(text(word, "/owner")),
            Cell::new(text(word, "/reason")),
        ]
    };
    let columns = [
        Column::key("id"),
        Column::key("force"),
        Column::list("targets", 0),
        Column::key("ends"),
        Column::ranked("owner", 1),
        Column::prose("reason", 2),
    ];
    match all.as_object().filter(|all| !all.is_empty()) {
        Some(all) => table(columns, all.iter().map(row)),
        None => "nothing is overridden".to_owned(),
    }
}

/// What to call an override that nobody named. Who says the same again for the same reason gets the same name, so that a
/// retry extends it; whoever else, or for another reason, gets one that stands beside it. It begins as people would call it,
/// and ends in a digest of all of that.
fn name(kind: &str, targets: &[String], owner: &str, reason: &str, force: &Value) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    let digest = Etag::of(&json!([sorted(targets), owner, reason, force]));
    let digest: String = digest.opaque().chars().take(DIGEST_CHARACTERS).collect();
    let begun = format!("{kind}-{}", targets.join("-"));
    let owner: String = owner.chars().map(plain).take(OWNER_CHARACTERS).collect();
    let left = NAME_CHARACTERS - DIGEST_CHARACTERS - owner.len() - 2;
    let begun: String = begun.chars().map(plain).take(left).collect();
    format!("{begun}-{owner}-{digest}")
}

/// Characters of an owner in a name that is made.
const OWNER_CHARACTERS: usize = 16;
/// Characters of a name that is made, and of the digest at its end: 48 bits, where there are a thousand names at most.
const NAME_CHARACTERS: usize = 63;
const DIGEST_CHARACTERS: usize = 12;

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a time: write a number and its unit (ms, s, m, h, d), like 30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saying_it_again_never_ends_it_sooner() {
        let (hour, soon) = (Duration::from_secs(3600), (Timestamp::now() + Duration::from_secs(600)).to_string());
        assert!(matches!(later(Some(hour), soon.clone()), Ends::After(time) if time == hour));
        assert!(matches!(later(Some(Duration::from_secs(60)), soon.clone()), Ends::At(at) if at == soon));
        assert!(matches!(later(None, soon), Ends::Removed));
        assert!(matches!(later(Some(hour), String::new()), Ends::Removed));
    }

    #[test]
    fn an_override_is_called_by_what_it_does_and_to_whom() {
        let by = |owner: &str, reason: &str, targets: &[&str]| {
            let targets: Vec<String> = targets.iter().map(|&text| text.to_owned()).collect();
            name("drain", &targets, owner, reason, &json!("drain"))
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
            assert!(!all[..at].contains(id), "{id} means two things");
        }
        assert_eq!(called(&["pool/a", "pool/b"]).rsplit('-').next(), called(&["pool/b", "pool/a"]).rsplit('-').next());
    }
}
