//! Decides what probes may reach, since a document can name any address.
//!
//! Without this, anyone who can write a document could use the server to reach what only the server can reach:
//! the metadata service of a cloud, or daemons that trust their own host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gslb_core::health::Target;
use gslb_core::site::model::{self, ProbeKind};
use ipnet::IpNet;

use super::embedded::embedded;

/// The operator's rules for probes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Loopback networks that may be probed; empty means none.
    pub allow: Vec<IpNet>,
    /// Networks that may not be probed, regardless of other rules.
    pub deny: Vec<IpNet>,
    /// Ports that may be probed; empty means all.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Folders whose programs may be run; empty means none.
    pub exec: Vec<PathBuf>,
}

/// Why a probe may not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// A special-purpose address that probes never use; `what` describes it.
    Never {
        /// The requested address.
        address: IpAddr,
        /// Its kind.
        what: &'static str,
    },
    /// A loopback address outside `allow`.
    Loopback(IpAddr),
    /// An address in a denied network.
    Denied(IpAddr, IpNet),
    /// A port outside `ports`.
    Port(u16),
    /// A program outside the folders in `exec`.
    Program(PathBuf),
}

/// Checks addresses, ports and programs.
#[derive(Debug, Clone)]
pub struct Guard {
    rules: Rules,
}

/// IPv4 networks that no probe goes to.
const NEVER_V4: [(Ipv4Addr, u8, &str); 8] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "not a host address"),
    (Ipv4Addr::new(100, 100, 100, 200), 32, "a metadata service"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a metadata service"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, which includes metadata services"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols, which includes a metadata service"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
];

/// IPv6 networks that no probe goes to.
const NEVER_V6: [(Ipv6Addr, u8, &str); 6] = [
    (Ipv6Addr::UNSPECIFIED, 128, "not a host address"),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, "a metadata service"),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32, "a metadata service"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local, which includes metadata services"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local, which is deprecated (RFC 3879)"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

impl Guard {
    /// A guard that follows `rules`.
    pub fn new(mut rules: Rules) -> Self {
        // Programs are checked again after resolving symbolic links, so the resolved folders are needed too.
        let real: Vec<PathBuf> = rules.exec.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        rules.exec.extend(real);
        Self { rules }
    }

    /// Checks whether a probe of `target` may run, without resolving its name.
    ///
    /// # Errors
    /// Why not, as a message.
    pub fn check(&self, target: &Target) -> Result<(), String> {
        let to_text = |forbidden: Forbidden| forbidden.to_string();
        match &target.kind {
            ProbeKind::Push { .. } => return Ok(()),
            ProbeKind::Exec(exec) => self.permits_command(&exec.command).map_err(to_text)?,
            _ => {}
        }
        if let Some(port) = target.kind.port() {
            self.permits_port(port).map_err(to_text)?;
        }
        match target.host {
            model::Target::Address(address) => self.permits(address).map_err(to_text),
            model::Target::Cname(_) => Ok(()),
        }
    }

    /// Whether a probe may go to `address`.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, address: IpAddr) -> Result<(), Forbidden> {
        self.permits_one(address, address)?;
        let IpAddr::V6(v6) = address else { return Ok(()) };
        // With a translator or tunnel in between, the packet ends at the embedded IPv4 address.
        embedded(v6).try_for_each(|inner| self.permits_one(IpAddr::V4(inner), address))
    }

    fn permits_one(&self, address: IpAddr, requested: IpAddr) -> Result<(), Forbidden> {
        if let Some(what) = never(address) {
            return Err(Forbidden::Never { address: requested, what });
        }
        if let Some(net) = self.rules.deny.iter().find(|net| net.contains(&address)) {
            return Err(Forbidden::Denied(requested, *net));
        }
        if address.is_loopback() && !self.rules.allow.iter().any(|net| net.contains(&address)) {
            return Err(Forbidden::Loopback(requested));
        }
        Ok(())
    }

    /// Whether a probe may go to `port`.
    ///
    /// # Errors
    /// [`Forbidden::Port`].
    pub fn permits_port(&self, port: u16) -> Result<(), Forbidden> {
        let ports = &self.rules.ports;
        let permitted = ports.is_empty() || ports.iter().any(|range| range.contains(&port));
        if permitted { Ok(()) } else { Err(Forbidden::Port(port)) }
    }

    /// Whether a probe may run this program with these arguments; arguments that are addresses are checked too.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_command(&self, command: &[Arc<str>]) -> Result<(), Forbidden> {
        let program = command.first().map_or("", |program| &**program);
        self.permits_program(Path::new(program))?;
        let addresses = command.iter().skip(1).filter_map(|argument| argument.parse().ok());
        addresses.into_iter().try_for_each(|address| self.permits(address))
    }

    /// Whether a probe may run the program at this path, which must not contain `..`.
    ///
    /// # Errors
    /// [`Forbidden::Program`].
    pub fn permits_program(&self, path: &Path) -> Result<(), Forbidden> {
        let plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
        let permitted = plain && self.rules.exec.iter().any(|folder| path.starts_with(folder));
        if permitted { Ok(()) } else { Err(Forbidden::Program(path.to_owned())) }
    }
}

fn never(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => {
            let within = |net: Ipv4Addr, len: u8| (v4.to_bits() ^ net.to_bits()) >> (32 - u32::from(len)) == 0;
            NEVER_V4.iter().find(|&&(net, len, _)| within(net, len)).map(|&(_, _, what)| what)
        }
        IpAddr::V6(v6) => {
            let within = |net: Ipv6Addr, len: u8| (v6.to_bits() ^ net.to_bits()) >> (128 - u32::from(len)) == 0;
            NEVER_V6.iter().find(|&&(net, len, _)| within(net, len)).map(|&(_, _, what)| what)
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never { address, what } => write!(out, "probes may not connect to {address}: it is {what}"),
            Self::Loopback(address) => {
                write!(
                    out,
                    "probes may not connect to {address}, which is this host: add it to `probes.allow` in gslb.toml"
                )
            }
            Self::Denied(address, net) => {
                write!(out, "probes may not connect to {address}: `probes.deny` in gslb.toml has {net}")
            }
            Self::Port(port) => {
                write!(out, "probes may not connect to port {port}: it is not in `probes.ports` in gslb.toml")
            }
            Self::Program(path) => write!(
                out,
                "probes may not run {}: it is in none of the folders of `probes.exec` in gslb.toml",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        Guard::new(Rules { allow, ..Rules::default() })
    }

    fn permits(guard: &Guard, address: &str) -> bool {
        guard.permits(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling() {
        let spellings = [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::",
            "2001:0:1:1:0:0:5601:5601",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:169.254.169.254",
            "64:ff9b::100.100.100.200",
            "2002:6464:64c8::",
        ];
        // Even if everything that can be allowed is.
        for guard in [guard(&[]), guard(&["127.0.0.0/8", "::1/128"])] {
            for address in spellings {
                assert!(!permits(&guard, address), "{address}");
            }
        }
    }

    #[test]
    fn addresses_of_no_single_host_are_refused() {
        let guard = guard(&[]);
        let addresses = [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "250.0.0.1",
            "ff02::1",
            "::ffff:0.0.0.0",
            "64:ff9b::255.255.255.255",
            "2002:e000:1::",
            "fec0::1",
        ];
        for address in addresses {
            assert!(!permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn loopback_needs_to_be_allowed_in_every_spelling() {
        let spellings =
            ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"];
        let (none, all) = (guard(&[]), guard(&["127.0.0.0/8", "::1/128"]));
        for address in spellings {
            assert!(!permits(&none, address), "{address}");
        }
        assert!(permits(&all, "127.0.0.1") && permits(&all, "::1"));
        let one = guard(&["127.0.10.0/24"]);
        assert!(permits(&one, "127.0.10.1") && !permits(&one, "127.0.0.1") && !permits(&one, "::1"));
    }

    #[test]
    fn endpoints_may_be_public_or_private() {
        let guard = guard(&[]);
        let addresses = [
            "192.0.2.10",
            "8.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd12:3456::1",
            "64:ff9b::192.0.2.1",
            "2002:c000:201::1",
            "2600::5:1",
            "169.253.255.255",
            "169.255.0.0",
            "100.100.100.199",
        ];
        for address in addresses {
            assert!(permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn denied_networks_are_denied_inside_ipv6_too() {
        let rules = Rules { deny: vec!["10.0.0.0/8".parse().unwrap()], ..Rules::default() };
        let guard = Guard::new(rules);
        assert!(!permits(&guard, "10.1.2.3") && !permits(&guard, "64:ff9b::10.1.2.3") && permits(&guard, "11.1.2.3"));
        let why = guard.permits("10.1.2.3".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(why, "probes may not connect to 10.1.2.3: `probes.deny` in gslb.toml has 10.0.0.0/8");
    }

    #[test]
    fn only_listed_ports_and_programs_are_permitted() {
        let exec = vec![PathBuf::from("/usr/lib/nagios/plugins")];
        let guard = Guard::new(Rules { ports: vec![80..=80, 8000..=8999], exec, ..Rules::default() });
        let port = |port| guard.permits_port(port).is_ok();
        assert!(port(80) && port(8000) && port(8999) && !port(79) && !port(81) && !port(22));
        let program = |path: &str| guard.permits_program(Path::new(path)).is_ok();
        assert!(program("/usr/lib/nagios/plugins/check_http") && program("/usr/lib/nagios/plugins/more/x"));
        for path in ["/bin/sh", "/usr/lib/nagios/plugins2/x", "/usr/lib/nagios/plugins/../../../../bin/sh", "plugins/x"]
        {
            assert!(!program(path), "{path}");
        }
        assert!(Guard::new(Rules::default()).permits_program(Path::new("/bin/true")).is_err());
    }
}
