//! Connects to a target: resolves once, checks every address, and connects only to a checked one.

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

/// Most addresses of a name to try.
const MAX_ADDRESSES: usize = 8;
/// The permitted addresses of `target`, at least one.
pub(super) async fn addresses(target: &Target, tools: &Tools, notes: &mut Notes) -> Result<Vec<IpAddr>, Fault> {
    if let Some(port) = target.kind.port() {
        tools.guard.permits_port(port)?;
    }
    let name = match &target.host {
        model::Target::Address(address) => {
            tools.guard.permits(*address)?;
            return Ok(vec![*address]);
        }
        model::Target::Cname(name) => absolute(name),
    };
    notes.stage = RESOLVING;
    let found = tools.resolver.resolve(name).await?;
    let mut permitted = Vec::new();
    let mut refused = Fault::new(Failure::Resolve, "its name has no address");
    for address in found {
        match tools.guard.permits(address) {
            Ok(()) if permitted.len() < MAX_ADDRESSES && !permitted.contains(&address) => permitted.push(address),
            Ok(()) => {}
            // An unusable address makes the name useless: some operators use `0.0.0.0` to take a host out.
            Err(Forbidden::Never { what, .. }) if refused.failure == Failure::Resolve => {
                refused = Fault::new(Failure::Resolve, format!("its name resolves only to {address}, which is {what}"));
            }
            Err(forbidden) => refused = forbidden.into(),
        }
    }
    if permitted.is_empty() { Err(refused) } else { Ok(permitted) }
}

/// The name to resolve, with a final dot so that no search domain is appended. A single label can only be in the hosts
/// file, which has no final dots.
fn absolute(name: &Name) -> String {
    let text = name.to_string();
    if name.label_count() == 1 { text.trim_end_matches('.').to_owned() } else { text }
}

/// Connects to the first address that accepts. Each address gets a share of the probe's timeout.
pub(super) async fn connect(target: &Target, tools: &Tools, notes: &mut Notes) -> Result<Bounded<TcpStream>, Fault> {
    let port = target.kind.port().unwrap_or_default();
    let addresses = addresses(target, tools, notes).await?;
    notes.stage = "connecting";
    let mut share = Share { remaining: addresses.len() as u32, whole: target.timeout };
    let mut failed: Option<Fault> = None;
    for address in addresses {
        let begun = Instant::now();
        match timeout(share.next(), connect_to(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                notes.latency = Some(begun.elapsed());
                return Ok(Bounded::new(stream));
            }
            Ok(Err(fault)) => failed = Some(fault.more_specific(failed)),
            Err(_) => failed = Some(Fault::new(Failure::Timeout, format!("no connection to {address} in time"))),
        }
    }
    Err(failed.unwrap_or_else(|| Fault::new(Failure::Resolve, "no address")))
}

/// Divides the timeout evenly among addresses; the last one gets all the remaining time, bounded by the probe's
/// timeout.
struct Share {
    remaining: u32,
    whole: Duration,
}

impl Share {
    fn next(&mut self) -> Duration {
        let parts = self.remaining.max(1);
        self.remaining -= 1;
        if parts == 1 { self.whole.saturating_mul(2) } else { self.whole / parts }
    }
}

async fn connect_to(address: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(address).await.map_err(|error| Fault::from_connect_error(&error, address.ip()))?;
    // On this host, a connection to a closed ephemeral port may connect to itself.
    if stream.local_addr().is_ok_and(|local| local == address) {
        return Err(Fault::new(Failure::Refused, "nothing listens on this port"));
    }
    let _ = stream.set_nodelay(true);
    // Close with a reset: thousands of probes a second would otherwise leave ports in TIME_WAIT.
    let _ = stream.set_zero_linger();
    Ok(stream)
}
