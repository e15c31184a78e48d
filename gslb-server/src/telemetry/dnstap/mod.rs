//! dnstap: every answer, or a share of them, as frames to a program that reads from a unix socket.

pub mod frames;
mod link;
mod message;
mod pending;
mod told;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gslb_core::count::Count;

use crate::capture::tap::Record;
use link::Link;
use message::Encoder;
use pending::Pending;

/// How long the reader is waited for at the stop, to take what is left and to say that it has.
const FAREWELL: Duration = Duration::from_secs(1);

/// Frames of an answer: one for the query, and one for the response.
pub const FRAMES_OF_ANSWER: u64 = 2;

/// Where frames go, and what they say of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The unix socket on which the reader listens.
    pub socket: PathBuf,
    /// Who we are.
    pub identity: String,
    /// What we are.
    pub version: String,
}

/// Frames since start. The thread that sends them alone writes.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames that the system took for the reader.
    pub frames: Count,
    /// Frames dropped, since no reader was there.
    pub absent: Count,
    /// Frames dropped, since the reader took them too slowly.
    pub slow: Count,
    /// Frames that waited for a reader that went away.
    pub closed: Count,
    /// How often a reader came.
    pub opened: Count,
    /// How often one went.
    pub gone: Count,
}

/// Frames on their way to a reader that may be there or not.
pub struct Dnstap {
    encoder: Encoder,
    link: Link,
    pending: Pending,
    counts: Arc<Counts>,
}

impl Dnstap {
    /// Frames as `settings` have them. Nothing is connected yet.
    pub fn new(settings: Settings) -> Self {
        let encoder = Encoder::new(settings.identity, settings.version);
        let counts = Arc::<Counts>::default();
        let link = Link::new(settings.socket, Arc::clone(&counts));
        Self { encoder, link, pending: Pending::default(), counts }
    }

    /// What becomes of the frames.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Takes an answer, whose zone has this apex. It is sent with the next [`turn`](Self::turn)s, or counted as dropped.
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

    /// Sends what the reader takes at once, and looks for one where there is none.
    pub fn turn(&mut self, now: Instant) {
        self.link.turn(&mut self.pending, now);
    }

    /// Waits for as long, or until the reader takes more.
    pub fn rest(&mut self, pause: Duration) {
        if self.pending.is_empty() || !self.link.await_room(pause) {
            thread::park_timeout(pause);
        }
    }

    /// Sends what is left and says goodbye, as far as the reader lets us within its time.
    pub fn finish(&mut self) {
        let until = Instant::now() + FAREWELL;
        self.link.turn(&mut self.pending, Instant::now());
        while !self.pending.is_empty() && self.link.is_open() && Instant::now() < until {
            self.rest(Duration::from_millis(10));
            self.link.turn(&mut self.pending, Instant::now());
        }
        self.link.close(&mut self.pending, until);
    }
}
