//! What the service manager is told: that the server answers, that it goes on, that it stops (sd_notify(3)).

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;
use std::{env, process};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Queries are answered.
    Ready,
    /// All parts have made progress since the last time.
    Alive,
    /// The end has begun.
    Stopping,
}

impl Word {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Alive => b"WATCHDOG=1",
            Self::Stopping => b"STOPPING=1",
        }
    }
}

/// A way to the service manager; without one, words go nowhere.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// The way that the environment names.
    ///
    /// # Errors
    /// When it names a socket that is not there: the manager would wait in vain.
    pub fn from_environment() -> io::Result<Self> {
        let Some(address) = env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0).map(Duration::from_micros);
        Self::to(address.as_encoded_bytes(), watchdog).map_err(|cause| {
            io::Error::new(cause.kind(), format!("cannot tell {} as NOTIFY_SOCKET says: {cause}", address.display()))
        })
    }

    /// A way to a socket: a path, or an abstract name after `@`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn to(address: &[u8], watchdog: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        match address.strip_prefix(b"@") {
            Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
            None => socket.connect(Path::new(&*String::from_utf8_lossy(address)))?,
        }
        // A manager that does not read must not hold us.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some(socket), watchdog })
    }

    /// Tells `word`. What cannot be told is lost: the manager asks for it by its own clock.
    pub fn tell(&self, word: Word) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(word.text());
        }
    }

    /// Within what time [`Word::Alive`] is expected again; none where it is not.
    pub fn watchdog(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog)
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
            let notify = Notify::to(address.as_bytes(), Some(Duration::from_secs(30))).unwrap();
            let mut heard = [0; 64];
            for (word, text) in [(Word::Ready, "READY=1"), (Word::Alive, "WATCHDOG=1"), (Word::Stopping, "STOPPING=1")]
            {
                notify.tell(word);
                let octets = listener.recv(&mut heard).unwrap();
                assert_eq!(&heard[..octets], text.as_bytes());
            }
            assert_eq!(notify.watchdog(), Some(Duration::from_secs(30)));
        }
    }

    #[test]
    fn a_socket_that_is_not_there_is_told() {
        assert!(Notify::to(b"/nonexistent/notify", None).is_err());
        let none = Notify::default();
        none.tell(Word::Ready);
        assert_eq!(none.watchdog(), None);
    }
}
