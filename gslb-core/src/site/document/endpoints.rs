//! Reads the endpoints of a pool.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::domain;
use super::names;
use crate::dns::name::Name;
use crate::notation::{Fields, Item, Problems, Table, shortened};
use crate::problem::Path;
use crate::site::model::{Endpoint, MAX_ENDPOINTS, MAX_WEIGHT, Target};

const KEYS: [&str; 4] = ["address", "cname", "weight", "probe_address"];
const EXAMPLE: &str = r#"{ address = "192.0.2.10" }"#;

/// Returns the valid endpoints.
pub(super) fn read(table: &Table, path: &Path<'_>, problems: &mut Problems) -> Vec<Endpoint> {
    let mut endpoints = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        names::check(&entry.key, entry.at, path, problems);
        endpoints.extend(endpoint(&entry.key, &Item::of(entry, path), problems));
    }
    if let Some(entry) = table.entries.get(MAX_ENDPOINTS) {
        let message = format!("the pool has {} endpoints", table.entries.len());
        problems.error(entry.at, path, message, format!("use at most {MAX_ENDPOINTS}, or split the pool"));
    }
    report_duplicate_targets(table, path, &endpoints, problems);
    endpoints
}

fn endpoint(name: &str, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Endpoint> {
    let fields = item.fields(&KEYS, EXAMPLE, problems)?;
    let weight = fields.get("weight").map(|item| item.integer("a weight", 0..=MAX_WEIGHT, problems));
    let probe_address = fields.get("probe_address").map(|item| address(&item, problems));
    let target = target(&fields, problems)?;
    Some(Endpoint {
        name: name.into(),
        target,
        probe_address: probe_address.flatten(),
        weight: weight.flatten().unwrap_or(1),
    })
}

fn target(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<Target> {
    match (fields.get("address"), fields.get("cname")) {
        (Some(item), None) => address(&item, problems).map(Target::Address),
        (None, Some(item)) => cname(&item, problems).map(Target::Cname),
        (Some(_), Some(second)) => {
            second.error(problems, "an endpoint has either an `address` or a `cname`", "split it into two endpoints");
            None
        }
        (None, None) => {
            let help = "add address = \"192.0.2.10\" or cname = \"www.example.net.\"";
            problems.error(fields.at, &fields.path, "the endpoint has neither `address` nor `cname`", help);
            None
        }
    }
}

fn cname(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Name> {
    let name = domain::read(item.string("\"www.example.net.\"", problems)?, item.at(), &item.path, problems)?;
    if name.is_root() {
        item.error(problems, "the root is not a host", "write a host name such as \"www.example.net.\"");
        return None;
    }
    Some(name)
}

/// An address that clients can connect to.
fn address(item: &Item<'_, '_>, problems: &mut Problems) -> Option<IpAddr> {
    let text = item.string("\"192.0.2.10\"", problems)?;
    let Ok(address) = text.parse::<IpAddr>() else {
        item.error(problems, format!("{} is not an IP address", shortened(text)), not_an_address(text));
        return None;
    };
    let mapped = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    let problem = match (mapped, address) {
        (Some(inner), _) => {
            Some(("an IPv4-mapped IPv6 address, which clients cannot use", format!("write \"{inner}\"")))
        }
        (_, IpAddr::V4(Ipv4Addr::BROADCAST)) => Some(("the broadcast address", String::new())),
        (_, address) if address.is_unspecified() => Some(("the unspecified address", String::new())),
        (_, address) if address.is_multicast() => Some(("a multicast address", String::new())),
        _ => None,
    };
    let Some((what, help)) = problem else { return Some(address) };
    let help = if help.is_empty() { "write the address of one host".to_owned() } else { help };
    item.error(problems, format!("{address} is {what}"), help);
    None
}

/// Suggests a fix for text that is not an address.
fn not_an_address(text: &str) -> String {
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return format!("write \"{}\"; ports belong to probes", with_port.ip());
    }
    match text.split_once('/').map(|(address, _)| address.parse::<IpAddr>()) {
        Some(Ok(address)) => format!("write \"{address}\", without the prefix length"),
        _ if text.parse::<Name>().is_ok()
            && text.bytes().any(|octet| octet.is_ascii_alphabetic())
            && !text.contains(':') =>
        {
            "write an address such as \"192.0.2.10\", or use `cname` for a name".to_owned()
        }
        _ => "write an address such as \"192.0.2.10\" or \"2001:db8::10\"".to_owned(),
    }
}

fn report_duplicate_targets(table: &Table, path: &Path<'_>, endpoints: &[Endpoint], problems: &mut Problems) {
    let mut first: HashMap<String, &str> = HashMap::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let target = match &endpoint.target {
            Target::Address(address) => address.to_string(),
            Target::Cname(name) => name.to_lowercase().to_string(),
        };
        let Some(other) = first.get(&target) else {
            first.insert(target, &endpoint.name);
            continue;
        };
        if let Some(entry) = table.get(&endpoint.name) {
            let message = format!("endpoint `{other}` has the same target {target}");
            problems.error(entry.at, &path.key(&entry.key), message, "remove one of the two and add up their weights");
        }
    }
}
