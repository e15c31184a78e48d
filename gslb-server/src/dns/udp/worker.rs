//! The UDP loop: receive a batch, answer it, send it. Between receive and send nothing allocates, waits or logs.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gslb_core::respond::{MAX_BATCH, Reply, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{Published, RoutingTable};

use super::Stop;
use super::counts::{Board, Counting};
use super::mmsg::{Batch, Datagram, OCTETS, SLOTS, Wait};
use super::proxied::Proxied;
use super::socket::close_intake;
use crate::capture::tap::{ActiveReaders, Query, QueryPath, Tap};
use crate::dns::batch_clock::BatchClock;
use crate::dns::cookies::WorkerCookies;
use crate::dns::durations;
use crate::dns::proxy::Proxies;
use crate::dns::pulse::Pulse;

/// Most batches that are answered after the stop: more than any receive buffer holds.
const LAST_BATCHES: usize = 1024;

/// In a smaller batch, loading the buckets of its sources early does not pay off.
const WORTHWHILE: usize = 4;

/// Pause after a receive that failed for no known reason, so that a broken socket does not burn a core.
const PAUSE: Duration = Duration::from_millis(10);

/// All that one worker thread owns or looks at.
pub(super) struct UdpWorker<'a> {
    socket: &'a UdpSocket,
    published: &'a Published,
    board: &'a Board,
    worker: Worker,
    clock: BatchClock,
    cookies: Option<WorkerCookies>,
    batch: Batch,
    tap: Tap,
    /// The local address; if it is unspecified, each datagram has its own.
    local: SocketAddr,
    /// The address that each datagram of the batch was sent to, while there are readers.
    queried_addresses: [Option<IpAddr>; SLOTS],
    /// The clients of each batch, on a socket for proxies.
    proxied: Option<Box<Proxied>>,
}

impl<'a> UdpWorker<'a> {
    /// Allocates all that the loop will need.
    pub(super) fn new(
        socket: &'a UdpSocket,
        proxies: Option<Arc<Proxies>>,
        published: &'a Published,
        board: &'a Board,
        worker: Worker,
        cookies: Option<WorkerCookies>,
        tap: Tap,
    ) -> Self {
        let local = socket.local_addr().unwrap_or_else(|_| ([0; 4], 0).into());
        let batch = Batch::new(local.ip().is_unspecified());
        let proxied = proxies.map(|proxies| Box::new(Proxied::new(proxies)));
        let (clock, queried_addresses) = (BatchClock::start(), [None; SLOTS]);
        Self { socket, published, board, worker, clock, cookies, batch, tap, local, queried_addresses, proxied }
    }

    /// Answers until `stop` is set, then answers what had been received by then, unless another process does that.
    pub(super) fn run(&mut self, stop: &Stop, pulse: &Pulse) {
        let how = loop {
            match stop.get() {
                0 => {}
                how => break how,
            }
            self.refresh();
            self.serve(Wait::ForFirst);
            pulse.beat();
        };
        if how == Stop::LEAVE {
            return;
        }
        // Where this fails, the bound on the batches ends the loop.
        let _ = close_intake(self.socket);
        for _ in 0..LAST_BATCHES {
            if !self.serve(Wait::Never) {
                break;
            }
        }
    }

    /// Takes up secrets that have changed, before the next receive.
    fn refresh(&mut self) {
        if let Some(cookies) = &mut self.cookies {
            cookies.refresh(&mut self.worker, self.clock.unix());
        }
    }

    /// Answers until `stop` is set, then answers what the socket has received and takes no more, unless another process
    /// does that.
    pub(super) fn retire(&mut self, stop: &Stop) {
        loop {
            match stop.get() {
                0 => {}
                Stop::LEAVE => return,
                _ => break,
            }
            self.refresh();
            self.serve(Wait::ForFirst);
        }
        // Where this fails, the bound on the batches ends the loop.
        let _ = close_intake(self.socket);
        for _ in 0..LAST_BATCHES {
            // Waits a little: a datagram may have been on its way into the queue.
            if !self.serve(Wait::ForFirst) {
                break;
            }
        }
    }

    /// Receives one batch and answers it. Returns whether there may be more to receive.
    fn serve(&mut self, wait: Wait) -> bool {
        match self.batch.receive(self.socket.as_fd(), wait) {
            Ok(received) => {
                let began = Instant::now();
                let counting = &self.board.counting;
                counting.batches.add(1);
                counting.received.add(received as u64);
                self.worker.set_time(self.clock.at(began));
                self.answer(received);
                let sent = self.send();
                durations::note(&counting.durations, began.elapsed(), sent);
                self.sample();
                true
            }
            Err(error) => self.receive_failed(error.kind()),
        }
    }

    /// Answers a whole batch from one table.
    fn answer(&mut self, received: usize) {
        if self.proxied.is_some() {
            return self.answer_proxied(received);
        }
        let (table, worker) = (self.published.load(), &mut self.worker);
        let (batch, counts) = (&mut self.batch, &self.board.counting);
        each(received, counts, |index| {
            let (buffer, len) = batch.octets(index);
            worker.parse(index, buffer, len);
        });
        // For all of the batch at once, and not needed for any answer.
        each(1, counts, |_| worker.prefetch(&table, received));
        if worker.has_limiter() && received >= WORTHWHILE {
            each(received, counts, |index| {
                if let Some(source) = batch.source(index) {
                    worker.prefetch_source(source);
                }
            });
        }
        let active_readers = self.tap.active_readers();
        if active_readers.any() {
            return self.answer_and_show(received, &table, active_readers);
        }
        answer_all(batch, received, counts, |index, source, buffer, _| {
            worker.answer(index, &table, source, Transport::Udp, buffer, &mut NoTrace)
        });
    }

    /// The same while there are readers. The batch has already been received.
    #[inline(never)]
    fn answer_and_show(&mut self, received: usize, table: &RoutingTable, active_readers: ActiveReaders) {
        let Self { worker, batch, tap, queried_addresses, local, board, .. } = self;
        // Before the first reply, whose header may take the place of another datagram's.
        queried_addresses
            .iter_mut()
            .take(received)
            .enumerate()
            .for_each(|(index, address)| *address = batch.queried_address(index));
        let now = SystemTime::now();
        answer_all(batch, received, &board.counting, |index, resolver, buffer, octets| {
            let Some(wanted) = tap.wanted(active_readers) else {
                return worker.answer(index, table, resolver, Transport::Udp, buffer, &mut NoTrace);
            };
            let path = QueryPath::new(Transport::Udp, resolver, *local).to(queried_addresses[index]);
            let query = Query { path, received_at: now, octets, table };
            tap.show(wanted, query, buffer, |buffer, noted| {
                worker.answer(index, table, resolver, Transport::Udp, buffer, noted)
            })
        });
    }

    /// The same for a batch from proxies: the client of a datagram is the one that its header names.
    #[inline(never)]
    fn answer_proxied(&mut self, received: usize) {
        let Self { worker, batch, tap, queried_addresses, local, board, proxied, published, .. } = self;
        let Some(proxied) = proxied else { return };
        let (table, counts) = (published.load(), &board.counting);
        each(received, counts, |index| {
            if proxied.open(index, batch) {
                let (buffer, len) = batch.octets(index);
                worker.parse(index, buffer, len);
            }
        });
        // For all of the batch at once, and not needed for any answer.
        each(1, counts, |_| worker.prefetch(&table, received));
        if worker.has_limiter() && received >= WORTHWHILE {
            each(received, counts, |index| {
                if let Some(client) = proxied.client(index) {
                    worker.prefetch_source(client.source.ip());
                }
            });
        }
        let active_readers = tap.active_readers();
        let now = if active_readers.any() { SystemTime::now() } else { SystemTime::UNIX_EPOCH };
        // Before the first reply, whose header may take the place of another datagram's.
        let queried = queried_addresses.iter_mut().take(received).enumerate();
        queried.for_each(|(index, address)| *address = batch.queried_address(index));
        answer_all(batch, received, counts, |index, _, buffer, octets| {
            let Some(client) = proxied.client(index) else { return Reply::Drop };
            let Some(wanted) = active_readers.any().then(|| tap.wanted(active_readers)).flatten() else {
                return worker.answer(index, &table, client.source, Transport::Udp, buffer, &mut NoTrace);
            };
            let path = QueryPath::new(Transport::Udp, client.source, *local).to(queried_addresses[index]);
            let path = QueryPath { local: client.destination.unwrap_or(path.local), ..path };
            let query = Query { path, received_at: now, octets, table: &table };
            tap.show(wanted, query, buffer, |buffer, noted| {
                worker.answer(index, &table, client.source, Transport::Udp, buffer, noted)
            })
        });
    }

    /// Sends all replies. One that cannot be sent is skipped, and its resolver retries.
    /// Returns how many were sent.
    fn send(&mut self) -> u64 {
        let counting = &self.board.counting;
        let (mut next, mut sent) = (0, 0);
        while next < self.batch.replies() {
            match self.batch.send(self.socket.as_fd(), next) {
                Ok(replies) => {
                    sent += replies as u64;
                    next += replies;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The interface has been full for as long as a worker may wait: waiting once per reply would be worse.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    counting.send_errors.add((self.batch.replies() - next) as u64);
                    break;
                }
                Err(_) => {
                    counting.send_errors.add(1);
                    next += 1;
                }
            }
        }
        counting.sent.add(sent);
        sent
    }

    /// Gives one steered answer of the batch to the sample, unless someone is taking that: a worker never waits, and
    /// the answers stay to be sampled with those of the next batch.
    fn sample(&mut self) {
        if self.worker.has_sample()
            && let Some(mut reservoir) = self.board.sample.try_lock()
            && let Some((answer, weight)) = self.worker.take_sample()
        {
            reservoir.add(answer, weight);
        }
    }

    /// No failure ends a worker. Returns whether there may be more to receive.
    fn receive_failed(&mut self, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::WouldBlock => {
                // An idle worker must not answer its next batch with the secrets of another day.
                self.clock.at(Instant::now());
                return false;
            }
            ErrorKind::Interrupted => {}
            // Word from the network about an earlier reply.
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                self.board.counting.receive_errors.add(1);
            }
            _ => {
                self.board.counting.receive_errors.add(1);
                thread::sleep(PAUSE);
            }
        }
        true
    }
}

/// Answers the first `received` datagrams of `batch`: `answer` is given the number, sender, buffer and length of each.
fn answer_all(
    batch: &mut Batch,
    received: usize,
    counts: &Counting,
    mut answer: impl FnMut(usize, SocketAddr, &mut [u8; OCTETS], usize) -> Reply,
) {
    each(received, counts, |index| match batch.datagram(index) {
        Datagram::Whole { source, buffer, len } => {
            if let Reply::Send(octets) = answer(index, source, buffer, len) {
                batch.reply(index, octets);
            }
        }
        Datagram::Oversized => counts.oversized.add(1),
        Datagram::Foreign => {}
    });
}

/// Calls `with` for each of `count` datagrams. A panic costs only the datagram that caused it.
fn each(received: usize, counts: &Counting, mut with: impl FnMut(usize)) {
    let mut next = 0;
    while next < received {
        // One catch for the rest of the batch: without panics, it is set up only once.
        let landed = catch_unwind(AssertUnwindSafe(|| {
            while next < received {
                next += 1;
                with(next - 1);
            }
        }));
        if landed.is_err() {
            counts.panics.add(1);
        }
    }
}

// A reply of the largest size that UDP may be set to fits a slot.
const _: () = assert!(OCTETS >= 1400);
// A worker can read as many messages as a receive brings.
const _: () = assert!(SLOTS <= MAX_BATCH);

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of datagrams, each of one octet: 0, 1, 2 and so on; and the two sockets.
    fn batch_of(datagrams: u8) -> (Batch, UdpSocket, UdpSocket) {
        let (receiver, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        for octet in 0..datagrams {
            sender.send_to(&[octet], receiver.local_addr().unwrap()).unwrap();
        }
        let mut batch = Batch::new(false);
        assert_eq!(batch.receive(receiver.as_fd(), Wait::ForFirst).unwrap(), usize::from(datagrams));
        (batch, receiver, sender)
    }

    #[test]
    fn a_panic_costs_only_the_datagram_that_caused_it() {
        let (mut batch, receiver, sender) = batch_of(8);
        let counts = Counting::default();
        answer_all(&mut batch, 8, &counts, |_, _, buffer, _| {
            assert!(![0, 3, 7].contains(&buffer[0]), "this datagram is meant to panic");
            buffer[1] = buffer[0] + 100;
            Reply::Send(2)
        });
        assert_eq!((batch.replies(), counts.panics.get()), (5, 3));
        assert_eq!(batch.send(receiver.as_fd(), 0).unwrap(), 5);
        let mut reply = [0; 9];
        for octet in [1, 2, 4, 5, 6] {
            assert_eq!((sender.recv(&mut reply).unwrap(), reply[0], reply[1]), (2, octet, octet + 100));
        }
    }

    #[test]
    fn dropped_probes_are_not_sent() {
        let (mut batch, ..) = batch_of(4);
        let counts = Counting::default();
        answer_all(&mut batch, 4, &counts, |_, _, buffer, _| match buffer[0] {
            2 => Reply::Drop,
            _ => Reply::Send(1),
        });
        assert_eq!((batch.replies(), counts.panics.get()), (3, 0));
    }

    #[test]
    fn a_lone_datagram_does_not_make_the_next_receive_small_for_long() {
        let (mut batch, receiver, sender) = batch_of(1);
        let mut most = 0;
        for octet in 0..100 {
            sender.send_to(&[octet], receiver.local_addr().unwrap()).unwrap();
        }
        while most < 32 {
            most = most.max(batch.receive(receiver.as_fd(), Wait::Never).unwrap());
        }
    }
}
