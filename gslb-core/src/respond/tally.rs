//! One worker's counters: only that worker writes them, and anyone may read them.

use super::cookies::CookieResult;
use super::{Sender, Transport};
use crate::count::{Count, Histogram};
use crate::dns::wire::number::{Rcode, rtype};
use crate::dns::wire::query::Query;
use crate::dns::wire::subnet::Family;

/// Query types that are counted separately, by mnemonic; the last one covers all others.
pub const TYPES: [&str; 16] = [
    "A", "AAAA", "CNAME", "NS", "SOA", "MX", "TXT", "SRV", "PTR", "HTTPS", "SVCB", "DS", "DNSKEY", "CAA", "ANY",
    "other",
];
const OTHER: u8 = TYPES.len() as u8 - 1;

/// Maps a type number to its index in [`TYPES`].
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where it would fail")]
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

/// Rcodes in counter order: 0 to 6, then the extended ones.
pub const RCODES: [Rcode; 9] = [
    Rcode::NoError,
    Rcode::FormErr,
    Rcode::ServFail,
    Rcode::NxDomain,
    Rcode::NotImp,
    Rcode::Refused,
    Rcode::YxDomain,
    Rcode::BadVers,
    Rcode::BadCookie,
];

/// The index of an rcode in [`RCODES`].
#[inline]
fn rcode_index(rcode: Rcode) -> usize {
    match rcode {
        Rcode::BadVers => 7,
        Rcode::BadCookie => 8,
        others => others as usize,
    }
}

/// The kind of response, beyond its rcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A service's policy decided.
    Steered,
    /// Records of a zone, or of the server itself.
    Static,
    /// The name exists without records of this type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The name is in a delegated zone.
    Referral,
    /// The name is not in any zone.
    Refused,
    /// The query is malformed or the server failed.
    Error,
}

impl Outcome {
    /// All outcomes, in counter order.
    pub const ALL: [Outcome; 7] = [
        Outcome::Steered,
        Outcome::Static,
        Outcome::NoData,
        Outcome::NxDomain,
        Outcome::Referral,
        Outcome::Refused,
        Outcome::Error,
    ];

    /// The name used in metrics.
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

    /// The outcome once this rcode is taken into account.
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

/// How a client subnet option was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubnetUse {
    /// A decision used it.
    Used,
    /// No decision needed it.
    Unused,
    /// It violates RFC 7871.
    Malformed,
}

impl SubnetUse {
    /// All uses, in counter order.
    pub const ALL: [SubnetUse; 3] = [SubnetUse::Used, SubnetUse::Unused, SubnetUse::Malformed];

    /// The name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            SubnetUse::Used => "used",
            SubnetUse::Unused => "unused",
            SubnetUse::Malformed => "malformed",
        }
    }
}

/// What was done with a response that a limit concerned. Others are sent as they are, and not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitAction {
    /// It was over a limit, and sent to an exempt network.
    Exempt,
    /// It was sent, as its query had a valid cookie.
    Cookie,
    /// TC was sent instead.
    Truncated,
    /// BADCOOKIE was sent instead.
    BadCookie,
    /// Nothing was sent.
    Dropped,
}

impl LimitAction {
    /// All actions, in counter order.
    pub const ALL: [LimitAction; 5] = [
        LimitAction::Exempt,
        LimitAction::Cookie,
        LimitAction::Truncated,
        LimitAction::BadCookie,
        LimitAction::Dropped,
    ];

    /// The name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitAction::Exempt => "exempt",
            LimitAction::Cookie => "cookie",
            LimitAction::Truncated => "truncated",
            LimitAction::BadCookie => "badcookie",
            LimitAction::Dropped => "dropped",
        }
    }
}

/// Number of size buckets; each bucket is twice as wide as the one before.
const SIZES: usize = 12;
/// Upper bound of each size bucket, in octets.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where it would fail")]
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
fn size_bucket(octets: usize) -> usize {
    // The first bucket goes up to 2^5 octets: the bits of what is left of `octets - 1` without its last five.
    (octets.saturating_sub(1) >> 4 | 1).ilog2() as usize
}

/// Everything a worker has counted since it started.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// By the resolver's address family and by type.
    queries: [[Count; TYPES.len()]; 2],
    /// By rcode and outcome.
    responses: [[Count; Outcome::ALL.len()]; RCODES.len()],
    /// By family and use.
    subnets: [[Count; SubnetUse::ALL.len()]; Family::ALL.len()],
    /// Responses over UDP that a limit concerned, by the resolver's address family and by action.
    limits: [[Count; LimitAction::ALL.len()]; 2],
    /// COOKIE options by result.
    cookies: [Count; CookieResult::ALL.len()],
    /// Messages shorter than a header, which are dropped.
    pub short: Count,
    /// Messages with the QR bit, which are dropped.
    pub stray: Count,
    /// Responses with the TC bit.
    pub truncated: Count,
    /// Query sizes in octets.
    pub query_sizes: Histogram<SIZES>,
    /// Response sizes in octets.
    pub response_sizes: Histogram<SIZES>,
}

impl Tally {
    /// Counts a query; one that cannot be parsed counts as type `other`.
    #[inline]
    pub(super) fn received(&self, sender: Sender<'_>, octets: usize, qtype: Option<u16>) {
        let [v4, v6] = &self.queries;
        let family = if sender.resolver.is_ipv4() { v4 } else { v6 };
        let index = qtype.and_then(|qtype| INDEX.get(usize::from(qtype))).copied().unwrap_or(OTHER);
        if let Some(count) = family.get(usize::from(index)) {
            count.add(1);
        }
        self.query_sizes.note(size_bucket(octets), octets as u64, 1);
    }

    /// Counts the client subnet of a parsed query.
    #[inline]
    pub(super) fn count_subnet(&self, query: &Query, used: bool) {
        if let Some(subnet) = query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
            self.subnet(subnet.family(), if used { SubnetUse::Used } else { SubnetUse::Unused });
        }
    }

    #[inline]
    pub(super) fn subnet(&self, family: Family, subnet_use: SubnetUse) {
        if let Some(count) = self.subnets.get(family as usize).and_then(|uses| uses.get(subnet_use as usize)) {
            count.add(1);
        }
    }

    /// Counts a response that a limit concerned.
    pub(super) fn limited(&self, sender: Sender<'_>, action: LimitAction) {
        let [v4, v6] = &self.limits;
        let family = if sender.resolver.is_ipv4() { v4 } else { v6 };
        if let Some(count) = family.get(action as usize) {
            count.add(1);
        }
    }

    /// Counts a well-formed COOKIE option.
    pub(super) fn cookie(&self, result: CookieResult) {
        if let Some(count) = self.cookies.get(result as usize) {
            count.add(1);
        }
    }

    /// Counts a response.
    #[inline]
    pub(super) fn responded(&self, rcode: Rcode, outcome: Outcome, truncated: bool, octets: usize) {
        if truncated {
            self.truncated.add(1);
        }
        let outcomes = self.responses.get(rcode_index(rcode));
        if let Some(count) = outcomes.and_then(|outcomes| outcomes.get(outcome.with(rcode) as usize)) {
            count.add(1);
        }
        self.response_sizes.note(size_bucket(octets), octets as u64, 1);
    }

    /// Queries by the resolver's address family (4 or 6) and type.
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

    /// Client subnets by family and use.
    pub fn subnets(&self) -> impl Iterator<Item = (Family, SubnetUse, u64)> {
        let families = Family::ALL.into_iter().zip(&self.subnets);
        families.flat_map(|(family, uses)| {
            SubnetUse::ALL.into_iter().zip(uses).map(move |(subnet_use, count)| (family, subnet_use, count.get()))
        })
    }

    /// Responses that a limit concerned, by the resolver's address family (4 or 6) and action.
    pub fn limits(&self) -> impl Iterator<Item = (u8, LimitAction, u64)> + Clone {
        let families = [4, 6].into_iter().zip(&self.limits);
        families.flat_map(|(family, actions)| {
            LimitAction::ALL.into_iter().zip(actions).map(move |(action, count)| (family, action, count.get()))
        })
    }

    /// Well-formed COOKIE options by result.
    pub fn cookies(&self) -> impl Iterator<Item = (CookieResult, u64)> {
        CookieResult::ALL.into_iter().zip(&self.cookies).map(|(result, count)| (result, count.get()))
    }

    /// Adds another tally to this one. The caller must be this tally's only writer.
    pub fn add(&self, other: &Tally) {
        self.cells().zip(other.cells()).for_each(|(own, more)| own.add(more.get()));
    }

    fn cells(&self) -> impl Iterator<Item = &Count> {
        let tables = self.queries.iter().flatten().chain(self.responses.iter().flatten());
        let tables = tables.chain(self.limits.iter().flatten()).chain(&self.cookies);
        let tables = tables.chain(self.subnets.iter().flatten()).chain([&self.short, &self.stray, &self.truncated]);
        tables.chain(self.query_sizes.cells()).chain(self.response_sizes.cells())
    }
}

impl PartialEq for Tally {
    /// Compares current values; both may keep counting.
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
            Transport::Tls => "tls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_falls_into_the_first_bucket_that_is_large_enough() {
        for octets in (0..=4097).chain([32_768, 32_769, 65_535]) {
            let expected = SIZE_BOUNDS.iter().position(|&bound| octets as u64 <= bound).unwrap();
            assert_eq!(size_bucket(octets), expected, "{octets}");
        }
    }

    #[test]
    fn every_rcode_has_its_own_counter() {
        for (at, rcode) in RCODES.into_iter().enumerate() {
            assert_eq!(rcode_index(rcode), at, "{rcode:?}");
        }
    }

    #[test]
    fn every_query_type_has_its_own_counter() {
        for (at, name) in TYPES.iter().enumerate().take(TYPES.len() - 1) {
            let number = crate::dns::rdata::type_from_text(name).unwrap();
            assert_eq!(usize::from(INDEX[usize::from(number)]), at, "{name}");
        }
    }

    #[test]
    fn subnet_uses_have_the_documented_metric_labels() {
        assert_eq!(SubnetUse::ALL.map(SubnetUse::as_str), ["used", "unused", "malformed"]);
    }
}
