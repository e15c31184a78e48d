//! `gslb drain`, `undrain`, `force` and `overrides`: what an operator forces, whatever the document and the probes say.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};
use gslb_api::document::Etag;
use gslb_core::document::duration;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Outcome;
use super::change::{Manner, tell};
use super::remote::{Format, Remote, show, table, text};
use super::resource::{current_tag, escape};
use crate::client::{self, Client, Request};

/// Where overrides are.
const PATH: &str = "/api/v1/overrides";

/// Whose endpoints an override is about, and why.
#[derive(Debug, Args)]
pub struct Word {
    /// Whose endpoints: data-center/NAME, pool/NAME or endpoint/POOL/NAME, with * and ?
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Why
    #[arg(short, long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it; by default whose token it is
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// When it ends by itself, like 30m or 2h; by default it holds until it is removed
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    lasts: Option<Duration>,
    /// What to call it; by default what it does and to whom
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Undrain {
    /// The targets that were drained, as they were written then
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

/// What to force.
#[derive(Debug, Subcommand)]
pub enum Force {
    /// Take endpoints for up
    Up(Word),
    /// Take endpoints for down
    Down(Word),
    /// Give endpoints another weight
    Weight {
        /// The weight, 0 to 1000000
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
    /// Remove an override
    Delete {
        /// Its name
        id: String,
        #[command(flatten)]
        manner: Manner,
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
    let client = word.remote.client()?;
    let id = word.id.clone().unwrap_or_else(|| name(kind, &word.targets));
    let mut body = json!({ "targets": word.targets, "force": force, "reason": word.reason });
    if let Some(owner) = &word.owner {
        body["owner"] = owner.as_str().into();
    }
    if let Some(lasts) = word.lasts {
        body["expires_in"] = duration::show(lasts).into();
    }
    let path = format!("{PATH}/{}", escape(&id));
    let request = Request::new(Method::PUT, word.manner.path(&path)).json(&body);
    // Saying the same again renews it: its time begins anew.
    let request = match renewed(&client, &path, &id, &body)? {
        Some(tag) => request.with(IF_MATCH, tag),
        None => request.with(IF_NONE_MATCH, "*"),
    };
    let done = client.ask(request)?.json()?;
    if !word.manner.is_dry_run() && word.remote.format() == Format::Table {
        let ends =
            word.lasts.map_or_else(|| "until it is removed".to_owned(), |time| format!("for {}", duration::show(time)));
        say(&format!("override {id}: {kind} for {}, {ends}", word.targets.join(" ")));
    }
    tell(&word.remote, &word.manner, &done)
}

/// Writes a line for people. Who reads no further has what they want.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The tag of the override at `path` that `body` renews; nothing where there is none.
fn renewed(client: &Client, path: &str, id: &str, body: &Value) -> Result<Option<String>, Box<dyn Error>> {
    let held = match client.ask(Request::get(path)) {
        Ok(held) => held,
        Err(client::Error::Refused(refusal)) if refusal.code == StatusCode::NOT_FOUND => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (value, targets) = (held.json()?, |word: &Value| sorted(&targets(word)));
    if value["force"] == body["force"] && targets(&value) == targets(body) {
        return Ok(held.etag);
    }
    // Saying the same again renews it, and nothing else: what somebody else forces is not undone in passing.
    let message = format!(
        "{id} forces something else already ({} on {}): end that with `gslb overrides delete {id}`, or give this one a \
         name of its own with --id",
        value["force"],
        targets(&value).join(" ")
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
    let client = arguments.remote.client()?;
    let all = client.ask(Request::get(PATH))?.json()?;
    let drained = |word: &Value| {
        let targets = targets(word);
        word["force"] == "drain"
            && !targets.is_empty()
            && targets.iter().all(|target| arguments.targets.iter().any(|asked| asked == target))
    };
    let ids: Vec<&String> =
        all.as_object().into_iter().flatten().filter(|(_, word)| drained(word)).map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Err(
            format!("nothing is drained by {}; `gslb overrides` lists what is", arguments.targets.join(" ")).into()
        );
    }
    // What one of them cannot be told by exit code, the first that would be refused does.
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        let removed = remove(&arguments.remote, &arguments.manner, id)?;
        code = if code == ExitCode::SUCCESS { removed } else { code };
    }
    Ok(code)
}

pub(super) fn overrides(arguments: &Overrides) -> Outcome {
    if let Some(What::Delete { id, manner, remote }) = &arguments.what {
        return remove(remote, manner, id);
    }
    let all = arguments.remote.client()?.ask(Request::get(PATH))?.json()?;
    show(arguments.remote.format(), &all, listed);
    Ok(ExitCode::SUCCESS)
}

fn remove(remote: &Remote, manner: &Manner, id: &str) -> Outcome {
    let client = remote.client()?;
    let path = format!("{PATH}/{}", escape(id));
    let mut request = Request::new(Method::DELETE, manner.path(&path));
    if let Some(tag) = current_tag(&client, &path)? {
        request = request.with(IF_MATCH, tag);
    }
    let done = client.ask(request)?.json()?;
    if !manner.is_dry_run() && remote.format() == Format::Table {
        say(&format!("override {id} has ended"));
    }
    tell(remote, manner, &done)
}

fn listed(all: &Value) -> String {
    let row = |(id, word): (&String, &Value)| {
        let (force, colour) = match &word["force"] {
            Value::String(force) => (force.clone(), if force == "up" { Color::Green } else { Color::Red }),
            other => (format!("weight {}", text(other, "/weight")), Color::Yellow),
        };
        let targets = targets(word);
        let expires = Some(text(word, "/expires")).filter(|expires| !expires.is_empty());
        [
            Cell::new(id),
            Cell::new(force).fg(colour),
            Cell::new(targets.join(" ")),
            Cell::new(expires.unwrap_or_else(|| "until removed".to_owned())),
            Cell::new(text(word, "/owner")),
            Cell::new(text(word, "/reason")),
        ]
    };
    match all.as_object().filter(|all| !all.is_empty()) {
        Some(all) => table(["id", "force", "targets", "ends", "owner", "reason"], all.iter().map(row)),
        None => "nothing is overridden".to_owned(),
    }
}

/// What to call an override that nobody named: the same for the same, so that saying it again renews it, and another for
/// other targets. It begins as people would call it, and ends in a digest of all targets.
fn name(kind: &str, targets: &[String]) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    let digest = Etag::of(&json!(sorted(targets)));
    let digest: String = digest.opaque().chars().take(DIGEST_CHARACTERS).collect();
    let begun = format!("{kind}-{}", targets.join("-"));
    let begun: String = begun.chars().map(plain).take(NAME_CHARACTERS - DIGEST_CHARACTERS - 1).collect();
    format!("{begun}-{digest}")
}

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
    fn an_override_is_called_by_what_it_does_and_to_whom() {
        let called = |targets: &[&str]| name("drain", &targets.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        let long = "x".repeat(100);
        let all = [
            called(&["pool/a-b"]),
            called(&["pool/a", "b"]),
            called(&["pool/a?"]),
            called(&["pool/a*"]),
            called(&[&format!("pool/{long}1")]),
            called(&[&format!("pool/{long}2")]),
        ];
        for (at, id) in all.iter().enumerate() {
            assert!(id.starts_with("drain-pool-") && id.len() <= NAME_CHARACTERS, "{id}");
            assert!(!all[..at].contains(id), "{id} means two things");
        }
        assert_eq!(called(&["pool/a", "pool/b"]).rsplit('-').next(), called(&["pool/b", "pool/a"]).rsplit('-').next());
    }
}
