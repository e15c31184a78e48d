//! What the operator wrote, checked: every reference is an index that exists, every number is in range, no policy loops.

mod probe;
mod safety;
mod vantage;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use geoip::{Continent, Coordinate, CountryCode};
use ipnet::IpNet;

use crate::dns::name::Name;
use crate::dns::zonefile::Record;
use crate::problem::Location;
use crate::site::selection::SelectionCache;

pub use probe::{
    DnsProbe, ExecProbe, GrpcProbe, HttpProbe, MAX_PROBE_BODY, Method, Probe, ProbeKind, TcpProbe, TlsProbe, Transport,
};
pub use safety::{MassFailure, Safety, Share, Window};
pub use vantage::{DEFAULT_REACH_KM, MAX_REACH_KM, Vantage};

/// Index into [`Site::data_centers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataCenterId(pub u32);
/// Index into [`Site::probes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProbeId(pub u32);
/// Index into [`Site::pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub u32);
/// Index into [`Site::regions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionId(pub u32);
/// Index into [`Site::policies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyId(pub u32);
/// Index into [`Site::services`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub u32);

/// A checked document, in the order in which it was written.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Zones that we are authoritative for.
    pub zones: Vec<Zone>,
    /// Data centers.
    pub data_centers: Vec<DataCenter>,
    /// Probes.
    pub probes: Vec<Probe>,
    /// Pools.
    pub pools: Vec<Pool>,
    /// Regions.
    pub regions: Vec<Region>,
    /// Named policies and those written in place, children before those who refer to them.
    pub policies: Vec<Policy>,
    /// Services.
    pub services: Vec<Service>,
    /// Where nodes are that measure latencies.
    pub vantages: Vec<Vantage>,
    /// What a change must leave as it is, and when failures are doubted.
    pub safety: Safety,
    /// Which endpoints the targets of overrides select, as far as it was computed.
    pub selections: SelectionCache,
}

/// A zone and its records, as its master file has them.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Name of the apex.
    pub apex: Name,
    /// All records, the apex' SOA among them.
    pub records: Vec<Record>,
    /// Where the document names the zone.
    pub location: Location,
}

/// A site of endpoints that lives and dies together.
#[derive(Debug, Clone)]
pub struct DataCenter {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Country, where the document has it.
    pub country: Option<CountryCode>,
    /// Where it stands: as written, or else its country's coordinate.
    pub coordinate: Option<Coordinate>,
}

/// Endpoints that stand for each other.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Where its endpoints are; none for pools of names outside any data center.
    pub data_center: Option<DataCenterId>,
    /// How they are checked, each probe once; with none they keep their initial status.
    pub probes: Vec<ProbeId>,
    /// How many of its probes must find an endpoint up, at least 1 and at most as many as there are; 0 without probes.
    pub require: u32,
    /// How endpoints are chosen.
    pub choose: Choose,
    /// How many endpoints an answer names, for all kinds of choice but [`Choose::All`]; at least 1.
    pub answers: u32,
    /// With fewer endpoints up than this, the pool is down; at least 1.
    pub min_up: u32,
    /// Status of an endpoint before anything is known of it.
    pub initial: Initial,
    /// How long an endpoint stays down at least once it went down; zero not longer than its probe says.
    pub hold_down: Duration,
    /// How an endpoint comes back that went down.
    pub resume: Resume,
    /// Its endpoints, at least one.
    pub endpoints: Vec<Endpoint>,
    /// Where the document has it.
    pub location: Location,
}

/// How a pool chooses among its endpoints that are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// By weight, drawn anew or by client (see [`Service::sticky`]).
    Weighted,
    /// All of them.
    All,
    /// By rendezvous hash of the client's prefix, weighted.
    Hash,
}

/// What an endpoint is taken for before its first verdict, where no status was saved before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// Up, as the default is called.
    SavedOrUp,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// How an endpoint comes back that went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// With the verdict of its probe.
    Auto,
    /// When an operator says so, after the verdict.
    Manual,
}

/// One address or name that serves.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its key in the pool.
    pub name: Arc<str>,
    /// What an answer says.
    pub target: Target,
    /// Address that is probed instead of the target, where given.
    pub probe_address: Option<IpAddr>,
    /// Share of the pool's answers relative to the other endpoints; 0 drains.
    pub weight: u32,
}

/// What an answer says of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An A or AAAA record.
    Address(IpAddr),
    /// A CNAME record.
    Cname(Name),
}

/// A set of places that a `geo` policy can name.
#[derive(Debug, Clone)]
pub struct Region {
    /// Its key in the document.
    pub name: Arc<str>,
    /// What belongs to it; at least one.
    pub matchers: Vec<Matcher>,
    /// Where the document has it.
    pub location: Location,
}

/// One condition on a client's place. The order is the order of precedence, weakest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matcher {
    /// `continent:EU`
    Continent(Continent),
    /// `country:TR`
    Country(CountryCode),
    /// `subdivision:US-CA` (ISO 3166-2, upper case)
    Subdivision(Box<str>),
    /// `asn:3320`
    Asn(u32),
    /// `prefix:203.0.113.0/24`; IPv4-mapped prefixes are unmapped, host bits are zero.
    Prefix(IpNet),
}

/// A way to choose pools.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The name of a named policy; for one written in place, its path in the document.
    pub label: Arc<str>,
    /// How the document writes it.
    pub written: Written,
    /// What it does.
    pub kind: PolicyKind,
    /// Where the document has it.
    pub location: Location,
}

/// How a document writes a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In `policies`, under its label.
    Named,
    /// Where it is used; its label is its path.
    InPlace,
    /// Not at all: a pool named in place of a policy, whose name is the label.
    AsPool,
}

impl Policy {
    /// Its path in the document, as problems have it.
    pub fn path(&self) -> String {
        match self.written {
            Written::Named => crate::problem::key_path::of_keys(&["policies", &self.label]),
            Written::InPlace => self.label.to_string(),
            Written::AsPool => crate::problem::key_path::of_keys(&["pools", &self.label]),
        }
    }
}

/// What a policy does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// One pool.
    Pool(PoolId),
    /// The branch of the client's region, else the default.
    Geo {
        /// One per region, in the order of the document.
        branches: Vec<(RegionId, PolicyId)>,
        /// For clients of no region, and the next candidate when a region's branch is down.
        default: PolicyId,
    },
    /// The first that is up.
    Failover(Vec<PolicyId>),
    /// What is below, and nothing else: when it is down, no enclosing policy goes on to its next candidate.
    Only(PolicyId),
    /// A draw by weight among those that are up.
    Weighted(Vec<(PolicyId, u32)>),
    /// The nearest to the client that is up, by great-circle distance of its data center.
    Nearest(Vec<PoolId>),
    /// The one with the lowest latency that is up; by distance where none was measured.
    Latency(Vec<PoolId>),
    /// Rendezvous hash of the client's prefix among those that are up.
    Hash(Vec<PoolId>),
    /// All that are up.
    All(Vec<PoolId>),
}

impl Site {
    /// The service that steers `name`, which is its own or one of its further names.
    pub fn service_of(&self, name: &Name) -> Option<&Service> {
        let own = self.services.iter().find(|service| service.name == *name);
        own.or_else(|| self.services.iter().find(|service| service.further_names.iter().any(|(it, _)| it == name)))
    }
}

impl Service {
    /// All its names, its own first, each with the index of its zone.
    pub fn names(&self) -> impl Iterator<Item = (&Name, u32)> {
        let further = self.further_names.iter().map(|(name, zone)| (name, *zone));
        std::iter::once((&self.name, self.zone)).chain(further)
    }
}

/// A steered name.
#[derive(Debug, Clone)]
pub struct Service {
    /// Owner name; `*` as leftmost label makes it a wildcard.
    pub name: Name,
    /// Index of its zone in [`Site::zones`].
    pub zone: u32,
    /// Further names that are steered alike, each with the index of its zone. The service is known by `name`.
    pub further_names: Vec<(Name, u32)>,
    /// True where A is steered.
    pub steers_a: bool,
    /// True where AAAA is steered.
    pub steers_aaaa: bool,
    /// Greatest TTL of its answers, in seconds.
    pub ttl: u32,
    /// Whose address decides.
    pub client: ClientSource,
    /// Prefix lengths by which draws stick to a client; none draws anew for every query.
    pub sticky: Option<PrefixLengths>,
    /// What is answered when no pool of the client's plan is up.
    pub when_all_down: WhenAllDown,
    /// How its pools are chosen.
    pub policy: PolicyId,
    /// Where the document has it.
    pub location: Location,
}

/// Whose address decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientSource {
    /// The network in the query's client subnet option, else the resolver.
    ClientSubnet,
    /// Always the resolver.
    Resolver,
}

/// Prefix lengths in bits, one per address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixLengths {
    /// 1 to 32.
    pub v4: u8,
    /// 1 to 128.
    pub v6: u8,
}

impl PrefixLengths {
    /// Where the service does not say otherwise: what resolvers send at most (RFC 7871 §11.1).
    pub const DEFAULT: PrefixLengths = PrefixLengths { v4: 24, v6: 56 };
}

/// What is answered when everything is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhenAllDown {
    /// As if everything were up.
    ServeAll,
    /// What was up last.
    LastUp,
    /// No data.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// This pool, whatever its status.
    Pool(PoolId),
}

/// Most levels that policies may nest.
pub const MAX_NESTING: usize = 16;
/// Most pools that a policy may come to, counted as often as they are named.
pub const MAX_WIDTH: usize = 1024;
/// Most probes of a pool.
pub const MAX_PROBES: usize = 16;
/// Most endpoints of a pool.
pub const MAX_ENDPOINTS: usize = 4096;
/// Most endpoints that one answer may name.
pub const MAX_ANSWERS: usize = 64;
/// Greatest weight of an endpoint or a branch.
pub const MAX_WEIGHT: u32 = 1_000_000;
/// Most further names of a service.
pub const MAX_NAMES: usize = 1000;
/// Greatest TTL, in seconds: a week.
pub const MAX_TTL: u32 = 604_800;

impl fmt::Display for Matcher {
    /// As the document writes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matcher::Continent(continent) => write!(out, "continent:{continent}"),
            Matcher::Country(country) => write!(out, "country:{country}"),
            Matcher::Subdivision(code) => write!(out, "subdivision:{code}"),
            Matcher::Asn(asn) => write!(out, "asn:{asn}"),
            Matcher::Prefix(prefix) => write!(out, "prefix:{prefix}"),
        }
    }
}
