//! `gslb events`: what changes, as it changes.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use super::remote::{Format, Remote};
use super::resource::shortened;
use crate::client::Error;
use crate::client::events::Event;

/// How long to wait before a stream that ended is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

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

/// Follows the events until the limit, or for ever; a stream that ends is resumed where it ended.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    super::unread::ends();
    let (mut last, mut left, mut begun) = (arguments.after.clone(), arguments.limit, false);
    // Who reads no further, as `head` does, has what they want.
    let mut unread = false;
    while left != Some(0) && !unread {
        let followed = client.follow("/api/v1/events", last.clone().as_deref(), |event| {
            begun = true;
            left = left.map(|left| left - 1);
            if !event.id.is_empty() {
                last = Some(event.id.clone());
            }
            unread = write(arguments.remote.format(), &event).is_err();
            !unread && left != Some(0)
        });
        match followed {
            // A server that restarts is worth waiting for; one that was never there is not.
            Err(Error::Unreachable { .. } | Error::Broken(_)) if begun => {}
            Err(error) => return Err(error.into()),
            Ok(()) if left == Some(0) || unread => {}
            Ok(()) => begun = true,
        }
        if left != Some(0) && !unread {
            thread::sleep(AGAIN);
        }
    }
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
