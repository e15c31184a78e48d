//! The fast layer of a table: the state and weight of endpoints, per pool, with its answers prepared.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::dns::name::Name;
use crate::hash::identity;
use crate::live::demand::Demand;
use crate::site::model::{Choose, Endpoint, MAX_ENDPOINTS, MAX_WEIGHT, Pool, PoolId, Target};

/// The kinds of answers that a pool prepares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A records, or CNAMEs that lead to them.
    A,
    /// AAAA records, or CNAMEs that lead to them.
    Aaaa,
    /// CNAME records.
    Cname,
}

/// The state of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointState {
    /// True if it may be answered.
    pub up: bool,
    /// Effective weight.
    pub weight: u32,
    /// Maximum TTL of answers that contain it, in seconds: the time until its state may change. [`NO_TTL_LIMIT`] if no
    /// change is expected.
    pub ttl_limit: u32,
    /// False while it counts as down although no probe has found it down yet.
    pub is_known: bool,
    /// True while it is down although it passes its probe again: an operator must resume it (`resume = "manual"`).
    pub recovered: bool,
}

/// The [`EndpointState::ttl_limit`] of an endpoint that is not about to change.
pub const NO_TTL_LIMIT: u32 = u32::MAX;

impl EndpointState {
    /// A known state that is not about to change.
    pub fn new(up: bool, weight: u32) -> EndpointState {
        EndpointState { up, weight, ttl_limit: NO_TTL_LIMIT, is_known: true, recovered: false }
    }
}

/// A change of one endpoint's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its pool.
    pub pool: PoolId,
    /// Its index in the pool.
    pub endpoint: u32,
    /// Its new state.
    pub state: EndpointState,
}

/// An endpoint prepared for answers.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Index in its pool.
    pub endpoint: u16,
    /// Effective weight.
    pub weight: u32,
    /// Hash of its name, which identifies it in sticky draws.
    pub identity: u64,
    /// The rdata of its record.
    pub data: Data,
}

/// Rdata of an endpoint.
#[derive(Debug, Clone)]
pub enum Data {
    /// A.
    V4([u8; 4]),
    /// AAAA.
    V6([u8; 16]),
    /// CNAME.
    Cname(Arc<Name>),
}

/// Endpoints that fulfill a demand and give one kind of answer.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    /// The endpoints.
    pub entries: &'a [Entry],
    /// Sum of their weights.
    pub total: u64,
}

/// Which of a pool's entries are [`Ready`]. A table has fifteen for each of its pools.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: u16,
    len: u16,
    total: u32,
}

const _: () = assert!(15 * MAX_ENDPOINTS <= u16::MAX as usize, "the ranges of a pool fit");
const _: () = assert!(MAX_ENDPOINTS as u64 * MAX_WEIGHT as u64 <= u32::MAX as u64, "the sum of all weights fits");

/// The liveness of a pool in an earlier table, under the same or an earlier document.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The pool in that document.
    pub pool: &'a Pool,
    /// Its liveness.
    pub liveness: &'a Arc<PoolLiveness>,
}

/// What the liveness of a pool depends on besides the states of its endpoints.
struct History {
    /// As in [`PoolLiveness`].
    last_up: Box<[bool]>,
    /// Per kind of answer: whether an endpoint was up.
    was_up: [bool; 3],
    /// As in [`PoolLiveness`].
    down_since: [u64; 3],
}

impl History {
    fn of(pool: &Pool, earlier: Option<Earlier<'_>>) -> History {
        let Some(Earlier { pool: before, liveness }) = earlier else {
            let last_up = vec![true; pool.endpoints.len()].into();
            return History { last_up, was_up: [pool.initial.is_up(); 3], down_since: [0; 3] };
        };
        let was_up = [Kind::A, Kind::Aaaa, Kind::Cname].map(|kind| liveness.has_up(kind));
        History { last_up: last_up_of(pool, before, liveness), was_up, down_since: liveness.down_since }
    }
}

/// A pool's state and its prepared answers.
#[derive(Debug, Clone)]
pub struct PoolLiveness {
    /// Per demand and kind of answer.
    ready: [[Range; 3]; 5],
    /// The entries of all ranges; ranges of the same endpoints are the same.
    entries: Box<[Entry]>,
    /// Minimum of its endpoints' [`EndpointState::ttl_limit`].
    pub ttl_limit: u32,
    /// True if an endpoint counts as down, but has not been found down yet.
    pub may_be_up: bool,
    /// How endpoints are chosen.
    pub choose: Choose,
    /// Number of endpoints per answer.
    pub answers: u32,
    /// Number of endpoints that are up.
    pub up: u32,
    /// Number of endpoints that must be up.
    pub min_up: u32,
    /// Per kind of answer: generation of the table in which its last endpoint, or the pool, went down; 0 while one is
    /// up, or if none ever was.
    pub down_since: [u64; 3],
    /// Per kind of answer: whether an endpoint has recovered and waits to be resumed.
    pub recovered: [bool; 3],
    states: Box<[EndpointState]>,
    /// The endpoints that were up when the pool was last up.
    last_up: Box<[bool]>,
}

impl PoolLiveness {
    /// The liveness of `pool` with its endpoints in `states`, in the table of this generation. It continues `earlier`;
    /// if nothing changed, it is shared. Endpoints that `states` lacks are in their initial state.
    pub fn next(
        pool: &Pool,
        states: &[EndpointState],
        earlier: Option<Earlier<'_>>,
        generation: u64,
    ) -> Arc<PoolLiveness> {
        let state = |(at, endpoint): (usize, &Endpoint)| {
            let state = states.get(at).copied();
            let state = state.unwrap_or_else(|| EndpointState::initial(pool, endpoint.weight));
            EndpointState { weight: state.weight.min(MAX_WEIGHT), ..state }
        };
        let states = pool.endpoints.iter().enumerate().map(state);
        if let Some(Earlier { pool: before, liveness }) = earlier
            && states.clone().eq(liveness.states.iter().copied())
            && answers_alike(before, pool)
        {
            return Arc::clone(liveness);
        }
        Arc::new(PoolLiveness::build(pool, states.collect(), History::of(pool, earlier), generation))
    }

    /// True if enough endpoints are up.
    pub fn is_up(&self) -> bool {
        self.up >= self.min_up
    }

    /// True if an endpoint of the kind may be answered.
    fn has_up(&self, kind: Kind) -> bool {
        !self.ready(Demand::UpWithoutWeight, kind).is_empty()
    }

    /// The endpoints that were up when the pool was last up.
    pub fn last_up(&self) -> &[bool] {
        &self.last_up
    }

    fn build(pool: &Pool, states: Box<[EndpointState]>, history: History, generation: u64) -> PoolLiveness {
        let History { mut last_up, was_up, down_since } = history;
        let up = states.iter().filter(|state| state.up).count() as u32;
        let is_up = up >= pool.min_up;
        if is_up {
            remember(pool, &states, &mut last_up);
        }
        let fulfils = |demand, endpoint: usize| {
            let state = states.get(endpoint);
            match demand {
                Demand::Up => is_up && state.is_some_and(|state| state.up && state.weight > 0),
                Demand::UpWithoutWeight => is_up && state.is_some_and(|state| state.up),
                Demand::UpInAnyPool => state.is_some_and(|state| state.up),
                Demand::LastUp => last_up.get(endpoint).is_some_and(|up| *up),
                Demand::Any => true,
            }
        };
        let entries: Vec<Entry> =
            pool.endpoints.iter().zip(&states).enumerate().map(|(at, (e, s))| entry(pool, at, &e.target, *s)).collect();
        let demands = [Demand::Up, Demand::UpWithoutWeight, Demand::UpInAnyPool, Demand::LastUp, Demand::Any];
        // A recovered endpoint is alive, whether or not it was up last.
        let has_recovered = |endpoint: u16| states.get(usize::from(endpoint)).is_some_and(|state| state.recovered);
        let recovered = [Kind::A, Kind::Aaaa, Kind::Cname]
            .map(|kind| entries.iter().any(|entry| entry.gives(kind) && has_recovered(entry.endpoint)));
        let (mut made, mut stored) = (Vec::<Range>::new(), Vec::<Entry>::new());
        let ready = demands.map(|demand| {
            let kinds = [(Kind::A, 0), (Kind::Aaaa, 1), (Kind::Cname, 2)];
            kinds.map(|(kind, at): (Kind, usize)| {
                let goes_by_recovery = demand == Demand::LastUp && recovered.get(at).is_some_and(|any| *any);
                let fulfils = |endpoint: u16| match goes_by_recovery {
                    true => has_recovered(endpoint),
                    false => fulfils(demand, usize::from(endpoint)),
                };
                let fitting = |entry: &&Entry| entry.gives(kind) && fulfils(entry.endpoint);
                // Endpoints without weight are used only if there are no others.
                let weighted = entries.iter().filter(fitting).any(|entry| entry.weight > 0);
                let fitting = entries.iter().filter(fitting).filter(|entry| entry.weight > 0 || !weighted);
                let endpoint = |entry: &Entry| entry.endpoint;
                let is_same = |range: &&Range| range.of(&stored).iter().map(endpoint).eq(fitting.clone().map(endpoint));
                if let Some(same) = made.iter().find(is_same) {
                    return *same;
                }
                let start = stored.len();
                stored.extend(fitting.cloned());
                let new = Range::new(start, stored.get(start..).unwrap_or_default());
                made.push(new);
                new
            })
        });
        let (choose, answers, min_up) = (pool.choose, pool.answers, pool.min_up);
        let ttl_limit = states.iter().map(|state| state.ttl_limit).min().unwrap_or(NO_TTL_LIMIT);
        let may_be_up = states.iter().any(|state| !state.up && !state.is_known);
        let mut built = PoolLiveness {
            ready,
            entries: stored.into(),
            ttl_limit,
            may_be_up,
            choose,
            answers,
            up,
            min_up,
            down_since,
            recovered,
            states,
            last_up,
        };
        let is_up = [Kind::A, Kind::Aaaa, Kind::Cname].map(|kind| built.has_up(kind));
        for ((since, was_up), is_up) in built.down_since.iter_mut().zip(was_up).zip(is_up) {
            if is_up {
                *since = 0;
            } else if was_up {
                *since = generation;
            }
        }
        built
    }

    /// The endpoints that fulfill `demand` and give answers of `kind`.
    #[inline]
    pub fn ready(&self, demand: Demand, kind: Kind) -> Ready<'_> {
        let [up, without_weight, in_any_pool, last_up, any] = &self.ready;
        let [a, aaaa, cname] = match demand {
            Demand::Up => up,
            Demand::UpWithoutWeight => without_weight,
            Demand::UpInAnyPool => in_any_pool,
            Demand::LastUp => last_up,
            Demand::Any => any,
        };
        let range = match kind {
            Kind::A => a,
            Kind::Aaaa => aaaa,
            Kind::Cname => cname,
        };
        Ready { entries: range.of(&self.entries), total: u64::from(range.total) }
    }

    /// The state of every endpoint.
    pub fn states(&self) -> &[EndpointState] {
        &self.states
    }
}

impl Range {
    /// These entries, of which the first is stored at `start`.
    fn new(start: usize, entries: &[Entry]) -> Range {
        let total = entries.iter().map(|entry| entry.weight).sum();
        Range { start: start as u16, len: entries.len() as u16, total }
    }

    #[inline]
    fn of(self, entries: &[Entry]) -> &[Entry] {
        let start = usize::from(self.start);
        entries.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

impl Ready<'_> {
    /// True if no endpoint qualifies.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Entry {
    fn gives(&self, kind: Kind) -> bool {
        match &self.data {
            Data::V4(_) => kind == Kind::A,
            Data::V6(_) => kind == Kind::Aaaa,
            Data::Cname(_) => true,
        }
    }
}

/// True if the settings that liveness depends on are the same in both, ignoring weights.
fn answers_alike(old: &Pool, new: &Pool) -> bool {
    std::ptr::eq(old, new)
        || (old.choose, old.answers, old.min_up) == (new.choose, new.answers, new.min_up) && has_endpoints_of(old, new)
}

/// True if both have the same endpoints, in the same order.
fn has_endpoints_of(old: &Pool, new: &Pool) -> bool {
    let is_same = |old: &Endpoint, new: &Endpoint| (&old.name, &old.target) == (&new.name, &new.target);
    std::ptr::eq(old, new)
        || old.endpoints.len() == new.endpoints.len()
            && old.endpoints.iter().zip(&new.endpoints).all(|(old, new)| is_same(old, new))
}

/// For each endpoint of `pool`, whether it was up when the pool was last up; true for those that `before` does not have.
fn last_up_of(pool: &Pool, before: &Pool, liveness: &PoolLiveness) -> Box<[bool]> {
    if has_endpoints_of(before, pool) {
        return liveness.last_up.clone();
    }
    let endpoints = before.endpoints.iter().map(|endpoint| (&endpoint.name, &endpoint.target));
    let known: HashMap<_, bool> = endpoints.zip(liveness.last_up.iter().copied()).collect();
    pool.endpoints.iter().map(|it| known.get(&(&it.name, &it.target)).is_none_or(|last_up| *last_up)).collect()
}

/// Records what is up, for each kind that has an endpoint up: one family may go down before the other.
fn remember(pool: &Pool, states: &[EndpointState], last_up: &mut [bool]) {
    let kind = |target: &Target| match target {
        Target::Address(IpAddr::V4(_)) => 0,
        Target::Address(IpAddr::V6(_)) => 1,
        Target::Cname(_) => 2,
    };
    let all = || pool.endpoints.iter().zip(states);
    let mut any_up = [false; 3];
    for (endpoint, _) in all().filter(|(_, state)| state.up) {
        if let Some(is_up) = any_up.get_mut(kind(&endpoint.target)) {
            *is_up = true;
        }
    }
    for (slot, (endpoint, state)) in last_up.iter_mut().zip(all()) {
        if any_up.get(kind(&endpoint.target)).is_some_and(|is_up| *is_up) {
            *slot = state.up;
        }
    }
}

fn entry(pool: &Pool, index: usize, target: &Target, state: EndpointState) -> Entry {
    let name = pool.endpoints.get(index).map_or("", |endpoint| &endpoint.name);
    let data = match target {
        Target::Address(IpAddr::V4(v4)) => Data::V4(v4.octets()),
        Target::Address(IpAddr::V6(v6)) => Data::V6(v6.octets()),
        Target::Cname(name) => Data::Cname(Arc::new(name.clone())),
    };
    // The pool's name distinguishes endpoints of the same name in different pools.
    let identity = identity(&format!("{}/{name}", pool.name));
    Entry { endpoint: index as u16, weight: state.weight, identity, data }
}
