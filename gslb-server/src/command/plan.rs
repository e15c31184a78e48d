//! `gslb plan` and `gslb apply`: what a document would change, and whose traffic it would move; then doing it.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use gslb_api::auth::Role;
use gslb_api::types::ChangeResult;
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH};
use serde_json::Value;

use super::change::{ChangeOptions, described, effect, judged, report};
use super::exit::{Exit, Stale};
use super::remote::{Remote, read, show};
use super::{Outcome, asking};
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

/// What a document is put in the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Whatever is in force, also what nobody has looked at.
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
    /// Do not ask; needs --base
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
            "--yes needs --base, so that what others did meanwhile is not undone unseen: the revision that `gslb \
                    plan` told, or --base latest for whatever is in force"
                .into(),
        );
    }
    let candidate = candidate::read(&arguments.document)?;
    // A dry run is a plan, which others may make too.
    let role = if arguments.options.is_dry_run() { Role::Viewer } else { arguments.options.role() };
    let client = arguments.remote.client()?.needing(role);
    let (answer, plan) = dry_run(&client, &arguments.remote, &candidate.document, arguments.base)?;
    if plan.changes.is_empty() || arguments.options.is_dry_run() {
        // What is asked for is in force, with or without its comments: a server that follows a file keeps those of the file.
        if let Some(text) = candidate.text.as_deref().filter(|_| !arguments.options.is_dry_run())
            && let Err(error) = store_comments(&client, text, plan.revision)
        {
            eprintln!(
                "gslb: the comments of {} are not stored: {}",
                arguments.document.display(),
                printable(&error.to_string())
            );
        }
        // A plan is all that a dry run is: nothing is sent that could be done.
        return report_plan(&arguments.remote, &arguments.options, &answer, &plan);
    }
    if !arguments.yes {
        // People see it before they are asked, also where the answer is for programs.
        eprintln!("{}\n", effect(&read(&answer)?));
        if !agreed()? {
            return Err("nothing was changed".into());
        }
    }
    let path = arguments.options.path("/api/v1/document");
    // What was planned is what is done: if another revision is in force by now, the server refuses.
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

/// Stores `text`, which says what revision `base` says, where its comments are others: `gslb get document -o toml` gives
/// them back. No revision is made, since nothing is answered differently.
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

/// The plan, and how it becomes more than one.
fn planned(plan: &ChangeResult, document: &Path) -> String {
    let text = people(plan);
    if plan.changes.is_empty() || judged(plan) != Exit::Done {
        return text;
    }
    format!("{text}\napply with: gslb apply {} --base {}", document.display(), plan.revision)
}

/// What the server says that would change: as it said it, and read.
fn dry_run(
    client: &Client,
    remote: &Remote,
    document: &Value,
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
        return format!("revision {} says the same: nothing to change", plan.revision);
    }
    described(plan)
}

/// Asks for a yes. Nobody can be asked where there is no terminal.
fn agreed() -> Result<bool, Box<dyn std::error::Error>> {
    if !io::stdin().is_terminal() {
        return Err("there is no terminal to ask on: add --yes and --base to apply it, as `gslb plan` tells".into());
    }
    Ok(asking::agreed("Apply this?")?)
}
