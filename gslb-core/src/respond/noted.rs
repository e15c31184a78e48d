//! Records the decisions of an answer for `gslb tail`: indices in fixed space of the worker's own.
//!
//! An explanation records every step and allocates. This records only the decisions, from the same code and without
//! further random draws, and never allocates.

use super::chain::MAX_ALIASES;
use crate::site::model::{MAX_ANSWERS, PoolId};
use crate::steer::trace::{ClientFrom, Decided, Step, Trace};

/// Maximum decisions per answer: one for the queried name, and one for each alias target.
pub const MAX_DECISIONS: usize = 1 + MAX_ALIASES;
/// Maximum endpoints per answer: one for each alias, plus those of the last service.
pub const MAX_CHOSEN: usize = MAX_ALIASES + MAX_ANSWERS;

/// An endpoint in the answer, by indices of the table's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Index of the service that chose it.
    pub service: u32,
    /// Its pool.
    pub pool: PoolId,
    /// Its index in the pool.
    pub endpoint: u16,
}

/// The decisions of one answer.
#[derive(Debug, Clone)]
pub struct Noted {
    decisions: [Decided; MAX_DECISIONS],
    /// Number of decisions.
    decided: usize,
    chosen: [Chosen; MAX_CHOSEN],
    /// Number of chosen endpoints.
    count: usize,
    /// How many of those belong to a decision already recorded.
    settled: usize,
}

impl Default for Noted {
    fn default() -> Noted {
        let client = std::net::Ipv4Addr::UNSPECIFIED.into();
        let nothing = Decided { service: 0, client, from: ClientFrom::Resolver, fallback: None };
        let none = Chosen { service: 0, pool: PoolId(0), endpoint: 0 };
        Noted { decisions: [nothing; MAX_DECISIONS], decided: 0, chosen: [none; MAX_CHOSEN], count: 0, settled: 0 }
    }
}

impl Noted {
    /// Clears the record for the next answer.
    #[inline]
    pub fn clear(&mut self) {
        (self.decided, self.count, self.settled) = (0, 0, 0);
    }

    /// The decisions in order; empty if no service decided. There are several if an endpoint is the name of another
    /// service.
    #[inline]
    pub fn decisions(&self) -> &[Decided] {
        self.decisions.get(..self.decided).unwrap_or_default()
    }

    /// The chosen endpoints of all services, in order.
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

    #[inline]
    fn replaced(&mut self) {
        self.clear();
    }
}
