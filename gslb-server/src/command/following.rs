//! Streams of events followed: one that ends is asked for again, where it ended.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use crate::client::events::Event;
use crate::client::{Client, Error};

/// How long to wait before a stream that ended is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Gives each event at `path`, from the one after `last` on, to `each` until that breaks off.
///
/// # Errors
/// Where the stream never began, or the server refuses it.
pub(super) fn follow(
    client: &Client,
    path: &str,
    mut last: Option<String>,
    mut each: impl FnMut(&Event) -> ControlFlow<()>,
) -> Result<(), Error> {
    super::unread::ends();
    let (mut begun, mut is_over) = (false, false);
    loop {
        let followed = client.follow(path, last.clone().as_deref(), |event| {
            begun = true;
            if !event.id.is_empty() {
                last = Some(event.id.clone());
            }
            is_over = each(&event).is_break();
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
