//! One worker's counters: plain numbers that nobody else touches.

use super::{Sender, Transport};
use crate::wire::number::Rcode;
use crate::wire::query::Query;

/// How many rcodes are counted apart: 0 to 6 by their number, the others together.
const RCODES: usize = 8;

/// What a worker has done since it was made. All numbers only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages received over UDP.
    pub udp: u64,
    /// Messages received over TCP.
    pub tcp: u64,
    /// Datagrams shorter than a header.
    pub dropped_short: u64,
    /// Responses, which are never answered.
    pub dropped_response: u64,
    /// Queries with a client subnet of IPv4.
    pub subnet_v4: u64,
    /// Queries with a client subnet of IPv6.
    pub subnet_v6: u64,
    /// Responses with the TC bit.
    pub truncated: u64,
    /// Answers that a service decided.
    pub steered: u64,
    /// Of these, answers that no pool in good health stands behind.
    pub fallbacks: u64,
    /// Responses by rcode; see [`Tally::counters`].
    pub responses: [u64; RCODES],
}

/// One counter as a scrape shows it: metric, label pair (may be empty), help text, value.
pub type Counter = (&'static str, &'static str, &'static str, u64);

impl Tally {
    #[inline]
    pub(super) fn received(&mut self, sender: Sender) {
        match sender.transport {
            Transport::Udp => self.udp += 1,
            Transport::Tcp => self.tcp += 1,
        }
    }

    #[inline]
    pub(super) fn asked(&mut self, query: &Query) {
        match query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
            Some(subnet) if !subnet.is_ipv6() => self.subnet_v4 += 1,
            Some(_) => self.subnet_v6 += 1,
            None => {}
        }
    }

    #[inline]
    pub(super) fn responded(&mut self, rcode: Rcode, truncated: bool) {
        self.truncated += u64::from(truncated);
        if let Some(count) = self.responses.get_mut((rcode as usize).min(RCODES - 1)) {
            *count += 1;
        }
    }

    /// Adds another worker's counters.
    pub fn add(&mut self, other: &Tally) {
        let own = [
            (&mut self.udp, other.udp),
            (&mut self.tcp, other.tcp),
            (&mut self.dropped_short, other.dropped_short),
            (&mut self.dropped_response, other.dropped_response),
            (&mut self.subnet_v4, other.subnet_v4),
            (&mut self.subnet_v6, other.subnet_v6),
            (&mut self.truncated, other.truncated),
            (&mut self.steered, other.steered),
            (&mut self.fallbacks, other.fallbacks),
        ];
        own.into_iter().chain(self.responses.iter_mut().zip(other.responses)).for_each(|(own, more)| *own += more);
    }

    /// All counters; those of one metric stand together.
    pub fn counters(&self) -> impl Iterator<Item = Counter> {
        const QUERIES: (&str, &str) = ("gslb_dns_queries_total", "Messages received, by transport.");
        const DROPS: (&str, &str) = ("gslb_dns_drops_total", "Messages that were not answered, by reason.");
        const SUBNETS: (&str, &str) = ("gslb_dns_client_subnets_total", "Queries with a client subnet, by family.");
        const RESPONSES: (&str, &str) = ("gslb_dns_responses_total", "Responses sent, by rcode.");
        let rcodes = [
            "rcode=\"NOERROR\"",
            "rcode=\"FORMERR\"",
            "rcode=\"SERVFAIL\"",
            "rcode=\"NXDOMAIN\"",
            "rcode=\"NOTIMP\"",
            "rcode=\"REFUSED\"",
            "rcode=\"YXDOMAIN\"",
            "rcode=\"BADVERS\"",
        ];
        let apart = [
            (QUERIES.0, "transport=\"udp\"", QUERIES.1, self.udp),
            (QUERIES.0, "transport=\"tcp\"", QUERIES.1, self.tcp),
            (DROPS.0, "reason=\"short\"", DROPS.1, self.dropped_short),
            (DROPS.0, "reason=\"response\"", DROPS.1, self.dropped_response),
            (SUBNETS.0, "family=\"ipv4\"", SUBNETS.1, self.subnet_v4),
            (SUBNETS.0, "family=\"ipv6\"", SUBNETS.1, self.subnet_v6),
            ("gslb_dns_truncated_total", "", "Responses with the TC bit.", self.truncated),
            ("gslb_dns_steered_total", "", "Answers that a service decided.", self.steered),
            ("gslb_dns_fallbacks_total", "", "Steered answers without a pool in good health.", self.fallbacks),
        ];
        let responses = rcodes.into_iter().zip(self.responses);
        apart.into_iter().chain(responses.map(|(label, count)| (RESPONSES.0, label, RESPONSES.1, count)))
    }
}
