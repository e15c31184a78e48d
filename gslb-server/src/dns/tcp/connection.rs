//! One connection: answers queries in order until the client closes or a limit is reached (RFC 7766).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until, timeout};

use super::connections::ConnectionSlot;
use super::input::{Input, Next};
use super::moving::{Leaving, Movable};
use super::responders::Ends;
use super::{Shared, Stop};

/// Octets of answers to pipelined queries that are gathered into one write.
const WRITE_OCTETS: usize = 16 << 10;

/// How long a connection is still read after the stop or its last query, to answer queries in flight.
const STOP_GRACE: Duration = Duration::from_millis(50);

/// How long a close may wait for the client to take what is left, such as the end of TLS.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed or reset it.
    Client,
    /// No complete query arrived in time.
    Idle,
    /// The client did not read its answers in time.
    Stalled,
    /// It announced a message that is shorter than a DNS header.
    Short,
    /// It was evicted for another connection.
    Evicted,
    /// The server stops.
    Stopped,
    /// It moves to another process.
    Leaving,
}

/// What ended the wait for input.
enum Event {
    /// Octets read; 0 if the client has closed.
    Read(usize),
    /// Nothing arrived in time.
    Timeout,
    /// The server is stopping.
    Stop,
}

/// The rest of the input after some of it was answered.
enum Rest {
    /// There may be more messages.
    Messages,
    /// No whole message.
    Incomplete,
    /// A message that is shorter than a DNS header.
    TooShort,
}

/// A connection that is being answered.
pub(super) struct Connection<S> {
    stream: S,
    ends: Ends,
    shared: Arc<Shared>,
    input: Input,
    output: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Movable + Unpin> Connection<S> {
    /// A connection from which `input` has been read.
    pub(super) fn new(stream: S, ends: Ends, input: Vec<u8>, shared: Arc<Shared>) -> Self {
        Self { stream, ends, shared, input: Input::of(input), output: Vec::new() }
    }

    /// Answers until the connection ends. Only answered queries count as use: a client that sends only junk, or an
    /// octet now and then, is idle.
    pub(super) async fn serve(&mut self, slot: &ConnectionSlot, mut stop: watch::Receiver<Stop>) -> End {
        let (mut idle_timeout, mut stopping) = (self.shared.idle, false);
        let mut deadline = Instant::now() + idle_timeout;
        loop {
            loop {
                let began = Instant::now();
                let (answers, rest) = self.answer();
                if answers > 0 {
                    slot.used();
                    if let Err(end) = self.write().await {
                        return end;
                    }
                    self.shared.counts.took(began.elapsed(), answers);
                    deadline = Instant::now() + idle_timeout;
                }
                match rest {
                    Rest::Messages => {}
                    Rest::Incomplete => break,
                    Rest::TooShort => return End::Short,
                }
            }
            // With a constant stream of messages without answers, the read never times out.
            if Instant::now() > deadline {
                return out_of_time(stopping);
            }
            // All complete messages are answered. What is not read yet moves along with the connection.
            if S::CAN_MOVE && matches!(*stop.borrow(), Stop::Leave(_)) {
                return End::Leaving;
            }
            // In this order: received queries are answered before anything else. Unconstrained: a client that sends TLS
            // records without data must not keep the time from being looked at.
            let event = tokio::select! {
                biased;
                read = self.stream.read_buf(self.input.free_space()) => Event::Read(read.unwrap_or(0)),
                () = unconstrained(sleep_until(deadline)) => Event::Timeout,
                () = unconstrained(stop_or_move(&mut stop)), if !stopping => Event::Stop,
            };
            match event {
                Event::Read(0) => return End::Client,
                Event::Read(_) => {}
                Event::Timeout => return out_of_time(stopping),
                Event::Stop if S::CAN_MOVE && !stop.borrow().is_close() => {}
                Event::Stop => {
                    (idle_timeout, stopping) = (STOP_GRACE, true);
                    deadline = Instant::now() + idle_timeout;
                }
            }
        }
    }

    /// Answers the received messages, up to a full write. Returns the number of answers to write, and what is left.
    fn answer(&mut self) -> (u64, Rest) {
        let mut answers = 0;
        while self.output.len() < WRITE_OCTETS {
            let query = match self.input.next_message() {
                Next::Message(query) => query,
                Next::Incomplete => return (answers, Rest::Incomplete),
                Next::TooShort => return (answers, Rest::TooShort),
            };
            let is_answered = self.shared.responders.answer(self.ends, query, &mut self.output, &self.shared.counts);
            answers += u64::from(is_answered);
        }
        (answers, Rest::Messages)
    }

    /// Writes all answers, each together with its length (RFC 7766 section 8).
    async fn write(&mut self) -> Result<(), End> {
        let written = async {
            self.stream.write_all(&self.output).await?;
            // A TLS stream may keep what the socket did not take.
            self.stream.flush().await
        };
        match timeout(self.shared.idle, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Client),
            Err(_) => return Err(End::Stalled),
        }
        self.output.clear();
        if self.output.capacity() > 2 * WRITE_OCTETS {
            self.output = Vec::new();
        }
        Ok(())
    }

    /// Moves the connection to another process.
    pub(super) async fn leave(mut self, stop: &watch::Receiver<Stop>, is_proxied: bool) {
        let to = match &*stop.borrow() {
            Stop::Leave(to) => to.clone(),
            Stop::No | Stop::Close => return,
        };
        let input = std::mem::take(self.input.free_space());
        let Ends { peer: client, local, transport } = self.ends;
        if let Some(stream) = self.stream.into_connection() {
            // It is gone if the server has waited long enough.
            let _ = to.send(Leaving { stream, input, client, local, transport, is_proxied }).await;
        }
    }

    /// Shuts down cleanly, so that the client can read all its answers.
    pub(super) async fn close(mut self) {
        let _ = timeout(CLOSE_TIME, self.stream.shutdown()).await;
    }
}

/// The end of a connection that timed out.
fn out_of_time(stopping: bool) -> End {
    if stopping { End::Stopped } else { End::Idle }
}

/// Waits until the server stops. One whose connections move is still to answer.
pub(super) async fn stopped(stop: &mut watch::Receiver<Stop>) {
    let _ = stop.wait_for(Stop::is_close).await;
}

/// Waits until the server stops, or its connections move.
async fn stop_or_move(stop: &mut watch::Receiver<Stop>) {
    let _ = stop.wait_for(Stop::is_set).await;
}
