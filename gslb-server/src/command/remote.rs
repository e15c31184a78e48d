//! The server that a command talks to, and the format of its output.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::table as layout;
use crate::client::{Address, Client, Error, Trust};
use crate::files::reader::{self, Kind};
use crate::printable::{self, printable};

/// The default address of the API.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8053";

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct Remote {
    /// API address, or GSLB_SERVER [default: http://127.0.0.1:8053]
    #[arg(long, env = "GSLB_SERVER", value_name = "URL", default_value = DEFAULT_SERVER)]
    #[arg(hide_env = true, hide_default_value = true)]
    server: Address,
    /// API token; GSLB_TOKEN hides it from others on this host
    #[arg(long, env = "GSLB_TOKEN", value_name = "TOKEN", hide_env = true, hide_env_values = true)]
    token: Option<String>,
    /// File with the API token, like gslb-data/admin.token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// CA of the server's certificate (PEM), or GSLB_CA
    #[arg(long, env = "GSLB_CA", value_name = "FILE", hide_env = true)]
    ca: Option<PathBuf>,
    /// Output format: table, wide (every column), json or toml
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    output: Format,
    /// Print errors and requested data only
    #[arg(short, long)]
    quiet: bool,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, as wide as the terminal
    Table,
    /// For people, with all columns and full timestamps
    Wide,
    /// For programs: JSON as the server sent it
    Json,
    /// The document in TOML; for `gslb get` and `gslb history REVISION`
    Toml,
}

/// Why a token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the token in {}: {cause}", path.display())]
struct NoToken {
    path: PathBuf,
    cause: std::io::Error,
}

impl Remote {
    /// A client of the server, for a command that does not write TOML.
    pub(super) fn client(&self) -> Result<Client, Box<dyn std::error::Error>> {
        if self.output == Format::Toml {
            return Err("-o toml is for `gslb get` and `gslb history REVISION`: write -o json or -o table here".into());
        }
        self.client_for_toml()
    }

    /// A client of the server, for a command that may write TOML.
    pub(super) fn client_for_toml(&self) -> Result<Client, Box<dyn std::error::Error>> {
        if self.output == Format::Wide {
            layout::show_everything();
        }
        let from_file = |path: &Path| {
            reader::read_text(path, Kind::Token).map_err(|cause| NoToken { path: path.to_owned(), cause })
        };
        let read = match (&self.token, &self.token_file) {
            (_, Some(path)) => Some(from_file(path)?),
            (token, None) => token.clone(),
        };
        // An empty variable counts as unset.
        let token = read.as_deref().map(str::trim).filter(|token| !token.is_empty());
        let trust = self.ca.clone().map_or(Trust::System, Trust::File);
        Ok(Client::new(self.server.clone(), token, &trust)?)
    }

    /// The format of the output. Tables handle `wide` themselves.
    pub(super) fn format(&self) -> Format {
        match self.output {
            Format::Wide => Format::Table,
            other => other,
        }
    }

    /// Whether to print more than the requested data.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether to print sentences about what was done.
    pub(super) fn is_talkative(&self) -> bool {
        !self.quiet && self.format() == Format::Table
    }

    /// Prints a hint on standard error, unless `--quiet`.
    pub(super) fn hint(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "gslb: {}", printable(text));
        }
    }

    /// Shows progress of something slow, unless `--quiet`.
    pub(super) fn working(&self, what: &str) -> Option<Working> {
        (!self.quiet).then(|| Working::on(what))
    }
}

/// Prints `answer` as the server sent it for programs, or as `people` renders it.
///
/// # Errors
/// [`Error::Broken`] if it does not have the expected type.
pub(super) fn show<T: DeserializeOwned>(
    format: Format,
    answer: &Value,
    people: impl FnOnce(&T) -> String,
) -> Result<(), Error> {
    let text = match format {
        Format::Json => in_terminal(&format!("{answer:#}")).into_owned(),
        Format::Table | Format::Wide | Format::Toml => people(&read(answer)?),
    };
    if !text.is_empty() {
        // A closed standard output, as after `head`, is not an error.
        let _ = writeln!(io::stdout(), "{}", text.trim_end());
    }
    Ok(())
}

/// `answer` for people: all its text is safe for a terminal. Unknown members are ignored: a later version of the server may
/// send them.
///
/// # Errors
/// [`Error::Broken`].
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, Error> {
    T::deserialize(&*safe(answer)).map_err(|cause| Error::Broken(cause.to_string()))
}

/// JSON as it is; on a terminal, control characters become JSON escapes.
pub(super) fn in_terminal(json: &str) -> Cow<'_, str> {
    if io::stdout().is_terminal() { printable::json(json) } else { Cow::Borrowed(json) }
}

/// `answer` with all its text, member names too, safe for a terminal.
fn safe(answer: &Value) -> Cow<'_, Value> {
    if is_safe(answer) { Cow::Borrowed(answer) } else { Cow::Owned(made_safe(answer)) }
}

fn is_safe(value: &Value) -> bool {
    let plain = |text: &str| matches!(printable(text), Cow::Borrowed(_));
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().all(is_safe),
        Value::Object(members) => members.iter().all(|(name, value)| plain(name) && is_safe(value)),
        _ => true,
    }
}

fn made_safe(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(text).into_owned()),
        Value::Array(items) => items.iter().map(made_safe).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (printable(name).into_owned(), made_safe(value))).collect()
        }
        other => other.clone(),
    }
}

/// Prints TOML as it is; on a terminal, safely.
pub(super) fn show_toml(text: &str) {
    let _ = if io::stdout().is_terminal() {
        write!(io::stdout(), "{}", printable(text))
    } else {
        write!(io::stdout(), "{text}")
    };
}

/// A domain name for people: without the final dot, except for the root.
pub(super) fn undotted(name: &str) -> &str {
    name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name)
}

/// Shows progress on a terminal until it is dropped.
#[must_use]
pub(super) struct Working(ProgressBar);

impl Working {
    /// Starts showing it.
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
