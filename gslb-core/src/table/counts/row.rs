//! One worker's counters: all of them at once, or only those that it uses often, while workers share the others.
//!
//! With 16 workers on two listeners, the rows of a document with 100,000 services would take more memory than
//! everything else. Most services get few answers, so nothing is gained if each worker has counters for all of them. A
//! worker cannot allocate between receive and send, so another thread makes its chunks: see [`Row::make_wanted`].

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use crate::count::{Count, SharedCount};

/// Counters per two cache lines: the one in use and the one prefetched with it.
const LINE: usize = 16;
/// Counters per chunk that a worker gets for itself: 2 KiB.
const CHUNK: usize = 256;
/// Counts of a worker within a round from which it gets a chunk for itself. With fewer, two workers hardly ever add to
/// the same cache line at the same time.
const OFTEN: u32 = 1_000;

/// One worker's counters. Those of different workers never share a cache line, unless they are rarely used.
#[derive(Debug)]
pub(super) struct Row(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Box<[Line]>),
    Chunked(Chunked),
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([Count; LINE]);

#[derive(Debug)]
struct Chunked {
    slots: Box<[Slot]>,
    /// What has no chunk here is counted there, by all workers.
    shared: Arc<[SharedCount]>,
    /// True if a slot has been used often in this round.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    own: OnceLock<Box<Chunk>>,
    /// How often the shared counters were used in this round. Only an estimate: the end of a round may be overwritten.
    uses: AtomicU32,
}

#[derive(Debug)]
#[repr(align(128))]
struct Chunk([Count; CHUNK]);

impl Row {
    /// A row with `numbers` counters, all of them at once.
    pub(super) fn whole(numbers: usize) -> Row {
        Row(Kind::Whole((0..numbers.div_ceil(LINE)).map(|_| Line::default()).collect()))
    }

    /// A row without counters, for a worker that counts in `shared` until it has chunks.
    pub(super) fn chunked(shared: &Arc<[SharedCount]>) -> Row {
        let slots = (0..shared.len().div_ceil(CHUNK)).map(|_| Slot::default()).collect();
        Row(Kind::Chunked(Chunked { slots, shared: Arc::clone(shared), wanted: AtomicBool::new(false) }))
    }

    /// Adds one to the counter at this index. Only the worker of this row may call it.
    #[inline(always)]
    pub(super) fn add(&self, at: usize) {
        match &self.0 {
            Kind::Whole(lines) => {
                if let Some(count) = lines.get(at / LINE).and_then(|line| line.0.get(at % LINE)) {
                    count.add(1);
                }
            }
            Kind::Chunked(chunked) => chunked.add(at),
        }
    }

    /// The value of the counter at this index, without what is counted in the shared ones.
    pub(super) fn get(&self, at: usize) -> u64 {
        let count = match &self.0 {
            Kind::Whole(lines) => lines.get(at / LINE).and_then(|line| line.0.get(at % LINE)),
            Kind::Chunked(chunked) => chunked.own(at),
        };
        count.map_or(0, Count::get)
    }

    /// Ends a round: makes the chunks that the worker has used often since the last one, at most `most`. Returns how
    /// many it made.
    pub(super) fn make_wanted(&self, most: usize) -> usize {
        let Kind::Chunked(chunked) = &self.0 else { return 0 };
        let wanted = chunked.wanted.swap(false, Ordering::Relaxed);
        let mut made = 0;
        for slot in &chunked.slots {
            let uses = slot.uses.load(Ordering::Relaxed);
            if wanted && uses >= OFTEN && made < most && slot.own.set(Box::default()).is_ok() {
                made += 1;
            }
            if uses > 0 {
                slot.uses.store(0, Ordering::Relaxed);
            }
        }
        made
    }

    /// Memory of a row of `numbers` counters that has all of them, in octets.
    pub(super) fn whole_memory(numbers: usize) -> usize {
        numbers.div_ceil(LINE) * size_of::<Line>()
    }

    /// Memory of a chunk in octets.
    pub(super) const fn chunk_memory() -> usize {
        size_of::<Chunk>()
    }

    /// Memory in octets, without the shared counters.
    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Kind::Whole(lines) => size_of_val(&**lines),
            Kind::Chunked(Chunked { slots, .. }) => {
                let chunks = slots.iter().filter(|slot| slot.own.get().is_some()).count();
                size_of_val(&**slots) + chunks * size_of::<Chunk>()
            }
        }
    }
}

impl Chunked {
    #[inline]
    fn own(&self, at: usize) -> Option<&Count> {
        self.slots.get(at / CHUNK)?.own.get()?.0.get(at % CHUNK)
    }

    #[inline(never)]
    fn add(&self, at: usize) {
        match self.own(at) {
            Some(own) => own.add(1),
            None => self.add_to_shared(at),
        }
    }

    fn add_to_shared(&self, at: usize) {
        let (Some(shared), Some(slot)) = (self.shared.get(at), self.slots.get(at / CHUNK)) else { return };
        shared.add(1);
        let uses = slot.uses.load(Ordering::Relaxed).saturating_add(1);
        slot.uses.store(uses, Ordering::Relaxed);
        if uses == OFTEN {
            self.wanted.store(true, Ordering::Relaxed);
        }
    }
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk(std::array::from_fn(|_| Count::default()))
    }
}
