//! The successor: takes the sockets of its predecessor, and tells it when it answers.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::parent_id;
use std::thread;

use gslb_api::restart::RestartCounts;
use tracing::{info, warn};

use super::{Channel, Message, PREDECESSOR, VERSION};
use crate::daemon::sockets::Inherited;
use crate::dns::cookies::RandomSecret;
use crate::dns::tcp::Leaving;

/// Why a successor cannot take over.
#[derive(Debug, thiserror::Error)]
pub enum SuccessorError {
    /// The variable is malformed.
    #[error("{PREDECESSOR}={0:?} in the environment is not a process id: `gslb serve` sets it itself, so unset it")]
    Variable(String),
    /// Standard input is not the channel.
    #[error("{PREDECESSOR} is set, but standard input does not lead to the predecessor: {0}")]
    Channel(#[source] io::Error),
    /// The predecessor sent something that this version does not know.
    #[error("the predecessor speaks another version of the restart ({0}): stop it and start this one instead")]
    Version(String),
    /// A socket could not be taken.
    #[error("cannot take a socket of the predecessor: {0}")]
    Socket(#[source] io::Error),
}

/// The running server that this process continues.
pub struct Predecessor {
    channel: Channel,
    /// How restarts went until now, without this one.
    pub restarts: RestartCounts,
    /// Its random cookie secret.
    pub cookies: Option<RandomSecret>,
}

impl Predecessor {
    /// The predecessor, if there is one, and its sockets. Standard input is not used for anything else afterwards.
    ///
    /// # Errors
    /// [`SuccessorError`].
    pub fn from_environment() -> Result<Option<(Self, Inherited)>, SuccessorError> {
        let Some(variable) = env::var_os(PREDECESSOR) else { return Ok(None) };
        let text = variable.to_string_lossy().into_owned();
        let pid: u32 = text.parse().map_err(|_| SuccessorError::Variable(text))?;
        // A process that a successor has started inherits the variable too.
        if pid != parent_id() {
            return Ok(None);
        }
        let channel = take_standard_input().and_then(Channel::over).map_err(SuccessorError::Channel)?;
        Self::over(channel).map(Some)
    }

    fn over(channel: Channel) -> Result<(Self, Inherited), SuccessorError> {
        let (version, sockets, restarts, cookies) = match next(&channel)? {
            Some((Message::Hello { version, sockets, restarts, cookies }, _)) => (version, sockets, restarts, cookies),
            other => return Err(SuccessorError::Version(format!("it began with {other:?}"))),
        };
        if version != VERSION {
            return Err(SuccessorError::Version(format!("version {version}, not {VERSION}")));
        }
        let mut inherited = Inherited::default();
        for _ in 0..sockets {
            match next(&channel)? {
                Some((Message::Socket { kind, address }, Some(socket))) => {
                    inherited.add(Some(kind), address, socket).map_err(SuccessorError::Socket)?;
                }
                other => return Err(SuccessorError::Version(format!("instead of a socket came {other:?}"))),
            }
        }
        Ok((Self { channel, restarts, cookies }, inherited))
    }

    /// Asks for the store, and waits until it can be opened. If the predecessor has ended, it can.
    ///
    /// # Errors
    /// [`SuccessorError::Version`].
    pub fn await_store(&self) -> Result<(), SuccessorError> {
        if self.channel.send(&Message::Prepared).is_err() {
            warn!("the predecessor has ended: taking over without it");
            return Ok(());
        }
        match next(&self.channel)? {
            Some((Message::StoreReleased, _)) => Ok(()),
            None => {
                warn!("the predecessor has ended: taking over without it");
                Ok(())
            }
            other => Err(SuccessorError::Version(format!("instead of the store came {other:?}"))),
        }
    }

    /// Reports that this process cannot take over.
    pub fn failed(&self, why: &str) {
        // Without a predecessor, nobody needs to know.
        let _ = self.channel.send(&Message::Failed { why: why.to_owned() });
    }

    /// Reports that this process answers, then passes the open connections of the predecessor to `adopt`, each with the
    /// start of an unfinished message, until the predecessor ends. Then it calls `alone`.
    ///
    /// # Errors
    /// If the system refuses a thread: nothing was reported then.
    pub fn take_over(
        self,
        mut adopt: impl FnMut(Leaving) + Send + 'static,
        alone: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let run = move || {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            // Without a predecessor, nothing is received.
            let _ = self.channel.send(&Message::Answering { version });
            let mut connections = 0_usize;
            while let Ok(Some(received)) = self.channel.receive() {
                if let (Message::Connection { client, local, transport, is_proxied }, Some(socket)) =
                    (received.message, received.descriptor)
                {
                    connections += 1;
                    let input = received.payload;
                    adopt(Leaving { stream: socket.into(), input, client, local, transport, is_proxied });
                }
            }
            info!(connections, "the predecessor has ended; its TCP connections continue here");
            drop(adopt);
            alone();
        };
        thread::Builder::new().name("restart".to_owned()).spawn(run).map(drop)
    }
}

/// The next message of the predecessor, with its file descriptor; `None` if it has ended.
fn next(channel: &Channel) -> Result<Option<(Message, Option<OwnedFd>)>, SuccessorError> {
    match channel.receive() {
        Ok(received) => Ok(received.map(|it| (it.message, it.descriptor))),
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => Err(SuccessorError::Version(cause.to_string())),
        Err(cause) => Err(SuccessorError::Channel(cause)),
    }
}

/// A copy of standard input, in whose place is `/dev/null` then.
fn take_standard_input() -> io::Result<OwnedFd> {
    let input = rustix::stdio::stdin().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(input)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    fn started(messages: &[(Message, bool)]) -> Result<(Predecessor, Inherited), String> {
        let (own, theirs) = Channel::pair().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (message, has_socket) in messages {
            own.send_all(message, &[], has_socket.then(|| socket.as_fd())).unwrap();
        }
        drop(own);
        Predecessor::over(Channel::over(theirs).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_predecessor_of_another_version_is_refused() {
        let restarts = RestartCounts { succeeded: 3, ..RestartCounts::default() };
        let hello = |version, sockets| (Message::Hello { version, sockets, restarts, cookies: None }, false);
        let socket = Message::Socket { kind: "udp".to_owned(), address: ([127, 0, 0, 1], 53).into() };
        let (predecessor, inherited) = started(&[hello(VERSION, 1), (socket.clone(), true)]).unwrap();
        assert_eq!((predecessor.restarts, inherited.len()), (restarts, 1));
        for wrong in [
            &[][..],
            &[(Message::Prepared, false)],
            &[hello(VERSION + 1, 0)],
            &[hello(VERSION, 2), (socket.clone(), true)],
            &[hello(VERSION, 1), (socket, false)],
        ] {
            let error = started(wrong).err().unwrap();
            assert!(error.contains("another version"), "{error}");
        }
    }

    #[test]
    fn without_the_predecessor_the_store_is_free() {
        let (predecessor, _) = started(&[(
            Message::Hello { version: VERSION, sockets: 0, restarts: RestartCounts::default(), cookies: None },
            false,
        )])
        .unwrap();
        predecessor.await_store().unwrap();
    }
}
