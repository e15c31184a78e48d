//! Which server a command talks to, and how its answers are written.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::{Cell, ContentArrangement, Table, presets};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::client::{Address, Client, Trust};
use crate::file::{self, Kind};
use crate::printable::printable;

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct Remote {
    /// The server
    #[arg(long, env = "GSLB_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8053")]
    server: Address,
    /// What to be let in with; better in GSLB_TOKEN, since others on this host can see command lines
    #[arg(long, env = "GSLB_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file that has the token, such as gslb-data/admin.token; it goes before GSLB_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The authority of the server's certificate, as PEM; without it, those that the system trusts
    #[arg(long, env = "GSLB_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How to write what the server answers
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// For whom answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For programs: JSON as the server gave it
    Json,
}

/// Why a token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the token in {}: {cause}", path.display())]
struct NoToken {
    path: PathBuf,
    cause: std::io::Error,
}

impl Remote {
    /// A client of the server.
    pub(super) fn client(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let from_file =
            |path: &Path| file::read_text(path, Kind::Token).map_err(|cause| NoToken { path: path.to_owned(), cause });
        let read = match (&self.token, &self.token_file) {
            (_, Some(path)) => Some(from_file(path)?),
            (token, None) => token.clone(),
        };
        // An empty variable is none.
        let token = read.as_deref().map(str::trim).filter(|token| !token.is_empty());
        let trust = self.ca.clone().map_or(Trust::System, Trust::File);
        Ok(Client::new(self.server.clone(), token, &trust)?)
    }

    /// For whom to write.
    pub(super) fn format(&self) -> Format {
        self.output
    }
}

/// Writes `answer` for programs, or what `people` makes of it.
pub(super) fn show(format: Format, answer: &Value, people: impl FnOnce(&Value) -> String) {
    let text = match format {
        Format::Json => format!("{answer:#}"),
        Format::Table => people(answer),
    };
    if !text.is_empty() {
        // Who reads no further, as `head` does, has what they want.
        let _ = writeln!(io::stdout(), "{}", text.trim_end());
    }
}

/// Columns below which a table is of no use; lines are folded by the terminal then.
const NARROWEST: u16 = 60;

/// A table with these headings. It is as wide as the terminal, and coloured on a terminal only.
pub(super) fn table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [Cell; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.map(|heading| Cell::new(heading).add_attribute(comfy_table::Attribute::Bold)));
    for row in rows {
        table.add_row(row);
    }
    // Some terminals, such as serial consoles, say that they have no columns.
    if table.width().is_some_and(|columns| columns < NARROWEST) {
        table.set_width(NARROWEST);
    }
    let lines: Vec<String> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}

/// The text at `pointer` (RFC 6901), safe for a terminal: of a string itself, of nothing nothing, of all else its JSON.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => printable(text).into_owned(),
        Some(other) => printable(&other.to_string()).into_owned(),
    }
}

/// A name of DNS as people are told it: without the dot at its end, but for the root's.
pub(super) fn undotted(name: &str) -> &str {
    name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name)
}

/// Shows on a terminal that something takes long, until it is dropped.
pub(super) struct Working(ProgressBar);

impl Working {
    /// From now on.
    pub(super) fn on(what: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
