//! The thread that reads captured answers from all workers, and passes them to dnstap and to `gslb tail` clients.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gslb_api::traffic::tail::{Seen, Tail};
use gslb_core::dns::wire::number::rtype;
use gslb_core::dns::wire::qname::NameKey;
use gslb_core::table::{Published, Topology};

use super::topologies::Topologies;
use crate::capture::tap::{Record, TapReader};
use crate::telemetry::dnstap::Dnstap;

/// Pause between rounds while a client follows and few answers arrive.
const PAUSE: Duration = Duration::from_millis(2);
/// Pause while no client follows.
const IDLE: Duration = Duration::from_millis(100);
/// A round with fewer answers is followed by a pause.
const FEW: usize = 512;
/// Answers taken from one worker before the next worker is read.
const PER_WORKER: usize = 1024;
/// Octets of a message's header.
const HEADER: usize = 12;

/// The running thread. When stopped or dropped, it passes on the remaining answers and ends.
pub struct Collector {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// Reads from `shown` for `tail`, and for `dnstap` if it is on. `published` resolves the ids in the records.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        shown: Vec<TapReader>,
        published: Arc<Published>,
        tail: Tail,
        dnstap: Option<Dnstap>,
    ) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let (topologies, key) = (Topologies::new(published), NameKey::default());
        let mut work = Work { shown, topologies, tail, dnstap, key, lost: 0 };
        // Same priority as the workers: if a ring is full, their records are lost.
        let thread = thread::Builder::new().name("tap".to_owned()).spawn(move || work.run(&stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Passes on the remaining records, then ends. Call it when the workers have stopped.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.end();
    }
}

struct Work {
    shown: Vec<TapReader>,
    topologies: Topologies,
    tail: Tail,
    dnstap: Option<Dnstap>,
    key: NameKey,
    /// Lost answers that were already reported to the followers.
    lost: u64,
}

impl Work {
    fn run(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let taken = self.round();
            match &mut self.dnstap {
                Some(dnstap) if taken < FEW => dnstap.rest(PAUSE),
                None if taken < FEW && self.tail.is_watched() => thread::park_timeout(PAUSE),
                None if taken == 0 => {
                    self.free();
                    thread::park_timeout(IDLE);
                }
                _ => {}
            }
        }
        while self.round() > 0 {}
        if let Some(dnstap) = &mut self.dnstap {
            dnstap.finish();
        }
    }

    /// Frees the rings if no client follows.
    fn free(&mut self) {
        let Self { shown, tail, .. } = self;
        tail.while_unwatched(|| shown.iter_mut().for_each(TapReader::close));
    }

    /// Takes the available answers from each worker in turn. Returns their number.
    fn round(&mut self) -> usize {
        let Self { shown, topologies, tail, dnstap, key, lost } = self;
        let (now, is_watched) = (Instant::now(), tail.is_watched());
        topologies.begin(now);
        let mut taken = 0;
        for shown in shown.iter_mut() {
            for _ in 0..PER_WORKER {
                let Some(record) = shown.take() else { break };
                taken += 1;
                let topology = topologies.topology(record.topology_id, now);
                if let (Some(dnstap), true) = (dnstap.as_mut(), record.wanted.dnstap) {
                    dnstap.take(&record, topology.and_then(|topology| apex(topology, &record, key)));
                }
                if is_watched && record.wanted.tail {
                    tail.publish(&seen(&record, topology), now);
                }
            }
        }
        if let Some(dnstap) = dnstap {
            dnstap.poll(now);
        }
        let lost_by_now: u64 = shown.iter().map(|shown| shown.counts.lost_to_tail.get()).sum();
        if lost_by_now > *lost {
            tail.unseen(lost_by_now - *lost);
            *lost = lost_by_now;
        }
        taken
    }
}

/// Apex of the zone of the query, in wire form.
fn apex<'t>(topology: &'t Topology, record: &Record<'_>, key: &mut NameKey) -> Option<&'t [u8]> {
    let question = record.query.get(HEADER..)?;
    let len = key.fill(question).ok()?;
    let qtype = question.get(len..len + 2).and_then(|octets| octets.try_into().ok()).map(u16::from_be_bytes);
    topology.catalog.apex_for(key, qtype == Some(rtype::DS))
}

fn seen<'a>(record: &'a Record<'a>, topology: Option<&'a Topology>) -> Seen<'a> {
    Seen {
        topology: topology.map(|topology| (record.topology_id, topology)),
        generation: record.generation,
        time: record.answered,
        transport: record.path.transport,
        resolver: record.path.resolver,
        decisions: record.decisions,
        chosen: record.chosen,
        response: record.response,
    }
}
