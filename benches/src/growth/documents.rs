//! Documents and zone files of a size.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// A zone with `names` names that have an A record each.
pub(super) fn zone(names: u32) -> String {
    let mut text = String::from(
        "$ORIGIN example.com.\n$TTL 300\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 300\n@ IN NS ns1\n\
         ns1 IN A 192.0.2.1\n",
    );
    for number in 0..names {
        let _ = writeln!(text, "{} IN A {}", label(number), address(number));
    }
    text
}

/// First label of the name of that number.
pub(super) fn label(number: u32) -> String {
    format!("h{number:07}")
}

/// Address of the name of that number.
pub(super) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(10 << 24 | number)
}

/// A document that serves the zone only.
pub(super) const STATIC: &str = "[zones.\"example.com\"]\nfile = \"example.com.zone\"\n";

/// A document with `prefixes` prefixes in ten regions, a few per line, and a service that uses them.
///
/// Eight in ten are adjacent IPv4 networks, and one in ten contains eight of those; the rest is IPv6.
pub(super) fn prefixes(prefixes: u32) -> String {
    const REGIONS: u32 = 10;
    let mut text = String::from(STATIC);
    for region in 0..=REGIONS {
        let _ = writeln!(text, "[pools.p{region}]\nendpoints.a = {{ address = \"192.0.2.{region}\" }}");
    }
    for region in 0..REGIONS {
        let _ = writeln!(text, "[regions.r{region}]\nmatch = [");
        for number in (region..prefixes).step_by(REGIONS as usize) {
            let _ = write!(text, "\"prefix:{}\",", prefix(number));
            text.push(if number / REGIONS % 4 == 3 { '\n' } else { ' ' });
        }
        text.push_str("]\n");
    }
    text.push_str("[services.\"geo.example.com\".policy.geo]\ndefault = \"p10\"\n");
    for region in 0..REGIONS {
        let _ = writeln!(text, "r{region} = \"p{region}\"");
    }
    text
}

/// The prefix of that number; no number has the prefix of another.
fn prefix(number: u32) -> String {
    let network = |number: u32| Ipv4Addr::from_bits((1 << 24) + (number << 8));
    match number % 80 {
        0..8 => format!("2a00:{:x}:{:x}::/48", number >> 16, number & 0xFFFF),
        // Contains eight adjacent networks.
        8..16 => format!("{}/21", network(number / 80 * 80 + number % 8 * 8)),
        _ => format!("{}/24", network(number)),
    }
}
