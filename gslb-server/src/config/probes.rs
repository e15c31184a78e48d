//! The `[probes]` table: what probes may reach, and how many run at once.

use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};

use gslb_core::notation::{Fields, Item, Problems, shortened};
use ipnet::IpNet;

use super::value::{count, network, path, table};
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
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let known = ["allow", "deny", "ports", "exec", "ca", "concurrency"];
        let Some(probes) = table(root, "probes", &known, problems) else { return };
        probes.set("allow", &mut self.allow, problems, |item, problems| {
            item.list_of("[\"127.0.0.0/8\"]", problems, loopback)
        });
        probes.set("deny", &mut self.deny, problems, |item, problems| {
            item.list_of("[\"10.0.0.0/8\"]", problems, network)
        });
        probes.set("ports", &mut self.ports, problems, |item, problems| item.list_of("[\"443\"]", problems, ports));
        probes.set("exec", &mut self.exec, problems, |item, problems| {
            item.list_of("[\"/usr/lib/nagios/plugins\"]", problems, folder)
        });
        self.ca = probes.get("ca").and_then(|item| path(&item, problems));
        probes.set("concurrency", &mut self.concurrency, problems, count("a number of probes", 1..=65535));
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

/// A loopback network. Other networks are either always or never open to probes.
fn loopback(item: &Item<'_, '_>, problems: &mut Problems) -> Option<IpNet> {
    let net = network(item, problems)?;
    let is_loopback = net.network().is_loopback() && net.broadcast().is_loopback();
    if !is_loopback {
        let help = "write a network within \"127.0.0.0/8\" or \"::1/128\"; other hosts need not be allowed";
        item.error(problems, format!("{net} is not a loopback network"), help);
    }
    Some(net)
}

fn ports(item: &Item<'_, '_>, problems: &mut Problems) -> Option<RangeInclusive<u16>> {
    let text = item.string("\"443\"", problems)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Some(first..=last),
        _ => {
            let help = "write a port or a range of ports, such as \"443\" or \"8000-8999\"";
            item.error(problems, format!("{} is not a range of ports", shortened(text)), help);
            None
        }
    }
}

fn folder(item: &Item<'_, '_>, problems: &mut Problems) -> Option<PathBuf> {
    let text = item.string("\"/usr/lib/nagios/plugins\"", problems)?;
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !(path.is_absolute() && plain) {
        let help = "write the absolute path of a folder, such as \"/usr/lib/nagios/plugins\", without \"..\"";
        item.error(problems, format!("{} is not an absolute path", shortened(text)), help);
    }
    Some(path.to_owned())
}
