//! What all probes use.

use std::path::PathBuf;

use super::authorities::Authorities;
use super::guard::Guard;
use super::resolver::Resolver;

/// What all probes use.
pub(super) struct Tools {
    pub(super) guard: Guard,
    pub(super) tls: Authorities,
    pub(super) resolver: Resolver,
    /// The `gslb` program, which runs those of exec probes.
    pub(super) supervisor: PathBuf,
}
