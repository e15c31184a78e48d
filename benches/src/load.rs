//! A load generator: one thread, one socket, and as many queries under way as a window allows.
//!
//! It never sleeps. Otherwise a response would have to wake it, which costs the server more than the answer, and which
//! a client on another machine would not. System calls carry up to 64 datagrams each, with the server's own code.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gslb::dns::udp::mmsg::{Batch, Datagram, SLOTS, Wait};

use crate::expected::rcode;
use crate::histogram::Histogram;

/// Most queries under way: a message ID has 8 bits for the place in the window, and 8 that change with each use of it.
pub const MAX_WINDOW: usize = 256;

/// When the next query may be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as the window has space: the server is saturated.
    Window,
    /// At this rate. A query's latency counts from when it was due, so that waiting for the window counts too.
    PerSecond(f64),
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this time; the queries are repeated as needed.
    Over(Duration),
    /// When this many were sent.
    Sent(u64),
}

/// How to ask.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Most queries under way, up to [`MAX_WINDOW`].
    pub window: usize,
    /// When the next one may be sent.
    pub pace: Pace,
    /// When to stop.
    pub until: Until,
    /// After which time a query counts as lost.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Queries sent.
    pub sent: u64,
    /// Those whose response came in time.
    pub answered: u64,
    /// Those whose response did not.
    pub lost: u64,
    /// Responses that the check refused.
    pub wrong: u64,
    /// Datagrams that are not a response to an outstanding query.
    pub stray: u64,
    /// Responses by RCODE.
    pub rcodes: [u64; 16],
    /// From the first query to the last response.
    pub elapsed: Duration,
    /// Time from query to response.
    pub latency: Histogram,
}

/// A place in the window.
#[derive(Clone, Copy)]
struct Slot {
    /// Which query is under way here; none when the place is free.
    query: Option<usize>,
    since: Instant,
    /// Changes with each use, so that a late response does not count for the next query.
    uses: u8,
}

/// A socket that asks one server.
pub struct Client {
    socket: UdpSocket,
    inbox: Batch,
    outbox: Batch,
}

impl Client {
    /// Opens a socket, and asks `query` until the server answers with NOERROR or NXDOMAIN: it is ready then.
    ///
    /// # Errors
    /// As those of sockets; `TimedOut` when the server is not ready within `patience`.
    pub fn open(address: SocketAddr, query: &[u8], patience: Duration) -> io::Result<Client> {
        let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let (mut inbox, start) = (Batch::new(false), Instant::now());
        while start.elapsed() < patience {
            // A server that does not listen yet refuses at once.
            let outcome = socket.send(query).and_then(|_| inbox.receive(socket.as_fd(), Wait::ForFirst));
            if outcome.is_ok() && is_good(inbox.datagram(0)) {
                let mut client = Client { socket, inbox, outbox: Batch::new(false) };
                client.forget_late_responses();
                return Ok(client);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::new(ErrorKind::TimedOut, format!("{address} does not answer within {patience:?}")))
    }

    fn forget_late_responses(&mut self) {
        std::thread::sleep(Duration::from_millis(20));
        while self.inbox.receive(self.socket.as_fd(), Wait::Never).is_ok() {}
    }

    /// Asks `queries` in their order, round and round from number `first` on. `check` is given each query's number
    /// and its response with the ID in front, and says whether it is right.
    ///
    /// # Errors
    /// As `recvmmsg(2)` and `sendmmsg(2)`, for instance when the server has closed its socket.
    ///
    /// # Panics
    /// If there are no queries, or the window is not from 1 to [`MAX_WINDOW`].
    pub fn run(
        &mut self,
        plan: &Plan,
        queries: &[Box<[u8]>],
        first: usize,
        check: impl FnMut(usize, &[u8]) -> bool,
    ) -> io::Result<Outcome> {
        assert!(!queries.is_empty() && (1..=MAX_WINDOW).contains(&plan.window), "nothing to ask, or no room to");
        let start = Instant::now();
        let places = vec![Slot { query: None, since: start, uses: 0 }; plan.window];
        let free = (0..plan.window).rev().map(|place| place as u8).collect();
        let outcome = Outcome::default();
        Run { client: self, plan, queries, next: first % queries.len(), check, start, places, free, outcome }.run()
    }
}

/// Whether a server that is ready sends this. Servers that are still loading answer SERVFAIL or REFUSED.
fn is_good(datagram: Datagram<'_>) -> bool {
    matches!(datagram, Datagram::Whole { buffer, len, .. } if matches!(rcode(&buffer[..len]), Some(0 | 3)))
}

/// The state of [`Client::run`].
struct Run<'r, C> {
    client: &'r mut Client,
    plan: &'r Plan,
    queries: &'r [Box<[u8]>],
    /// The query to send next.
    next: usize,
    check: C,
    start: Instant,
    places: Vec<Slot>,
    /// Free slots of the window.
    free: Vec<u8>,
    outcome: Outcome,
}

impl<C: FnMut(usize, &[u8]) -> bool> Run<'_, C> {
    fn run(mut self) -> io::Result<Outcome> {
        let mut swept = self.start;
        loop {
            let now = self.receive()?;
            if now.duration_since(swept) > self.plan.patience / 8 {
                swept = now;
                self.give_up_on_late(now);
            }
            match self.due(now) {
                Some(due) => self.send(due, now)?,
                None if self.free.len() == self.places.len() => break,
                None => {}
            }
        }
        self.outcome.elapsed = self.start.elapsed();
        Ok(self.outcome)
    }

    /// Receives available datagrams. Returns their time of arrival.
    fn receive(&mut self) -> io::Result<Instant> {
        let received = match self.client.inbox.receive(self.client.socket.as_fd(), Wait::Never) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        for index in 0..received {
            match self.client.inbox.datagram(index) {
                Datagram::Whole { buffer, len, .. } if len >= 12 => {
                    let response = &buffer[..len];
                    let place = usize::from(response[1]);
                    let waiting = self.places.get_mut(place).filter(|waiting| waiting.uses == response[0]);
                    let Some((waiting, query)) =
                        waiting.and_then(|place| place.query.take().map(|query| (place, query)))
                    else {
                        self.outcome.stray += 1;
                        continue;
                    };
                    self.outcome.latency.add(now.saturating_duration_since(waiting.since));
                    self.outcome.answered += 1;
                    self.outcome.rcodes[usize::from(response[3] & 0x0F)] += 1;
                    self.outcome.wrong += u64::from(!(self.check)(query, response));
                    self.free.push(place as u8);
                }
                _ => self.outcome.stray += 1,
            }
        }
        Ok(now)
    }

    /// How many queries may be sent now, the window aside; nothing when all have been.
    fn due(&self, now: Instant) -> Option<u64> {
        let (elapsed, sent) = (now.duration_since(self.start), self.outcome.sent);
        let left = match self.plan.until {
            Until::Over(time) if elapsed < time => u64::MAX,
            Until::Over(_) => 0,
            Until::Sent(count) => count.saturating_sub(sent),
        };
        let due = match self.plan.pace {
            Pace::Window => u64::MAX,
            Pace::PerSecond(rate) => ((elapsed.as_secs_f64() * rate) as u64 + 1).saturating_sub(sent),
        };
        (left > 0).then_some(left.min(due))
    }

    /// Sends up to `due` queries, limited by the window and a batch.
    fn send(&mut self, due: u64, now: Instant) -> io::Result<()> {
        let batch = self.free.len().min(SLOTS).min(usize::try_from(due).unwrap_or(SLOTS));
        let outbox = &mut self.client.outbox;
        outbox.clear();
        for number in 0..batch as u64 {
            let Some(place) = self.free.pop() else { break };
            let query = &self.queries[self.next];
            let waiting = &mut self.places[usize::from(place)];
            waiting.uses = waiting.uses.wrapping_add(1);
            waiting.query = Some(self.next);
            waiting.since = match self.plan.pace {
                Pace::Window => now,
                Pace::PerSecond(rate) => {
                    self.start + Duration::from_secs_f64((self.outcome.sent + number) as f64 / rate)
                }
            };
            let buffer = &mut outbox.buffer()[..query.len()];
            buffer.copy_from_slice(query);
            buffer[0] = waiting.uses;
            buffer[1] = place;
            outbox.post(query.len());
            self.next = if self.next + 1 == self.queries.len() { 0 } else { self.next + 1 };
        }
        let mut sent = 0;
        while sent < batch {
            match outbox.send(self.client.socket.as_fd(), sent) {
                Ok(taken) => sent += taken,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        self.outcome.sent += batch as u64;
        Ok(())
    }

    /// Frees the slots of timed-out queries.
    fn give_up_on_late(&mut self, now: Instant) {
        for (number, place) in self.places.iter_mut().enumerate() {
            if place.query.is_some() && now.saturating_duration_since(place.since) > self.plan.patience {
                place.query = None;
                self.outcome.lost += 1;
                self.free.push(number as u8);
            }
        }
    }
}
