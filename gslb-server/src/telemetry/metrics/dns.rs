//! Queries, responses and connections, as the sockets and the answering code count them.

use gslb_core::respond::Tally;
use gslb_core::respond::tally::{Outcome, RCODES, SIZE_BOUNDS};

use super::{Collector, Family};
use crate::dns::proxy::Proxies;
use crate::dns::tcp::TcpCounts;
use crate::dns::totals::{Totals, TotalsReader};

/// DNS counters from `reader`.
pub fn collector(reader: TotalsReader) -> Collector {
    Collector::new("dns", move || {
        let totals = reader.read();
        let mut families = vec![queries(&totals), responses(&totals), drops(&totals), truncated(&totals)];
        families.extend([subnets(&totals), cookies(&totals), limits(&totals)]);
        families.extend([durations(&totals), panics(&totals)]);
        families.extend(sizes(&totals));
        families.extend(udp(&totals));
        families.extend(connections(&TCP, &totals.tcp));
        families.extend(reader.proxies.as_ref().map(|proxies| refused(proxies)));
        if let Some(tls) = &totals.tls {
            families.extend(connections(&TLS, &tls.connections));
            families.extend(handshakes(&tls.connections));
        }
        families
    })
}

/// The transports in use, by label.
fn transports(totals: &Totals) -> Vec<(&'static str, &Tally)> {
    let tls = totals.tls.iter().map(|tls| ("tls", &tls.tally));
    [("udp", &totals.over_udp), ("tcp", &totals.over_tcp)].into_iter().chain(tls).collect()
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
    use gslb_core::dns::wire::number::Rcode::{
        BadCookie, BadVers, FormErr, NotImp, NxDomain, Refused, ServFail, YxDomain,
    };
    match outcome {
        Outcome::NxDomain => &[NxDomain],
        Outcome::Refused => &[Refused],
        Outcome::Error => &[FormErr, ServFail, NotImp, YxDomain, BadVers, BadCookie],
        _ => &RCODES[..1],
    }
}

fn drops(totals: &Totals) -> Family {
    let mut family = Family::counter("gslb_dns_drops_total", "Messages that were not answered, by reason.");
    let tls = totals.tls.iter().map(|tls| (0, tls.connections.panics));
    let own = [(totals.udp.oversized, totals.udp.panics), (0, totals.tcp.panics)].into_iter().chain(tls);
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

fn cookies(totals: &Totals) -> Family {
    let help = "Queries by their COOKIE option: none, a client cookie alone, or what its server cookie is.";
    let mut family = Family::counter("gslb_dns_cookies_total", help);
    let both = Tally::default();
    transports(totals).iter().for_each(|(_, tally)| both.add(tally));
    let queries: u64 = both.queries().map(|(.., count)| count).sum();
    // Not counted while answering: nearly every query has none.
    let some: u64 = both.cookies().map(|(_, count)| count).sum();
    family.add(&[("result", "none")], queries.saturating_sub(some) as f64);
    for (result, count) in both.cookies() {
        family.add(&[("result", result.as_str())], count as f64);
    }
    family
}

fn limits(totals: &Totals) -> Family {
    let help = "Responses over UDP, by address family of the resolver and by what the rate limits made of them.";
    let mut family = Family::counter("gslb_rrl_total", help);
    let tally = &totals.over_udp;
    for (version, name) in [(4, "ipv4"), (6, "ipv6")] {
        let of_family = tally.limits().filter(|(family, ..)| *family == version);
        let concerned: u64 = of_family.clone().map(|(.., count)| count).sum();
        let queries: u64 = tally.queries().filter(|(family, ..)| *family == version).map(|(.., count)| count).sum();
        // Not counted while answering: it is nearly all of them.
        family.add(&[("action", "passed"), ("family", name)], queries.saturating_sub(concerned) as f64);
        // Over TCP they are those of clients that reached a proxy by datagrams.
        let over_tcp = totals.over_tcp.limits().filter(|(family, ..)| *family == version);
        for ((_, action, count), (.., over_tcp)) in of_family.zip(over_tcp) {
            family.add(&[("action", action.as_str()), ("family", name)], (count + over_tcp) as f64);
        }
    }
    family
}

fn durations(totals: &Totals) -> Family {
    let help = "Time from receiving a query to the end of sending its response.";
    let mut family = Family::histogram("gslb_dns_response_duration_seconds", help);
    let tls = totals.tls.iter().map(|tls| ("tls", &tls.durations));
    let others = [("udp", &totals.udp_durations), ("tcp", &totals.tcp_durations)];
    for (transport, durations) in others.into_iter().chain(tls) {
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
    if let Some(tls) = &totals.tls {
        family.add(&[("transport", "tls")], tls.connections.panics as f64);
    }
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

/// Names of the families of connections, and what they count.
struct Names {
    accepted: [&'static str; 2],
    errors: [&'static str; 2],
    open: [&'static str; 2],
    closed: [&'static str; 2],
}

const TCP: Names = Names {
    accepted: ["gslb_tcp_accepted_total", "TCP connections accepted."],
    errors: ["gslb_tcp_accept_errors_total", "Attempts to accept a TCP connection that failed."],
    open: ["gslb_tcp_connections", "TCP connections that are open."],
    closed: ["gslb_tcp_closed_total", "TCP connections closed, by cause."],
};

const TLS: Names = Names {
    accepted: ["gslb_tls_accepted_total", "Connections for DNS over TLS accepted."],
    errors: ["gslb_tls_accept_errors_total", "Attempts to accept a connection for DNS over TLS that failed."],
    open: ["gslb_tls_connections", "Connections for DNS over TLS that are open."],
    closed: ["gslb_tls_closed_total", "TLS connections closed after their handshake or evicted, by cause."],
};

fn connections(names: &Names, counts: &TcpCounts) -> [Family; 4] {
    let Names { accepted, errors, open, closed: [closed, closed_help] } = *names;
    let mut closed = Family::counter(closed, closed_help);
    let causes = [
        ("client", counts.closed_by_client),
        ("idle", counts.idle),
        ("stalled", counts.stalled),
        ("short", counts.short),
        ("evicted", counts.evicted),
        ("refused", counts.refused),
    ];
    causes.into_iter().for_each(|(cause, count)| closed.add(&[("cause", cause)], count as f64));
    let counter = |[name, help]: [&'static str; 2], count: u64| Family::counter(name, help).of(count as f64);
    let open = Family::gauge(open[0], open[1]).of(counts.open as f64);
    [counter(accepted, counts.accepted), counter(errors, counts.accept_errors), open, closed]
}

fn refused(proxies: &Proxies) -> Family {
    let help = "Messages and connections on listeners for proxies that were dropped, by reason.";
    let mut family = Family::counter("gslb_proxy_refused_total", help);
    proxies.refused().for_each(|(reason, count)| family.add(&[("reason", reason)], count as f64));
    family
}

fn handshakes(counts: &TcpCounts) -> [Family; 2] {
    let failed = &counts.failed_handshakes;
    let help = "TLS handshakes that failed, by reason.";
    let mut failures = Family::counter("gslb_tls_handshake_failures_total", help);
    let reasons = [
        ("timeout", failed.timeout),
        ("closed", failed.closed),
        ("garbage", failed.garbage),
        ("incompatible", failed.incompatible),
        ("alert", failed.alert),
        ("protocol", failed.protocol),
        ("certificate", failed.certificate),
    ];
    reasons.into_iter().for_each(|(reason, count)| failures.add(&[("reason", reason)], count as f64));
    let completed = "TLS handshakes completed.";
    [Family::counter("gslb_tls_handshakes_total", completed).of(counts.handshakes as f64), failures]
}
