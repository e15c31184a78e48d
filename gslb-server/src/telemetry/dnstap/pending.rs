//! The bounded queue of frames to send: contiguous octets, and the length of each frame.

use std::collections::VecDeque;

/// Most octets that wait for a slow reader; further frames are dropped.
pub(super) const MAX_OCTETS: usize = 8 << 20;

/// Frames to send.
#[derive(Debug, Default)]
pub(super) struct Pending {
    octets: Vec<u8>,
    /// How many of the octets were sent.
    sent: usize,
    /// Unsent octets of each frame; only the first can be partly sent.
    frames: VecDeque<usize>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The octets to send next.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(self.sent..).unwrap_or_default()
    }

    /// Adds a frame with the octets that `write` appends, preceded by their length. Returns false if the queue is full.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.octets.len();
        self.octets.extend_from_slice(&[0; 4]);
        write(&mut self.octets);
        let frame = self.octets.len() - start;
        if self.octets.len() - self.sent > MAX_OCTETS {
            self.octets.truncate(start);
            return false;
        }
        if let Some(len) = self.octets.get_mut(start..start + 4) {
            len.copy_from_slice(&((frame - 4) as u32).to_be_bytes());
        }
        self.frames.push_back(frame);
        true
    }

    /// Marks that many octets as sent. Returns how many frames they completed.
    pub(super) fn sent(&mut self, octets: usize) -> u64 {
        self.sent += octets;
        let (mut left, mut finished) = (octets, 0);
        while let Some(frame) = self.frames.front_mut() {
            if *frame > left {
                *frame -= left;
                break;
            }
            left -= *frame;
            self.frames.pop_front();
            finished += 1;
        }
        if self.frames.is_empty() {
            self.octets.clear();
            self.sent = 0;
        } else if self.sent > MAX_OCTETS {
            // Rarely, so that the rest is not moved at every write.
            self.octets.drain(..self.sent);
            self.sent = 0;
        }
        finished
    }

    /// Drops everything. Returns the number of incomplete frames.
    pub(super) fn clear(&mut self) -> u64 {
        let frames = self.frames.len() as u64;
        self.octets.clear();
        self.frames.clear();
        self.sent = 0;
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_sent_or_dropped_however_the_writes_are_split() {
        for size in 1..=40 {
            let mut pending = Pending::default();
            for number in 0..10u8 {
                assert!(pending.add(|out| out.extend(std::iter::repeat_n(number, usize::from(number)))));
            }
            let (mut all, mut finished) = (Vec::new(), 0);
            while all.len() + size < 70 {
                let part = pending.octets()[..size].to_vec();
                finished += pending.sent(size);
                all.extend(part);
            }
            assert_eq!(all[..9], [0, 0, 0, 0, 0, 0, 0, 1, 1], "a length before each");
            assert_eq!(finished + pending.clear(), 10, "in pieces of {size}");
            assert!(pending.is_empty() && pending.octets().is_empty());
        }
    }

    #[test]
    fn a_reader_that_never_reads_costs_bounded_memory() {
        let mut pending = Pending::default();
        let mut taken = 0;
        while pending.add(|out| out.extend_from_slice(&[7; 1000])) {
            taken += 1;
        }
        assert_eq!(taken, MAX_OCTETS / 1004);
        // Once it reads, there is space again.
        assert_eq!(pending.sent(1004 * 3 + 1), 3);
        assert!(pending.add(|out| out.extend_from_slice(&[7; 1000])));
        assert_eq!(pending.clear(), taken as u64 - 3 + 1);
    }
}
