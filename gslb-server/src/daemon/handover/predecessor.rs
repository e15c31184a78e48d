//! The predecessor: starts the successor, and goes on itself if that does not work.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::Released;
use gslb_api::restart::RestartCounts;
use gslb_api::store::wait;
use tokio::sync::oneshot;

use super::{Channel, Message, PREDECESSOR, Program, VERSION};
use crate::backend::{Backend, NotReleased};
use crate::daemon::sockets::ListenSocket;
use crate::dns::cookies::RandomSecret;

/// How often a waiting attempt looks whether it is cancelled or out of time.
const LOOK: Duration = Duration::from_millis(50);
/// How long a program that closed the channel may take to end.
const END: Duration = Duration::from_secs(1);
/// Variables that concern this process, not its successor.
const OWN_VARIABLES: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// A successor that answers queries.
pub struct Started {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// How long it took.
    pub took: Duration,
    /// Where the open connections go.
    pub channel: Channel,
    /// The store, which is the successor's now.
    pub released: Option<Released>,
}

/// Why there is no successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The program could not be started.
    NotStarted(String),
    /// The successor ended, or said why it cannot take over.
    Failed(String),
    /// It was not ready in time.
    TimedOut(String),
    /// Something that is in force cannot be saved.
    Unsaved(String),
    /// This server is stopped.
    Cancelled,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(why) | Self::Failed(why) | Self::TimedOut(why) | Self::Unsaved(why) => out.write_str(why),
            Self::Cancelled => out.write_str("the server is stopped"),
        }
    }
}

/// How an attempt ended.
pub type Outcome = Result<Started, Failure>;

/// A running attempt, on its own thread.
pub struct Attempt {
    cancelled: Arc<AtomicBool>,
    outcome: oneshot::Receiver<Outcome>,
}

/// What an attempt works with.
pub(crate) struct Material {
    pub(crate) program: Program,
    pub(crate) sockets: Arc<[ListenSocket]>,
    pub(crate) restarts: RestartCounts,
    pub(crate) cookies: Option<RandomSecret>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) timeout: Duration,
}

impl Attempt {
    /// Starts the successor. Call it on a thread of normal priority, which the successor inherits.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(material: Material) -> io::Result<Self> {
        let cancelled = Arc::<AtomicBool>::default();
        let (sender, outcome) = oneshot::channel();
        let deadline = Instant::now() + material.timeout;
        let trial = Trial { material, deadline, cancelled: Arc::clone(&cancelled) };
        thread::Builder::new().name("restart".to_owned()).spawn(move || {
            if let Err(Ok(unheard)) = sender.send(trial.run()) {
                drop(unheard.released);
            }
        })?;
        Ok(Self { cancelled, outcome })
    }

    /// Waits for the outcome. Dropping the future loses nothing.
    pub async fn outcome(&mut self) -> Outcome {
        let panicked = || Err(Failure::Failed("internal error: the restart panicked".to_owned()));
        (&mut self.outcome).await.unwrap_or_else(|_| panicked())
    }

    /// Ends the attempt, unless the successor already answers: then the outcome is a success.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }
}

/// The thread of an attempt.
struct Trial {
    material: Material,
    deadline: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Trial {
    fn run(&self) -> Outcome {
        let began = Instant::now();
        let (mut child, channel) = self.start().map_err(|cause| {
            Failure::NotStarted(format!("cannot start {}: {cause}", self.material.program.path.display()))
        })?;
        let mut released = None;
        match self.converse(&mut child, &channel, &mut released) {
            Ok(version) => Ok(Started { pid: child.id(), version, took: began.elapsed(), channel, released }),
            Err(failure) => {
                let _ = child.kill();
                let _ = child.wait();
                if let Some(released) = released {
                    wait(released.reclaim());
                }
                Err(failure)
            }
        }
    }

    fn start(&self) -> io::Result<(Child, Channel)> {
        let (own, theirs) = Channel::pair()?;
        own.set_timeout(Some(LOOK))?;
        let Program { path, arguments } = &self.material.program;
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::from(theirs)).env(PREDECESSOR, std::process::id().to_string());
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        Ok((command.spawn()?, own))
    }

    /// All steps until the successor answers. Returns its version.
    fn converse(
        &self,
        child: &mut Child,
        channel: &Channel,
        released: &mut Option<Released>,
    ) -> Result<String, Failure> {
        let Material { sockets, restarts, cookies, backend, .. } = &self.material;
        let (sockets_count, cookies) = (sockets.len(), cookies.clone());
        let hello = Message::Hello { version: VERSION, sockets: sockets_count, restarts: *restarts, cookies };
        self.send(child, channel, &hello, None)?;
        for ListenSocket { kind, address, socket, .. } in sockets.iter() {
            let message = Message::Socket { kind: kind.name().to_owned(), address: *address };
            self.send(child, channel, &message, Some(socket))?;
        }
        match self.receive(child, channel)? {
            Message::Prepared => {}
            other => return Err(unexpected(other)),
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        *released = backend.release_store(left, &self.cancelled).map_err(|cause| match cause {
            NotReleased::TimedOut if self.cancelled.load(Relaxed) => Failure::Cancelled,
            NotReleased::Unsaved(why) => Failure::Unsaved(format!("a restart would lose changes: {why}")),
            NotReleased::TimedOut => Failure::TimedOut("a running change was not saved in time".to_owned()),
        })?;
        self.send(child, channel, &Message::StoreReleased, None)?;
        match self.receive(child, channel)? {
            Message::Answering { version } => Ok(version),
            other => Err(unexpected(other)),
        }
    }

    fn send(
        &self,
        child: &mut Child,
        channel: &Channel,
        message: &Message,
        descriptor: Option<&OwnedFd>,
    ) -> Result<(), Failure> {
        loop {
            match channel.send_all(message, &[], descriptor.map(AsFd::as_fd)) {
                Ok(()) => return Ok(()),
                Err(cause) if is_timeout(&cause) => self.look(child)?,
                // What it said before it ended is more interesting.
                Err(cause) if cause.kind() == ErrorKind::BrokenPipe => {
                    return Err(match self.receive(child, channel) {
                        Ok(other) => unexpected(other),
                        Err(failure) => failure,
                    });
                }
                Err(cause) => return Err(Failure::Failed(format!("cannot pass a socket to the successor: {cause}"))),
            }
        }
    }

    fn receive(&self, child: &mut Child, channel: &Channel) -> Result<Message, Failure> {
        loop {
            match channel.receive() {
                Ok(Some(received)) => return Ok(received.message),
                Ok(None) => return Err(self.ended(child)),
                Err(cause) if is_timeout(&cause) => self.look(child)?,
                Err(cause) => return Err(Failure::Failed(format!("the successor sent something unexpected: {cause}"))),
            }
        }
    }

    /// Checks whether to go on waiting.
    fn look(&self, child: &mut Child) -> Result<(), Failure> {
        if self.cancelled.load(Relaxed) {
            return Err(Failure::Cancelled);
        }
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Err(self.ended(child));
        }
        if Instant::now() < self.deadline {
            return Ok(());
        }
        let (path, seconds) = (self.material.program.path.display(), self.material.timeout.as_secs());
        Err(Failure::TimedOut(format!("{path} did not answer within {seconds} s")))
    }

    /// The failure of a successor that has ended, or is about to.
    fn ended(&self, child: &mut Child) -> Failure {
        let until = Instant::now() + END;
        let path = self.material.program.path.display();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    return Failure::Failed(format!("{path} ended ({status}) before it answered; the log has more"));
                }
                _ if Instant::now() < until => thread::sleep(LOOK),
                _ => return Failure::Failed(format!("{path} closed the connection to its predecessor")),
            }
        }
    }
}

/// The failure that `message`, which is not the expected one, reports.
fn unexpected(message: Message) -> Failure {
    match message {
        Message::Failed { why } => Failure::Failed(why),
        other => Failure::Failed(format!("the successor sent an unexpected message: {other:?}")),
    }
}

fn is_timeout(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
