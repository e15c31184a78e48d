//! The connection to the dnstap reader: connect, handshake, nonblocking writes, and reconnect.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Socket, Type};
use tracing::{info, warn};

use super::Counts;
use super::frames::{Phase, Stream};
use super::log_state::{Line, LogState};
use super::pending::Pending;

/// Backoff before the next connection attempt: initial and maximum.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How long a reader may take to accept.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Requested size of the socket's send buffer.
const BUFFER: usize = 1 << 20;

/// A reader, connected or not.
pub(super) struct Link {
    socket: PathBuf,
    counts: Arc<Counts>,
    reader: Option<Reader>,
    /// When to connect next, and the backoff after that.
    again: Instant,
    backoff: Duration,
    log_state: LogState,
}

struct Reader {
    socket: UnixStream,
    stream: Stream,
    /// Control frames to send. No data precedes them.
    control: Vec<u8>,
    since: Instant,
}

impl Link {
    pub(super) fn new(socket: PathBuf, counts: Arc<Counts>) -> Self {
        Self {
            socket,
            counts,
            reader: None,
            again: Instant::now(),
            backoff: MIN_BACKOFF,
            log_state: LogState::default(),
        }
    }

    /// Whether frames may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.stream.phase() == Phase::Open)
    }

    /// Connects, reads and writes as far as possible without blocking.
    pub(super) fn poll(&mut self, pending: &mut Pending, now: Instant) {
        let was_open = self.is_open();
        if self.reader.is_none() && now >= self.again {
            match Reader::connect(&self.socket, now) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return self.disconnected(&error, now),
            }
        }
        let Some(reader) = &mut self.reader else { return };
        if let Err(error) = reader.poll(pending, &self.counts, now) {
            self.reader = None;
            if was_open {
                self.counts.gone.add(1);
            }
            self.counts.closed.add(pending.clear());
            return self.disconnected(&error, now);
        }
        if self.is_open() && !was_open {
            self.counts.opened.add(1);
            let line = self.log_state.opened(now);
            self.log(line);
        }
        if self.is_open() {
            let (line, stays) = self.log_state.keeps_running(pending.is_empty(), self.counts.slow.get(), now);
            self.log(line);
            if stays {
                self.backoff = MIN_BACKOFF;
            }
        }
    }

    fn log(&self, line: Option<Line>) {
        let socket = self.socket.display();
        match line {
            None => {}
            Some(Line::Connected) => info!(%socket, "dnstap: connected to a reader"),
            Some(Line::NoReader(why)) => {
                warn!(%socket, why, "dnstap: no reader; dropping and counting frames until one connects");
            }
            Some(Line::Forbidden(why)) => {
                warn!(%socket, why, "dnstap: no permission to write to the socket; dropping and counting frames");
            }
            Some(Line::Slow) => warn!(%socket, "dnstap: the reader is too slow; dropping and counting frames"),
            Some(Line::CaughtUp) => info!(%socket, "dnstap: the reader keeps up again"),
        }
    }

    /// Notes that there is no reader, and schedules a reconnect.
    fn disconnected(&mut self, error: &io::Error, now: Instant) {
        let line = self.log_state.disconnected(error);
        self.log(line);
        self.again = now + self.backoff;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }

    /// Waits until the reader takes more or is gone, or until `pause` is over. Returns false if there is no reader
    /// and no backoff.
    pub(super) fn await_writable(&self, pause: Duration) -> bool {
        let Some(reader) = &self.reader else { return false };
        let time = Timespec { tv_sec: pause.as_secs() as _, tv_nsec: pause.subsec_nanos().into() };
        poll(&mut [PollFd::new(&reader.socket, PollFlags::IN | PollFlags::OUT)], Some(&time)).is_ok()
    }

    /// Closes the stream cleanly if all frames are sent, waiting for FINISH until `until`. Unsent frames are dropped.
    pub(super) fn close(&mut self, pending: &mut Pending, until: Instant) {
        if let Some(reader) = self.reader.as_mut().filter(|reader| reader.stream.phase() == Phase::Open) {
            if pending.is_empty() {
                reader.stream.stop(&mut reader.control);
            }
            while pending.is_empty() && reader.stream.phase() == Phase::Stopped && Instant::now() < until {
                if reader.poll(pending, &self.counts, Instant::now()).is_err() {
                    break;
                }
                let time = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                let _ = poll(&mut [PollFd::new(&reader.socket, PollFlags::IN)], Some(&time));
            }
        }
        self.reader = None;
        self.counts.closed.add(pending.clear());
    }
}

impl Reader {
    /// Connects without blocking: a reader that does not accept must not delay the thread.
    fn connect(path: &Path, now: Instant) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // As much as the system allows.
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.connect(&SockAddr::unix(path)?).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => io::Error::other("its accept queue is full"),
            _ => error,
        })?;
        let mut control = Vec::new();
        let stream = Stream::begin(&mut control);
        Ok(Self { socket: UnixStream::from(OwnedFd::from(socket)), stream, control, since: now })
    }

    /// Reads and writes as far as possible without blocking.
    ///
    /// # Errors
    /// Why the connection failed.
    fn poll(&mut self, pending: &mut Pending, counts: &Counts, now: Instant) -> io::Result<()> {
        self.receive()?;
        if self.stream.phase() == Phase::Offered && now.saturating_duration_since(self.since) > HANDSHAKE {
            return Err(io::Error::other("it did not accept in time"));
        }
        while !self.control.is_empty() {
            match nonblocking(self.socket.write(&self.control))? {
                Some(sent) => drop(self.control.drain(..sent)),
                None => return Ok(()),
            }
        }
        while !pending.is_empty() {
            match nonblocking(self.socket.write(pending.octets()))? {
                Some(sent) => counts.frames.add(pending.sent(sent)),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut octets = [0; 512];
        while let Some(read) = nonblocking(self.socket.read(&mut octets))? {
            if read == 0 && self.stream.phase() != Phase::Finished {
                return Err(io::Error::other("it closed the connection"));
            }
            if read == 0 {
                return Ok(());
            }
            self.stream.receive(&octets[..read], &mut self.control).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// `None` if the operation would block.
fn nonblocking(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
