//! `recvmmsg` and `sendmmsg`: up to 64 datagrams per system call, and nearly all unsafe code of the program
//! (`memory.rs` has the rest).
//!
//! Both calls take arrays of headers that point at buffers, and neither the standard library nor a safe crate offers
//! them together with the control messages that a wildcard listener needs. This is sound because of one rule: every
//! header passed to the kernel was rewritten since its slot was last read. A header may have a stale pointer, but
//! nothing follows it.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Datagrams per system call, at most.
pub const SLOTS: usize = 64;
/// Longest query that is looked at, and room for the longest reply, in octets.
pub const OCTETS: usize = 4096;
/// Room that a receive offers at least, in datagrams.
const FEWEST: usize = 8;

/// Whether a receive waits for a first datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until one has come or the socket's receive timeout is over.
    ForFirst,
    /// Only queued datagrams.
    Never,
}

/// What came in one slot of a [`Batch`].
#[derive(Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A datagram, as it was sent.
    Whole {
        /// Who sent it.
        source: SocketAddr,
        /// Its octets, and after them the room for a reply, which may be written over them.
        buffer: &'a mut [u8; OCTETS],
        /// How many octets it has.
        len: usize,
    },
    /// Longer than [`OCTETS`]: the rest is lost.
    Oversized,
    /// From an address of neither family, which no IP socket yields.
    Foreign,
}

/// A peer's address in the kernel's form. All 28 octets are initialized for either family.
#[derive(Clone, Copy)]
#[repr(C)]
union Address {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Address {
    fn family(&self) -> libc::c_int {
        // SAFETY: both members start with the family, and all octets are initialised.
        libc::c_int::from(unsafe { self.v4.sin_family })
    }

    fn none() -> Self {
        // SAFETY: plain integers, of which zero is a value.
        Address { v6: unsafe { zeroed() } }
    }

    fn octets(&self) -> libc::socklen_t {
        let octets = if self.family() == libc::AF_INET { size_of::<libc::sockaddr_in>() } else { size_of::<Self>() };
        octets as libc::socklen_t
    }

    #[inline]
    fn to_socket_addr(self) -> Option<SocketAddr> {
        match self.family() {
            libc::AF_INET => {
                // SAFETY: all octets are initialised, and integers take any value.
                let v4 = unsafe { self.v4 };
                Some(SocketAddrV4::new(u32::from_be(v4.sin_addr.s_addr).into(), u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let v6 = unsafe { self.v6 };
                let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(address, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// Buffer for the only control message used: the local address that a datagram was sent to, or will be sent from.
/// Its layout is that of `CMSG_DATA`: the header's size is a multiple of its alignment, so the data follows at once.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    info: PacketInfo,
}

#[derive(Clone, Copy)]
#[repr(C)]
union PacketInfo {
    v4: libc::in_pktinfo,
    v6: libc::in6_pktinfo,
}

/// Largest alignment of `cmsghdr`, to which the kernel rounds a control message's length.
const fn control_space(data: usize) -> usize {
    (size_of::<libc::cmsghdr>() + data).next_multiple_of(size_of::<usize>())
}

impl Control {
    /// The local address of the datagram, if the `received` octets of control data have it.
    fn queried_address(&self, received: usize) -> Option<IpAddr> {
        let data = received.saturating_sub(size_of::<libc::cmsghdr>());
        match (self.header.cmsg_level, self.header.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if data >= size_of::<libc::in_pktinfo>() => {
                // SAFETY: the kernel wrote an `in_pktinfo`, and all octets were initialised before; plain integers.
                let queried_address = unsafe { self.info.v4 };
                Some(Ipv4Addr::from_bits(u32::from_be(queried_address.ipi_spec_dst.s_addr)).into())
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data >= size_of::<libc::in6_pktinfo>() => {
                // SAFETY: as above, with an `in6_pktinfo`.
                let queried_address = unsafe { self.info.v6 };
                Some(Ipv6Addr::from(queried_address.ipi6_addr.s6_addr).into())
            }
            _ => None,
        }
    }

    /// Converts the received control message into one that sends the reply from the queried address. Returns
    /// its length: 0 if nothing usable was received.
    ///
    /// The routing table chooses the interface, as for any other packet, except for a link-local address, which is
    /// meaningless without its interface.
    fn turn_round(&mut self, received: usize) -> usize {
        let data = received.saturating_sub(size_of::<libc::cmsghdr>());
        match (self.header.cmsg_level, self.header.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if data >= size_of::<libc::in_pktinfo>() => {
                // SAFETY: the kernel wrote an `in_pktinfo`, and all octets were initialised before; plain integers.
                self.info.v4 = libc::in_pktinfo { ipi_ifindex: 0, ..unsafe { self.info.v4 } };
                control_space(size_of::<libc::in_pktinfo>())
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data >= size_of::<libc::in6_pktinfo>() => {
                // SAFETY: as above, with an `in6_pktinfo`.
                let queried_address = unsafe { self.info.v6 };
                let link_local = Ipv6Addr::from(queried_address.ipi6_addr.s6_addr).is_unicast_link_local();
                let ipi6_ifindex = if link_local { queried_address.ipi6_ifindex } else { 0 };
                self.info.v6 = libc::in6_pktinfo { ipi6_ifindex, ..queried_address };
                control_space(size_of::<libc::in6_pktinfo>())
            }
            _ => 0,
        }
    }
}

/// Buffers of one datagram: a short query needs only two cache lines. The size is not a multiple of a page,
/// so that slots spread over the cache.
#[repr(C, align(64))]
struct Slot {
    part: libc::iovec,
    peer: Address,
    octets: [u8; OCTETS],
    control: Control,
}

impl Slot {
    fn new() -> Self {
        // SAFETY: a control message is plain integers, and an `iovec` a pointer and a length: zeros (a null pointer)
        // are values of both.
        let (control, part) = unsafe { (zeroed(), zeroed()) };
        Self { part, peer: Address::none(), octets: [0; OCTETS], control }
    }

    /// Points `header` at these buffers, with the first `octets` of the payload in use.
    #[inline]
    fn fill(&mut self, header: &mut libc::mmsghdr, octets: usize, peer: libc::socklen_t, control: usize) {
        self.part = libc::iovec { iov_base: self.octets.as_mut_ptr().cast(), iov_len: octets };
        let message = &mut header.msg_hdr;
        message.msg_name = ptr::from_mut(&mut self.peer).cast();
        message.msg_namelen = peer;
        message.msg_iov = &mut self.part;
        message.msg_iovlen = 1;
        message.msg_control = if control == 0 { ptr::null_mut() } else { ptr::from_mut(&mut self.control).cast() };
        message.msg_controllen = control as _;
        message.msg_flags = 0;
        header.msg_len = 0;
    }
}

/// Datagrams received in one system call, and the replies sent in another. A reply is written over its query, so
/// nothing is copied, and goes to the query's sender.
pub struct Batch {
    slots: Box<[Slot]>,
    headers: Box<[libc::mmsghdr]>,
    /// Octets of control messages per datagram: 0 on a listener of one address.
    control: usize,
    /// Capacity of the next receive. Writing headers takes time, so it is only twice the last
    /// count.
    offered: usize,
    /// Replies, whose headers are the first ones.
    replies: usize,
}

impl Batch {
    /// Allocates all buffers. With `wildcard`, the local address of each datagram is requested.
    pub fn new(wildcard: bool) -> Self {
        let slots = (0..SLOTS).map(|_| Slot::new()).collect();
        // SAFETY: a header is pointers and integers; null and zero are values of all of them.
        let headers = (0..SLOTS).map(|_| unsafe { zeroed() }).collect();
        let control = if wildcard { size_of::<Control>() } else { 0 };
        Self { slots, headers, control, offered: SLOTS, replies: 0 }
    }

    /// Receives up to [`SLOTS`] datagrams and returns their number. Discards earlier datagrams and unsent
    /// replies.
    ///
    /// # Errors
    /// As `recvmmsg(2)`; `WouldBlock` when nothing came in time.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, wait: Wait) -> io::Result<usize> {
        self.replies = 0;
        let headers = &mut self.headers[..self.offered];
        for (slot, header) in self.slots.iter_mut().zip(headers.iter_mut()) {
            slot.fill(header, OCTETS, size_of::<Address>() as libc::socklen_t, self.control);
        }
        let flags = match wait {
            Wait::ForFirst => libc::MSG_WAITFORONE,
            Wait::Never => libc::MSG_DONTWAIT,
        };
        let (first, offered) = (headers.as_mut_ptr(), headers.len());
        // SAFETY: `socket` is open while borrowed. There are `offered` headers, all just written: each points at a
        // peer, a part, a control message and a payload of one slot, with their true sizes. No two share a slot, and
        // `&mut self` keeps all of them in place and out of other hands until the call returns. No timeout is given.
        let received = unsafe { libc::recvmmsg(socket.as_raw_fd(), first, offered as _, flags as _, ptr::null_mut()) };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        self.offered = (received * 2).clamp(FEWEST, SLOTS);
        Ok(received)
    }

    /// The buffer of slot `index`, and the length of its datagram, for an index below the result of the last
    /// [`Batch::receive`].
    #[inline]
    pub fn octets(&self, index: usize) -> (&[u8; OCTETS], usize) {
        (&self.slots[index].octets, (self.headers[index].msg_len as usize).min(OCTETS))
    }

    /// The sender of the datagram in slot `index`; `None` if its address is of neither family. For an index below the
    /// result of the last [`Batch::receive`].
    #[inline]
    pub fn peer(&self, index: usize) -> Option<SocketAddr> {
        self.slots[index].peer.to_socket_addr()
    }

    /// Removes the first `octets` from the datagram in slot `index`, for an index below the result of the last
    /// [`Batch::receive`], before any reply.
    #[inline]
    pub fn strip(&mut self, index: usize, octets: usize) {
        let (slot, header) = (&mut self.slots[index], &mut self.headers[index]);
        let len = (header.msg_len as usize).min(OCTETS);
        let octets = octets.min(len);
        slot.octets.copy_within(octets..len, 0);
        header.msg_len = (len - octets) as libc::c_uint;
    }

    /// The address that the datagram in slot `index` was sent to, on a listener of several addresses; `None` on others.
    /// For an index below the result of the last [`Batch::receive`], before any reply.
    #[inline]
    pub fn queried_address(&self, index: usize) -> Option<IpAddr> {
        match self.control {
            0 => None,
            _ => self.slots[index].control.queried_address(self.headers[index].msg_hdr.msg_controllen as _),
        }
    }

    /// Who sent the datagram in slot `index`; `None` if its address is of neither family.
    #[inline]
    pub fn source(&self, index: usize) -> Option<IpAddr> {
        self.slots[index].peer.to_socket_addr().map(|source| source.ip())
    }

    /// The datagram in slot `index` of the last [`Batch::receive`], for an index below its result, and not below any
    /// with a reply.
    #[inline]
    pub fn datagram(&mut self, index: usize) -> Datagram<'_> {
        debug_assert!(index >= self.replies, "header {index} is that of a reply by now");
        let (slot, header) = (&mut self.slots[index], &self.headers[index]);
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return Datagram::Oversized;
        }
        let len = (header.msg_len as usize).min(OCTETS);
        match slot.peer.to_socket_addr() {
            Some(source) => Datagram::Whole { source, buffer: &mut slot.octets, len },
            None => Datagram::Foreign,
        }
    }

    /// Keeps the first `octets` of the buffer of slot `index` as the next reply. Slots are replied to in order, each
    /// at most once.
    #[inline]
    pub fn reply(&mut self, index: usize, octets: usize) {
        debug_assert!(index >= self.replies, "slots are replied to in order");
        let slot = &mut self.slots[index];
        let control = match self.control {
            0 => 0,
            _ => slot.control.turn_round(self.headers[index].msg_hdr.msg_controllen as _),
        };
        let peer = slot.peer.octets();
        slot.fill(&mut self.headers[self.replies], octets.min(OCTETS), peer, control);
        self.replies += 1;
    }

    /// Where to write the next datagram that [`Batch::post`] takes, for a batch that is only sent from.
    pub fn buffer(&mut self) -> &mut [u8; OCTETS] {
        &mut self.slots[self.replies].octets
    }

    /// Keeps the first `octets` of [`Batch::buffer`] to be sent to the peer of a connected socket; [`SLOTS`] at most
    /// until [`Batch::clear`].
    pub fn post(&mut self, octets: usize) {
        self.slots[self.replies].fill(&mut self.headers[self.replies], octets.min(OCTETS), 0, 0);
        self.replies += 1;
    }

    /// Discards unsent replies.
    pub fn clear(&mut self) {
        self.replies = 0;
    }

    /// Replies kept since the last receive.
    pub fn replies(&self) -> usize {
        self.replies
    }

    /// Sends the replies from number `first` on, and returns how many of them the kernel took.
    ///
    /// # Errors
    /// As `sendmmsg(2)`: reply `first` could not be sent.
    pub fn send(&mut self, socket: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        let headers = &mut self.headers[first..self.replies];
        // SAFETY: `socket` is open while borrowed. Each of these headers was written by `reply` or `post`, and points
        // into one slot, which was not read since, with lengths within its buffers; `&mut self` keeps the slots in
        // place until the call returns.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as _, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Sets a socket option that is an `int`, for the few that have no safe wrapper.
///
/// # Errors
/// As `setsockopt(2)`; a kernel without the option says `ENOPROTOOPT` or `EINVAL`.
pub fn set_option(socket: BorrowedFd<'_>, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    let octets = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `socket` is open while borrowed, and the kernel reads just the `octets` of `value`, which outlives the
    // call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), octets) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
