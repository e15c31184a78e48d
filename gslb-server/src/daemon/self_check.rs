//! The successor asks itself a query before it takes over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use gslb_core::respond::Settings;
use gslb_core::table::Published;

use crate::capture::tap;
use crate::dns::protection::Protection;
use crate::dns::udp;

/// How often the query is sent, and how long each waits for its answer.
const ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(1);
/// The ID of the query, and the question behind the header: SOA of the root in class IN.
const ID: [u8; 2] = [0x67, 0x73];
const QUESTION: [u8; 5] = [0, 0, 6, 0, 1];

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no socket or no thread for it.
    #[error("the successor cannot check itself: {0}")]
    System(#[from] io::Error),
    /// No answer came.
    #[error("the successor does not answer its own query")]
    Silent,
    /// The answer is not one to the query.
    #[error("the successor answers its own query wrongly")]
    Invalid,
}

/// Answers a query of its own over a socket of its own, in the same way as all others: with a worker thread, from the
/// published table.
///
/// # Errors
/// [`CheckError`].
pub fn self_check(published: &Arc<Published>, settings: &Arc<Settings>) -> Result<(), CheckError> {
    let (socket, address) = socket()?;
    let asking = UdpSocket::bind(SocketAddr::new(address.ip(), 0))?;
    asking.connect(address)?;
    asking.set_read_timeout(Some(PATIENCE))?;
    let unprotected = Protection { cookies: None, limits: None };
    let workers = udp::Workers::start(vec![(socket, None)], published, settings, &unprotected, tap::none(1))?;
    let answered = ask(&asking);
    workers.stop();
    answered
}

/// A socket on the loopback address of a family that this host has.
fn socket() -> io::Result<(UdpSocket, SocketAddr)> {
    let bind = |ip: IpAddr| udp::bind(SocketAddr::new(ip, 0), 1);
    let sockets = bind(Ipv4Addr::LOCALHOST.into()).or_else(|_| bind(Ipv6Addr::LOCALHOST.into()))?;
    let socket = sockets.into_iter().next().ok_or_else(|| io::Error::other("no socket"))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn ask(asking: &UdpSocket) -> Result<(), CheckError> {
    let query = [&ID[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], &QUESTION].concat();
    let mut answer = [0; 512];
    for _ in 0..ATTEMPTS {
        asking.send(&query)?;
        match asking.recv(&mut answer) {
            Ok(octets) => return check(answer.get(..octets).unwrap_or_default()),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    Err(CheckError::Silent)
}

/// Whether it is a response to the query that is not a failure of the server.
fn check(answer: &[u8]) -> Result<(), CheckError> {
    match answer {
        [a, b, flags, code, ..] if [*a, *b] == ID && flags & 0x80 != 0 && code & 0xf != 2 => Ok(()),
        _ => Err(CheckError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_response_to_the_query_passes() {
        assert!(check(&[ID[0], ID[1], 0x80, 5]).is_ok());
        for wrong in [&[][..], &[ID[0], ID[1], 0x80], &[0, 0, 0x80, 5], &[ID[0], ID[1], 0, 5], &[ID[0], ID[1], 0x84, 2]]
        {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }
}
