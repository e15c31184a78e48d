//! Response rate limiting: bounds what an address gets beyond the worth of the queries that bear it, since the address
//! may be forged and its owner a victim.
//!
//! An answer costs one unit for each 16 octets beyond twice its query, and at least one. A bucket of units is kept as the
//! time at which it will be empty (GCRA), so that nothing has to be computed as time passes. A network (an IPv4 /24 or an
//! IPv6 /56) is one cache line, which has its bucket and those of its busiest addresses. Of its addresses the one whose
//! bucket is empty first gives way to another, so forged addresses do not push out a busy one. Each worker has a table of its
//! own, so there are no locks.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::net::IpAddr;

use ipnet::IpNet;

use bucket::Bucket;
use line::Line;
use source::Source;
use table::Table;

mod bucket;
mod line;
mod source;
mod table;

/// Units in one answer of the limits, which are in answers per second: an answer with 256 octets beyond twice its query
/// counts as one.
pub const UNITS: u32 = 16;
/// Octets of one unit.
const UNIT_OCTETS: usize = 16;
/// Most units that one answer can cost: the longest datagram, for the shortest query.
const MOST_UNITS: u64 = 128;
/// Above this many times the limit, seven of eight queries are dropped.
const FLOOD: u64 = 8;

/// The limits of a server. They are shared out among its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Answers per second to one address.
    pub per_address: u32,
    /// Answers per second to one network: an IPv4 /24 or an IPv6 /56. At least `per_address`.
    pub per_network: u32,
    /// Answers at once to an address that has got none for a while; networks have as much in proportion.
    pub burst: u32,
    /// Of the queries over the limit, every `slip`-th one is answered, with TC or BADCOOKIE; 0 drops all.
    pub slip: u32,
    /// Networks without limits.
    pub exempt: Vec<IpNet>,
    /// Counts what would be done, and answers as if there were no limits.
    pub dry_run: bool,
    /// Octets of each worker's table, 64 for each network.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            per_address: 50,
            per_network: 1600,
            burst: 125,
            slip: 1,
            exempt: Vec::new(),
            dry_run: false,
            memory: 4 << 20,
        }
    }
}

/// Whether an answer is within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Within,
    /// It is over a limit.
    Over,
    /// It is, and there are queries for more than eight times the limit.
    Flood,
}

/// One worker's buckets.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    address: Bucket,
    network: Bucket,
    table: Table,
    /// Queries over a limit so far, to pick those that are answered.
    over: u32,
    /// Octets of such queries that were not answered yet. Replies take from it, so that together they are never longer.
    credit: usize,
}

/// Octets that replies to queries over a limit may be ahead of these queries: a few replies.
const CREDIT: usize = 1024;

impl Limiter {
    /// The buckets of one of `workers` workers; `seed` must be a number that no client can guess.
    ///
    /// The kernel spreads the ports of an address over the workers, so each gets twice its share of the limits: an
    /// address that uses few ports gets no less than the limit with one or two workers, and at most twice the limit.
    pub fn new(limits: Limits, workers: usize, seed: u64) -> Limiter {
        // The times of entries are unambiguous as long as no network waits longer than an address.
        let limits = Limits { per_network: limits.per_network.max(limits.per_address), ..limits };
        let workers = workers.max(2) as u64;
        let window = u64::from(limits.burst) * SECOND / u64::from(limits.per_address.max(1));
        let bucket = |per_second: u32| Bucket::new(per_second, workers, window);
        let table = Table::new(limits.memory, seed);
        Limiter {
            address: bucket(limits.per_address),
            network: bucket(limits.per_network),
            limits,
            table,
            over: 0,
            credit: CREDIT,
        }
    }

    /// Loads the bucket of `source` into the processor's cache. The result only keeps the compiler from removing that.
    #[inline]
    pub fn prefetch(&self, source: IpAddr) -> u32 {
        self.table.touch(self.table.source(source))
    }

    /// Charges `source` for an answer of `answer` octets to a query of `query` octets at `now`, in nanoseconds since any
    /// fixed time.
    #[inline]
    pub fn charge(&mut self, source: IpAddr, now: u64, query: usize, answer: usize) -> Verdict {
        let units = (answer.saturating_sub(2 * query) / UNIT_OCTETS).max(1) as u64;
        let source = self.table.source(source);
        let Some(octets) = self.table.line(source) else { return Verdict::Within };
        let mut line = Line::load(octets);
        let verdict = charge(&mut line, source, [self.address, self.network], now, units);
        line.store(octets);
        verdict
    }

    /// Whether `source` has no limits.
    pub fn is_exempt(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.limits.exempt.iter().any(|network| network.contains(&source))
    }

    /// Whether limits are only counted.
    pub fn is_dry_run(&self) -> bool {
        self.limits.dry_run
    }

    /// Whether a query over a limit, of `query` octets, may get a reply of `reply` octets: in a flood one of eight, of
    /// these every `slip`-th one, and never more octets than the queries had.
    pub fn admits_reply(&mut self, verdict: Verdict, query: usize, reply: usize) -> bool {
        self.over = self.over.wrapping_add(1);
        self.credit = (self.credit + query).min(CREDIT);
        let every = if verdict == Verdict::Flood { self.limits.slip * FLOOD as u32 } else { self.limits.slip };
        if every == 0 || !self.over.is_multiple_of(every) {
            return false;
        }
        match self.credit.checked_sub(reply) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }
}

/// A second in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Charges both buckets of a source if neither is over its limit. Otherwise the network's flood bucket is charged what the
/// one over its limit would have been, so that it fills above eight times the limit.
#[inline]
fn charge(line: &mut Line, source: Source, buckets: [Bucket; 2], now: u64, units: u64) -> Verdict {
    let [address, network] = buckets;
    let (all, ticks) = (line.network_time(), address.ticks(now));
    line.clear_if_old(address.ticks(all), ticks);
    let mut own = line.entry(source.tag, ticks);
    let over = match (address.is_over(own.ahead), network.is_over_at(all, now)) {
        (true, _) => address,
        (_, true) => network,
        _ => {
            own.ahead = address.charged(own.ahead, units * address.cost);
            line.put_entry(own, source.tag, ticks);
            line.set_network_time(all.max(now) + units * network.cost);
            return Verdict::Within;
        }
    };
    line.set_network_time(all.max(now));
    // Its clock runs seven times as fast, so it empties at seven times the limit; answers within the limit are the eighth.
    let (now, window) = (now.saturating_mul(FLOOD - 1), address.window.saturating_mul(FLOOD - 1));
    let flood = line.flood_time().max(now).saturating_add(units * over.cost).min(now.saturating_add(2 * window));
    line.set_flood_time(flood);
    if flood - now > window { Verdict::Flood } else { Verdict::Over }
}
