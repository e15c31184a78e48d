//! `gslb get`, `put`, `patch` and `delete`: one resource of the document, or a collection of them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gslb_api::document::to_toml;
use gslb_api::types::ByName;
use gslb_core::budget::Budget;
use gslb_core::site::document::to_json;
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH, IF_NONE_MATCH};
use serde::Deserialize;
use serde_json::Value;

use super::change::{ChangeOptions, effect, report};
use super::exit::MissingIfMatch;
use super::remote::{Format, Remote, read, show, show_toml};
use super::selection::{Kind, Selected, Selection};
use super::shortened::shortened;
use super::table::{Cell, Column, table};
use super::{Outcome, confirm};
use crate::client::{self, Answer, Client, Request, TOML};
use crate::files::reader;
use crate::source::error::listed as listed_problems;

#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    remote: Remote,
}

/// The state of a resource to change.
#[derive(Debug, Args)]
pub(super) struct State {
    /// Entity tag from `gslb get`, or latest
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
}

impl State {
    /// The tag for `If-Match`, if one was given; `latest` matches any.
    fn tag(&self) -> Option<String> {
        self.if_match.as_deref().map(|tag| match tag.trim_matches('"') {
            "latest" | "*" => "*".to_owned(),
            tag => format!("\"{tag}\""),
        })
    }
}

#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct Put {
    #[command(flatten)]
    selection: Selection,
    /// File with its JSON or TOML; - is standard input
    file: PathBuf,
    #[command(flatten)]
    state: State,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct Patch {
    #[command(flatten)]
    selection: Selection,
    /// Merge patch, like '{"min_up": 2}'
    patch: String,
    #[command(flatten)]
    state: State,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    state: State,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn get(arguments: &Get) -> Outcome {
    let selected = arguments.selection.selected()?;
    let client = arguments.remote.client_for_toml()?;
    let request = Request::get(selected.path());
    if let Some(endpoint) = &selected.endpoint {
        return get_endpoint(&arguments.remote, &client.ask(request)?, &selected, endpoint);
    }
    if arguments.remote.format() == Format::Toml {
        return get_toml(&arguments.remote, &client, request, selected.kind);
    }
    let answer = client.ask(request)?;
    if selected.kind == Kind::Document || selected.name.is_some() {
        // One resource is printed as JSON for people too, so that they can send it back with `gslb put`.
        show(Format::Json, &answer.json()?, |_: &Value| String::new())?;
        print_state(&arguments.remote, answer.etag.as_deref());
        return Ok(ExitCode::SUCCESS);
    }
    show(arguments.remote.format(), &answer.json()?, listed)?;
    Ok(ExitCode::SUCCESS)
}

/// Shows one endpoint of a pool. It has no entity tag of its own; the pool has.
fn get_endpoint(remote: &Remote, pool: &Answer, selected: &Selected, endpoint: &str) -> Outcome {
    /// The members of a pool that are needed here.
    #[derive(Deserialize)]
    struct Pool {
        endpoints: ByName<Value>,
    }
    let pool: Pool = pool.read()?;
    let name = selected.name.as_deref().unwrap_or_default();
    let found = pool.endpoints.get(endpoint).ok_or_else(|| format!("there is no endpoint {name}/{endpoint}"))?;
    match remote.format() {
        Format::Toml => show_toml(&to_toml(found)?),
        _ => show(Format::Json, found, |_: &Value| String::new())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the document as its author wrote it, or a resource as TOML.
fn get_toml(remote: &Remote, client: &Client, request: Request, kind: Kind) -> Outcome {
    let (text, etag) = if kind == Kind::Document {
        let answer = client.ask(request.with(ACCEPT, TOML))?;
        (answer.text()?, answer.etag)
    } else {
        let answer = client.ask(request)?;
        (to_toml(&answer.json()?)?, answer.etag)
    };
    show_toml(&text);
    print_state(remote, etag.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Prints the entity tag on standard error, so that the output can be used as the body of a change.
fn print_state(remote: &Remote, etag: Option<&str>) {
    if let Some(tag) = etag {
        remote.hint(&format!("this is state {0}; to change it: --if-match {0}", tag.trim_matches('"')));
    }
}

pub(super) fn put(arguments: &Put) -> Outcome {
    let path = arguments.selection.entry()?;
    let body = read_value(&arguments.file)?;
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let condition = match (arguments.state.tag(), current_tag(&client, &path)?) {
        (Some(said), Some(_)) => (IF_MATCH, said),
        (None, Some(tag)) => return Err(MissingIfMatch { tag: tag.trim_matches('"').to_owned() }.into()),
        (_, None) => (IF_NONE_MATCH, "*".to_owned()),
    };
    let change = Change { remote: &arguments.remote, options: &arguments.options, yes: arguments.yes };
    change.send(&client, &path, |path| {
        Request::new(Method::PUT, path).json(&body).with(condition.0.clone(), &*condition.1)
    })
}

pub(super) fn patch(arguments: &Patch) -> Outcome {
    let path = arguments.selection.document_or_entry()?;
    let body: Value =
        serde_json::from_str(&arguments.patch).map_err(|error| format!("the patch is not JSON: {error}"))?;
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let tag = said_or_current(&arguments.state, &client, &path)?;
    let change = Change { remote: &arguments.remote, options: &arguments.options, yes: arguments.yes };
    change.send(&client, &path, |path| {
        Request::new(Method::PATCH, path).json_as("application/merge-patch+json", &body).with(IF_MATCH, &*tag)
    })
}

pub(super) fn delete(arguments: &Delete) -> Outcome {
    let path = arguments.selection.entry()?;
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let tag = said_or_current(&arguments.state, &client, &path)?;
    let change = Change { remote: &arguments.remote, options: &arguments.options, yes: arguments.yes };
    change.send(&client, &path, |path| Request::new(Method::DELETE, path).with(IF_MATCH, &*tag))
}

/// How one resource is changed.
struct Change<'a> {
    remote: &'a Remote,
    options: &'a ChangeOptions,
    yes: bool,
}

impl Change<'_> {
    /// Sends the request that `request` makes for a path. At a terminal, shows the effect first and asks for
    /// confirmation.
    fn send(&self, client: &Client, path: &str, request: impl Fn(String) -> Request) -> Outcome {
        if !self.yes && !self.options.is_dry_run() && confirm::is_interactive() {
            let plan = client.ask(request(self.options.as_dry_run().path(path)))?.json()?;
            eprintln!("{}\n", effect(&read(&plan)?));
            if !confirm::confirmed("Do this?")? {
                return Err("nothing was changed".into());
            }
        }
        report(self.remote, self.options, &client.ask(request(self.options.path(path)))?.json()?)
    }
}

/// The given tag, or else the current one: a patch or a deletion changes only what it
/// names.
fn said_or_current(state: &State, client: &Client, path: &str) -> Result<String, client::Error> {
    state.tag().map_or_else(|| tag(client, path), Ok)
}

/// The current tag of the resource at `path`.
fn tag(client: &Client, path: &str) -> Result<String, client::Error> {
    let answer = client.ask(Request::get(path))?;
    answer.etag.ok_or_else(|| client::Error::Broken(format!("{path} has no ETag")))
}

/// The current tag of the resource at `path`; `None` if there is none.
pub(super) fn current_tag(client: &Client, path: &str) -> Result<Option<String>, client::Error> {
    match tag(client, path) {
        Ok(tag) => Ok(Some(tag)),
        Err(client::Error::Refused(refusal)) if refusal.code == hyper::StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// One line per resource; long ones are cut.
fn listed(all: &ByName<Value>) -> String {
    let row = |(name, value): (&str, &Value)| [Cell::new(name), Cell::new(shortened(&value.to_string()))];
    table(["name", "value"].map(Column::key), all.iter().map(row))
}

/// The JSON or TOML in a file.
fn read_value(path: &Path) -> Result<Value, String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        reader::read_text(path, reader::Kind::Document).map(|read| text = read)
    };
    read.map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
    // A JSON object begins with a brace; no TOML document does.
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()));
    }
    let read = to_json(&path.to_string_lossy(), &text, &mut Budget::of_file(text.len()));
    read.map_err(|problems| listed_problems(&problems).trim_start().to_owned())
}
