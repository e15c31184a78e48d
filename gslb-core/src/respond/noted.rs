//! What of an answer is kept for who watches answers as they are given: numbers in a room of the worker's own.
//!
//! An explanation keeps every step, and allocates. This keeps what was decided, by the same decision and without another
//! draw, and allocates nothing.

use super::chain::MAX_ALIASES;
use crate::site::model::{MAX_ANSWERS, PoolId};
use crate::steer::trace::{ClientFrom, Decided, Step, Trace};

/// Most decisions of an answer: that about the name asked for, and one about each name that an alias leads to.
pub const MAX_DECISIONS: usize = 1 + MAX_ALIASES;
/// Most endpoints that an answer names: one for each alias, and those of the last service.
pub const MAX_CHOSEN: usize = MAX_ALIASES + MAX_ANSWERS;

/// An endpoint that an answer names, in numbers of the table's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Index of the service that named it.
    pub service: u32,
    /// Its pool.
    pub pool: PoolId,
    /// Its index there.
    pub endpoint: u16,
}

/// Notes of one answer.
#[derive(Debug, Clone)]
pub struct Noted {
    decisions: [Decided; MAX_DECISIONS],
    /// How many of them there are.
    decided: usize,
    chosen: [Chosen; MAX_CHOSEN],
    /// How many of them there are.
    count: usize,
    /// How many of those a decision has been noted for.
    settled: usize,
}

impl Default for Noted {
    fn default() -> Noted {
        let client = std::net::Ipv4Addr::UNSPECIFIED.into();
        let nothing = Decided { service: 0, client, from: ClientFrom::Resolver, fallback: None };
        let nobody = Chosen { service: 0, pool: PoolId(0), endpoint: 0 };
        Noted { decisions: [nothing; MAX_DECISIONS], decided: 0, chosen: [nobody; MAX_CHOSEN], count: 0, settled: 0 }
    }
}

impl Noted {
    /// Forgets what was noted, for the next answer.
    #[inline]
    pub fn clear(&mut self) {
        (self.decided, self.count, self.settled) = (0, 0, 0);
    }

    /// What the services have decided, in that order; none where no service decided. There are several where an endpoint
    /// is the name of another service.
    #[inline]
    pub fn decisions(&self) -> &[Decided] {
        self.decisions.get(..self.decided).unwrap_or_default()
    }

    /// The endpoints that the answer names, in the order in which they were chosen; of all services.
    #[inline]
    pub fn chosen(&self) -> &[Chosen] {
        self.chosen.get(..self.count).unwrap_or_default()
    }
}

impl Trace for Noted {
    #[inline(always)]
    fn note(&mut self, _step: impl FnOnce() -> Step) {}

    #[inline]
    fn named(&mut self, pool: PoolId, endpoint: u16) {
        if let Some(place) = self.chosen.get_mut(self.count) {
            *place = Chosen { service: 0, pool, endpoint };
            self.count += 1;
        }
    }

    #[inline]
    fn decided(&mut self, decided: impl FnOnce() -> Decided) {
        let decided = decided();
        let new = self.chosen.get_mut(self.settled..self.count).unwrap_or_default();
        new.iter_mut().for_each(|chosen| chosen.service = decided.service);
        self.settled = self.count;
        if let Some(place) = self.decisions.get_mut(self.decided) {
            *place = decided;
            self.decided += 1;
        }
    }
}
