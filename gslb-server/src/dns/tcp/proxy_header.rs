//! The PROXY header at the start of a connection from a proxy.

use std::time::Duration;

use gslb_core::dns::wire::proxy::{self, Fault, MAX_HEADER, Origin};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Stop;
use super::connection::{End, stopped};
use crate::dns::proxy::Refusal;

/// Why a connection has no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// What arrived is refused.
    Refused(Refusal),
    /// Nothing arrived.
    Ended(End),
}

/// Reads the header within `time`, and nothing after it.
pub(super) async fn read(
    stream: &mut TcpStream,
    time: Duration,
    stop: &mut watch::Receiver<Stop>,
) -> Result<Origin, NoHeader> {
    let (mut buffer, mut filled) = ([0; MAX_HEADER], 0);
    let header = async {
        loop {
            match proxy::read(&buffer[..filled]) {
                Ok(header) => return Ok(header.origin),
                Err(Fault::Incomplete) => {}
                Err(fault) => return Err(NoHeader::Refused(Refusal::Header(fault))),
            }
            let wanted = proxy::octets_needed(&buffer[..filled]).min(MAX_HEADER);
            match stream.read(&mut buffer[filled..wanted]).await.unwrap_or(0) {
                0 if filled == 0 => return Err(NoHeader::Ended(End::Client)),
                0 => return Err(NoHeader::Refused(Refusal::Header(Fault::Incomplete))),
                octets => filled += octets,
            }
        }
    };
    let ended = tokio::select! {
        biased;
        header = header => return header,
        () = sleep(time) => End::Idle,
        () = stopped(stop) => End::Stopped,
    };
    match ended {
        End::Idle if filled > 0 => Err(NoHeader::Refused(Refusal::Timeout)),
        ended => Err(NoHeader::Ended(ended)),
    }
}
