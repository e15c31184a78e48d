//! Probes of kind `icmp`: one echo request through an unprivileged ping socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use gslb_core::health::{Failure, Target};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::connect::addresses;
use super::fault::{Check, Fault};
use super::notes::Notes;
use super::tools::Tools;

/// Octets of a message's header (RFC 792; RFC 4443 §4.1).
const HEADER: usize = 8;
/// Most replies to read in search of the one to this request.
const MAX_REPLIES: usize = 64;
/// Octets of the echoed payload.
const TOKEN: usize = 16;

pub(super) async fn check(target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let Some(&address) = addresses(target, tools, notes).await?.first() else {
        return Err(Fault::new(Failure::Resolve, "no address"));
    };
    notes.stage = "waiting for the echo";
    let socket = socket(address).map_err(|error| socket_error(address, &error))?;
    let to_fault = |error: io::Error| Fault::from_connect_error(&error, address);
    socket.connect(SocketAddr::new(address, 0)).await.map_err(to_fault)?;
    let mut token = [0; TOKEN];
    getrandom::fill(&mut token).map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let (request, reply) = if address.is_ipv4() { (8, 0) } else { (128, 129) };
    // The system fills in identifier and checksum.
    let mut message = vec![request, 0, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(&token);
    let sent = Instant::now();
    socket.send(&message).await.map_err(to_fault)?;
    let mut buffer = [0; 128];
    for _ in 0..MAX_REPLIES {
        let len = socket.recv(&mut buffer).await.map_err(to_fault)?;
        if buffer[0] == reply && buffer.get(HEADER..len) == Some(&token[..]) {
            notes.latency = Some(sent.elapsed());
            return Ok("echoed".to_owned());
        }
    }
    Err(Fault::protocol(format!("sent {MAX_REPLIES} replies, but none to this request")))
}

/// A ping socket. The runtime treats it as a UDP socket.
fn socket(address: IpAddr) -> io::Result<UdpSocket> {
    let (domain, protocol, any): (_, _, IpAddr) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(protocol))?;
    socket.bind(&SocketAddr::new(any, 0).into())?;
    UdpSocket::from_std(socket.into())
}

fn socket_error(address: IpAddr, error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let help = "this system forbids ping sockets: add the server's group to net.ipv4.ping_group_range";
        return Fault::new(Failure::System, help);
    }
    Fault::new(Failure::System, format!("cannot open a ping socket for {address}: {error}"))
}
