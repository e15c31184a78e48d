//! `gslb events`: what changes, as it changes.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use super::following::follow;
use super::remote::{Format, Remote};
use super::resource::shortened;
use crate::client::events::Event;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Go on after the event of this id; without it, with what happens from now on
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// End after this many events
    #[arg(short = 'n', long, value_name = "NUMBER")]
    limit: Option<usize>,
    #[command(flatten)]
    remote: Remote,
}

/// Follows the events until the limit, or for ever.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    follow(&client, "/api/v1/events", arguments.after.clone(), arguments.limit, |event| {
        write(arguments.remote.format(), event).map(|()| 1)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each event: id, name and what it says; or JSON.
fn write(format: Format, event: &Event) -> io::Result<()> {
    let data = serde_json::from_str(&event.data).unwrap_or_else(|_| Value::String(event.data.clone()));
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", serde_json::json!({ "id": event.id, "event": event.name, "data": data }))?,
        Format::Table => writeln!(out, "{:>8}  {:<12} {}", event.id, event.name, shortened(&data.to_string()))?,
    }
    out.flush()
}
