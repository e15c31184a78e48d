//! The socket between predecessor and successor: messages, each with at most one file descriptor.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, Socket, Type};

use super::Message;

/// Most octets of a message: its own, and those of an unfinished DNS message.
const MAX_OCTETS: usize = 128 << 10;
/// Separates a message from its payload; no message contains it.
const SEPARATOR: u8 = b'\n';

/// One end of the socket.
#[derive(Debug)]
pub struct Channel(Socket);

/// A received message.
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// What follows it.
    pub payload: Vec<u8>,
    /// The file descriptor that came with it.
    pub descriptor: Option<OwnedFd>,
}

impl Channel {
    /// Both ends of a new socket, which keeps the boundaries of messages. They are not inherited by other programs.
    ///
    /// # Errors
    /// If the system has no more file descriptors.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
        Ok((Self(own), other.into()))
    }

    /// The end in `socket`.
    ///
    /// # Errors
    /// If it is not a socket that keeps the boundaries of messages.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        match socket.r#type()? {
            Type::SEQPACKET => Ok(Self(socket)),
            _ => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a socket of messages")),
        }
    }

    /// How long to wait for a message, or for room to send one; `None` is forever.
    ///
    /// # Errors
    /// If the socket does not have this option.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(timeout)?;
        self.0.set_write_timeout(timeout)
    }

    /// Sends `message`.
    ///
    /// # Errors
    /// [`ErrorKind::BrokenPipe`] if the other process has ended, [`ErrorKind::WouldBlock`] if it does not read.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        self.send_all(message, &[], None)
    }

    /// Sends `message` with `payload` and a copy of `descriptor`.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub fn send_all(&self, message: &Message, payload: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut octets = serde_json::to_vec(message)?;
        octets.push(SEPARATOR);
        octets.extend_from_slice(payload);
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("no room for a file descriptor"));
        }
        loop {
            match sendmsg(self.0.as_fd(), &[IoSlice::new(&octets)], &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                sent => return sent.map(drop).map_err(io::Error::from),
            }
        }
    }

    /// Waits for the next message; `None` once the other process has ended.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if none came in time, [`ErrorKind::InvalidData`] if it is not understood.
    pub fn receive(&self) -> io::Result<Option<Received>> {
        let mut octets = vec![0; MAX_OCTETS];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let buffers = &mut [IoSliceMut::new(&mut octets)];
            match recvmsg(self.0.as_fd(), buffers, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                // With unread messages in its queue, its end is seen as a reset.
                Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                received => break received.map_err(io::Error::from)?,
            }
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        if received.bytes == 0 && descriptor.is_none() {
            return Ok(None);
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(io::Error::new(ErrorKind::InvalidData, "a message or its file descriptor was cut off"));
        }
        octets.truncate(received.bytes);
        let end = octets.iter().position(|octet| *octet == SEPARATOR);
        let unknown = || io::Error::new(ErrorKind::InvalidData, "an unknown message");
        let payload = octets.split_off(end.ok_or_else(unknown)? + 1);
        let message = serde_json::from_slice(octets.trim_ascii_end()).map_err(|_| unknown())?;
        Ok(Some(Received { message, payload, descriptor }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use gslb_core::respond::Transport;

    use super::*;

    fn ends() -> (Channel, Channel) {
        let (one, other) = Channel::pair().unwrap();
        (one, Channel::over(other).unwrap())
    }

    #[test]
    fn a_connection_continues_in_whoever_receives_it() {
        let (one, other) = ends();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let payload = [SEPARATOR; 65537];
        let address = client.local_addr().unwrap();
        let mut descriptor = None;
        for transport in [Transport::Udp, Transport::Tls, Transport::Tcp] {
            let message = Message::Connection { client: address, local: address, transport, is_proxied: true };
            one.send_all(&message, &payload, Some(accepted.as_fd())).unwrap();
            let received = other.receive().unwrap().unwrap();
            assert_eq!((received.message, &*received.payload), (message, &payload[..]));
            descriptor = received.descriptor;
        }
        drop(accepted);
        let mut passed_on = TcpStream::from(descriptor.unwrap());
        client.write_all(b"still open").unwrap();
        let mut octets = [0; 10];
        passed_on.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"still open");
    }

    #[test]
    fn the_end_of_the_other_process_and_its_silence_are_noticed() {
        let (one, other) = ends();
        one.set_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(one.receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        one.send(&Message::Prepared).unwrap();
        drop(other);
        assert!(one.receive().unwrap().is_none());
        assert_eq!(one.send(&Message::Prepared).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        let (one, other) = Channel::pair().unwrap();
        let other = Socket::from(other);
        for wrong in ["", "\n", "{}\n", "\"prepared\"", "\"later-version\"\n", "\0\0\n"] {
            other.send(wrong.as_bytes()).unwrap();
            if !wrong.is_empty() {
                assert_eq!(one.receive().unwrap_err().kind(), ErrorKind::InvalidData, "{wrong:?}");
            } else {
                assert!(one.receive().unwrap().is_none());
            }
        }
        let stream = std::os::unix::net::UnixStream::pair().unwrap().0;
        assert_eq!(Channel::over(stream.into()).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
