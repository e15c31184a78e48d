//! Value types that several tables share: addresses, paths, durations, DNS strings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gslb_core::site::document::duration;
use toml::de::DeValue;

use super::section::{Checked, invalid, string};

/// Longest string of a TXT record (RFC 1035 section 3.3), in octets.
pub(super) const STRING_MOST: usize = 255;

pub(super) fn label(value: &DeValue, most: usize) -> Checked<String> {
    let wanted = format!("a string of 1 to {most} octets");
    let text = string(value, &wanted)?;
    if (1..=most).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        invalid(format_args!("this has {} octets", text.len()), format!("write {wanted}, or leave the key out"))
    }
}

pub(super) fn time(value: &DeValue, least: Duration, most: Duration) -> Checked<Duration> {
    let range = format!("from \"{}\" to \"{}\"", duration::show(least), duration::show(most));
    let wanted = format!("a number and its unit (ms, s, m, h, d), like \"10s\", {range}");
    let text = string(value, &wanted)?;
    match duration::parse(text) {
        Some(time) if (least..=most).contains(&time) => Ok(time),
        Some(_) => invalid(format_args!("\"{text}\" is out of range"), format!("write a time {range}")),
        None => invalid(format_args!("\"{text}\" is not a time"), format!("write {wanted}")),
    }
}

pub(super) fn address(value: &DeValue) -> Checked<SocketAddr> {
    let wanted = "an address and a port, like \"192.0.2.53:53\" or \"[2001:db8::53]:53\"";
    let text = string(value, wanted)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        return invalid(format_args!("\"{text}\" is not an address with a port"), format!("write {wanted}"));
    };
    let ip = address.ip();
    if ip.is_ipv6() && ip.to_canonical().is_ipv4() {
        return invalid(
            "IPv6 listeners do not accept IPv4",
            format!("write \"{}:{}\"", ip.to_canonical(), address.port()),
        );
    }
    if ip.is_multicast() {
        return invalid(format_args!("{ip} is a multicast address"), "write an address of this host");
    }
    Ok(address)
}

pub(super) fn path(value: &DeValue) -> Checked<PathBuf> {
    match string(value, "a path, like \"/var/lib/gslb\"")? {
        "" => invalid("the path is empty", "leave the key out for its default"),
        path => Ok(path.into()),
    }
}
