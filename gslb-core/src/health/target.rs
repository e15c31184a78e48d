//! What is probed: each distinct target once, however many pools and endpoints share it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::site::model::{self, Endpoint, ExecProbe, Pool, PoolId, Probe, ProbeId, ProbeKind, Site};

/// One thing to probe. It has everything that makes two probes different; names of probes and pools are not part of it
/// unless the probe depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The request and the expected response. A host that the document omits is filled in if the endpoint is a name,
    /// and so are the placeholders of a command.
    pub kind: ProbeKind,
    /// The address to probe, or a name that is resolved for each probe.
    pub host: model::Target,
    /// Time between two probes. Zero for push targets, as are `timeout` and `jitter`.
    pub interval: Duration,
    /// Time after which a probe has failed.
    pub timeout: Duration,
    /// How much earlier or later than scheduled a probe may start.
    pub jitter: Duration,
    /// Pool and endpoint that reports are posted for; push targets only, where nothing else distinguishes targets.
    pub posted_for: Option<(Arc<str>, Arc<str>)>,
}

/// An endpoint, by pool and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its pool.
    pub pool: PoolId,
    /// Its index in [`Pool::endpoints`].
    pub endpoint: u32,
}

/// All endpoints of a site, pool by pool.
pub(super) fn members(site: &Site) -> impl Iterator<Item = Member> {
    (0..).map(PoolId).zip(&site.pools).flat_map(|(pool, it)| {
        let endpoints = 0..it.endpoints.len() as u32;
        endpoints.map(move |endpoint| Member { pool, endpoint })
    })
}

/// The distinct targets of a site, numbered in the order of the document.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    all: Vec<Entry>,
    numbers: HashMap<Arc<Target>, u32>,
    /// The targets of each endpoint, pool by pool: one per probe of its pool, in the order of the probes.
    of_endpoints: Vec<u32>,
    /// Per pool.
    of_pools: Vec<OfPool>,
}

/// Where the targets of a pool's endpoints are.
#[derive(Debug, Clone, Copy)]
struct OfPool {
    /// Index of the first in [`Targets::of_endpoints`].
    first: u32,
    /// Number of targets of each endpoint.
    probes: u32,
}

#[derive(Debug, Clone)]
struct Entry {
    target: Arc<Target>,
    /// The first probe that has this target; metrics use its name.
    probe: ProbeId,
    members: Vec<Member>,
}

impl Targets {
    /// The targets of `site`: one per endpoint and probe of its pool, without duplicates.
    pub fn of(site: &Site) -> Targets {
        let mut targets = Targets { of_pools: Vec::with_capacity(site.pools.len()), ..Targets::default() };
        for (pool, number) in site.pools.iter().zip(0..) {
            let probes = pool.probes.iter().filter_map(|&id| Some((id, site.probes.get(id.0 as usize)?)));
            let probes: Vec<(ProbeId, &Probe)> = probes.collect();
            let first = targets.of_endpoints.len() as u32;
            targets.of_pools.push(OfPool { first, probes: probes.len() as u32 });
            for (endpoint, at) in pool.endpoints.iter().zip(0..) {
                let member = Member { pool: PoolId(number), endpoint: at };
                for &(id, probe) in &probes {
                    let target = targets.add(target(probe, pool, endpoint), id, member);
                    targets.of_endpoints.push(target);
                }
            }
        }
        targets
    }

    fn add(&mut self, target: Target, probe: ProbeId, member: Member) -> u32 {
        if let Some(&number) = self.numbers.get(&target) {
            // Two probes of a pool may be equal.
            if let Some(entry) = self.all.get_mut(number as usize).filter(|entry| entry.members.last() != Some(&member))
            {
                entry.members.push(member);
            }
            return number;
        }
        let (target, number) = (Arc::new(target), self.all.len() as u32);
        self.numbers.insert(target.clone(), number);
        self.all.push(Entry { target, probe, members: vec![member] });
        number
    }

    /// Number of targets.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if nothing is probed.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All targets in order, each with the first probe that has it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<Target>, ProbeId)> {
        self.all.iter().map(|entry| (&entry.target, entry.probe))
    }

    /// The target with this number.
    pub fn get(&self, number: u32) -> Option<&Arc<Target>> {
        self.all.get(number as usize).map(|entry| &entry.target)
    }

    /// The number of the target equal to this one.
    pub fn number(&self, target: &Target) -> Option<u32> {
        self.numbers.get(target).copied()
    }

    /// The endpoints that share a target, in the order of the document.
    pub fn members(&self, number: u32) -> &[Member] {
        self.all.get(number as usize).map_or(&[], |entry| &entry.members)
    }

    /// The numbers of an endpoint's targets, one per probe of its pool, in the order of the probes.
    pub fn of_endpoint(&self, member: Member) -> &[u32] {
        let of_pool = |pool: u32| self.of_pools.get(pool as usize);
        let Some(&OfPool { first, probes }) = of_pool(member.pool.0) else { return &[] };
        let end = of_pool(member.pool.0 + 1).map_or(self.of_endpoints.len(), |next| next.first as usize);
        let (first, probes) = (first as usize, probes as usize);
        let first = first + probes * member.endpoint as usize;
        let found = self.of_endpoints.get(first..first + probes).filter(|_| first + probes <= end);
        found.unwrap_or_default()
    }
}

fn target(probe: &Probe, pool: &Pool, endpoint: &Endpoint) -> Target {
    let host = match (endpoint.probe_address, &endpoint.target) {
        (Some(address), _) => model::Target::Address(address),
        (None, other) => other.clone(),
    };
    // Certificate and request use the name that clients use, whatever address is probed.
    let named = match &endpoint.target {
        model::Target::Cname(name) => Some(Arc::from(name.to_lowercase().to_string().trim_end_matches('.'))),
        model::Target::Address(_) => None,
    };
    let mut kind = probe.kind.clone();
    match &mut kind {
        ProbeKind::Http(http) if http.host.is_none() => http.host = named,
        ProbeKind::Grpc(grpc) if grpc.host.is_none() => grpc.host = named,
        ProbeKind::Exec(exec) => exec.command = filled_in(exec, &host, pool, endpoint),
        _ => {}
    }
    if let ProbeKind::Push { .. } = kind {
        let zero = Duration::ZERO;
        let posted_for = Some((pool.name.clone(), endpoint.name.clone()));
        return Target { kind, host, interval: zero, timeout: zero, jitter: zero, posted_for };
    }
    let Probe { interval, timeout, jitter, .. } = *probe;
    Target { kind, host, interval, timeout, jitter, posted_for: None }
}

/// The command with its placeholders filled in.
fn filled_in(exec: &ExecProbe, host: &model::Target, pool: &Pool, endpoint: &Endpoint) -> Arc<[Arc<str>]> {
    let fill = |argument: &Arc<str>| match &**argument {
        // A name is resolved, and the address checked, for each probe.
        "{address}" if matches!(host, model::Target::Cname(_)) => argument.clone(),
        "{address}" => host_text(host).into(),
        "{port}" => exec.port.map_or(argument.clone(), |port| port.to_string().into()),
        "{endpoint}" => endpoint.name.clone(),
        "{pool}" => pool.name.clone(),
        _ => argument.clone(),
    };
    exec.command.iter().map(fill).collect()
}

fn host_text(host: &model::Target) -> String {
    match host {
        model::Target::Address(address) => address.to_string(),
        model::Target::Cname(name) => name.to_lowercase().to_string().trim_end_matches('.').to_owned(),
    }
}

impl fmt::Display for Target {
    /// A short description such as `http 192.0.2.10:8080/healthz`: enough to find the target, not necessarily unique.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.word())?;
        if let Some((pool, endpoint)) = &self.posted_for {
            return write!(out, " {pool}/{endpoint}");
        }
        match (&self.host, self.kind.port()) {
            (model::Target::Address(address), Some(port)) => {
                write!(out, " {}", std::net::SocketAddr::new(*address, port))?;
            }
            (host, Some(port)) => write!(out, " {}:{port}", host_text(host))?,
            (host, None) => write!(out, " {}", host_text(host))?,
        }
        match &self.kind {
            ProbeKind::Http(http) => out.write_str(&http.path),
            ProbeKind::Dns(dns) => write!(out, " {} {}", dns.name, crate::dns::rdata::type_to_text(dns.rtype)),
            ProbeKind::Grpc(grpc) if !grpc.service.is_empty() => write!(out, " {}", grpc.service),
            ProbeKind::Exec(exec) => exec.command.first().map_or(Ok(()), |program| write!(out, " {program}")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(document: &str) -> (Site, Targets) {
        let reading = crate::site::document::read("site.toml", document, &mut |_, _| Err("".into()));
        let site = reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems));
        let targets = Targets::of(&site);
        (site, targets)
    }

    /// The host that each target's request names.
    fn hosts(targets: &Targets) -> Vec<Option<&str>> {
        fn host(target: &Target) -> Option<&str> {
            match &target.kind {
                ProbeKind::Http(http) => http.host.as_deref(),
                ProbeKind::Grpc(grpc) => grpc.host.as_deref(),
                _ => None,
            }
        }
        targets.iter().map(|(target, _)| host(target)).collect()
    }

    #[test]
    fn a_target_shared_by_several_pools_is_probed_once() {
        let (_, targets) = targets(
            r#"
[probes]
web = { kind = "http", path = "/up" }
same = { kind = "http", path = "/up", rise = 5 }
other = { kind = "http", path = "/up", interval = "1s" }
[pools.a]
probe = "web"
endpoints = { x = { address = "192.0.2.1" }, y = { address = "192.0.2.2" } }
[pools.b]
probe = "same"
endpoints = { z = { address = "192.0.2.2" }, w = { address = "192.0.2.9", probe_address = "192.0.2.1" } }
[pools.c]
probe = "other"
endpoints.x.address = "192.0.2.1"
[pools.d]
endpoints.x.address = "192.0.2.1"
"#,
        );
        let member = |pool, endpoint| Member { pool: PoolId(pool), endpoint };
        let of = |pool, endpoint| targets.of_endpoint(member(pool, endpoint));
        assert_eq!([of(0, 0), of(0, 1), of(1, 0), of(1, 1), of(2, 0)], [[0], [1], [1], [0], [2]]);
        assert!(of(3, 0).is_empty() && of(9, 9).is_empty());
        assert_eq!((targets.len(), targets.is_empty()), (3, false));
        let (_, nothing) = self::targets("[pools.a]\nendpoints.x.address = \"192.0.2.1\"\n");
        assert_eq!((nothing.len(), nothing.is_empty()), (0, true), "a pool without a probe");
        assert_eq!(targets.members(1), [member(0, 1), member(1, 0)]);
        let shown: Vec<String> = targets.iter().map(|(target, _)| target.to_string()).collect();
        assert_eq!(shown, ["http 192.0.2.1:80/up", "http 192.0.2.2:80/up", "http 192.0.2.1:80/up"]);
        let (first, probe) = targets.iter().next().unwrap();
        assert_eq!((targets.number(first), probe), (Some(0), ProbeId(0)));
    }

    #[test]
    fn an_endpoint_has_a_target_for_each_probe_of_its_pool() {
        let (_, targets) = targets(
            r#"
[probes]
web.kind = "http"
tcp = { kind = "tcp", port = 80 }
same = { kind = "http", fall = 7 }
[pools.a]
probe = ["tcp", "web"]
endpoints = { x.address = "192.0.2.1", y.address = "192.0.2.2" }
[pools.b]
probe = "web"
endpoints.x.address = "192.0.2.1"
[pools.c]
probe = ["web", "same"]
endpoints.x.address = "192.0.2.1"
"#,
        );
        let member = |pool, endpoint| Member { pool: PoolId(pool), endpoint };
        let of = |pool, endpoint| targets.of_endpoint(member(pool, endpoint));
        assert_eq!((of(0, 0), of(0, 1), of(1, 0), of(2, 0)), (&[0, 1][..], &[2, 3][..], &[1][..], &[1, 1][..]));
        assert_eq!(targets.members(1), [member(0, 0), member(1, 0), member(2, 0)], "each endpoint once");
    }

    #[test]
    fn a_target_is_shown_with_its_request() {
        let (_, targets) = targets(
            r#"
[probes]
whole = { kind = "grpc", port = 50051 }
part = { kind = "grpc", port = 50051, service = "shop.v1" }
name = { kind = "dns", name = "www.example.com", type = "A" }
[pools.a]
probe = "whole"
endpoints.x.address = "192.0.2.1"
[pools.b]
probe = "part"
endpoints.x.address = "2001:db8::1"
[pools.c]
probe = "name"
endpoints.x.address = "192.0.2.1"
"#,
        );
        let shown: Vec<String> = targets.iter().map(|(target, _)| target.to_string()).collect();
        let expected =
            ["grpc 192.0.2.1:50051", "grpc [2001:db8::1]:50051 shop.v1", "dns 192.0.2.1:53 www.example.com. A"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_cname_endpoint_is_requested_by_name_whatever_address_is_probed() {
        let (_, targets) = targets(
            r#"
[probes]
web = { kind = "https" }
own = { kind = "https", host = "www.example.com" }
[pools.a]
probe = "web"
endpoints = { x = { cname = "Edge.Example.NET." }, y = { cname = "b.example.net", probe_address = "192.0.2.2" } }
[pools.b]
probe = "own"
endpoints = { x = { cname = "edge.example.net." } }
"#,
        );
        assert_eq!(hosts(&targets), [Some("edge.example.net"), Some("b.example.net"), Some("www.example.com")]);
        assert_eq!(targets.get(1).map(|target| target.to_string()).as_deref(), Some("https 192.0.2.2:443/"));
    }

    #[test]
    fn command_placeholders_are_filled_in_and_push_targets_are_per_endpoint() {
        let (_, targets) = targets(
            r#"
[probes]
all = { kind = "exec", command = ["/bin/check", "{address}", "{port}"], port = 81 }
own = { kind = "exec", command = ["/bin/check", "{pool}", "{endpoint}", "-{x}"] }
beat.kind = "push"
[pools]
a = { probe = "all", endpoints = { x = { address = "192.0.2.1" } } }
b = { probe = "all", endpoints = { y = { address = "192.0.2.1" } } }
c = { probe = "own", endpoints = { x = { address = "192.0.2.1" } } }
d = { probe = "beat", endpoints = { x = { address = "192.0.2.1" } } }
e = { probe = "beat", endpoints = { x = { address = "192.0.2.1" } } }
"#,
        );
        let commands: Vec<String> = targets
            .iter()
            .filter_map(|(target, _)| match &target.kind {
                ProbeKind::Exec(exec) => Some(exec.command.join(" ")),
                _ => None,
            })
            .collect();
        assert_eq!(commands, ["/bin/check 192.0.2.1 81", "/bin/check c x -{x}"]);
        let shown: Vec<String> = targets.iter().skip(2).map(|(target, _)| target.to_string()).collect();
        assert_eq!(shown, ["push d/x", "push e/x"]);
    }

    #[test]
    fn a_grpc_probe_uses_its_own_host_or_else_the_name_of_the_endpoint() {
        let (_, targets) = targets(
            r#"
[probes]
plain = { kind = "grpc", port = 50051 }
own = { kind = "grpc", port = 50051, host = "www.example.com" }
[pools.a]
probe = "plain"
endpoints = { x = { cname = "edge.example.net." } }
[pools.b]
probe = "own"
endpoints = { x = { cname = "edge.example.net." } }
"#,
        );
        assert_eq!(hosts(&targets), [Some("edge.example.net"), Some("www.example.com")]);
    }
}
