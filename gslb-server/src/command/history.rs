//! `gslb history` and `gslb rollback`: the revisions of the document, and the way back to one of them.

use std::process::ExitCode;

use clap::Args;
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH};
use serde_json::Value;

use super::Outcome;
use super::age::relative;
use super::change::{ChangeOptions, differences, tell};
use super::remote::{Format, Remote, show, show_toml, text};
use super::table::{Cell, Column, table};
use crate::client::{Client, Error, Request, TOML};

#[derive(Debug, Args)]
pub struct History {
    /// Revision to show; with -o toml, its document
    revision: Option<u64>,
    /// Revision to compare with [default: the one before]
    #[arg(long, value_name = "REVISION", requires = "revision")]
    since: Option<u64>,
    /// How many to list
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Rollback {
    /// Revision to restore [default: the one before the current one]
    revision: Option<u64>,
    /// Current revision; fails if another one is current
    #[arg(long, value_name = "REVISION")]
    base: Option<u64>,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn history(arguments: &History) -> Outcome {
    let client = arguments.remote.client_for_toml()?;
    if arguments.remote.format() == Format::Toml {
        let revision = arguments.revision.ok_or("-o toml shows one revision: write gslb history REVISION -o toml")?;
        let path = format!("/api/v1/revisions/{revision}");
        show_toml(&client.ask(Request::get(path).with(ACCEPT, TOML))?.text()?);
        return Ok(ExitCode::SUCCESS);
    }
    let path = match arguments.revision {
        None => format!("/api/v1/revisions?limit={}", arguments.limit),
        Some(revision) => {
            let since = arguments.since.unwrap_or_else(|| revision.saturating_sub(1));
            format!("/api/v1/revisions/{revision}/diff?from={since}")
        }
    };
    let answer = client.ask(Request::get(path))?.json()?;
    show(arguments.remote.format(), &answer, if arguments.revision.is_some() { changed } else { listed });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rollback(arguments: &Rollback) -> Outcome {
    let client = arguments.remote.client()?.needing(arguments.options.role());
    // What is in force now is what is left; if somebody changes it meanwhile, the server refuses.
    let base = match arguments.base {
        Some(base) => base,
        None => latest(&client)?,
    };
    let revision = match arguments.revision {
        Some(revision) => revision,
        None => before(&client, base)?,
    };
    let path = arguments.options.path(&format!("/api/v1/revisions/{revision}/restore"));
    let request = Request::new(Method::POST, path).with(IF_MATCH, format!("\"{base}\""));
    let done = client.ask(request)?.json()?;
    if !arguments.options.is_dry_run() && done["revision"] == base && !arguments.remote.is_quiet() {
        show(arguments.remote.format(), &done, |_| {
            format!("revision {base} is in force and says the same: nothing to change")
        });
        return Ok(ExitCode::SUCCESS);
    }
    tell(&arguments.remote, &arguments.options, &done)
}

/// The revision in force.
fn latest(client: &Client) -> Result<u64, Error> {
    let listed = client.ask(Request::get("/api/v1/revisions?limit=1"))?.json()?;
    let latest = listed.pointer("/revisions/0/revision").and_then(Value::as_u64);
    latest.ok_or_else(|| Error::Broken("the server has no revision".to_owned()))
}

/// The revision that was in force before the revision `base`.
fn before(client: &Client, base: u64) -> Result<u64, Box<dyn std::error::Error>> {
    let listed = client.ask(Request::get(format!("/api/v1/revisions?limit=1&after={base}")))?.json()?;
    let before = listed.pointer("/revisions/0/revision").and_then(Value::as_u64);
    before.ok_or_else(|| format!("there is no revision before {base}; `gslb history` lists those that are kept").into())
}

fn listed(answer: &Value) -> String {
    let items = answer["revisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = [
        Column::key("revision"),
        Column::key(""),
        Column::key("time"),
        Column::ranked("by", 2),
        Column::prose("message", 1),
    ];
    let row = |revision: &Value| {
        let message = match text(revision, "/restored") {
            restored if restored.is_empty() => text(revision, "/message"),
            restored => format!("as revision {restored} {}", text(revision, "/message")),
        };
        let message = match commit(&revision["commit"]) {
            commit if commit.is_empty() => message,
            commit => format!("{commit} {message}"),
        };
        let is_in_force = revision["revision"] == answer["in_force"];
        [
            Cell::new(text(revision, "/revision")),
            Cell::new(if is_in_force { "in force" } else { "" }),
            Cell::new(relative(&text(revision, "/time"))),
            Cell::new(text(revision, "/author_name")),
            Cell::new(message),
        ]
    };
    table(columns, items.iter().map(row))
}

/// The git commit that a watched file came from, as `git log --oneline` shows it.
fn commit(commit: &Value) -> String {
    if commit.is_null() {
        return String::new();
    }
    let id: String = text(commit, "/id").chars().take(ID_CHARACTERS).collect();
    let edited = if commit["modified"] == true { " (edited after this commit)" } else { "" };
    format!("{id} {}{edited}", text(commit, "/message"))
}

/// Characters of a commit's id that people are shown.
const ID_CHARACTERS: usize = 12;

fn changed(answer: &Value) -> String {
    match differences(answer, "differences") {
        nothing if nothing.is_empty() => "nothing differs".to_owned(),
        list => list,
    }
}
