//! Follows a stream of events: one that ends is requested again from where it ended, and the reader sees that it ended.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::client::events::Event;
use crate::client::{Client, Error};
use crate::printable::printable;

/// Delay before a stream that ended is requested again.
const AGAIN: Duration = Duration::from_secs(1);

/// The stream to follow.
pub(super) struct Stream<'s> {
    /// Its path.
    pub path: &'s str,
    /// The id of the last event received.
    pub last: Option<String>,
    /// Whether events that happen without a connection are sent afterwards instead of lost.
    pub keeps: bool,
}

/// Calls `each` with each event of the stream, which returns how many it counts for, until `limit` is reached. A closed
/// standard output, as after `head`, is a success. Lost and restored connections are reported on standard error: a gap
/// must not look as if nothing had happened.
///
/// # Errors
/// If the stream never began, or the server refuses it.
pub(super) fn follow(
    client: &Client,
    stream: Stream<'_>,
    limit: Option<u64>,
    mut each: impl FnMut(&Event) -> io::Result<u64>,
) -> Result<(), Error> {
    super::broken_pipe::ends();
    let Stream { path, mut last, keeps } = stream;
    let (has_begun, lost) = (Cell::new(false), Cell::new(None::<Instant>));
    let (mut is_over, mut is_reset, mut written) = (false, false, 0);
    let begun = || {
        has_begun.set(true);
        if let Some(since) = lost.take() {
            let between = if keeps { "missed events follow" } else { "events in between were missed" };
            say(&format!("reconnected after {:.0} s; {between}", since.elapsed().as_secs_f64()));
        }
    };
    loop {
        let followed = client.follow(path, last.clone().as_deref(), begun, |event| {
            if !event.id.is_empty() {
                last = Some(event.id.clone());
            }
            is_reset = event.name == "reset";
            let counted = each(&event);
            written += counted.as_ref().map_or(0, |count| *count);
            is_over = counted.is_err() || limit.is_some_and(|limit| written >= limit);
            !is_over
        });
        let why = match followed {
            Ok(()) if is_over => return Ok(()),
            // The reader knows where the server continues.
            Ok(()) if std::mem::take(&mut is_reset) => continue,
            Ok(()) => "closed by the server".to_owned(),
            // A server that restarts is worth waiting for; one that was never there is not.
            Err(error @ (Error::Unreachable { .. } | Error::Broken(_))) if has_begun.get() => error.to_string(),
            Err(error) => return Err(error),
        };
        if lost.get().is_none() {
            lost.set(Some(Instant::now()));
            say(&format!("connection lost: {why}; trying again"));
        }
        thread::sleep(AGAIN);
    }
}

/// Prints a line with the time in UTC, as events have it.
fn say(what: &str) {
    // If standard error is closed, there is no one to report it to.
    let _ = writeln!(io::stderr(), "gslb: {}: {}", Timestamp::now().strftime("%H:%M:%S"), printable(what));
}
