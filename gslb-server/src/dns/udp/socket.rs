//! A UDP socket made ready for answering: one of several that share an address.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::mmsg::set_option;

/// How long a call on the socket may block. It is how often an idle worker looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Requested receive buffer in octets: some ten thousand queries while a worker is not scheduled.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Opens a socket on `address`, which any number of sockets of this user may share: the kernel spreads the sources
/// over them (`SO_REUSEPORT`).
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    set_options(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Makes a socket ready that another process has bound.
///
/// # Errors
/// If it lacks an option, or receives IPv4 too: replies would leave from the wrong address.
pub(super) fn adopt(socket: &UdpSocket) -> io::Result<()> {
    let (options, address) = (SockRef::from(socket), socket.local_addr()?);
    check_only_v6(&options, address)?;
    socket.set_nonblocking(false)?;
    set_options(&options, address)
}

/// Checks that an inherited socket on an IPv6 address does not receive IPv4 too.
///
/// # Errors
/// If it does.
pub(crate) fn check_only_v6(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() && !socket.only_v6()? {
        return Err(io::Error::other("the inherited socket receives IPv4 too: set BindIPv6Only=ipv6-only"));
    }
    Ok(())
}

/// Sets what answering needs.
fn set_options(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // The kernel gives what its own limit allows; a smaller buffer only means an earlier loss under a burst.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    ignore_path_mtu(socket, address.is_ipv6());
    if address.ip().is_unspecified() { enable_packet_info(socket, address.is_ipv6()) } else { Ok(()) }
}

/// Forged "packet too big" messages must not make the kernel fragment answers (RFC 9715 section 3.1, R1). Answers are
/// small enough for any path, so nothing is lost if a kernel lacks the option.
fn ignore_path_mtu(socket: &Socket, v6: bool) {
    let _ = if v6 {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
    } else {
        set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
    };
}

/// A reply must leave from the address that the query was sent to (RFC 2181 section 4.1). On a socket that listens on
/// all addresses, only these control messages have it.
fn enable_packet_info(socket: &Socket, v6: bool) -> io::Result<()> {
    if v6 {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// Stops new datagrams from entering the socket's queue, so that the queue can be emptied: a connected socket receives
/// only from its peer, which here is the socket itself. New datagrams go to another socket on the same address, or are
/// refused at once instead of staying unread.
pub(super) fn close_intake(socket: &UdpSocket) -> io::Result<()> {
    socket.connect(own_address(socket)?)
}

/// The socket's own address; the loopback address if it listens on all.
fn own_address(socket: &UdpSocket) -> io::Result<SocketAddr> {
    let mut address = socket.local_addr()?;
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a datagram from each of a hundred sources.
    fn send_from_many(address: SocketAddr) -> Vec<UdpSocket> {
        let any = SocketAddr::new(address.ip(), 0);
        let senders: Vec<UdpSocket> = (0..100).map(|_| UdpSocket::bind(any).unwrap()).collect();
        senders.iter().for_each(|sender| assert_eq!(sender.send_to(b"x", address).unwrap(), 1));
        senders
    }

    /// How many datagrams are queued.
    fn queued(socket: &UdpSocket) -> usize {
        socket.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| socket.recv(&mut [0]).ok()).count()
    }

    #[test]
    fn a_closed_socket_answers_its_queue_and_takes_no_more() {
        for (listen, ask) in [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "::1")] {
            let closing = bind(listen.parse().unwrap()).unwrap();
            let address = closing.local_addr().unwrap();
            let queried_address = SocketAddr::new(ask.parse().unwrap(), address.port());
            let staying = bind(address).unwrap();
            let _before = send_from_many(queried_address);
            close_intake(&closing).unwrap();
            let _after = send_from_many(queried_address);
            let (kept, passed_on) = (queued(&closing), queued(&staying));
            assert!(kept < 100, "{kept} of the first hundred went to one of two sockets");
            assert_eq!(kept + passed_on, 200, "{listen}");
            assert!(passed_on >= 100);
        }
    }
}
