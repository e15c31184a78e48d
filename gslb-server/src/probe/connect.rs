//! From a target's host to a connection: resolve once, check every address, connect to one that was checked.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gslb_core::dns::name::Name;
use gslb_core::health::{Failure, Target};
use gslb_core::site::model;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::bounded::Bounded;
use super::fault::Fault;
use super::guard::Forbidden;
use super::notes::Notes;
use super::resolver::RESOLVING;
use super::tools::Tools;

/// Most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;
/// The addresses of `target` that a probe may go to, at least one.
pub(super) async fn addresses(target: &Target, tools: &Tools, notes: &mut Notes) -> Result<Vec<IpAddr>, Fault> {
    if let Some(port) = target.kind.port() {
        tools.guard.permits_port(port)?;
    }
    let name = match &target.host {
        model::Target::Address(address) => {
            tools.guard.permits(*address)?;
            return Ok(vec![*address]);
        }
        model::Target::Cname(name) => question(name),
    };
    notes.stage = RESOLVING;
    let found = tools.resolver.resolve(name).await?;
    let mut permitted = Vec::new();
    let mut refused = Fault::new(Failure::Resolve, "its name has no address");
    for address in found {
        match tools.guard.permits(address) {
            Ok(()) if permitted.len() < MOST_ADDRESSES && !permitted.contains(&address) => permitted.push(address),
            Ok(()) => {}
            // Nobody can use such an address, so the name is of no use: `0.0.0.0` is how some take a host out.
            Err(Forbidden::Never { what, .. }) if refused.failure == Failure::Resolve => {
                refused = Fault::new(Failure::Resolve, format!("its name has no address but {address}, {what}"));
            }
            Err(forbidden) => refused = forbidden.into(),
        }
    }
    if permitted.is_empty() { Err(refused) } else { Ok(permitted) }
}

/// A name as the system's resolver is asked for it: with its final dot, so that nothing is appended to it. One label alone
/// is never a name of the DNS; the system's own file may have it, which knows no final dots.
fn question(name: &Name) -> String {
    let text = name.to_string();
    if name.label_count() == 1 { text.trim_end_matches('.').to_owned() } else { text }
}

/// A connection to the first address that takes one. Each gets its share of the time that the probe has.
pub(super) async fn connect(target: &Target, tools: &Tools, notes: &mut Notes) -> Result<Bounded<TcpStream>, Fault> {
    let port = target.kind.port().unwrap_or_default();
    let addresses = addresses(target, tools, notes).await?;
    notes.stage = "connecting";
    let mut share = Share { left: addresses.len() as u32, whole: target.timeout };
    let mut failed: Option<Fault> = None;
    for address in addresses {
        let begun = Instant::now();
        match timeout(share.next(), connect_to(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                notes.latency = Some(begun.elapsed());
                return Ok(Bounded::new(stream));
            }
            Ok(Err(fault)) => failed = Some(fault.graver(failed)),
            Err(_) => failed = Some(Fault::new(Failure::Timeout, format!("no connection to {address} in time"))),
        }
    }
    Err(failed.unwrap_or_else(|| Fault::new(Failure::Resolve, "no address")))
}

/// Time among addresses, shared evenly; the last one has all that is left, which the whole probe's end bounds.
struct Share {
    left: u32,
    whole: Duration,
}

impl Share {
    fn next(&mut self) -> Duration {
        let parts = self.left.max(1);
        self.left -= 1;
        if parts == 1 { self.whole.saturating_mul(2) } else { self.whole / parts }
    }
}

async fn connect_to(address: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(address).await.map_err(|error| Fault::from_connect_error(&error, address.ip()))?;
    // Where nobody listens on a port of ours, the system may connect us to ourselves.
    if stream.local_addr().is_ok_and(|local| local == address) {
        return Err(Fault::new(Failure::Refused, "nobody listens there"));
    }
    let _ = stream.set_nodelay(true);
    // A probe that is done has nothing to say goodbye for. Closing with a reset leaves no port waiting behind: there may
    // be thousands of probes a second.
    let _ = stream.set_zero_linger();
    Ok(stream)
}
