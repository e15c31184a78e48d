//! Notifies the service manager that the server is ready, alive or stopping (sd_notify(3)).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{env, process};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tracing::{error, info, warn};

use super::sockets::ListenSocket;

/// How long the service manager may take to accept a socket, or a notification that must not be lost.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// A state to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Queries are answered.
    Ready,
    /// All parts have made progress since the last report.
    Alive,
    /// Shutdown has begun.
    Stopping,
    /// This process is the service now.
    MainProcess(u32),
}

impl State {
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
            Self::Stopping => "STOPPING=1".into(),
            Self::MainProcess(pid) => format!("MAINPID={pid}").into(),
        }
    }
}

/// A connection to the service manager; without one, notifications are dropped.
///
/// Answering does not depend on it: if the manager is unreachable, that is logged, and each notification tries again.
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
    /// Whether the manager keeps file descriptors for a process that dies.
    keeps: bool,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// Whether the last notification failed.
    is_unreachable: AtomicBool,
}

impl Notify {
    /// Reads NOTIFY_SOCKET, and WATCHDOG_USEC if WATCHDOG_PID is this process, from the environment.
    pub fn from_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_this_process = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog =
            number("WATCHDOG_USEC").filter(|micros| is_this_process && *micros > 0).map(Duration::from_micros);
        let keeps = number("FDSTORE").is_some_and(|most| most > 0);
        Self { keeps, ..Self::to(&address, watchdog) }
    }

    /// Uses the socket at `address`: a path, or an abstract name after `@`. An invalid address is logged.
    pub fn to(address: &OsStr, watchdog: Option<Duration>) -> Self {
        let manager = Manager::at(address).inspect_err(|cause| {
            error!(
                address = %address.display(), why = %cause,
                "cannot notify the service manager: NOTIFY_SOCKET is not a valid socket address"
            );
        });
        Self { manager: manager.ok(), watchdog, keeps: false }
    }

    /// Sends `state`. A notification that cannot be sent is lost: the manager has its own timeouts.
    pub fn send(&self, state: State) {
        let Some(Manager { socket, address, is_unreachable }) = &self.manager else { return };
        let sent = socket.send_to_addr(state.text().as_bytes(), address);
        let was_unreachable = is_unreachable.swap(sent.is_err(), Relaxed);
        match sent {
            Err(cause) if !was_unreachable => error!(
                ?address, why = %cause,
                "cannot notify the service manager: sending to NOTIFY_SOCKET failed; gslb keeps trying"
            ),
            Ok(_) if was_unreachable => info!("the service manager is reachable again"),
            _ => {}
        }
    }

    /// Sends `state`, and waits a little if the manager is busy: for one that must not be lost.
    pub fn send_surely(&self, state: State) {
        let Some(manager) = &self.manager else { return };
        let sent = manager.waiting_socket().and_then(|socket| socket.send(state.text().as_bytes()));
        if let Err(cause) = sent {
            error!(?state, why = %cause, "cannot notify the service manager: sending to NOTIFY_SOCKET failed");
        }
    }

    /// Gives copies of `sockets` to the service manager (FDSTORE, sd_pid_notify_with_fds(3)). If this process dies, they
    /// stay open, and the next start gets them in LISTEN_FDS. A manager with `FileDescriptorStoreMax=` sets the variable
    /// FDSTORE.
    pub fn keep<'s>(&self, sockets: impl Iterator<Item = &'s ListenSocket>) {
        let Some(manager) = self.manager.as_ref().filter(|_| self.keeps) else { return };
        for socket in sockets {
            if let Err(cause) = manager.keep(socket) {
                let name = stored_name(socket.kind.name(), socket.address);
                warn!(name, why = %cause, "the service manager cannot keep a socket: a crash closes it");
            }
        }
    }

    /// Has the service manager close its copies of the sockets with this name.
    pub fn forget(&self, name: &str) {
        if let Some(Manager { socket, address, .. }) = self.manager.as_ref().filter(|_| self.keeps) {
            // A manager that is unreachable is reported with the next notification.
            let _ = socket.send_to_addr(format!("FDSTOREREMOVE=1\nFDNAME={name}").as_bytes(), address);
        }
    }

    /// The period within which [`State::Alive`] must be repeated; `None` if there is no watchdog.
    pub fn watchdog(&self) -> Option<Duration> {
        self.manager.as_ref().and(self.watchdog)
    }
}

/// Names of sockets in the store of the service manager begin with this.
const STORED: &str = "gslb-";

/// The name of the sockets for `kind` at `address` in the store of the service manager, where names have no colon.
pub(super) fn stored_name(kind: &str, address: impl Display) -> String {
    format!("{STORED}{kind}-{address}").replace(':', "_")
}

/// Whether a socket with this name comes from the store.
pub(super) fn is_stored_name(name: &str) -> bool {
    name.starts_with(STORED)
}

impl Manager {
    /// Sends a copy of a socket.
    fn keep(&self, ListenSocket { kind, address, socket, .. }: &ListenSocket) -> io::Result<()> {
        let message = format!("FDSTORE=1\nFDNAME={}", stored_name(kind.name(), address));
        let descriptors = [socket.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("no space for a file descriptor"));
        }
        sendmsg(&self.waiting_socket()?, &[IoSlice::new(message.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// A socket that waits until the manager has room.
    fn waiting_socket(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&self.address)?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(socket)
    }

    fn at(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [] => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the address is empty")),
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not block the server.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, is_unreachable: AtomicBool::new(false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_reach_a_path_and_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("gslb-test-{}", process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (listener, address) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
        ] {
            let notify = Notify::to(OsStr::new(&address), Some(Duration::from_secs(30)));
            let mut buffer = [0; 64];
            for (state, text) in
                [(State::Ready, "READY=1"), (State::Alive, "WATCHDOG=1"), (State::Stopping, "STOPPING=1")]
            {
                notify.send(state);
                let octets = listener.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..octets], text.as_bytes());
            }
            assert_eq!(notify.watchdog(), Some(Duration::from_secs(30)));
        }
    }

    #[test]
    fn a_manager_that_keeps_sockets_gets_them_with_their_names() {
        use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let udp = std::net::UdpSocket::bind("[::1]:0").unwrap();
        let address = udp.local_addr().unwrap();
        let mut sockets = crate::daemon::sockets::Sockets::default();
        sockets.add(crate::daemon::sockets::Kind::Udp, address, udp);
        let notify = Notify { keeps: true, ..Notify::to(path.as_os_str(), None) };
        notify.keep(sockets.iter());
        let (mut octets, mut space) = ([0; 256], [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let buffers = &mut [std::io::IoSliceMut::new(&mut octets)];
        let received = recvmsg(&manager, buffers, &mut control, RecvFlags::empty()).unwrap();
        let name = format!("gslb-udp-[__1]_{}", address.port());
        assert_eq!(octets[..received.bytes], *format!("FDSTORE=1\nFDNAME={name}").as_bytes());
        let Some(RecvAncillaryMessage::ScmRights(mut kept)) = control.drain().next() else { panic!("no descriptor") };
        let kept = std::net::UdpSocket::from(kept.next().unwrap());
        assert_eq!(kept.local_addr().unwrap(), address);
        notify.forget(&name);
        let octets = manager.recv(&mut octets).map(|length| octets[..length].to_vec()).unwrap();
        assert_eq!(octets, format!("FDSTOREREMOVE=1\nFDNAME={name}").into_bytes());
        // One that keeps none gets none.
        Notify::to(path.as_os_str(), None).keep(sockets.iter());
        manager.set_nonblocking(true).unwrap();
        assert!(manager.recv(&mut [0; 16]).is_err());
    }

    #[test]
    fn a_manager_that_starts_later_or_restarts_is_notified() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let notify = Notify::to(path.as_os_str(), None);
        for _ in 0..2 {
            notify.send(State::Ready);
            let listener = UnixDatagram::bind(&path).unwrap();
            notify.send(State::Alive);
            let mut buffer = [0; 64];
            let octets = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..octets], b"WATCHDOG=1");
            drop(listener);
            std::fs::remove_file(&path).unwrap();
        }
        let none = Notify::default();
        none.send(State::Ready);
        assert_eq!(none.watchdog(), None);
    }
}
