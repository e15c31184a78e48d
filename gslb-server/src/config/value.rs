//! Values that several tables have: labels, counts, addresses, networks and paths.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use gslb_core::notation::{Fields, Item, Problems, shortened};
use ipnet::IpNet;

/// Longest string of a TXT record (RFC 1035 section 3.3), in octets.
pub(super) const STRING_MOST: usize = 255;

/// The table `key` in `above`, whose keys must be among `known`; `None` if it is absent.
pub(super) fn table<'t, 'r>(
    above: &'r Fields<'t, '_>,
    key: &str,
    known: &[&str],
    problems: &mut Problems,
) -> Option<Fields<'t, 'r>> {
    let example = known.first().map_or_else(String::new, |first| format!("{{ {first} = ... }}"));
    above.get(key)?.fields(known, &example, problems)
}

/// A whole number in `range`; `what` describes it, such as `a number of connections`.
pub(super) fn count<T: TryFrom<u32>>(
    what: &str,
    range: RangeInclusive<u32>,
) -> impl FnOnce(&Item<'_, '_>, &mut Problems) -> Option<T> {
    move |item, problems| item.integer(what, range, problems)?.try_into().ok()
}

/// A string of 1 to `most` octets.
pub(super) fn label(most: usize) -> impl FnOnce(&Item<'_, '_>, &mut Problems) -> Option<String> {
    move |item, problems| {
        let text = item.string("\"fra-1\"", problems)?;
        if (1..=most).contains(&text.len()) {
            return Some(text.to_owned());
        }
        let help = format!("write a string of 1 to {most} octets, or leave the key out");
        item.error(problems, format!("the string has {} octets", text.len()), help);
        None
    }
}

/// An address of this host, and a port.
pub(super) fn address(item: &Item<'_, '_>, problems: &mut Problems) -> Option<SocketAddr> {
    const EXAMPLE: &str = "\"192.0.2.53:53\"";
    let text = item.string(EXAMPLE, problems)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        let help = format!("write an address and a port, such as {EXAMPLE} or \"[2001:db8::53]:53\"");
        item.error(problems, format!("{} is not an address with a port", shortened(text)), help);
        return None;
    };
    let ip = address.ip();
    if ip.is_ipv6() && ip.to_canonical().is_ipv4() {
        let help = format!("write \"{}:{}\"", ip.to_canonical(), address.port());
        item.error(problems, "IPv6 listeners do not accept IPv4", help);
        return None;
    }
    if ip.is_multicast() {
        item.error(problems, format!("{ip} is a multicast address"), "write an address of this host");
        return None;
    }
    Some(address)
}

/// As [`address`], which no listener among `taken` may have.
pub(super) fn other_address(taken: &[SocketAddr]) -> impl Fn(&Item<'_, '_>, &mut Problems) -> Option<SocketAddr> {
    move |item, problems| {
        let address = address(item, problems)?;
        if address.port() != 0 && taken.contains(&address) {
            let help = "give each kind of listener an address or a port of its own";
            item.error(problems, format!("{address} is already in another `listen` of [dns]"), help);
            return None;
        }
        Some(address)
    }
}

/// A network, or an address.
pub(super) fn network(item: &Item<'_, '_>, problems: &mut Problems) -> Option<IpNet> {
    let text = item.string("\"10.0.0.0/8\"", problems)?;
    let parsed = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse().ok().map(|address| IpNet::new_assert(address, host_bits(address))));
    match parsed {
        Some(net) if net.trunc() == net => return Some(net),
        Some(net) => {
            let message = format!("{} has bits set beyond its prefix length", shortened(text));
            item.error(problems, message, format!("write \"{}\"", net.trunc()));
        }
        None => {
            let help = "write an address or a prefix, such as \"10.0.0.0/8\" or \"2001:db8::/32\"";
            item.error(problems, format!("{} is not a network", shortened(text)), help);
        }
    }
    None
}

fn host_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The path of a file or a folder.
pub(super) fn path(item: &Item<'_, '_>, problems: &mut Problems) -> Option<PathBuf> {
    let path = item.string("\"/var/lib/gslb\"", problems)?;
    if path.is_empty() {
        item.error(problems, "the path is empty", "leave the key out for its default");
    }
    Some(path.into()).filter(|_| !path.is_empty())
}
