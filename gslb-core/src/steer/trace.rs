//! Records how a decision was made: compiles to nothing on the hot path, records every step for an explanation.

use std::net::IpAddr;
use std::sync::Arc;

use crate::latency::Area;
use crate::live::demand::Demand;
use crate::live::fallback::Fallback;
use crate::site::model::{Matcher, PolicyId, PoolId, RegionId};

/// One step toward an answer, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The name, or the wildcard that matches it, exists in a zone; both in lowercase wire form.
    Node {
        /// Apex of the zone.
        zone: Box<[u8]>,
        /// Name of the node.
        name: Box<[u8]>,
    },
    /// The zone has no such name.
    NoSuchName,
    /// The name has no records of the query type.
    NoSuchType,
    /// No pool of the service has an endpoint of the query type.
    NoSuchEndpoint,
    /// The query type is not steered, so the zone's records are used.
    NotSteered,
    /// ANY gets a minimal answer (RFC 8482).
    Any,
    /// The name is not in any zone.
    NotOurs,
    /// The name is in a delegated zone.
    Referral,
    /// An alias leads to another name, in wire form.
    Alias {
        /// Its target.
        target: Box<[u8]>,
    },
    /// A service answers.
    Service {
        /// Its index in the site.
        index: u32,
    },
    /// Which address identifies the client.
    Client {
        /// The address; for a client subnet, its first one.
        address: IpAddr,
        /// The source of the address.
        from: ClientFrom,
        /// SCOPE PREFIX-LENGTH of the answer.
        scope: u8,
    },
    /// The client's region among all regions: the one with the most specific matcher. Tail, metrics and rankings use
    /// it, too.
    Region {
        /// The region and its matcher; `None` if no region matches the client.
        matched: Option<(RegionId, Matcher)>,
    },
    /// A geo policy took the branch of the client's region, among the regions it has branches for.
    Branch {
        /// The policy.
        policy: PolicyId,
        /// The region and the matcher that decided; `None` is the default branch.
        matched: Option<(RegionId, Matcher)>,
    },
    /// A nearest or latency policy ordered its pools for the client.
    Ordered {
        /// The policy.
        policy: PolicyId,
        /// The basis of the order.
        by: OrderedBy,
        /// The pools in order.
        pools: Vec<OrderedPool>,
    },
    /// A draw among candidates that are up.
    Drawn {
        /// True for a sticky draw by client prefix, false for a random one.
        sticky: bool,
        /// All candidates.
        among: Vec<Contender>,
        /// Index of the winner in `among`.
        winner: usize,
    },
    /// A pool was taken.
    Taken(PoolId),
    /// An endpoint of the pool was put into the answer.
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
    /// A pool was skipped.
    PassedOver(PoolId, Reason),
    /// The search entered an `only`: these are its pools, and no other will be taken.
    Only(Vec<PoolId>),
    /// No candidate was up, so the search was repeated with a lower demand.
    Relaxed(Demand),
    /// All endpoints of the type are down, but the policy is up for the other family, so the answer is NODATA.
    KindDown,
    /// No candidate is up, but some have not been probed yet, so the service may not answer with silence.
    NotYetKnown,
    /// An endpoint of a checked pool may change soon, so the answer's TTL is shorter.
    TtlLimited {
        /// The pool.
        pool: PoolId,
        /// The TTL from here on, in seconds.
        ttl: u32,
    },
}

/// The basis of an order of pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderedBy {
    /// Distance from the client.
    Distance,
    /// Latencies measured by the nearest vantage, by its name.
    Vantage(Arc<str>),
    /// Latencies measured by clients of an area.
    Clients(Area),
}

/// A pool in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderedPool {
    /// The pool.
    pub pool: PoolId,
    /// Distance from the client; `None` if either location is unknown.
    pub kilometres: Option<u32>,
    /// Latency of its data center; `None` if it was not measured, or distance is used.
    pub milliseconds: Option<u32>,
}

/// The source of the client's address.
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
    /// All that qualify are in the answer.
    All,
    /// Weighted, randomly for every query.
    Dice,
    /// Weighted, by the client's prefix.
    Client,
}

/// A candidate in a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// The pools it contains.
    pub pools: Vec<PoolId>,
    /// Its weight.
    pub weight: u32,
    /// False if none of its pools is up, or its weight is 0. An `only` takes part even while it is down.
    pub takes_part: bool,
}

/// Why a pool was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Fewer endpoints are up than the pool requires.
    Down {
        /// Endpoints that are up.
        up: u32,
        /// Endpoints that must be up.
        min_up: u32,
    },
    /// No endpoint of the query type is up.
    NoneOfType,
    /// Its endpoints of the type that are up have weight 0, or its branch has.
    NoWeight,
}

/// Receives the steps of a decision.
pub trait Trace {
    /// False if nothing is recorded, so that steps may be skipped that lead to a known end.
    const IS_READ: bool = true;

    /// Records a step; `step` is not called if no one reads it.
    fn note(&mut self, step: impl FnOnce() -> Step);

    /// Records an endpoint of the answer by index, for receivers that must not allocate.
    #[inline(always)]
    fn named(&mut self, _pool: PoolId, _endpoint: u16) {}

    /// Records a decision after all its endpoints; `decided` is not called if no one reads it.
    #[inline(always)]
    fn decided(&mut self, _decided: impl FnOnce() -> Decided) {}

    /// Records that the answer was replaced by another response, so that no decision is behind what is sent.
    #[inline(always)]
    fn replaced(&mut self) {}
}

/// A decision by indices of the table's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Index of the service.
    pub service: u32,
    /// The client address used.
    pub client: IpAddr,
    /// The source of the address.
    pub from: ClientFrom,
    /// Why it deviates from the policy's normal result.
    pub fallback: Option<Fallback>,
}

/// Records nothing, and compiles to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const IS_READ: bool = false;

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
