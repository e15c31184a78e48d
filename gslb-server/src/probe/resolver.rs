//! The system's resolver, for names of targets.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use gslb_core::health::Failure;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::fault::Fault;

/// Most names that are resolved at once. The system's resolver takes a thread for each, also for those that nobody
/// waits for any more.
pub(super) const MOST_LOOKUPS: usize = 64;

/// What a probe is at while it waits for the resolver.
pub(super) const RESOLVING: &str = "resolving its name";

/// The system's resolver, asked for few names at once.
pub(super) struct Resolver(Arc<Semaphore>);

impl Resolver {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST_LOOKUPS)))
    }

    /// The addresses of `name`, which is absolute.
    pub(super) async fn resolve(&self, name: String) -> Result<Vec<IpAddr>, Fault> {
        let failed = |why: String| Fault::new(Failure::Resolve, format!("{name}: {why}"));
        let Ok(place) = self.0.clone().acquire_owned().await else { return Err(failed("stopping".into())) };
        let asked = name.clone();
        let looked_up = spawn_blocking(move || {
            #[expect(clippy::disallowed_methods, reason = "this thread may block, and their number is limited")]
            let found = (asked.as_str(), 0).to_socket_addrs();
            drop(place);
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

/// Whether a resolver has said that a name does not exist or has no address, which is about the name; anything else is about
/// the resolver. The system's own codes (EAI_NONAME, EAI_NODATA) come as text only, of glibc or of musl.
fn has_no_address(error: &std::io::Error) -> bool {
    let text = error.to_string();
    ["not known", "No address", "does not resolve", "has no usable address"].iter().any(|said| text.contains(said))
}
