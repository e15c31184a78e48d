//! Resolves target names with the system's resolver.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use gslb_core::health::Failure;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::fault::Fault;

/// Most concurrent lookups. The system's resolver needs a thread for each, even after the probe has timed out.
pub(super) const MAX_LOOKUPS: usize = 64;

/// The step of a probe that waits for the resolver.
pub(super) const RESOLVING: &str = "resolving its name";

/// The system's resolver, with limited concurrency.
pub(super) struct Resolver(Arc<Semaphore>);

impl Resolver {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LOOKUPS)))
    }

    /// The addresses of `name`, which is absolute.
    pub(super) async fn resolve(&self, name: String) -> Result<Vec<IpAddr>, Fault> {
        let failed = |why: String| Fault::new(Failure::Resolve, format!("{name}: {why}"));
        let Ok(permit) = self.0.clone().acquire_owned().await else {
            return Err(failed("the prober is stopping".into()));
        };
        let host = name.clone();
        let looked_up = spawn_blocking(move || {
            #[expect(clippy::disallowed_methods, reason = "this thread may block, and their number is limited")]
            let found = (host.as_str(), 0).to_socket_addrs();
            drop(permit);
            found
        });
        match looked_up.await {
            Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
            Ok(Err(error)) if has_no_address(&error) => Err(failed(error.to_string())),
            Ok(Err(error)) => Err(Fault::new(Failure::Resolver, format!("{name}: {error}"))),
            Err(error) => Err(Fault::new(Failure::System, format!("{name}: {error}"))),
        }
    }
}

/// Whether the error is about the name (it does not exist or has no address) and not about the resolver. The codes
/// EAI_NONAME and EAI_NODATA are only available as text, from glibc or musl.
fn has_no_address(error: &std::io::Error) -> bool {
    let text = error.to_string();
    ["not known", "No address", "does not resolve", "has no usable address"].iter().any(|phrase| text.contains(phrase))
}
