//! The real `gslb` binary, started for a test, and the programs that ask it: dig, kdig and curl.

use std::thread;
use std::time::{Duration, Instant};

pub mod answer;
pub mod ask;
pub mod daemon;
pub mod dns_daemon;
pub mod exposition;
pub mod folder;
pub mod heavy;
pub mod http;
mod lines;
pub mod message;
pub mod program;
pub mod prometheus;
pub mod promql;
pub mod server;

/// How long tests wait for anything before they fail. Nothing takes this long, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds`; `what` names it when it never does.
///
/// # Panics
/// If it does not hold within [`PATIENCE`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
