//! The way to the reader: connected, shaken hands, written to without ever waiting, and looked for again when it is gone.

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
use super::pending::Pending;
use super::told::{Line, Told};

/// How long to wait before a reader is looked for again: at first, and at most.
const WAIT_LEAST: Duration = Duration::from_millis(100);
const WAIT_MOST: Duration = Duration::from_secs(5);
/// How long a reader may take to accept.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Octets that the system is asked to keep for the reader.
const BUFFER: usize = 1 << 20;

/// A reader that is there or not.
pub(super) struct Link {
    socket: PathBuf,
    counts: Arc<Counts>,
    reader: Option<Reader>,
    /// When it is looked for next, and how long after that.
    again: Instant,
    wait: Duration,
    told: Told,
}

struct Reader {
    socket: UnixStream,
    stream: Stream,
    /// Control frames that are to be sent. There is data before none of them.
    control: Vec<u8>,
    since: Instant,
}

impl Link {
    pub(super) fn new(socket: PathBuf, counts: Arc<Counts>) -> Self {
        Self { socket, counts, reader: None, again: Instant::now(), wait: WAIT_LEAST, told: Told::default() }
    }

    /// Whether frames may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.stream.phase() == Phase::Open)
    }

    /// Does what can be done at once.
    pub(super) fn turn(&mut self, pending: &mut Pending, now: Instant) {
        let was_open = self.is_open();
        if self.reader.is_none() && now >= self.again {
            match Reader::connect(&self.socket, now) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return self.away(&error, now),
            }
        }
        let Some(reader) = &mut self.reader else { return };
        if let Err(error) = reader.turn(pending, &self.counts, now) {
            self.reader = None;
            if was_open {
                self.counts.gone.add(1);
            }
            self.counts.closed.add(pending.clear());
            return self.away(&error, now);
        }
        if self.is_open() && !was_open {
            self.counts.opened.add(1);
            let line = self.told.opened(now);
            self.tell(line);
        }
        if self.is_open() {
            let (line, stays) = self.told.goes_on(pending.is_empty(), self.counts.slow.get(), now);
            self.tell(line);
            if stays {
                self.wait = WAIT_LEAST;
            }
        }
    }

    fn tell(&self, line: Option<Line>) {
        let socket = self.socket.display();
        match line {
            None => {}
            Some(Line::Reads) => info!(%socket, "dnstap: answers go to the reader"),
            Some(Line::Nobody(why)) => {
                warn!(%socket, why, "dnstap: nobody reads; frames are dropped and counted until somebody does");
            }
            Some(Line::Forbidden(why)) => {
                warn!(%socket, why, "dnstap: this user may not write to the socket; frames are dropped and counted");
            }
            Some(Line::Slow) => warn!(%socket, "dnstap: the reader reads too slowly; frames are dropped and counted"),
            Some(Line::Quick) => info!(%socket, "dnstap: the reader takes all frames again"),
        }
    }

    /// There is no reader; it is looked for again later.
    fn away(&mut self, error: &io::Error, now: Instant) {
        let line = self.told.away(error);
        self.tell(line);
        self.again = now + self.wait;
        self.wait = (self.wait * 2).min(WAIT_MOST);
    }

    /// Waits until the reader takes more or is gone, or until `pause` is over. False where there is none to wait for.
    pub(super) fn await_room(&self, pause: Duration) -> bool {
        let Some(reader) = &self.reader else { return false };
        let time = Timespec { tv_sec: pause.as_secs() as _, tv_nsec: pause.subsec_nanos().into() };
        poll(&mut [PollFd::new(&reader.socket, PollFlags::IN | PollFlags::OUT)], Some(&time)).is_ok()
    }

    /// Says goodbye where all was sent, and hears the reader's until then. What was not sent is dropped.
    pub(super) fn close(&mut self, pending: &mut Pending, until: Instant) {
        if let Some(reader) = self.reader.as_mut().filter(|reader| reader.stream.phase() == Phase::Open) {
            if pending.is_empty() {
                reader.stream.stop(&mut reader.control);
            }
            while pending.is_empty() && reader.stream.phase() == Phase::Stopped && Instant::now() < until {
                if reader.turn(pending, &self.counts, Instant::now()).is_err() {
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
    /// Connects without waiting: a reader that accepts no connections must not hold us up.
    fn connect(path: &Path, now: Instant) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // As much as the system allows.
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.connect(&SockAddr::unix(path)?).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => io::Error::other("it accepts no more connections"),
            _ => error,
        })?;
        let mut control = Vec::new();
        let stream = Stream::begin(&mut control);
        Ok(Self { socket: UnixStream::from(OwnedFd::from(socket)), stream, control, since: now })
    }

    /// Hears and sends what can be heard and sent at once.
    ///
    /// # Errors
    /// Why the reader is of no more use.
    fn turn(&mut self, pending: &mut Pending, counts: &Counts, now: Instant) -> io::Result<()> {
        self.hear()?;
        if self.stream.phase() == Phase::Offered && now.saturating_duration_since(self.since) > HANDSHAKE {
            return Err(io::Error::other("it did not accept in time"));
        }
        while !self.control.is_empty() {
            match at_once(self.socket.write(&self.control))? {
                Some(sent) => drop(self.control.drain(..sent)),
                None => return Ok(()),
            }
        }
        while !pending.is_empty() {
            match at_once(self.socket.write(pending.octets()))? {
                Some(sent) => counts.frames.add(pending.sent(sent)),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut octets = [0; 512];
        while let Some(read) = at_once(self.socket.read(&mut octets))? {
            if read == 0 && self.stream.phase() != Phase::Finished {
                return Err(io::Error::other("it has closed the connection"));
            }
            if read == 0 {
                return Ok(());
            }
            self.stream.hear(&octets[..read], &mut self.control).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// What was done at once; none where that would have to be waited for.
fn at_once(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
