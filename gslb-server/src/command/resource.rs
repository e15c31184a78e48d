//! `gslb get`, `put`, `patch` and `delete`: one resource of the document, or a collection of them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use comfy_table::Cell;
use gslb_api::document::to_toml;
use hyper::Method;
use hyper::header::{ACCEPT, IF_MATCH, IF_NONE_MATCH};
use serde_json::Value;

use super::change::{Manner, tell, work};
use super::remote::{Format, Remote, show, show_toml, table};
use super::{Outcome, asking};
use crate::client::{self, Client, Request, TOML};
use crate::files::reader;

/// What the document has collections of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// The whole document
    Document,
    Zones,
    DataCenters,
    Probes,
    Pools,
    Regions,
    Policies,
    Services,
}

impl Kind {
    fn path(self, name: Option<&str>) -> String {
        let kind = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        match name {
            Some(name) => format!("/api/v1/{kind}/{}", escape(name)),
            None => format!("/api/v1/{kind}"),
        }
    }
}

#[derive(Debug, Args)]
pub struct Get {
    /// What to show
    kind: Kind,
    /// Its name; without it, all of them
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Which state of a resource is meant.
#[derive(Debug, Args)]
pub(super) struct State {
    /// The state that is to be changed, as `gslb get` tells it; refused where it is another by now. `latest` is whatever
    /// is there
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
}

impl State {
    /// The tag for `If-Match`, if one was given; that of `latest` is any.
    fn tag(&self) -> Option<String> {
        self.if_match.as_deref().map(|tag| match tag.trim_matches('"') {
            "latest" | "*" => "*".to_owned(),
            tag => format!("\"{tag}\""),
        })
    }
}

/// Nobody has said what is to be replaced.
#[derive(Debug, thiserror::Error)]
#[error(
    "it exists: say which state of it is to be replaced, so that nobody's work is undone unseen: --if-match {tag} for \
     the one of now, once you have seen it, or --if-match latest for whatever is there"
)]
pub(super) struct Unsaid {
    tag: String,
}

#[derive(Debug, Args)]
pub struct Put {
    /// What to write
    kind: Kind,
    /// Its name
    name: String,
    /// A file with its JSON or TOML; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    state: State,
    /// Do it without asking; without a terminal, nobody is asked
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Patch {
    /// What to change
    kind: Kind,
    /// Its name
    name: String,
    /// What is to be different, as a JSON merge patch (RFC 7396), like '{"min_up": 2}'
    patch: String,
    #[command(flatten)]
    state: State,
    /// Do it without asking; without a terminal, nobody is asked
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// What to remove
    kind: Kind,
    /// Its name
    name: String,
    #[command(flatten)]
    state: State,
    /// Do it without asking; without a terminal, nobody is asked
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn get(arguments: &Get) -> Outcome {
    let client = arguments.remote.client_for_toml()?;
    let path = arguments.kind.path(arguments.name.as_deref());
    if arguments.remote.format() == Format::Toml {
        return get_toml(arguments, &client, path);
    }
    let answer = client.ask(Request::get(path))?;
    if arguments.kind == Kind::Document || arguments.name.is_some() {
        // One thing is JSON for people too: it is what they would put.
        show(Format::Json, &answer.json()?, |_| String::new());
        tell_state(&arguments.remote, answer.etag.as_deref());
        return Ok(ExitCode::SUCCESS);
    }
    show(arguments.remote.format(), &answer.json()?, listed);
    Ok(ExitCode::SUCCESS)
}

/// Shows the document as its author wrote it, or what stands there in TOML.
fn get_toml(arguments: &Get, client: &Client, path: String) -> Outcome {
    let request = Request::get(path);
    let (text, etag) = if arguments.kind == Kind::Document {
        let answer = client.ask(request.with(ACCEPT, TOML))?;
        (answer.text()?, answer.etag)
    } else {
        let answer = client.ask(request)?;
        (to_toml(&answer.json()?)?, answer.etag)
    };
    show_toml(&text);
    tell_state(&arguments.remote, etag.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Tells which state it is, beside it, since what is put has no tag in it.
fn tell_state(remote: &Remote, etag: Option<&str>) {
    if let Some(tag) = etag {
        remote.hint(&format!("this is state {0}; to change it: --if-match {0}", tag.trim_matches('"')));
    }
}

pub(super) fn put(arguments: &Put) -> Outcome {
    let body = read_value(&arguments.file)?;
    let client = arguments.remote.client()?;
    let path = arguments.kind.path(Some(&arguments.name));
    let condition = match (arguments.state.tag(), current_tag(&client, &path)?) {
        (Some(said), Some(_)) => (IF_MATCH, said),
        (None, Some(tag)) => return Err(Unsaid { tag: tag.trim_matches('"').to_owned() }.into()),
        (_, None) => (IF_NONE_MATCH, "*".to_owned()),
    };
    let change = Change { remote: &arguments.remote, manner: &arguments.manner, yes: arguments.yes };
    change.send(&client, &path, |path| {
        Request::new(Method::PUT, path).json(&body).with(condition.0.clone(), &*condition.1)
    })
}

pub(super) fn patch(arguments: &Patch) -> Outcome {
    let body: Value =
        serde_json::from_str(&arguments.patch).map_err(|error| format!("the patch is no JSON: {error}"))?;
    let client = arguments.remote.client()?;
    let path = arguments.kind.path(Some(&arguments.name));
    let tag = said_or_current(&arguments.state, &client, &path)?;
    let change = Change { remote: &arguments.remote, manner: &arguments.manner, yes: arguments.yes };
    change.send(&client, &path, |path| {
        Request::new(Method::PATCH, path).json_as("application/merge-patch+json", &body).with(IF_MATCH, &*tag)
    })
}

pub(super) fn delete(arguments: &Delete) -> Outcome {
    let client = arguments.remote.client()?;
    let path = arguments.kind.path(Some(&arguments.name));
    let tag = said_or_current(&arguments.state, &client, &path)?;
    let change = Change { remote: &arguments.remote, manner: &arguments.manner, yes: arguments.yes };
    change.send(&client, &path, |path| Request::new(Method::DELETE, path).with(IF_MATCH, &*tag))
}

/// How one resource is changed.
struct Change<'a> {
    remote: &'a Remote,
    manner: &'a Manner,
    yes: bool,
}

impl Change<'_> {
    /// Sends what `request` makes for a path. Somebody at a terminal sees first what it would do, and is asked.
    fn send(&self, client: &Client, path: &str, request: impl Fn(String) -> Request) -> Outcome {
        if !self.yes && !self.manner.is_dry_run() && asking::is_possible() {
            let foreseen = client.ask(request(self.manner.foreseen().path(path)))?.json()?;
            eprintln!("{}\n", work(&foreseen));
            if !asking::agreed("Do this?")? {
                return Err("nothing was changed".into());
            }
        }
        tell(self.remote, self.manner, &client.ask(request(self.manner.path(path)))?.json()?)
    }
}

/// The tag that was said, or else the one of now: a patch and a removal say themselves what is to be different, and
/// leave what others have changed beside it.
fn said_or_current(state: &State, client: &Client, path: &str) -> Result<String, client::Error> {
    state.tag().map_or_else(|| tag(client, path), Ok)
}

/// The tag of what is at `path` now.
fn tag(client: &Client, path: &str) -> Result<String, client::Error> {
    let answer = client.ask(Request::get(path))?;
    answer.etag.ok_or_else(|| client::Error::Broken(format!("{path} has no ETag")))
}

/// The tag of what is at `path` now; nothing where nothing is.
pub(super) fn current_tag(client: &Client, path: &str) -> Result<Option<String>, client::Error> {
    match tag(client, path) {
        Ok(tag) => Ok(Some(tag)),
        Err(client::Error::Refused(refusal)) if refusal.code == hyper::StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// A line per resource, cut where it is long.
fn listed(all: &Value) -> String {
    let row = |(name, value): (&String, &Value)| [Cell::new(name), Cell::new(shortened(&value.to_string()))];
    table(["name", "value"], all.as_object().into_iter().flatten().map(row))
}

/// Characters of a value in a table.
const CELL_CHARACTERS: usize = 160;

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
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
    // An object of JSON begins with a brace, which nothing in TOML does.
    if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    } else {
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A name as a segment of a path (RFC 3986 section 3.3).
pub(super) fn escape(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            path.push(char::from(octet));
        } else {
            path.push_str(&format!("%{octet:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_a_segment_of_a_path() {
        assert_eq!(escape("www.example.com"), "www.example.com");
        assert_eq!(escape("*.a/b c?é"), "%2A.a%2Fb%20c%3F%C3%A9");
    }
}
