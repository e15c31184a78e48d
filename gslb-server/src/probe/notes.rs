//! What a probe has found so far; it is available even if the probe times out.

use std::time::Duration;

/// What a probe has found so far; it is available even if the probe times out.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The current step.
    pub(super) stage: &'static str,
    /// When the server's certificate expires, in seconds since 1970.
    pub(super) certificate_expires: Option<u64>,
    /// The round-trip time: of the connect, or of one query and its response. Nothing else is included, so that probes
    /// of different kinds are comparable.
    pub(super) latency: Option<Duration>,
}
