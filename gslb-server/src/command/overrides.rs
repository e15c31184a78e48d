//! `gslb drain`, `undrain`, `force` and `overrides`: what an operator forces, whatever the document and the probes say.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};
use gslb_core::document::duration;
use hyper::Method;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::Outcome;
use super::change::{Manner, tell};
use super::remote::{Remote, show, table, text};
use super::resource::{current_tag, escape};
use crate::client::Request;

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
    let request = match current_tag(&client, &path)? {
        Some(tag) => request.with(IF_MATCH, tag),
        None => request.with(IF_NONE_MATCH, "*"),
    };
    tell(&word.remote, &client.ask(request)?.json()?)
}

pub(super) fn undrain(arguments: &Undrain) -> Outcome {
    let client = arguments.remote.client()?;
    let all = client.ask(Request::get(PATH))?.json()?;
    let drained = |word: &Value| {
        let targets: Vec<&str> = word["targets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
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
    for id in ids {
        remove(&arguments.remote, &arguments.manner, id)?;
    }
    Ok(ExitCode::SUCCESS)
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
    tell(remote, &client.ask(request)?.json()?)
}

fn listed(all: &Value) -> String {
    let row = |(id, word): (&String, &Value)| {
        let (force, colour) = match &word["force"] {
            Value::String(force) => (force.clone(), if force == "up" { Color::Green } else { Color::Red }),
            other => (format!("weight {}", text(other, "/weight")), Color::Yellow),
        };
        let targets: Vec<&str> = word["targets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
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

/// What to call an override that nobody named: the same for the same, so that saying it again renews it.
fn name(kind: &str, targets: &[String]) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    let name: String = format!("{kind}-{}", targets.join("-")).chars().map(plain).collect();
    name.chars().take(NAME_CHARACTERS).collect()
}

/// Characters of a name that is made.
const NAME_CHARACTERS: usize = 63;

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a time: write a number and its unit (ms, s, m, h), like 30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_called_by_what_it_does_and_to_whom() {
        assert_eq!(name("drain", &["data-center/fra".to_owned()]), "drain-data-center-fra");
        assert_eq!(name("up", &["pool/eu-*".to_owned(), "pool/a?".to_owned()]), "up-pool-eu---pool-a-");
        assert_eq!(name("up", &["x".repeat(100)]).len(), NAME_CHARACTERS);
    }
}
