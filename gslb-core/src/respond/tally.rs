//! One worker's counters: numbers that it alone writes, and that others read when they want.

use super::{Sender, Transport};
use crate::count::{Count, Histogram};
use crate::dns::wire::number::{Rcode, rtype};
use crate::dns::wire::query::Query;
use crate::dns::wire::subnet::Family;

/// Query types that are counted apart, by mnemonic; the last stands for all others.
pub const TYPES: [&str; 16] = [
    "A", "AAAA", "CNAME", "NS", "SOA", "MX", "TXT", "SRV", "PTR", "HTTPS", "SVCB", "DS", "DNSKEY", "CAA", "ANY",
    "other",
];
const OTHER: u8 = TYPES.len() as u8 - 1;

/// Index into [`TYPES`] by the number of the type, as far as any of them goes.
#[expect(clippy::indexing_slicing, reason = "worked out when it is compiled, where it would fail")]
const INDEX: [u8; 258] = {
    const NUMBERS: [u16; 15] = [
        rtype::A,
        rtype::AAAA,
        rtype::CNAME,
        rtype::NS,
        rtype::SOA,
        rtype::MX,
        rtype::TXT,
        rtype::SRV,
        12,
        65,
        64,
        rtype::DS,
        48,
        257,
        rtype::ANY,
    ];
    let mut index = [OTHER; 258];
    let mut at = 0;
    while at < NUMBERS.len() {
        index[NUMBERS[at] as usize] = at as u8;
        at += 1;
    }
    index
};

/// Rcodes by their counters: 0 to 6 by number, then the extended one.
pub const RCODES: [Rcode; 8] = [
    Rcode::NoError,
    Rcode::FormErr,
    Rcode::ServFail,
    Rcode::NxDomain,
    Rcode::NotImp,
    Rcode::Refused,
    Rcode::YxDomain,
    Rcode::BadVers,
];

/// What a response is, beyond its rcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A service decided.
    Steered,
    /// Data of a zone, or of the server itself.
    Static,
    /// The name has no such data.
    NoData,
    /// There is no such name.
    NxDomain,
    /// Somebody else is asked for it.
    Referral,
    /// Nothing of ours.
    Refused,
    /// The query or the server is at fault.
    Error,
}

impl Outcome {
    /// All of them, in the order of their counters.
    pub const ALL: [Outcome; 7] = [
        Outcome::Steered,
        Outcome::Static,
        Outcome::NoData,
        Outcome::NxDomain,
        Outcome::Referral,
        Outcome::Refused,
        Outcome::Error,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Steered => "steered",
            Outcome::Static => "static",
            Outcome::NoData => "nodata",
            Outcome::NxDomain => "nxdomain",
            Outcome::Referral => "referral",
            Outcome::Refused => "refused",
            Outcome::Error => "error",
        }
    }

    /// What a response with this rcode is, where it would be `self` without.
    #[inline]
    fn with(self, rcode: Rcode) -> Outcome {
        match rcode {
            Rcode::NoError => self,
            Rcode::NxDomain => Outcome::NxDomain,
            Rcode::Refused => Outcome::Refused,
            _ => Outcome::Error,
        }
    }
}

/// What became of a client subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubnetUse {
    /// A decision went by it.
    Used,
    /// No decision needed it.
    Unused,
    /// It is not what RFC 7871 allows.
    Malformed,
}

impl SubnetUse {
    /// All of them, in the order of their counters.
    pub const ALL: [SubnetUse; 3] = [SubnetUse::Used, SubnetUse::Unused, SubnetUse::Malformed];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            SubnetUse::Used => "used",
            SubnetUse::Unused => "unused",
            SubnetUse::Malformed => "malformed",
        }
    }
}

/// Ranges of sizes, each up to twice the octets of the one before.
const SIZES: usize = 12;
/// Most octets of each range of sizes.
#[expect(clippy::indexing_slicing, reason = "worked out when it is compiled, where it would fail")]
pub const SIZE_BOUNDS: [u64; SIZES] = {
    let mut bounds = [32; SIZES];
    let mut at = 1;
    while at < SIZES {
        bounds[at] = bounds[at - 1] * 2;
        at += 1;
    }
    bounds
};

#[inline]
fn size_range(octets: usize) -> usize {
    // The first range goes to 2^5 octets.
    (usize::BITS - octets.saturating_sub(1).leading_zeros()).saturating_sub(5) as usize
}

/// What a worker has done since it was made.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// By family of the resolver and by type.
    queries: [[Count; TYPES.len()]; 2],
    /// By rcode and outcome.
    responses: [[Count; Outcome::ALL.len()]; RCODES.len()],
    /// By family and what became of them.
    subnets: [[Count; SubnetUse::ALL.len()]; Family::ALL.len()],
    /// Messages shorter than a header, which get no answer.
    pub short: Count,
    /// Responses, which are never answered.
    pub stray: Count,
    /// Responses with the TC bit.
    pub truncated: Count,
    /// Octets of queries.
    pub query_sizes: Histogram<SIZES>,
    /// Octets of responses.
    pub response_sizes: Histogram<SIZES>,
}

impl Tally {
    /// Counts a query that is answered; the type of one that cannot be read is none that is known.
    #[inline]
    pub(super) fn received(&self, sender: Sender, octets: usize, qtype: Option<u16>) {
        let [v4, v6] = &self.queries;
        let family = if sender.resolver.is_ipv4() { v4 } else { v6 };
        let index = qtype.and_then(|qtype| INDEX.get(usize::from(qtype))).copied().unwrap_or(OTHER);
        if let Some(count) = family.get(usize::from(index)) {
            count.add(1);
        }
        self.query_sizes.note(size_range(octets), octets as u64, 1);
    }

    /// Counts the client subnet of a query that could be read.
    #[inline]
    pub(super) fn asked(&self, query: &Query, used: bool) {
        if let Some(subnet) = query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
            self.subnet(subnet.family(), if used { SubnetUse::Used } else { SubnetUse::Unused });
        }
    }

    #[inline]
    pub(super) fn subnet(&self, family: Family, became: SubnetUse) {
        if let Some(count) = self.subnets.get(family as usize).and_then(|uses| uses.get(became as usize)) {
            count.add(1);
        }
    }

    /// Counts a response.
    #[inline]
    pub(super) fn responded(&self, rcode: Rcode, outcome: Outcome, truncated: bool, octets: usize) {
        if truncated {
            self.truncated.add(1);
        }
        let outcomes = self.responses.get((rcode as usize).min(RCODES.len() - 1));
        if let Some(count) = outcomes.and_then(|outcomes| outcomes.get(outcome.with(rcode) as usize)) {
            count.add(1);
        }
        self.response_sizes.note(size_range(octets), octets as u64, 1);
    }

    /// Queries by family of the resolver, 4 or 6, and type.
    pub fn queries(&self) -> impl Iterator<Item = (u8, &'static str, u64)> {
        let families = [4, 6].into_iter().zip(&self.queries);
        families
            .flat_map(|(family, types)| TYPES.iter().zip(types).map(move |(&name, count)| (family, name, count.get())))
    }

    /// Responses by rcode and outcome.
    pub fn responses(&self) -> impl Iterator<Item = (Rcode, Outcome, u64)> {
        let rcodes = RCODES.into_iter().zip(&self.responses);
        rcodes.flat_map(|(rcode, outcomes)| {
            Outcome::ALL.into_iter().zip(outcomes).map(move |(outcome, count)| (rcode, outcome, count.get()))
        })
    }

    /// Client subnets by family and what became of them.
    pub fn subnets(&self) -> impl Iterator<Item = (Family, SubnetUse, u64)> {
        let families = Family::ALL.into_iter().zip(&self.subnets);
        families.flat_map(|(family, uses)| {
            SubnetUse::ALL.into_iter().zip(uses).map(move |(became, count)| (family, became, count.get()))
        })
    }

    /// Adds another tally to this one, which nobody else writes.
    pub fn add(&self, other: &Tally) {
        self.cells().zip(other.cells()).for_each(|(own, more)| own.add(more.get()));
    }

    fn cells(&self) -> impl Iterator<Item = &Count> {
        let tables = self.queries.iter().flatten().chain(self.responses.iter().flatten());
        let tables = tables.chain(self.subnets.iter().flatten()).chain([&self.short, &self.stray, &self.truncated]);
        tables.chain(self.query_sizes.cells()).chain(self.response_sizes.cells())
    }
}

impl PartialEq for Tally {
    /// As of now: both may go on counting.
    fn eq(&self, other: &Tally) -> bool {
        self.cells().map(Count::get).eq(other.cells().map(Count::get))
    }
}

impl Transport {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_the_first_range_that_it_does_not_exceed() {
        for octets in (0..=4097).chain([32_768, 32_769, 65_535]) {
            let expected = SIZE_BOUNDS.iter().position(|&bound| octets as u64 <= bound).unwrap();
            assert_eq!(size_range(octets), expected, "{octets}");
        }
    }

    #[test]
    fn every_type_is_counted_under_its_own_name() {
        for (at, name) in TYPES.iter().enumerate().take(TYPES.len() - 1) {
            let number = crate::dns::rdata::type_from_text(name).unwrap();
            assert_eq!(usize::from(INDEX[usize::from(number)]), at, "{name}");
        }
    }

    #[test]
    fn uses_of_a_client_subnet_have_the_names_that_metrics_document() {
        assert_eq!(SubnetUse::ALL.map(SubnetUse::as_str), ["used", "unused", "malformed"]);
    }
}
