//! `gslb plan` and `gslb apply`: what a document would change, and whose traffic it would move; then apply it.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use gslb_api::auth::Role;
use gslb_api::document::Document;
use gslb_api::types::ChangeResult;
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH};
use serde_json::Value;

use super::change::{ChangeOptions, described, effect, judged, report};
use super::exit::{Exit, Stale};
use super::remote::{Remote, read, show};
use super::{Outcome, confirm};
use crate::client::{Client, Error, Request, TOML};
use crate::printable::printable;
use crate::source::candidate;

#[derive(Debug, Args)]
pub struct Plan {
    /// Document with the zone files it names, or JSON
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// Revision the document was made from; fails if it is stale
    #[arg(long, value_name = "REVISION")]
    base: Option<Base>,
    #[command(flatten)]
    remote: Remote,
}

/// The revision that a document replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Whatever is in force, even if nobody has seen it.
    Latest,
    /// This revision.
    Revision(u64),
}

impl FromStr for Base {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            number => number.parse().map(Self::Revision).map_err(|_| "write the number of a revision, or latest"),
        }
    }
}

#[derive(Debug, Args)]
pub struct Apply {
    /// Document with the zone files it names, or JSON
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// Revision it was made from, or latest; fails if it is stale
    #[arg(long, value_name = "REVISION")]
    base: Option<Base>,
    /// Do not ask for confirmation; needs --base
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn plan(arguments: &Plan) -> Outcome {
    let document = candidate::read(&arguments.document)?.document;
    let client = arguments.remote.client()?;
    let (answer, plan) = dry_run(&client, &arguments.remote, &document, arguments.base)?;
    show(arguments.remote.format(), &answer, |plan| planned(plan, &arguments.document))?;
    Ok(judged(&plan).into())
}

pub(super) fn apply(arguments: &Apply) -> Outcome {
    if arguments.yes && arguments.base.is_none() && !arguments.options.is_dry_run() {
        return Err(
            "--yes needs --base, so that changes by others are not overwritten unseen: the revision that `gslb plan` \
             printed, or --base latest for whatever is in force"
                .into(),
        );
    }
    let candidate = candidate::read(&arguments.document)?;
    // A dry run is a plan, which viewers may make.
    let role = if arguments.options.is_dry_run() { Role::Viewer } else { arguments.options.role() };
    let client = arguments.remote.client()?.needing(role);
    let (answer, plan) = dry_run(&client, &arguments.remote, &candidate.document, arguments.base)?;
    if plan.changes.is_empty() || arguments.options.is_dry_run() {
        // The document is in force, perhaps without its comments. A server that follows a file keeps the comments of
        // that file.
        if let Some(text) = candidate.text.as_deref().filter(|_| !arguments.options.is_dry_run())
            && let Err(error) = store_comments(&client, text, plan.revision)
        {
            eprintln!(
                "gslb: the comments of {} are not stored: {}",
                arguments.document.display(),
                printable(&error.to_string())
            );
        }
        // A dry run ends here: no change is sent.
        return report_plan(&arguments.remote, &arguments.options, &answer, &plan);
    }
    if !arguments.yes {
        // Shown before the question, even with `-o json`.
        eprintln!("{}\n", effect(&read(&answer)?));
        if !confirmed()? {
            return Err("nothing was changed".into());
        }
    }
    let path = arguments.options.path("/api/v1/document");
    // Applies exactly what was planned: if another revision is in force by now, the server refuses.
    let base = plan.revision;
    let request = Request::new(Method::PUT, path).with(IF_MATCH, format!("\"{base}\""));
    let request = match &candidate.text {
        Some(text) => request.toml(text),
        None => request.json(&candidate.document),
    };
    let working = arguments.remote.working("applying");
    let done = client.ask(request);
    drop(working);
    report(&arguments.remote, &arguments.options, &done?.json()?)
}

/// Stores `text` if only its comments differ from revision `base`: `gslb get document -o toml` returns them. This makes
/// no revision, since no answer changes.
fn store_comments(client: &Client, text: &str, base: u64) -> Result<(), Error> {
    let stored = client.ask(Request::get("/api/v1/document").with(ACCEPT, TOML))?;
    if stored.body != text.as_bytes() {
        let request = Request::new(Method::PUT, "/api/v1/document").with(IF_MATCH, format!("\"{base}\""));
        client.ask(request.toml(text))?;
    }
    Ok(())
}

fn report_plan(remote: &Remote, options: &ChangeOptions, answer: &Value, plan: &ChangeResult) -> Outcome {
    show(remote.format(), answer, people)?;
    Ok(if options.overrides_rules() { Exit::Done } else { judged(plan) }.into())
}

/// The plan, and the command that applies it.
fn planned(plan: &ChangeResult, document: &Path) -> String {
    let text = people(plan);
    if plan.changes.is_empty() || judged(plan) != Exit::Done {
        return text;
    }
    format!("{text}\napply with: gslb apply {} --base {}", document.display(), plan.revision)
}

/// What the server says would change: its response, as sent and parsed.
fn dry_run(
    client: &Client,
    remote: &Remote,
    document: &Document,
    base: Option<Base>,
) -> Result<(Value, ChangeResult), Box<dyn std::error::Error>> {
    let working = remote.working("comparing");
    let answer = client.ask(Request::new(Method::POST, "/api/v1/plan").json(document));
    drop(working);
    let answer = answer?;
    let plan: ChangeResult = answer.read()?;
    match base {
        Some(Base::Revision(base)) if base != plan.revision => Err(Stale { active: plan.revision, base }.into()),
        _ => Ok((answer.json()?, plan)),
    }
}

fn people(plan: &ChangeResult) -> String {
    if plan.changes.is_empty() {
        return format!("equal to revision {}: nothing to change", plan.revision);
    }
    described(plan)
}

/// Asks for confirmation, which needs a terminal.
fn confirmed() -> Result<bool, Box<dyn std::error::Error>> {
    if !io::stdin().is_terminal() {
        return Err("no terminal for the confirmation: to apply it, add --yes and --base, as `gslb plan` prints".into());
    }
    Ok(confirm::confirmed("Apply this?")?)
}
