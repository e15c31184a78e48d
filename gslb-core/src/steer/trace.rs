//! What a decision can tell about itself: nothing on the hot path, every step when it is to be explained.

use std::net::IpAddr;
use std::sync::Arc;

use crate::latency::Area;
use crate::live::demand::Demand;
use crate::live::fallback::Fallback;
use crate::site::model::{Matcher, PolicyId, PoolId, RegionId};

/// One step on the way to an answer, in the order in which it was taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The name, or a wildcard that stands for it, exists in a zone; both in wire form and lower case.
    Node {
        /// Apex of the zone.
        zone: Box<[u8]>,
        /// Name of the node.
        name: Box<[u8]>,
    },
    /// The zone has no such name.
    NoSuchName,
    /// The name has no records of the type asked for.
    NoSuchType,
    /// No pool of the service has an endpoint of the type asked for.
    NoSuchEndpoint,
    /// The type asked for is not steered: the zone file has the say.
    NotSteered,
    /// ANY is answered with as little as possible (RFC 8482).
    Any,
    /// No zone of ours holds the name.
    NotOurs,
    /// The name is in a zone that we delegate.
    Referral,
    /// An alias leads to another name, in wire form.
    Alias {
        /// Where to.
        target: Box<[u8]>,
    },
    /// A service answers.
    Service {
        /// Its index in the site.
        index: u32,
    },
    /// Whose address decides.
    Client {
        /// The address; for a client subnet its first one.
        address: IpAddr,
        /// Where it comes from.
        from: ClientFrom,
        /// SCOPE PREFIX-LENGTH of the answer.
        scope: u8,
    },
    /// Which of all regions the client is in: the one with the most specific matcher. Tail, metrics and rankings name it, too.
    Region {
        /// The region and its matcher; none where no region has the client.
        matched: Option<(RegionId, Matcher)>,
    },
    /// A geo policy took the branch of the client's region, of the regions that it names.
    Branch {
        /// The policy.
        policy: PolicyId,
        /// The region and the matcher that decided; none means the default branch.
        matched: Option<(RegionId, Matcher)>,
    },
    /// A nearest or latency policy put its pools in order for the client.
    Ordered {
        /// The policy.
        policy: PolicyId,
        /// What it went by.
        by: OrderedBy,
        /// The pools in their order.
        pools: Vec<OrderedPool>,
    },
    /// A draw among candidates that are up.
    Drawn {
        /// True where the client's prefix decided, false where the dice did.
        sticky: bool,
        /// All candidates.
        among: Vec<Contender>,
        /// Index of the winner in `among`.
        winner: usize,
    },
    /// A pool was taken.
    Taken(PoolId),
    /// An endpoint of the pool taken was named.
    Named {
        /// Its pool.
        pool: PoolId,
        /// Its index there.
        endpoint: u16,
        /// How it was chosen.
        by: Choice,
        /// How many qualified.
        among: usize,
    },
    /// A pool was passed over.
    PassedOver(PoolId, Reason),
    /// An `only` was come to: these are its pools, and no other will be taken.
    Only(Vec<PoolId>),
    /// No candidate was up, so the search was repeated with less demand.
    Relaxed(Demand),
    /// All endpoints of the type are down, but the policy is up for the other one: so there is no data.
    KindDown,
    /// No candidate is up, but of some nobody has found out yet: so the service's silence has to wait.
    NotYetKnown,
    /// An endpoint of a pool that was looked at may change soon, so the answer's TTL is shorter.
    TtlLimited {
        /// The pool.
        pool: PoolId,
        /// The TTL from here on, in seconds.
        ttl: u32,
    },
}

/// What pools are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderedBy {
    /// Distance from the client.
    Distance,
    /// Latencies that the nearest vantage measured, by its name.
    Vantage(Arc<str>),
    /// Latencies that clients of an area measured.
    Clients(Area),
}

/// A pool in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderedPool {
    /// The pool.
    pub pool: PoolId,
    /// Distance from the client; none where either place is unknown.
    pub kilometres: Option<u32>,
    /// Latency of its data center; none where it was not measured, or distance decides.
    pub milliseconds: Option<u32>,
}

/// Where the client's address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFrom {
    /// The client subnet option, with its SOURCE PREFIX-LENGTH.
    Subnet(u8),
    /// The sender of the query.
    Resolver,
}

/// How an endpoint was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All that qualified are named.
    All,
    /// By weight, anew for every query.
    Dice,
    /// By weight and the client's prefix.
    Client,
}

/// A candidate in a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// The pools that it stands for.
    pub pools: Vec<PoolId>,
    /// Its weight.
    pub weight: u32,
    /// False where none of its pools is up, or its weight is 0. An `only` takes part while it is down, too.
    pub takes_part: bool,
}

/// Why a pool was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Fewer endpoints are up than the pool must have.
    Down {
        /// Endpoints that are up.
        up: u32,
        /// Endpoints that must be.
        min_up: u32,
    },
    /// It has no endpoint of the type asked for that is up.
    NoneOfType,
    /// Its endpoints of the type that are up have weight 0, or its branch has.
    NoWeight,
}

/// Takes notes of steps.
pub trait Trace {
    /// Notes a step; `step` is not called where nobody reads it.
    fn note(&mut self, step: impl FnOnce() -> Step);

    /// Notes that an endpoint is named, in numbers, for who may not allocate.
    #[inline(always)]
    fn named(&mut self, _pool: PoolId, _endpoint: u16) {}

    /// Notes a decision once it is made, after all endpoints that it names; `decided` is not called where nobody reads it.
    #[inline(always)]
    fn decided(&mut self, _decided: impl FnOnce() -> Decided) {}
}

/// A decision in numbers, which are those of the table's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Index of the service.
    pub service: u32,
    /// The address that decided.
    pub client: IpAddr,
    /// Where it comes from.
    pub from: ClientFrom,
    /// Why it is not what the policy would have when all is well.
    pub fallback: Option<Fallback>,
}

/// Takes no notes, and compiles to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    #[inline(always)]
    fn note(&mut self, _step: impl FnOnce() -> Step) {}
}

/// Keeps all steps.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// The steps so far.
    pub steps: Vec<Step>,
}

impl Trace for Recorder {
    fn note(&mut self, step: impl FnOnce() -> Step) {
        self.steps.push(step());
    }
}
