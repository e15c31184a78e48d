//! Sockets that the service manager has bound (sd_listen_fds(3)): from a socket unit, or from its store of file
//! descriptors.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process;

use listenfd::ListenFd;
use socket2::SockRef;

use super::sockets::Inherited;

/// Number of the first passed file descriptor.
const FIRST: usize = 3;

/// Why the passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// A variable is malformed.
    #[error(
        "{name}={value:?} in the environment is not {expected}: the service manager sets it, so unset it or correct it"
    )]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: OsString,
        /// What it should be.
        expected: &'static str,
    },
    /// There is not a name for each socket.
    #[error("LISTEN_FDNAMES in the environment has {names} names for the {sockets} sockets of LISTEN_FDS")]
    Names {
        /// Number of names.
        names: usize,
        /// Number of sockets.
        sockets: usize,
    },
    /// A file descriptor is not what it should be.
    #[error(
        "file descriptor {number}{} from the service manager (LISTEN_FDS) cannot be used: {cause}; gslb takes UDP sockets \
         and TCP listeners",
        named(.name)
    )]
    Socket {
        /// Its number.
        number: usize,
        /// Its name, if it has one.
        name: Option<String>,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
}

/// Takes the sockets that the service manager passed to this process. Call it once, while there are no other threads.
///
/// # Errors
/// [`ActivationError`]: everything that is passed must be usable.
pub fn inherited() -> Result<Inherited, ActivationError> {
    let variables = Variables {
        pid: env::var_os("LISTEN_PID"),
        fds: env::var_os("LISTEN_FDS"),
        names: env::var_os("LISTEN_FDNAMES"),
    };
    let mut inherited = Inherited::default();
    let Some(names) = variables.passed(process::id())? else { return Ok(inherited) };
    let mut passed = ListenFd::from_env();
    for (index, name) in names.into_iter().enumerate() {
        take(&mut passed, index)
            .and_then(|socket| match socket {
                Some((socket, address)) => inherited.add_named(name.clone(), address, socket),
                None => Ok(()),
            })
            .map_err(|cause| ActivationError::Socket { number: FIRST + index, name, cause })?;
    }
    Ok(inherited)
}

/// The socket at `index` with its address; `None` if it takes no datagrams any more, since a server was stopped that had
/// it.
fn take(passed: &mut ListenFd, index: usize) -> io::Result<Option<(OwnedFd, SocketAddr)>> {
    if let Ok(Some(socket)) = passed.take_udp_socket(index) {
        let address = socket.local_addr()?;
        return Ok(socket.peer_addr().is_err().then(|| (socket.into(), address)));
    }
    let missing = || io::Error::other("there is no such file descriptor");
    let listener = passed.take_tcp_listener(index)?.ok_or_else(missing)?;
    if !SockRef::from(&listener).is_listener()? {
        return Err(io::Error::other("it is a TCP connection, not a listener: set Accept=no"));
    }
    let address = listener.local_addr()?;
    Ok(Some((listener.into(), address)))
}

/// The variables of the protocol.
struct Variables {
    pid: Option<OsString>,
    fds: Option<OsString>,
    names: Option<OsString>,
}

impl Variables {
    /// The names of the passed sockets; `None` if there are none for the process `own`.
    fn passed(self, own: u32) -> Result<Option<Vec<Option<String>>>, ActivationError> {
        let Some(fds) = self.fds else { return Ok(None) };
        let sockets: usize = number("LISTEN_FDS", &fds, "a number of sockets")?;
        let Some(pid) = self.pid else {
            return Err(ActivationError::Variable {
                name: "LISTEN_PID",
                value: OsString::new(),
                expected: "the process id that LISTEN_FDS is for",
            });
        };
        // A process that another one has started inherits its variables.
        if number::<u32>("LISTEN_PID", &pid, "a process id")? != own {
            return Ok(None);
        }
        let Some(names) = self.names.filter(|names| !names.is_empty()) else { return Ok(Some(vec![None; sockets])) };
        let names: Vec<Option<String>> = names.to_string_lossy().split(':').map(|name| Some(name.to_owned())).collect();
        if names.len() != sockets {
            return Err(ActivationError::Names { names: names.len(), sockets });
        }
        Ok(Some(names))
    }
}

fn number<N: std::str::FromStr>(
    name: &'static str,
    value: &OsStr,
    expected: &'static str,
) -> Result<N, ActivationError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| ActivationError::Variable { name, value: value.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pid: &str, fds: &str, names: &str) -> Result<Option<Vec<Option<String>>>, String> {
        let variable = |text: &str| (text != "-").then(|| text.into());
        let variables = Variables { pid: variable(pid), fds: variable(fds), names: variable(names) };
        variables.passed(7).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_of_another_process_are_ignored_and_malformed_ones_are_named() {
        assert_eq!(passed("-", "-", "-"), Ok(None));
        assert_eq!(passed("8", "2", "a"), Ok(None));
        assert_eq!(passed("7", "2", "-"), Ok(Some(vec![None, None])));
        assert_eq!(passed("7", "0", ""), Ok(Some(vec![])));
        assert_eq!(passed("7", "2", "dns:api"), Ok(Some(vec![Some("dns".to_owned()), Some("api".to_owned())])));
        for (pid, fds, names, fault) in [
            ("7", "two", "-", "LISTEN_FDS"),
            ("7", "-1", "-", "LISTEN_FDS"),
            ("7", "", "-", "LISTEN_FDS"),
            ("-", "1", "-", "LISTEN_PID"),
            ("self", "1", "-", "LISTEN_PID"),
            ("7", "1", "dns:api", "LISTEN_FDNAMES"),
            ("7", "2", "dns", "LISTEN_FDNAMES"),
        ] {
            let error = passed(pid, fds, names).unwrap_err();
            assert!(error.contains(fault), "{pid} {fds} {names}: {error}");
        }
    }
}
