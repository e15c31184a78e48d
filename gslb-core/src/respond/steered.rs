//! Answers a steered name: locates the client, decides its plan, writes the endpoints.

use super::answer::{Answering, Next};
use super::name_offset::NameOffset;
use super::sample::SteeredAnswer;
use super::tally::Outcome as SteeringOutcome;
use crate::dns::name::Name;
use crate::dns::wire::message::{Full, Message, Section};
use crate::dns::wire::number::{Ede, Rcode, rtype};
use crate::live::demand::Demand;
use crate::live::fallback::Fallback;
use crate::live::pool::{Data, Entry, Kind};
use crate::locate::column::Located;
use crate::locate::hashed_prefix::HashedPrefix;
use crate::locate::numeric::NumericAddress;
use crate::site::model::{ClientSource, PoolId};
use crate::steer::decide::Decision;
use crate::steer::direct::direct;
use crate::steer::draw::Draw;
use crate::steer::endpoints::{Selected, leaders, select};
use crate::steer::outcome::Outcome;
use crate::steer::plan::PlanId;
use crate::steer::trace::{ClientFrom, Decided, Step, Trace};
use crate::steer::view::View;
use crate::table::counts::Row;
use crate::table::{RoutingTable, Service, Steers};
use crate::zone::catalog::NodeRef;
use crate::zone::set::pointer;

impl Steers {
    /// The kind of answer that a service gives to a query type; `None` if the zone's own data answers.
    #[inline]
    pub(super) fn kind(&self, qtype: u16) -> Option<Kind> {
        match qtype {
            rtype::A if self.a => Some(Kind::A),
            rtype::AAAA if self.aaaa => Some(Kind::Aaaa),
            // Like a CNAME in a zone, a service whose endpoints are names answers every type with a CNAME.
            _ if self.all_by_name => Some(Kind::Cname),
            _ => None,
        }
    }
}

/// The input of a decision.
#[derive(Clone, Copy)]
struct Steering<'t> {
    /// Index of the service.
    index: u32,
    service: &'t Service,
    kind: Kind,
    client: Client,
    /// Key of the client's prefix, for sticky draws.
    client_key: u64,
    plan: PlanId,
}

/// The client of a decision.
#[derive(Debug, Clone, Copy)]
struct Client {
    address: NumericAddress,
    /// Length of the client subnet in bits; `None` if it is the resolver's own address.
    source: Option<u8>,
}

impl Client {
    fn from(self) -> ClientFrom {
        self.source.map_or(ClientFrom::Resolver, ClientFrom::Subnet)
    }
}

impl<T: Trace> Answering<'_, '_, T> {
    #[inline(always)]
    pub(super) fn steered(
        &mut self,
        place: NameOffset,
        node: NodeRef<'_>,
        index: u32,
        service: &Service,
        kind: Kind,
    ) -> Next {
        // A recording tracer gets all steps.
        if !T::IS_READ
            && let Some(next) = self.steered_directly(place, index, service, kind)
        {
            return next;
        }
        self.steered_by_rules(place, node, index, service, kind)
    }

    /// Locates the client; `None` if its class has no plan.
    #[inline(always)]
    fn steering<'t>(&mut self, index: u32, service: &'t Service, kind: Kind) -> Option<Steering<'t>> {
        let client = self.client(service);
        let located = match self.table.topology().columns.get(service.column as usize) {
            Some(column) => column.locate(client.address),
            None => Located { class: 0, scope: 0 },
        };
        let target = service.targets.get(located.class as usize)?;
        let hashed = kind.at(&target.by_client).then(|| HashedPrefix::of(client.address, service.prefixes));
        let scope = scope_of(client, located, hashed);
        self.scope = self.scope.max(scope);
        self.trace.note(|| Step::Client { address: client.address.into(), from: client.from(), scope });
        if client.source.is_some() {
            self.located = true;
        }
        let client_key = hashed.map_or(0, |prefix| prefix.key);
        Some(Steering { index, service, kind, client, client_key, plan: target.plan })
    }

    #[inline(always)]
    fn client(&self, service: &Service) -> Client {
        match self.query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
            Some(subnet) if service.client == ClientSource::ClientSubnet && subnet.source > 0 => {
                Client { address: subnet.numeric(), source: Some(subnet.source) }
            }
            _ => Client { address: self.sender.resolver.ip().to_canonical().into(), source: None },
        }
    }

    /// Answers without a walk of the plan, as nearly always; `None` if the rules must be asked.
    ///
    /// A function of its own, so that its values are in registers.
    #[inline(never)]
    fn steered_directly(&mut self, place: NameOffset, index: u32, service: &Service, kind: Kind) -> Option<Next> {
        if !kind.at(&service.steers.has) {
            return None;
        }
        let steering = self.steering(index, service, kind)?;
        let table = self.table;
        let mut draw = Draw::of(service.sticky, &mut self.state.dice);
        let shortcut = |plan| table.shortcut(plan, kind);
        let found = direct(view(table, steering), shortcut, steering.plan, &mut draw, steering.client_key)?;
        let selected = select(found.pool, found.ready, &mut draw, found.client_key);
        let row = table.row(self.state.row);
        if let Some(row) = row {
            row.named(found.id);
        }
        self.count(steering, row, Outcome::Answered(found.demand), Some(found.id));
        let ttl = service.ttl.min(found.ttl_limit);
        Some(match selected {
            Selected::Entries(entries, _) => self.write_entries(place, ttl, entries),
            Selected::Leaders { key, .. } => {
                let answers = found.pool.answers;
                self.write_each(place, ttl, |write| leaders(found.ready.entries, key, answers, write))
            }
        })
    }

    #[inline(always)]
    fn write_entries(&mut self, place: NameOffset, ttl: u32, entries: &[Entry]) -> Next {
        let start = self.message.len();
        if self.write_addresses(place, ttl, entries).is_some() {
            self.message.count(Section::Answer, entries.len() as u16);
            return Next::Done;
        }
        self.message.truncate(start);
        self.write_each(place, ttl, |write| entries.iter().for_each(write))
    }

    /// Writes the records of addresses; `None` if one is a name, or does not fit.
    #[inline(always)]
    fn write_addresses(&mut self, place: NameOffset, ttl: u32, entries: &[Entry]) -> Option<()> {
        let owner = pointer(place.suffix(0)).to_be_bytes();
        for entry in entries {
            let written = match &entry.data {
                Data::V4(address) => self.message.put_record(head(owner, rtype::A, ttl, 4), *address),
                Data::V6(address) => self.message.put_record(head(owner, rtype::AAAA, ttl, 16), *address),
                Data::Cname(_) => return None,
            };
            written.ok()?;
        }
        Some(())
    }

    /// Writes records of any kind: `each` calls its argument with every endpoint.
    #[inline(never)]
    fn write_each(&mut self, place: NameOffset, ttl: u32, each: impl FnOnce(&mut dyn FnMut(&Entry))) -> Next {
        let mut records = Records::new(&mut self.message, place, ttl);
        each(&mut |entry| records.add(&entry.data));
        let written = records.written;
        self.answered(written)
    }

    /// Answers by the rules.
    #[inline(never)]
    fn steered_by_rules(
        &mut self,
        place: NameOffset,
        node: NodeRef<'_>,
        index: u32,
        service: &Service,
        kind: Kind,
    ) -> Next {
        self.trace.note(|| Step::Service { index });
        if !kind.at(&service.steers.has) {
            self.trace.note(|| Step::NoSuchEndpoint);
            return self.negative(place, node.zone());
        }
        let Some(steering) = self.steering(index, service, kind) else { return self.fail() };
        let table = self.table;
        let row = table.row(self.state.row);
        let mut records = Records::new(&mut self.message, place, service.ttl);
        let (mut first, mut last) = (None, None);
        let mut decision = Decision {
            view: view(table, steering),
            when_all_down: service.when_all_down,
            client_key: steering.client_key,
            draw: Draw::of(service.sticky, &mut self.state.dice),
            ttl: service.ttl,
            trace: self.trace,
            emit: |pool, entry: &Entry, ttl| {
                // Count a pool once, even if several of its endpoints are named.
                if last != Some(pool) {
                    first = first.or(Some(pool));
                    last = Some(pool);
                    if let Some(row) = row {
                        row.named(pool);
                    }
                }
                records.ttl = ttl;
                records.add(&entry.data);
            },
        };
        let outcome = match T::IS_READ {
            true => decision.decide(steering.plan),
            false => decision.decide_by(table.shortcut(steering.plan, steering.kind), steering.plan),
        };
        let ttl = decision.ttl;
        let written = records.written;
        self.count(steering, row, outcome, first);
        match outcome {
            Outcome::Answered(_) | Outcome::LastResort(_) => self.answered(written),
            Outcome::NoData | Outcome::NoSuchKind => self.negative(place, node.zone()),
            Outcome::KindDown => self.negative_within(place, node.zone(), ttl),
            Outcome::ServFail => self.fail(),
        }
    }

    /// Finishes an answer with these records.
    #[inline(always)]
    fn answered(&mut self, written: Written) -> Next {
        if written.full {
            self.message.truncate(written.start);
            self.message.truncated = true;
            return Next::Done;
        }
        self.message.count(Section::Answer, written.records);
        match written.cname {
            Some(at) if !self.ends_at_alias() => self.follow(at),
            _ => Next::Done,
        }
    }

    /// Counts a decision, and offers it to sampling and tracing.
    #[inline(always)]
    fn count(&mut self, steering: Steering<'_>, row: Option<&Row>, outcome: Outcome, pool: Option<PoolId>) {
        let Steering { index: service, client, .. } = steering;
        self.outcome = SteeringOutcome::Steered;
        self.trace.decided(|| Decided {
            service,
            client: client.address.into(),
            from: client.from(),
            fallback: fallback(outcome),
        });
        let Some(row) = row else { return };
        let fallback = fallback(outcome);
        row.answered(service, fallback);
        self.state.sampling.note(SteeredAnswer {
            topology_id: row.topology_id,
            service,
            pool,
            client: client.address,
            source: client.source,
            fallback,
        });
    }

    /// Follows a steered CNAME if its target is in our zones.
    #[inline(never)]
    fn follow(&mut self, target_at: usize) -> Next {
        self.state.chain.push(self.key.hash_at(0));
        let target = self.message.tail(target_at);
        match self.key.fill(target) {
            Ok(len) => {
                let target = target.get(..len).unwrap_or_default();
                self.trace.note(|| Step::Alias { target: target.into() });
                Next::Follow { place: NameOffset::whole(target_at) }
            }
            Err(_) => Next::Done,
        }
    }

    #[cold]
    fn fail(&mut self) -> Next {
        self.message.fail(Rcode::ServFail, Ede::Other);
        Next::Done
    }
}

/// Why the decision deviates from the policy's normal result.
#[inline]
fn fallback(outcome: Outcome) -> Option<Fallback> {
    match outcome {
        Outcome::Answered(Demand::Up) | Outcome::NoSuchKind => None,
        Outcome::Answered(Demand::UpWithoutWeight) => Some(Fallback::WithoutWeight),
        Outcome::Answered(Demand::UpInAnyPool | Demand::LastUp | Demand::Any)
        | Outcome::LastResort(_)
        | Outcome::ServFail => Some(Fallback::LastResort),
        Outcome::NoData | Outcome::KindDown => Some(Fallback::Nobody),
    }
}

/// RFC 7871 §7.2.1 scope: how far around the client the answer applies; 0 if the resolver's address decided.
#[inline]
fn scope_of(client: Client, located: Located, hashed: Option<HashedPrefix>) -> u8 {
    match client.source {
        None => 0,
        Some(_) => located.scope.max(hashed.map_or(0, |prefix| prefix.len)),
    }
}

/// The parts of a table that a decision reads.
#[inline]
fn view<'a>(table: &'a RoutingTable, steering: Steering<'_>) -> View<'a> {
    let (kind, steers_both) = (steering.kind, steering.service.steers.both());
    View { plans: &table.topology().plans, pools: table.pools(), kind, steers_both }
}

/// Writes the records of a decision as endpoints are chosen.
struct Records<'a, 'm> {
    message: &'a mut Message<'m>,
    owner: [u8; 2],
    ttl: u32,
    written: Written,
}

/// The records of a decision.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Length of the message without them.
    start: usize,
    records: u16,
    /// True if one did not fit.
    full: bool,
    /// Offset of a CNAME's target.
    cname: Option<usize>,
}

impl<'a, 'm> Records<'a, 'm> {
    #[inline(always)]
    fn new(message: &'a mut Message<'m>, owner: NameOffset, ttl: u32) -> Records<'a, 'm> {
        let written = Written { start: message.len(), records: 0, full: false, cname: None };
        Records { message, owner: pointer(owner.suffix(0)).to_be_bytes(), ttl, written }
    }

    #[inline(always)]
    fn add(&mut self, data: &Data) {
        let added = match data {
            Data::V4(address) => self.message.put_record(head(self.owner, rtype::A, self.ttl, 4), *address),
            Data::V6(address) => self.message.put_record(head(self.owner, rtype::AAAA, self.ttl, 16), *address),
            Data::Cname(name) => {
                self.written.cname = Some(self.message.len() + RECORD_HEAD);
                put_cname(self.message, self.owner, self.ttl, name)
            }
        };
        match added {
            Ok(()) => self.written.records += 1,
            Err(Full) => self.written.full = true,
        }
    }
}

/// Octets of a record in front of its rdata, if its owner is a pointer.
const RECORD_HEAD: usize = 12;

/// The octets of a record in front of `rdata_len` octets of rdata.
#[inline(always)]
fn head([o0, o1]: [u8; 2], rtype: u16, ttl: u32, rdata_len: usize) -> [u8; RECORD_HEAD] {
    let ([y0, y1], [t0, t1, t2, t3]) = (rtype.to_be_bytes(), ttl.to_be_bytes());
    let [l0, l1] = (rdata_len as u16).to_be_bytes();
    [o0, o1, y0, y1, 0, 1, t0, t1, t2, t3, l0, l1]
}

#[inline(never)]
fn put_cname(message: &mut Message<'_>, owner: [u8; 2], ttl: u32, target: &Name) -> Result<(), Full> {
    message.put_array(head(owner, rtype::CNAME, ttl, target.wire_len()))?;
    message.put(target.as_wire())
}
