//! dnstap: sends every answer, or a sample, as frames to a reader on a Unix socket.

pub mod frames;
mod link;
mod log_state;
mod message;
mod pending;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gslb_core::count::Count;

use crate::capture::tap::Record;
use link::Link;
use message::Encoder;
use pending::Pending;

/// How long shutdown waits for the reader to take the remaining frames and to finish.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Frames of an answer: one for the query, and one for the response.
pub const FRAMES_OF_ANSWER: u64 = 2;

/// Where frames go, and how they identify this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Unix socket on which the reader listens.
    pub socket: PathBuf,
    /// Name of this server.
    pub identity: String,
    /// Name and version of the program.
    pub version: String,
}

/// Counters since start. Only the sending thread writes them.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames written to the socket.
    pub frames: Count,
    /// Frames dropped because no reader was connected.
    pub absent: Count,
    /// Frames dropped because the reader was too slow.
    pub slow: Count,
    /// Frames dropped because the reader disconnected.
    pub closed: Count,
    /// Connections opened.
    pub opened: Count,
    /// Connections lost.
    pub gone: Count,
}

/// Sends frames to a reader that may come and go.
pub struct Dnstap {
    encoder: Encoder,
    link: Link,
    pending: Pending,
    counts: Arc<Counts>,
}

impl Dnstap {
    /// Creates a sender without connecting.
    pub fn new(settings: Settings) -> Self {
        let encoder = Encoder::new(settings.identity, settings.version);
        let counts = Arc::<Counts>::default();
        let link = Link::new(settings.socket, Arc::clone(&counts));
        Self { encoder, link, pending: Pending::default(), counts }
    }

    /// The counters.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Takes an answer and the apex of its zone. The next [`poll`](Self::poll)s send it, or it is counted as dropped.
    pub fn take(&mut self, record: &Record<'_>, zone: Option<&[u8]>) {
        if !self.link.is_open() {
            self.counts.absent.add(FRAMES_OF_ANSWER);
            return;
        }
        let Self { encoder, pending, counts, .. } = self;
        encoder.encode(record, zone, |write| {
            if !pending.add(write) {
                counts.slow.add(1);
            }
        });
    }

    /// Sends what the reader takes without blocking; connects if there is no reader.
    pub fn poll(&mut self, now: Instant) {
        self.link.poll(&mut self.pending, now);
    }

    /// Waits up to `pause`, or until the reader takes more.
    pub fn rest(&mut self, pause: Duration) {
        if self.pending.is_empty() || !self.link.await_writable(pause) {
            thread::park_timeout(pause);
        }
    }

    /// Sends the remaining frames and closes the stream, within the timeout.
    pub fn finish(&mut self) {
        let until = Instant::now() + SHUTDOWN_TIMEOUT;
        self.link.poll(&mut self.pending, Instant::now());
        while !self.pending.is_empty() && self.link.is_open() && Instant::now() < until {
            self.rest(Duration::from_millis(10));
            self.link.poll(&mut self.pending, Instant::now());
        }
        self.link.close(&mut self.pending, until);
    }
}
