//! `gslb plan` and `gslb apply`: what a document would change, and whose traffic it would move; then doing it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hyper::Method;
use hyper::header::IF_MATCH;
use serde_json::Value;

use super::Outcome;
use super::change::{Manner, tell, told};
use super::exit::{Exit, Stale};
use super::remote::{Remote, Working, show};
use crate::candidate;
use crate::client::{Client, Error, Request};

#[derive(Debug, Args)]
pub struct Plan {
    /// The document, with the zone files that it names; or one as JSON
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// The revision that the document was made from; refused where another one is in force
    #[arg(long, value_name = "REVISION")]
    base: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// The document, with the zone files that it names; or one as JSON
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// The revision that the document was made from; refused where another one is in force
    #[arg(long, value_name = "REVISION")]
    base: Option<u64>,
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn plan(arguments: &Plan) -> Outcome {
    let document = candidate::read(&arguments.document)?.document;
    let client = arguments.remote.client()?;
    let foreseen = foresee(&client, &document, arguments.base)?;
    show(arguments.remote.format(), &foreseen, people);
    Ok(broken(&foreseen).into())
}

pub(super) fn apply(arguments: &Apply) -> Outcome {
    let document = candidate::read(&arguments.document)?.document;
    let client = arguments.remote.client()?;
    let foreseen = foresee(&client, &document, arguments.base)?;
    if unchanged(&foreseen) {
        show(arguments.remote.format(), &foreseen, people);
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes && !arguments.manner.is_dry_run() {
        // People see it before they are asked, also where the answer is for programs.
        eprintln!("{}\n", people(&foreseen));
        if !agreed()? {
            return Err("nothing was changed".into());
        }
    }
    let path = arguments.manner.path("/api/v1/document");
    // What was planned is what is done: if another revision is in force by now, the server refuses.
    let base = revision(&foreseen)?;
    let request = Request::new(Method::PUT, path).json(&document).with(IF_MATCH, format!("\"{base}\""));
    let working = Working::on("applying");
    let done = client.ask(request);
    drop(working);
    tell(&arguments.remote, &done?.json()?)
}

/// What the server says that would change.
fn foresee(client: &Client, document: &Value, base: Option<u64>) -> Result<Value, Box<dyn std::error::Error>> {
    let working = Working::on("comparing");
    let foreseen = client.ask(Request::new(Method::POST, "/api/v1/plan").json(document));
    drop(working);
    let foreseen = foreseen?.json()?;
    let in_force = revision(&foreseen)?;
    match base {
        Some(base) if base != in_force => Err(Stale { in_force, base }.into()),
        _ => Ok(foreseen),
    }
}

fn revision(foreseen: &Value) -> Result<u64, Error> {
    foreseen["revision"].as_u64().ok_or_else(|| Error::Broken("the plan names no revision".to_owned()))
}

fn unchanged(foreseen: &Value) -> bool {
    foreseen["changes"].as_array().is_some_and(Vec::is_empty)
}

fn people(foreseen: &Value) -> String {
    if unchanged(foreseen) {
        return format!("revision {} says the same: nothing to change", foreseen["revision"]);
    }
    told(foreseen)
}

/// Whether a safety rule would be broken: what cannot be applied is no good plan.
fn broken(foreseen: &Value) -> Exit {
    match foreseen["breaks"].as_array() {
        Some(rules) if !rules.is_empty() => Exit::Unsafe,
        _ => Exit::Done,
    }
}

/// Asks for a yes. Nobody can be asked where there is no terminal.
fn agreed() -> Result<bool, Box<dyn std::error::Error>> {
    if !io::stdin().is_terminal() {
        return Err("there is no terminal to ask on: add --yes to apply it".into());
    }
    eprint!("Apply this? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
