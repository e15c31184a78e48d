//! What a probe has found out so far, which is also known of one that never ends.

use std::time::Duration;

/// What is known of a probe while it runs, so that it is known also of one that never ends.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What it is at.
    pub(super) stage: &'static str,
    /// When the server's certificate ends, in seconds since 1970.
    pub(super) certificate_expires: Option<u64>,
    /// How far it is to there and back: the time of the connect, or of one question and its answer. Nothing else that a
    /// probe does is in it, so that those of different kinds can be compared.
    pub(super) latency: Option<Duration>,
}
