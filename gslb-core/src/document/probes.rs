//! Reads `probes`.

use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::item::{Fields, Item};
use super::names::Section;
use super::problems::Problems;
use super::tree::shortened;
use crate::model::{Probe, ProbeKind};

const KEYS: [&str; 8] = ["kind", "port", "path", "expect_status", "interval", "timeout", "rise", "fall"];
const EXAMPLE: &str = r#"{ kind = "http", port = 8080 }"#;
const KINDS: [(&str, ProbeKind); 8] = [
    ("http", ProbeKind::Http),
    ("https", ProbeKind::Https),
    ("tcp", ProbeKind::Tcp),
    ("dns", ProbeKind::Dns),
    ("grpc", ProbeKind::Grpc),
    ("icmp", ProbeKind::Icmp),
    ("exec", ProbeKind::Exec),
    ("push", ProbeKind::Push),
];

const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(10);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;

/// One probe per entry, whatever is wrong with it, so that places in the section are indices.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Vec<Probe> {
    section.items().map(|(entry, item)| probe(&entry.key, &item, problems)).collect()
}

fn probe(name: &str, item: &Item<'_, '_>, problems: &mut Problems) -> Probe {
    let mut probe = Probe {
        name: name.into(),
        kind: ProbeKind::Push,
        port: None,
        path: "/".into(),
        expect_status: vec![(200, 299)],
        interval: DEFAULT_INTERVAL,
        timeout: DEFAULT_TIMEOUT,
        rise: DEFAULT_RISE,
        fall: DEFAULT_FALL,
    };
    let Some(fields) = item.fields(&KEYS, EXAMPLE, problems) else { return probe };
    let kind = fields.require("kind", "\"http\"", problems).and_then(|item| item.choice(&KINDS, problems));
    if let Some(kind) = kind {
        probe.kind = kind;
        probe.port = port(&fields, kind, problems);
        http(&fields, kind, &mut probe, problems);
    }
    times(&fields, &mut probe, problems);
    let count = |key, default, problems: &mut Problems| {
        fields
            .get(key)
            .and_then(|item| item.integer("a number of results in a row", 1..=100, problems))
            .unwrap_or(default)
    };
    probe.rise = count("rise", DEFAULT_RISE, problems);
    probe.fall = count("fall", DEFAULT_FALL, problems);
    probe
}

fn port(fields: &Fields<'_, '_>, kind: ProbeKind, problems: &mut Problems) -> Option<u16> {
    let default = match kind {
        ProbeKind::Http => Some(80),
        ProbeKind::Https => Some(443),
        ProbeKind::Dns => Some(53),
        ProbeKind::Tcp | ProbeKind::Grpc => None,
        ProbeKind::Icmp | ProbeKind::Exec | ProbeKind::Push => {
            refuse(fields, "port", kind, problems);
            return None;
        }
    };
    let written = if default.is_some() { fields.get("port") } else { fields.require("port", "8080", problems) };
    match written {
        Some(item) => item.integer("a port", 1..=65535, problems).and_then(|port| u16::try_from(port).ok()),
        None => default,
    }
}

fn http(fields: &Fields<'_, '_>, kind: ProbeKind, probe: &mut Probe, problems: &mut Problems) {
    if !matches!(kind, ProbeKind::Http | ProbeKind::Https) {
        refuse(fields, "path", kind, problems);
        refuse(fields, "expect_status", kind, problems);
        return;
    }
    if let Some(path) = fields.get("path").and_then(|item| request_path(&item, problems)) {
        probe.path = path;
    }
    if let Some(item) = fields.get("expect_status") {
        let ranges = item.list(r#"["200-299"]"#, problems).unwrap_or_default();
        let read = |(index, node)| status_range(&Item { node, path: item.path.index(index) }, problems);
        probe.expect_status = ranges.iter().enumerate().filter_map(read).collect();
    }
}

fn refuse(fields: &Fields<'_, '_>, key: &str, kind: ProbeKind, problems: &mut Problems) {
    if let Some(item) = fields.get(key) {
        let kind = KINDS.iter().find(|(_, other)| *other == kind).map_or("", |(word, _)| word);
        item.error(problems, format!("a probe of kind \"{kind}\" has no `{key}`"), "remove it");
    }
}

fn request_path(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Arc<str>> {
    let path = item.string("\"/healthz\"", problems)?;
    if path.starts_with('/') && path.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Some(path.into());
    }
    let help = "write a path that begins with / and has no spaces, such as \"/healthz\"";
    item.error(problems, format!("{} is not the path of a request", shortened(path)), help);
    None
}

fn status_range(item: &Item<'_, '_>, problems: &mut Problems) -> Option<(u16, u16)> {
    let text = item.string("\"200\" or \"200-299\"", problems)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |digits: &str| {
        let plain = digits.len() == 3 && digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|status| plain && (100..=599).contains(status))
    };
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => return Some((first, last)),
        (Some(_), Some(_)) => {
            item.error(
                problems,
                format!("the range {text} ends before it begins"),
                format!("write \"{last}-{first}\""),
            );
        }
        _ => {
            let help = "write a status from 100 to 599 such as \"200\", or a range such as \"200-299\"";
            item.error(problems, format!("{} is not a range of HTTP statuses", shortened(text)), help);
        }
    }
    None
}

fn times(fields: &Fields<'_, '_>, probe: &mut Probe, problems: &mut Problems) {
    let interval = fields.get("interval");
    if let Some(interval) = interval.and_then(|item| item.duration(SHORTEST_INTERVAL..=LONGEST_INTERVAL, problems)) {
        probe.interval = interval;
    }
    probe.timeout = DEFAULT_TIMEOUT.min(probe.interval);
    let Some(item) = fields.get("timeout") else { return };
    let Some(timeout) = item.duration(SHORTEST_TIMEOUT..=LONGEST_INTERVAL, problems) else { return };
    if timeout > probe.interval {
        let (timeout, interval) = (duration::show(timeout), duration::show(probe.interval));
        let message = format!("the timeout of {timeout} is longer than the interval of {interval}");
        item.error(problems, message, format!("write at most \"{interval}\", or a longer interval"));
    }
    probe.timeout = timeout;
}
