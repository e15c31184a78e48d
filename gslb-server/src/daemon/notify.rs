//! Notifies the service manager that the server is ready, alive or stopping (sd_notify(3)).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{env, process};

use tracing::{error, info};

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
        Self::to(&address, watchdog)
    }

    /// Uses the socket at `address`: a path, or an abstract name after `@`. An invalid address is logged.
    pub fn to(address: &OsStr, watchdog: Option<Duration>) -> Self {
        let manager = Manager::at(address).inspect_err(|cause| {
            error!(
                address = %address.display(), why = %cause,
                "cannot notify the service manager: NOTIFY_SOCKET is not a valid socket address"
            );
        });
        Self { manager: manager.ok(), watchdog }
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

    /// The period within which [`State::Alive`] must be repeated; `None` if there is no watchdog.
    pub fn watchdog(&self) -> Option<Duration> {
        self.manager.as_ref().and(self.watchdog)
    }
}

impl Manager {
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
