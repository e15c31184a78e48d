//! Reads `probes`: the common keys, and which keys belong to which kind.

mod dns;
mod exec;
mod host;
mod http;
mod stream;

use std::time::Duration;

use super::names::Section;
use super::safety::share;
use crate::notation::{Fields, Item, Problems, duration};
use crate::site::model::{Probe, ProbeKind, Share};

const EXAMPLE: &str = r#"{ kind = "http", port = 8080 }"#;

/// The kinds, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Tcp,
    Dns,
    Grpc,
    Icmp,
    Exec,
    Push,
}

const KINDS: [(&str, Kind); 8] = [
    ("http", Kind::Http),
    ("https", Kind::Https),
    ("tcp", Kind::Tcp),
    ("dns", Kind::Dns),
    ("grpc", Kind::Grpc),
    ("icmp", Kind::Icmp),
    ("exec", Kind::Exec),
    ("push", Kind::Push),
];

/// Every key except `kind`, with the kinds that have it.
const KEYS: [(&str, &[Kind]); 26] = {
    use Kind::{Dns, Exec, Grpc, Http, Https, Icmp, Push, Tcp};
    const WEB: &[Kind] = &[Http, Https];
    const CERTIFICATE: &[Kind] = &[Https, Grpc];
    const ACTIVE: &[Kind] = &[Http, Https, Tcp, Dns, Grpc, Icmp, Exec];
    const ALL: &[Kind] = &[Http, Https, Tcp, Dns, Grpc, Icmp, Exec, Push];
    [
        ("port", &[Http, Https, Tcp, Dns, Grpc, Exec]),
        ("path", WEB),
        ("method", WEB),
        ("host", &[Http, Https, Grpc]),
        ("headers", WEB),
        ("expect_status", WEB),
        ("expect_body", WEB),
        ("tls", &[Grpc]),
        ("server_name", CERTIFICATE),
        ("verify", CERTIFICATE),
        ("certificate_days", CERTIFICATE),
        ("send", &[Tcp]),
        ("expect", &[Tcp]),
        ("name", &[Dns]),
        ("type", &[Dns]),
        ("transport", &[Dns]),
        ("expect_rcode", &[Dns]),
        ("expect_answer", &[Dns]),
        ("service", &[Grpc]),
        ("command", &[Exec]),
        ("ttl", &[Push]),
        ("interval", ACTIVE),
        ("timeout", ACTIVE),
        ("jitter", ACTIVE),
        ("rise", ALL),
        ("fall", ALL),
    ]
};

const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(10);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
/// Default maximum deviation from the schedule, as a share of the interval.
const DEFAULT_JITTER: Share = Share(0.1);
const MOST_JITTER: Share = Share(0.5);
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;
const SHORTEST_TTL: Duration = Duration::from_secs(1);
const LONGEST_TTL: Duration = Duration::from_secs(86_400);
const DEFAULT_TTL: Duration = Duration::from_secs(60);

/// Returns one probe per entry, even an invalid one, so that positions in the section are indices.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Vec<Probe> {
    section.items().map(|(entry, item)| probe(&entry.key, &item, problems)).collect()
}

fn probe(name: &str, item: &Item<'_, '_>, problems: &mut Problems) -> Probe {
    let mut probe = Probe {
        name: name.into(),
        kind: ProbeKind::Push { ttl: DEFAULT_TTL },
        interval: DEFAULT_INTERVAL,
        timeout: DEFAULT_TIMEOUT,
        jitter: Duration::ZERO,
        rise: DEFAULT_RISE,
        fall: DEFAULT_FALL,
    };
    let mut known = vec!["kind"];
    known.extend(KEYS.iter().map(|(key, _)| key));
    let Some(fields) = item.fields(&known, EXAMPLE, problems) else { return probe };
    let kind = fields.require("kind", "\"http\"", problems).and_then(|item| item.choice(&KINDS, problems));
    if let Some(kind) = kind {
        report_keys_of_other_kinds(&fields, kind, problems);
        probe.kind = details(&fields, kind, problems).unwrap_or(probe.kind);
    }
    times(&fields, &mut probe, problems);
    let count = |key, default, problems: &mut Problems| {
        fields
            .get(key)
            .and_then(|item| item.integer("a number of results in a row", 1..=100, problems))
            .unwrap_or(default)
    };
    // A single posted result is enough.
    let (rise, fall) = if kind == Some(Kind::Push) { (1, 1) } else { (DEFAULT_RISE, DEFAULT_FALL) };
    probe.rise = count("rise", rise, problems);
    probe.fall = count("fall", fall, problems);
    probe
}

/// Reads the keys of one kind; `None` if one is invalid, which has been reported.
fn details(fields: &Fields<'_, '_>, kind: Kind, problems: &mut Problems) -> Option<ProbeKind> {
    match kind {
        Kind::Http => http::read(fields, port(fields, Some(80), problems), None, problems).map(ProbeKind::Http),
        Kind::Https => {
            let tls = host::certificate(fields, problems);
            http::read(fields, port(fields, Some(443), problems), Some(tls), problems).map(ProbeKind::Http)
        }
        Kind::Tcp => stream::tcp(fields, port(fields, None, problems), problems).map(ProbeKind::Tcp),
        Kind::Dns => dns::read(fields, port(fields, Some(53), problems), problems).map(ProbeKind::Dns),
        Kind::Grpc => stream::grpc(fields, port(fields, None, problems), problems).map(ProbeKind::Grpc),
        Kind::Icmp => Some(ProbeKind::Icmp),
        Kind::Exec => exec::read(fields, problems).map(ProbeKind::Exec),
        Kind::Push => {
            let ttl = fields.get("ttl").and_then(|item| item.duration(SHORTEST_TTL..=LONGEST_TTL, problems));
            Some(ProbeKind::Push { ttl: ttl.unwrap_or(DEFAULT_TTL) })
        }
    }
}

fn report_keys_of_other_kinds(fields: &Fields<'_, '_>, kind: Kind, problems: &mut Problems) {
    for (key, kinds) in KEYS.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
        if let Some(item) = fields.get(key) {
            let words: Vec<&str> = kinds.iter().map(|&kind| word(kind)).collect();
            let help = format!("remove it; kinds that support it: {}", words.join(", "));
            item.error(problems, format!("probes of kind \"{}\" have no `{key}`", word(kind)), help);
        }
    }
}

fn word(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, other)| *other == kind).map_or("", |(word, _)| word)
}

/// The port; required if the kind has no default.
fn port(fields: &Fields<'_, '_>, default: Option<u16>, problems: &mut Problems) -> Option<u16> {
    let written = if default.is_some() { fields.get("port") } else { fields.require("port", "8080", problems) };
    match written {
        Some(item) => item.integer("a port", 1..=65535, problems).and_then(|port| u16::try_from(port).ok()),
        None => default,
    }
}

fn times(fields: &Fields<'_, '_>, probe: &mut Probe, problems: &mut Problems) {
    let interval = fields.get("interval");
    if let Some(interval) = interval.and_then(|item| item.duration(SHORTEST_INTERVAL..=LONGEST_INTERVAL, problems)) {
        probe.interval = interval;
    }
    probe.jitter = probe.interval.mul_f64(jitter(fields, problems).0);
    probe.timeout = DEFAULT_TIMEOUT.min(probe.interval);
    let Some(item) = fields.get("timeout") else { return };
    let Some(timeout) = item.duration(SHORTEST_TIMEOUT..=LONGEST_INTERVAL, problems) else { return };
    if timeout > probe.interval {
        let (timeout, interval) = (duration::show(timeout), duration::show(probe.interval));
        let message = format!("the timeout {timeout} is longer than the interval {interval}");
        item.error(problems, message, format!("use at most \"{interval}\", or increase the interval"));
    }
    probe.timeout = timeout;
}

fn jitter(fields: &Fields<'_, '_>, problems: &mut Problems) -> Share {
    let Some(item) = fields.get("jitter") else { return DEFAULT_JITTER };
    let jitter = share(&item, problems).unwrap_or(DEFAULT_JITTER);
    if jitter > MOST_JITTER {
        item.error(problems, "probes could run out of order", "write a share from \"0%\" to \"50%\" of the interval");
    }
    jitter
}
