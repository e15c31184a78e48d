//! Queries, responses and connections, as the sockets and the answering code count them.

use gslb_core::respond::Tally;
use gslb_core::respond::tally::{Outcome, RCODES, SIZE_BOUNDS};

use super::{Collector, Family};
use crate::dns::totals::{Totals, TotalsReader};

/// DNS counters from `reader`.
pub fn collector(reader: TotalsReader) -> Collector {
    Collector::new("dns", move || {
        let totals = reader.read();
        let mut families = vec![queries(&totals), responses(&totals), drops(&totals), truncated(&totals)];
        families.push(subnets(&totals));
        families.extend([durations(&totals), panics(&totals)]);
        families.extend(sizes(&totals));
        families.extend(udp(&totals));
        families.extend(tcp(&totals));
        families
    })
}

/// Both transports by label.
fn transports(totals: &Totals) -> [(&'static str, &Tally); 2] {
    [("udp", &totals.over_udp), ("tcp", &totals.over_tcp)]
}

fn queries(totals: &Totals) -> Family {
    let help = "Queries received, by transport, address family of the resolver, and type.";
    let mut family = Family::counter("gslb_dns_queries_total", help);
    for (transport, tally) in transports(totals) {
        for (version, qtype, count) in tally.queries() {
            let version = if version == 4 { "ipv4" } else { "ipv6" };
            family.add(&[("family", version), ("transport", transport), ("type", qtype)], count as f64);
        }
    }
    family
}

fn responses(totals: &Totals) -> Family {
    let help = "Responses sent, by rcode and outcome.";
    let mut family = Family::counter("gslb_dns_responses_total", help);
    let both = Tally::default();
    transports(totals).iter().for_each(|(_, tally)| both.add(tally));
    for (rcode, outcome, count) in both.responses() {
        // Combinations that should not occur are shown only once they do.
        if count > 0 || possible(outcome).contains(&rcode) {
            family.add(&[("outcome", outcome.as_str()), ("rcode", rcode.as_str())], count as f64);
        }
    }
    family
}

/// The rcodes that responses of this kind may have.
fn possible(outcome: Outcome) -> &'static [gslb_core::dns::wire::number::Rcode] {
    use gslb_core::dns::wire::number::Rcode::{BadVers, FormErr, NotImp, NxDomain, Refused, ServFail, YxDomain};
    match outcome {
        Outcome::NxDomain => &[NxDomain],
        Outcome::Refused => &[Refused],
        Outcome::Error => &[FormErr, ServFail, NotImp, YxDomain, BadVers],
        _ => &RCODES[..1],
    }
}

fn drops(totals: &Totals) -> Family {
    let mut family = Family::counter("gslb_dns_drops_total", "Messages that were not answered, by reason.");
    let own = [(totals.udp.oversized, totals.udp.panics), (0, totals.tcp.panics)];
    for ((transport, tally), (oversized, panics)) in transports(totals).into_iter().zip(own) {
        let reasons = [
            ("short", tally.short.get()),
            ("response", tally.stray.get()),
            ("oversized", oversized),
            ("panic", panics),
        ];
        for (reason, count) in reasons {
            family.add(&[("reason", reason), ("transport", transport)], count as f64);
        }
    }
    family
}

fn truncated(totals: &Totals) -> Family {
    let mut family = Family::counter("gslb_dns_truncated_total", "Responses with the TC bit, by transport.");
    for (transport, tally) in transports(totals) {
        family.add(&[("transport", transport)], tally.truncated.get() as f64);
    }
    family
}

fn subnets(totals: &Totals) -> Family {
    let help = "Queries with a client subnet, by address family and result.";
    let mut family = Family::counter("gslb_dns_client_subnets_total", help);
    let both = Tally::default();
    transports(totals).iter().for_each(|(_, tally)| both.add(tally));
    for (version, result, count) in both.subnets() {
        family.add(&[("family", version.as_str()), ("result", result.as_str())], count as f64);
    }
    family
}

fn durations(totals: &Totals) -> Family {
    let help = "Time from receiving a query to the end of sending its response.";
    let mut family = Family::histogram("gslb_dns_response_duration_seconds", help);
    for (transport, durations) in [("udp", &totals.udp_durations), ("tcp", &totals.tcp_durations)] {
        let sum = durations.sum as f64 / 1e9;
        family.add_ranges(&[("transport", transport)], durations.ranges(), durations.count, sum);
    }
    family
}

fn sizes(totals: &Totals) -> [Family; 2] {
    let mut queries = Family::histogram("gslb_dns_query_size_bytes", "Octets of queries, by transport.");
    let mut responses = Family::histogram("gslb_dns_response_size_bytes", "Octets of responses, by transport.");
    for (transport, tally) in transports(totals) {
        for (family, sizes) in [(&mut queries, &tally.query_sizes), (&mut responses, &tally.response_sizes)] {
            let ranges = SIZE_BOUNDS.into_iter().map(|bound| bound as f64).zip(sizes.ranges());
            family.add_ranges(&[("transport", transport)], ranges, sizes.count(), sizes.sum() as f64);
        }
    }
    [queries, responses]
}

fn panics(totals: &Totals) -> Family {
    let mut family = Family::counter("gslb_panics_total", "Messages that caused a panic, by transport.");
    family.add(&[("transport", "udp")], totals.udp.panics as f64);
    family.add(&[("transport", "tcp")], totals.tcp.panics as f64);
    family
}

fn udp(totals: &Totals) -> [Family; 4] {
    let udp = &totals.udp;
    let mut errors = Family::counter("gslb_udp_errors_total", "UDP system calls that failed, by call.");
    errors.add(&[("call", "receive")], udp.receive_errors as f64);
    errors.add(&[("call", "send")], udp.send_errors as f64);
    let batches = "Receive calls that returned at least one datagram.";
    [
        Family::counter("gslb_udp_batches_total", batches).of(udp.batches as f64),
        Family::counter("gslb_udp_received_total", "UDP datagrams received.").of(udp.received as f64),
        Family::counter("gslb_udp_sent_total", "UDP datagrams sent.").of(udp.sent as f64),
        errors,
    ]
}

fn tcp(totals: &Totals) -> [Family; 4] {
    let tcp = &totals.tcp;
    let mut closed = Family::counter("gslb_tcp_closed_total", "TCP connections closed, by cause.");
    let causes = [
        ("client", tcp.closed_by_client),
        ("idle", tcp.idle),
        ("stalled", tcp.stalled),
        ("short", tcp.short),
        ("evicted", tcp.evicted),
        ("refused", tcp.refused),
    ];
    causes.into_iter().for_each(|(cause, count)| closed.add(&[("cause", cause)], count as f64));
    let errors = "Attempts to accept a TCP connection that failed.";
    [
        Family::counter("gslb_tcp_accepted_total", "TCP connections accepted.").of(tcp.accepted as f64),
        Family::counter("gslb_tcp_accept_errors_total", errors).of(tcp.accept_errors as f64),
        Family::gauge("gslb_tcp_connections", "TCP connections that are open.").of(tcp.open as f64),
        closed,
    ]
}
