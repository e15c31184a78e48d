//! One connection: queries are answered in the order they come, until one side has had enough (RFC 7766).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::connections::Place;
use super::input::Input;
use super::responders::Ends;

/// Answers gathered before they are written, in octets: what pipelined queries get in one write.
const GATHERED: usize = 16 << 10;

/// How long a connection is still listened to after the stop, beyond its last query: what was on its way is answered.
const FAREWELL: Duration = Duration::from_millis(50);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed or reset it.
    Client,
    /// No whole query came in time.
    Idle,
    /// The client did not take its answers in time.
    Stalled,
    /// It gave way to another one.
    Evicted,
    /// The server stops.
    Stopped,
}

/// What happened while there was nothing to answer.
enum Event {
    /// So many octets came; none when the client sends no more, or is gone.
    Read(usize),
    /// Nothing came in time.
    Silence,
    /// The server is to stop.
    Stop,
}

/// A connection that is being answered.
pub(super) struct Connection {
    stream: TcpStream,
    ends: Ends,
    shared: Arc<Shared>,
    input: Input,
    output: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) -> Self {
        // A connection that is gone has no address of ours, and no answers.
        let local = stream.local_addr().unwrap_or_else(|_| ([0; 4], 0).into());
        Self { stream, ends: Ends { peer, local }, shared, input: Input::default(), output: Vec::new() }
    }

    /// Answers until the connection ends. Only what earns an answer counts as use: a client that sends nothing but
    /// junk, or an octet now and then, is as idle as a silent one.
    pub(super) async fn serve(&mut self, place: &Place, mut stop: watch::Receiver<bool>) -> End {
        let (mut patience, mut stopping) = (self.shared.idle, false);
        let mut deadline = Instant::now() + patience;
        loop {
            loop {
                let began = Instant::now();
                let answers = self.answer();
                if answers == 0 {
                    // Where there is always more junk to read, nobody is silent.
                    if began > deadline {
                        return out_of_time(stopping);
                    }
                    break;
                }
                place.used();
                if let Err(end) = self.write().await {
                    return end;
                }
                self.shared.counts.took(began.elapsed(), answers);
                deadline = Instant::now() + patience;
            }
            // In this order: what has come is answered before anything else is looked at.
            let event = tokio::select! {
                biased;
                read = self.stream.read_buf(self.input.free_space()) => Event::Read(read.unwrap_or(0)),
                () = sleep_until(deadline) => Event::Silence,
                () = asked(&mut stop), if !stopping => Event::Stop,
            };
            match event {
                Event::Read(0) => return End::Client,
                Event::Read(_) => {}
                Event::Silence => return out_of_time(stopping),
                Event::Stop => {
                    (patience, stopping) = (FAREWELL, true);
                    deadline = Instant::now() + patience;
                }
            }
        }
    }

    /// Answers the messages that have come, up to a full write. Returns how many answers there are to write.
    fn answer(&mut self) -> u64 {
        let mut answers = 0;
        while self.output.len() < GATHERED {
            let Some(query) = self.input.next_message() else { break };
            let is_answered = self.shared.responders.answer(self.ends, query, &mut self.output, &self.shared.counts);
            answers += u64::from(is_answered);
        }
        answers
    }

    /// Writes all answers, each together with its length (RFC 7766 section 8).
    async fn write(&mut self) -> Result<(), End> {
        match timeout(self.shared.idle, self.stream.write_all(&self.output)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Client),
            Err(_) => return Err(End::Stalled),
        }
        self.output.clear();
        if self.output.capacity() > 2 * GATHERED {
            self.output = Vec::new();
        }
        Ok(())
    }

    /// Says goodbye in order: the client reads to the end of its answers.
    pub(super) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }
}

/// Why a connection ends on which no query came in time.
fn out_of_time(stopping: bool) -> End {
    if stopping { End::Stopped } else { End::Idle }
}

/// Waits until the stop.
async fn asked(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
