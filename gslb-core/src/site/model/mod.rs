//! The checked document: every reference is a valid index, every number is in range, no policy refers to itself.

mod probe;
mod safety;
mod vantage;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use geoip::{Continent, Coordinate, CountryCode};
use ipnet::IpNet;

use crate::dns::name::Name;
use crate::dns::zonefile::Record;
use crate::problem::{KeyPath, Location};
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

/// A checked document, in written order.
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
    /// Named and inline policies; children come before the policies that refer to them.
    pub policies: Vec<Policy>,
    /// Services.
    pub services: Vec<Service>,
    /// Locations from which nodes measure latencies.
    pub vantages: Vec<Vantage>,
    /// Rules for changes, and the threshold for a suspected mass failure.
    pub safety: Safety,
    /// Cached selections: which endpoints the targets of overrides select.
    pub selections: SelectionCache,
}

/// A zone and its records, as in its zone file.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Name of the apex.
    pub apex: Name,
    /// All records, including the SOA at the apex.
    pub records: Vec<Record>,
    /// Location of the zone in the document.
    pub location: Location,
}

/// A location whose endpoints tend to fail together.
#[derive(Debug, Clone)]
pub struct DataCenter {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Country, if the document has it.
    pub country: Option<CountryCode>,
    /// Its coordinate: as written, or else its country's.
    pub coordinate: Option<Coordinate>,
}

/// Interchangeable endpoints.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its key in the document.
    pub name: Arc<str>,
    /// The location of its endpoints; `None` for pools of names outside any data center.
    pub data_center: Option<DataCenterId>,
    /// Its probes, without duplicates; without probes, endpoints keep their initial status.
    pub probes: Vec<ProbeId>,
    /// How many of its probes must find an endpoint up, from 1 to their number; 0 without probes.
    pub require: u32,
    /// How endpoints are chosen.
    pub choose: Choose,
    /// Number of endpoints in an answer, for every [`Choose`] except [`Choose::All`]; at least 1.
    pub answers: u32,
    /// The pool is down if fewer endpoints than this are up; at least 1.
    pub min_up: u32,
    /// Status of an endpoint before its first probe result.
    pub initial: Initial,
    /// Minimum time that an endpoint stays down; zero means only as long as its probe says.
    pub hold_down: Duration,
    /// How an endpoint that went down comes back.
    pub resume: Resume,
    /// Its endpoints, at least one.
    pub endpoints: Vec<Endpoint>,
    /// Location in the document.
    pub location: Location,
}

/// How a pool chooses among its endpoints that are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// A weighted draw, random or sticky (see [`Service::sticky`]).
    Weighted,
    /// All of them.
    All,
    /// A weighted rendezvous hash of the client's prefix.
    Hash,
}

/// The status of an endpoint before its first probe result, if no status was saved before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// Up; the default.
    SavedOrUp,
    /// Up.
    Up,
    /// Down.
    Down,
}

impl Initial {
    /// True if an endpoint is up before its first probe result.
    pub fn is_up(self) -> bool {
        self != Initial::Down
    }
}

/// How an endpoint that went down comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// As soon as its probe finds it up.
    Auto,
    /// After its probe finds it up and an operator resumes it.
    Manual,
}

/// An address or name that serves clients.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its key in the pool.
    pub name: Arc<str>,
    /// The data of its record.
    pub target: Target,
    /// The address to probe, if not the target.
    pub probe_address: Option<IpAddr>,
    /// Share of the pool's answers relative to the other endpoints; 0 drains.
    pub weight: u32,
}

/// The data of an endpoint's record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An A or AAAA record.
    Address(IpAddr),
    /// A CNAME record.
    Cname(Name),
}

/// A set of client locations that a `geo` policy can refer to.
#[derive(Debug, Clone)]
pub struct Region {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Its matchers; at least one.
    pub matchers: Vec<Matcher>,
    /// Location in the document.
    pub location: Location,
}

/// A condition on a client's location. The order is that of precedence, weakest first.
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
    /// How it is written in the document.
    pub written: Written,
    /// What it does.
    pub kind: PolicyKind,
    /// Location in the document.
    pub location: Location,
}

/// How a policy is written in the document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Written {
    /// In `policies`, under this name.
    Named(Arc<str>),
    /// Inline, where it is used.
    InPlace(KeyPath),
    /// As the name of this pool, in place of a policy.
    AsPool(Arc<str>),
}

impl Policy {
    /// The name of a named policy or a pool, or the document path of an inline policy.
    pub fn label(&self) -> Cow<'_, str> {
        match &self.written {
            Written::Named(name) | Written::AsPool(name) => Cow::Borrowed(name),
            Written::InPlace(path) => Cow::Owned(path.to_string()),
        }
    }

    /// Its path in the document.
    pub fn path(&self) -> KeyPath {
        match &self.written {
            Written::Named(name) => KeyPath::from(["policies", name]),
            Written::InPlace(path) => path.clone(),
            Written::AsPool(name) => KeyPath::from(["pools", name]),
        }
    }
}

/// What a policy does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// One pool.
    Pool(PoolId),
    /// The branch of the client's region, or else the default.
    Geo {
        /// One per region, in document order.
        branches: Vec<(RegionId, PolicyId)>,
        /// For clients outside all regions, and the next candidate when a region's branch is down.
        default: PolicyId,
    },
    /// The first that is up.
    Failover(Vec<PolicyId>),
    /// Only this policy: when it is down, no enclosing policy tries its next candidate.
    Only(PolicyId),
    /// A weighted draw among those that are up.
    Weighted(Vec<(PolicyId, u32)>),
    /// The nearest one that is up, by great-circle distance of its data center.
    Nearest(Vec<PoolId>),
    /// The one with the lowest latency that is up; by distance if none was measured.
    Latency(Vec<PoolId>),
    /// A rendezvous hash of the client's prefix among those that are up.
    Hash(Vec<PoolId>),
    /// All that are up.
    All(Vec<PoolId>),
}

impl Site {
    /// The service that steers `name` as its own or as one of its other names.
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
    /// Owner name; `*` as its leftmost label makes it a wildcard.
    pub name: Name,
    /// Index of its zone in [`Site::zones`].
    pub zone: u32,
    /// Other names that are steered the same way, each with the index of its zone. `name` identifies the service.
    pub further_names: Vec<(Name, u32)>,
    /// True if A is steered.
    pub steers_a: bool,
    /// True if AAAA is steered.
    pub steers_aaaa: bool,
    /// Maximum TTL of its answers, in seconds.
    pub ttl: u32,
    /// Which address identifies the client.
    pub client: ClientSource,
    /// Prefix lengths for sticky draws; `None` means a random draw for every query.
    pub sticky: Option<PrefixLengths>,
    /// The answer when no pool of the client's plan is up.
    pub when_all_down: WhenAllDown,
    /// How its pools are chosen.
    pub policy: PolicyId,
    /// Location in the document.
    pub location: Location,
}

/// Which address identifies the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientSource {
    /// The network in the query's client subnet option, or else the resolver's address.
    ClientSubnet,
    /// Always the resolver's address.
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
    /// The defaults: the longest that resolvers send (RFC 7871 §11.1).
    pub const DEFAULT: PrefixLengths = PrefixLengths { v4: 24, v6: 56 };
}

/// The answer when everything is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhenAllDown {
    /// Answer as if everything were up.
    ServeAll,
    /// Answer the endpoints that were up last.
    LastUp,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// This pool, whatever its status.
    Pool(PoolId),
}

/// Maximum depth of nested policies.
pub const MAX_NESTING: usize = 16;
/// Maximum number of pools that a policy refers to, counting each reference.
pub const MAX_WIDTH: usize = 1024;
/// Maximum probes of a pool.
pub const MAX_PROBES: usize = 16;
/// Maximum endpoints of a pool.
pub const MAX_ENDPOINTS: usize = 4096;
/// Maximum endpoints in an answer.
pub const MAX_ANSWERS: usize = 64;
/// Maximum weight of an endpoint or a branch.
pub const MAX_WEIGHT: u32 = 1_000_000;
/// Maximum number of other names of a service.
pub const MAX_NAMES: usize = 1000;
/// Maximum TTL in seconds: one week.
pub const MAX_TTL: u32 = 604_800;

impl fmt::Display for Matcher {
    /// As written in the document.
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
