//! Streams of events followed: one that ends is asked for again, where it ended.

use std::io;
use std::thread;
use std::time::Duration;

use crate::client::events::Event;
use crate::client::{Client, Error};

/// How long to wait before a stream that ended is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Has each event at `path`, from the one after `last` on, written by `each`, which says how many it counts for, until
/// `limit` is reached. Who reads no further, as `head` does, has what they want.
///
/// # Errors
/// Where the stream never began, or the server refuses it.
pub(super) fn follow(
    client: &Client,
    path: &str,
    mut last: Option<String>,
    limit: Option<usize>,
    mut each: impl FnMut(&Event) -> io::Result<usize>,
) -> Result<(), Error> {
    if limit == Some(0) {
        return Ok(());
    }
    super::unread::ends();
    let (mut begun, mut is_over, mut written) = (false, false, 0);
    loop {
        let followed = client.follow(path, last.clone().as_deref(), |event| {
            begun = true;
            if !event.id.is_empty() {
                last = Some(event.id.clone());
            }
            let counted = each(&event);
            written += counted.as_ref().map_or(0, |count| *count);
            is_over = counted.is_err() || limit.is_some_and(|limit| written >= limit);
            !is_over
        });
        match followed {
            // A server that restarts is worth waiting for; one that was never there is not.
            Err(Error::Unreachable { .. } | Error::Broken(_)) if begun => {}
            Err(error) => return Err(error),
            Ok(()) if is_over => return Ok(()),
            Ok(()) => begun = true,
        }
        thread::sleep(AGAIN);
    }
}
