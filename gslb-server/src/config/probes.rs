//! The `[probes]` table: what probes may reach, and how many run at once.

use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};

use ipnet::IpNet;
use toml::de::DeValue;

use super::section::{Checked, Section, integer, invalid, string};
use super::value::path;
use crate::probe::{Rules, Settings};

/// The `[probes]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    /// `allow`: loopback networks that may be probed. Default: none.
    pub allow: Vec<IpNet>,
    /// `deny`: networks that may not be probed, besides those that never may be. Default: none.
    pub deny: Vec<IpNet>,
    /// `ports`: ports that may be probed. Default: all.
    pub ports: Vec<RangeInclusive<u16>>,
    /// `exec`: folders whose programs may be run. Default: none.
    pub exec: Vec<PathBuf>,
    /// `ca`: a PEM file of certificate authorities to trust besides the system's. Beside the file unless absolute.
    /// Default: none.
    pub ca: Option<PathBuf>,
    /// `concurrency`: most probes that run at once. Default 4096.
    pub concurrency: usize,
}

impl Default for Probes {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), ports: Vec::new(), exec: Vec::new(), ca: None, concurrency: 4096 }
    }
}

impl Probes {
    pub(super) fn take_from(&mut self, mut probes: Section<'_, '_>) {
        probes.set_list("allow", &mut self.allow, loopback);
        probes.set_list("deny", &mut self.deny, network);
        probes.set_list("ports", &mut self.ports, ports);
        probes.set_list("exec", &mut self.exec, folder);
        probes.set("ca", &mut self.ca, |value| path(value).map(Some));
        probes.set("concurrency", &mut self.concurrency, |value| integer(value, 1..=65535));
        probes.finish();
    }

    /// Settings of the prober.
    pub fn settings(&self) -> Settings {
        let Self { allow, deny, ports, exec, .. } = self.clone();
        Settings {
            rules: Rules { allow, deny, ports, exec },
            ca: self.ca.clone(),
            // The running program, even if its file has been replaced.
            supervisor: "/proc/self/exe".into(),
            concurrency: self.concurrency,
        }
    }
}

fn network(value: &DeValue) -> Checked<IpNet> {
    let wanted = "an address or a prefix, like \"10.0.0.0/8\" or \"2001:db8::/32\"";
    let text = string(value, wanted)?;
    let parsed = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse().ok().map(|address| IpNet::new_assert(address, host_bits(address))));
    match parsed {
        Some(net) if net.trunc() == net => Ok(net),
        Some(net) => invalid(
            format_args!("\"{text}\" has bits set beyond its prefix length"),
            format!("write \"{}\"", net.trunc()),
        ),
        None => invalid(format_args!("\"{}\" is not a network", text.escape_debug()), format!("write {wanted}")),
    }
}

fn host_bits(address: std::net::IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A loopback network. Other networks are either always or never open to probes.
fn loopback(value: &DeValue) -> Checked<IpNet> {
    let net = network(value)?;
    let is_loopback = net.network().is_loopback() && net.broadcast().is_loopback();
    if is_loopback {
        Ok(net)
    } else {
        let help = "write a network within \"127.0.0.0/8\" or \"::1/128\"; other hosts need not be allowed";
        invalid(format_args!("{net} is not a loopback network"), help)
    }
}

fn ports(value: &DeValue) -> Checked<RangeInclusive<u16>> {
    let wanted = "a port or a range of ports, like \"443\" or \"8000-8999\"";
    let text = string(value, wanted)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => invalid(format_args!("\"{}\" is not a range of ports", text.escape_debug()), format!("write {wanted}")),
    }
}

fn folder(value: &DeValue) -> Checked<PathBuf> {
    let wanted = "the absolute path of a folder, like \"/usr/lib/nagios/plugins\"";
    let text = string(value, wanted)?;
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain {
        Ok(path.to_owned())
    } else {
        invalid(
            format_args!("\"{}\" is not an absolute path", text.escape_debug()),
            format!("write {wanted}, without \"..\""),
        )
    }
}
