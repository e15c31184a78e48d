//! `recvmmsg` and `sendmmsg`: up to 64 datagrams per system call, and the only unsafe code of the project.
//!
//! Both calls take arrays of headers that point at buffers, and neither the standard library nor a safe crate offers
//! them together with the control messages that a wildcard listener needs. What keeps this sound is one habit: the
//! headers are written anew for each call, from buffers that are borrowed for exactly that call. A pointer from an
//! earlier call may lie in a header, but nothing follows it.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Datagrams per system call.
pub const SLOTS: usize = 64;
/// Longest query that is looked at, and room for the longest reply, in octets.
pub const OCTETS: usize = 4096;

/// Whether a receive waits for a first datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until one has come or the socket's receive timeout is over.
    ForFirst,
    /// Only what is queued already.
    Never,
}

/// What came in one slot of an [`Inbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A datagram, as it was sent.
    Whole {
        /// Who sent it.
        source: SocketAddr,
        /// Its octets.
        octets: &'a [u8],
    },
    /// Longer than [`OCTETS`]: the rest is lost.
    Oversized,
    /// From an address of neither family, which no IP socket yields.
    Foreign,
}

/// A peer's address in the kernel's form. All 28 octets are initialised, whichever family is meant.
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

    fn octets(&self) -> libc::socklen_t {
        let octets = if self.family() == libc::AF_INET { size_of::<libc::sockaddr_in>() } else { size_of::<Self>() };
        octets as libc::socklen_t
    }

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

/// Room for the one control message that is used: which local address a datagram was sent to, or is to be sent from.
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
    /// Turns what was received into what makes a reply leave from the address that was asked.
    /// Returns the octets of control to send: 0 when nothing usable was received.
    ///
    /// The interface is left to the routing table, as for any other packet, save for a link-local address, which
    /// means nothing without its interface.
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
                let asked = unsafe { self.info.v6 };
                let link_local = Ipv6Addr::from(asked.ipi6_addr.s6_addr).is_unicast_link_local();
                let ipi6_ifindex = if link_local { asked.ipi6_ifindex } else { 0 };
                self.info.v6 = libc::in6_pktinfo { ipi6_ifindex, ..asked };
                control_space(size_of::<libc::in6_pktinfo>())
            }
            _ => 0,
        }
    }
}

/// One datagram's buffers. Its size is no multiple of a page, so that the starts of datagrams spread over the cache.
struct Slot {
    peer: Address,
    control: Control,
    /// Octets of `control` in use.
    control_octets: usize,
    part: libc::iovec,
    octets: [u8; OCTETS],
}

impl Slot {
    fn new() -> Self {
        // SAFETY: an address and a control message are plain integers, and an `iovec` a pointer and a length: zeros
        // (a null pointer) are values of all of them.
        let (peer, control, part) = unsafe { (Address { v6: zeroed() }, zeroed(), zeroed()) };
        Self { peer, control, control_octets: 0, part, octets: [0; OCTETS] }
    }

    /// Points `header` at these buffers, with the first `octets` of the payload in use.
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

/// [`SLOTS`] buffers and the headers over them.
fn allocate() -> (Box<[Slot]>, Box<[libc::mmsghdr]>) {
    let slots = (0..SLOTS).map(|_| Slot::new()).collect();
    // SAFETY: a header is pointers and integers; null and zero are values of all of them.
    let headers = (0..SLOTS).map(|_| unsafe { zeroed() }).collect();
    (slots, headers)
}

/// Where datagrams arrive.
pub struct Inbox {
    slots: Box<[Slot]>,
    headers: Box<[libc::mmsghdr]>,
    /// Octets of control asked for per datagram: 0 on a listener of one address.
    control: usize,
}

impl Inbox {
    /// Allocates all buffers. `wildcard` tells whether to ask which local address each datagram was sent to.
    pub fn new(wildcard: bool) -> Self {
        let (slots, headers) = allocate();
        Self { slots, headers, control: if wildcard { size_of::<Control>() } else { 0 } }
    }

    /// Receives up to [`SLOTS`] datagrams and returns how many came. What was received before is gone.
    ///
    /// # Errors
    /// As `recvmmsg(2)`; `WouldBlock` when nothing came in time.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, wait: Wait) -> io::Result<usize> {
        for (slot, header) in self.slots.iter_mut().zip(&mut self.headers) {
            slot.fill(header, OCTETS, size_of::<Address>() as libc::socklen_t, self.control);
        }
        let flags = match wait {
            Wait::ForFirst => libc::MSG_WAITFORONE,
            Wait::Never => libc::MSG_DONTWAIT,
        };
        let headers = self.headers.as_mut_ptr();
        // SAFETY: `socket` is open while borrowed. There are SLOTS headers, all just written: each points at a peer,
        // a part, a control message and a payload of one slot, with their true sizes. No two share a slot, and
        // `&mut self` keeps all of them in place and out of other hands until the call returns. No timeout is given.
        let received = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, SLOTS as _, flags as _, ptr::null_mut()) };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// What came in slot `index` of the last [`Inbox::receive`], for an index below what it returned.
    pub fn datagram(&self, index: usize) -> Datagram<'_> {
        let (slot, header) = (&self.slots[index], &self.headers[index]);
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return Datagram::Oversized;
        }
        let octets = &slot.octets[..(header.msg_len as usize).min(OCTETS)];
        slot.peer.to_socket_addr().map_or(Datagram::Foreign, |source| Datagram::Whole { source, octets })
    }
}

/// Where replies wait to be sent.
pub struct Outbox {
    slots: Box<[Slot]>,
    headers: Box<[libc::mmsghdr]>,
    lengths: [usize; SLOTS],
    filled: usize,
}

impl Outbox {
    /// Allocates all buffers.
    pub fn new() -> Self {
        let (slots, headers) = allocate();
        Self { slots, headers, lengths: [0; SLOTS], filled: 0 }
    }

    /// How many replies wait.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Forgets all replies.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Where to write the next reply. There is room for one reply to each datagram of an inbox.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.slots[self.filled].octets
    }

    /// Keeps the first `octets` of [`Outbox::room`] as the reply to slot `index` of `inbox`.
    pub fn push(&mut self, octets: usize, inbox: &Inbox, index: usize) {
        let (query, header) = (&inbox.slots[index], &inbox.headers[index]);
        let reply = &mut self.slots[self.filled];
        reply.peer = query.peer;
        reply.control_octets = 0;
        if inbox.control != 0 {
            reply.control = query.control;
            reply.control_octets = reply.control.turn_round(header.msg_hdr.msg_controllen as _);
        }
        self.lengths[self.filled] = octets.min(OCTETS);
        self.filled += 1;
    }

    /// Sends the replies from number `first` on, and returns how many of them the kernel took.
    ///
    /// # Errors
    /// As `sendmmsg(2)`: then reply `first` is the one that could not be sent.
    pub fn send(&mut self, socket: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        let waiting = first..self.filled;
        let (slots, headers) = (&mut self.slots[waiting.clone()], &mut self.headers[waiting.clone()]);
        for ((slot, header), octets) in slots.iter_mut().zip(headers.iter_mut()).zip(&self.lengths[waiting]) {
            let (peer, control) = (slot.peer.octets(), slot.control_octets);
            slot.fill(header, *octets, peer, control);
        }
        // SAFETY: `socket` is open while borrowed. Each of these headers was just written, and points into one slot
        // with lengths that lie within its buffers; `&mut self` keeps the slots in place until the call returns.
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
