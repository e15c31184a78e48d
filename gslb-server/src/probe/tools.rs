//! Services that all probes share.

use std::path::PathBuf;

use super::authorities::Authorities;
use super::guard::Guard;
use super::resolver::Resolver;

/// Services that all probes share.
pub(super) struct Tools {
    pub(super) guard: Guard,
    pub(super) tls: Authorities,
    pub(super) resolver: Resolver,
    /// The `gslb` program, which runs the programs of exec probes.
    pub(super) supervisor: PathBuf,
}
