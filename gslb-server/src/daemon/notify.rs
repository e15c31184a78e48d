//! What the service manager is told: that the server answers, that it goes on, that it stops (sd_notify(3)).

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

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Queries are answered.
    Ready,
    /// All parts have made progress since the last time.
    Alive,
    /// The end has begun.
    Stopping,
}

impl State {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Alive => b"WATCHDOG=1",
            Self::Stopping => b"STOPPING=1",
        }
    }
}

/// A way to the service manager; without one, words go nowhere.
///
/// Answering does not depend on it: a manager that cannot be reached is reported in the log, and tried again with each word.
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// Whether the last word could not be sent.
    is_unreachable: AtomicBool,
}

impl Notify {
    /// The way that the environment names: NOTIFY_SOCKET, and WATCHDOG_USEC where WATCHDOG_PID is this process.
    pub fn from_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_allowed_host = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog =
            number("WATCHDOG_USEC").filter(|micros| is_allowed_host && *micros > 0).map(Duration::from_micros);
        Self::to(&address, watchdog)
    }

    /// A way to a socket: a path, or an abstract name after `@`. An address that no socket can have is reported in the log.
    pub fn to(address: &OsStr, watchdog: Option<Duration>) -> Self {
        let manager = Manager::at(address).inspect_err(|cause| {
            error!(
                address = %address.display(), why = %cause,
                "the service manager cannot be told that gslb answers: NOTIFY_SOCKET is no address of a socket"
            );
        });
        Self { manager: manager.ok(), watchdog }
    }

    /// Tells `word`. What cannot be told is lost: the manager asks for it by its own clock.
    pub fn tell(&self, word: State) {
        let Some(Manager { socket, address, is_unreachable }) = &self.manager else { return };
        let sent = socket.send_to_addr(word.text(), address);
        let was_unreachable = is_unreachable.swap(sent.is_err(), Relaxed);
        match sent {
            Err(cause) if !was_unreachable => error!(
                ?address, why = %cause,
                "the service manager cannot be told that gslb answers: nothing takes it at NOTIFY_SOCKET"
            ),
            Ok(_) if was_unreachable => info!("the service manager can be told again"),
            _ => {}
        }
    }

    /// Within what time [`State::Alive`] is expected again; none where it is not.
    pub fn watchdog(&self) -> Option<Duration> {
        self.manager.as_ref().and(self.watchdog)
    }
}

impl Manager {
    fn at(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [] => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is empty")),
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold us.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, is_unreachable: AtomicBool::new(false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_to_a_path_and_to_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("gslb-test-{}", process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (listener, address) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
        ] {
            let notify = Notify::to(OsStr::new(&address), Some(Duration::from_secs(30)));
            let mut heard = [0; 64];
            for (word, text) in
                [(State::Ready, "READY=1"), (State::Alive, "WATCHDOG=1"), (State::Stopping, "STOPPING=1")]
            {
                notify.tell(word);
                let octets = listener.recv(&mut heard).unwrap();
                assert_eq!(&heard[..octets], text.as_bytes());
            }
            assert_eq!(notify.watchdog(), Some(Duration::from_secs(30)));
        }
    }

    #[test]
    fn a_manager_that_comes_later_or_again_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let notify = Notify::to(path.as_os_str(), None);
        for _ in 0..2 {
            notify.tell(State::Ready);
            let listener = UnixDatagram::bind(&path).unwrap();
            notify.tell(State::Alive);
            let mut heard = [0; 64];
            let octets = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..octets], b"WATCHDOG=1");
            drop(listener);
            std::fs::remove_file(&path).unwrap();
        }
        let none = Notify::default();
        none.tell(State::Ready);
        assert_eq!(none.watchdog(), None);
    }
}
