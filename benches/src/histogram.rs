//! Counts of durations, in buckets that are 1.6 % wide.

use std::time::Duration;

/// Buckets per doubling, as a power of two.
const BITS: u32 = 6;
const BUCKETS: usize = (64 - BITS as usize + 1) << BITS;

/// How often each duration was seen.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0 }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        self.counts[bucket(duration.as_nanos() as u64)] += 1;
        self.total += 1;
    }

    /// Adds all that another one has counted.
    pub fn merge(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
    }

    /// The duration that this share of all (0 to 1) is not above, to the upper end of its bucket. Zero when empty.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted && seen > 0
        });
        reached.map_or(Duration::ZERO, |bucket| Duration::from_nanos(upper_end(bucket)))
    }
}

/// Small numbers have a bucket each. Above, the leading `BITS + 1` bits and the number of those after them count.
fn bucket(nanos: u64) -> usize {
    let after = (63 - (nanos | 1).leading_zeros()).saturating_sub(BITS);
    ((after as usize) << BITS) + (nanos >> after) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let after = (bucket >> BITS).saturating_sub(1);
    (((bucket - (after << BITS)) as u64 + 1) << after) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_at_most_a_64th_above_its_numbers() {
        for nanos in (0..100_000).chain((17..60).map(|bits| (1 << bits) + 12_345)) {
            let end = upper_end(bucket(nanos));
            assert!(end >= nanos && end - nanos <= nanos / 64, "{nanos} is counted up to {end}");
        }
    }

    #[test]
    fn quantiles_are_by_share() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        let close = |share, micros: u64| {
            let nanos = histogram.quantile(share).as_nanos() as u64;
            assert!((micros * 1000..=micros * 1016).contains(&nanos), "{share}: {nanos}");
        };
        close(0.5, 50);
        close(0.99, 99);
        close(1.0, 100);
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
