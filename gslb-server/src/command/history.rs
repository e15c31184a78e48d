//! `gslb history` and `gslb rollback`: the revisions of the document, and how to return to one.

use std::process::ExitCode;

use clap::Args;
use gslb_api::revisions::GitCommit;
use gslb_api::types::{ChangeResult, Revision, RevisionDiff, RevisionPage};
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH};

use super::Outcome;
use super::age::relative;
use super::change::{ChangeOptions, differences, report};
use super::remote::{Format, Remote, show, show_toml};
use super::table::{Cell, Column, table};
use crate::client::{Client, Error, Request, TOML};

#[derive(Debug, Args)]
pub struct History {
    /// Revision to show; with -o toml, its document
    revision: Option<u64>,
    /// Revision to compare with [default: the previous one]
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
    /// Revision to restore [default: the previous one]
    revision: Option<u64>,
    /// Revision that must be current, or nothing changes
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
    match arguments.revision {
        Some(_) => show(arguments.remote.format(), &answer, changed)?,
        None => show(arguments.remote.format(), &answer, listed)?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rollback(arguments: &Rollback) -> Outcome {
    let client = arguments.remote.client()?.needing(arguments.options.role());
    // The rollback replaces what is in force now; if that changes first, the server refuses.
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
    let answer = client.ask(request)?;
    let result: ChangeResult = answer.read()?;
    if !arguments.options.is_dry_run() && result.revision == base && !arguments.remote.is_quiet() {
        show(arguments.remote.format(), &answer.json()?, |_: &ChangeResult| {
            format!("revision {base} is in force and is equal: nothing to change")
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    report(&arguments.remote, &arguments.options, &answer.json()?)
}

/// The revision in force.
fn latest(client: &Client) -> Result<u64, Error> {
    let page: RevisionPage = client.ask(Request::get("/api/v1/revisions?limit=1"))?.read()?;
    let latest = page.revisions.first().map(|revision| revision.revision);
    latest.ok_or_else(|| Error::Broken("the server has no revision".to_owned()))
}

/// The revision before `base`.
fn before(client: &Client, base: u64) -> Result<u64, Box<dyn std::error::Error>> {
    let page: RevisionPage = client.ask(Request::get(format!("/api/v1/revisions?limit=1&after={base}")))?.read()?;
    let before = page.revisions.first().map(|revision| revision.revision);
    before.ok_or_else(|| format!("there is no revision before {base}; `gslb history` lists those that are kept").into())
}

fn listed(page: &RevisionPage) -> String {
    let columns = [
        Column::key("revision"),
        Column::key(""),
        Column::key("time"),
        Column::ranked("by", 2),
        Column::prose("message", 1),
    ];
    let row = |revision: &Revision| {
        let message = match revision.restored {
            None => revision.message.clone(),
            Some(restored) => format!("as revision {restored} {}", revision.message),
        };
        let message = match &revision.commit {
            None => message,
            Some(of) => format!("{} {message}", commit(of)),
        };
        let is_in_force = revision.revision == page.in_force;
        [
            Cell::new(revision.revision),
            Cell::new(if is_in_force { "in force" } else { "" }),
            Cell::new(relative(&revision.time.to_string())),
            Cell::new(&revision.author_name),
            Cell::new(message),
        ]
    };
    table(columns, page.revisions.iter().map(row))
}

/// The git commit that a watched file came from, as `git log --oneline` shows it.
fn commit(commit: &GitCommit) -> String {
    let id: String = commit.id.chars().take(ID_CHARACTERS).collect();
    let edited = if commit.modified { " (edited after this commit)" } else { "" };
    format!("{id} {}{edited}", commit.message)
}

/// Displayed characters of a commit id.
const ID_CHARACTERS: usize = 12;

fn changed(diff: &RevisionDiff) -> String {
    match differences(&diff.differences) {
        nothing if nothing.is_empty() => "nothing differs".to_owned(),
        list => list,
    }
}
