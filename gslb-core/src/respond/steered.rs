//! Answers a steered name: locates the client, decides its plan, writes the endpoints.

use std::net::IpAddr;

use super::answer::{Answering, Next};
use super::name_offset::NameOffset;
use super::sample::SteeredAnswer;
use super::tally::Outcome as SteeringOutcome;
use crate::dns::wire::message::{Full, Message, Section};
use crate::dns::wire::number::{Ede, Rcode, rtype};
use crate::live::demand::Demand;
use crate::live::fallback::Fallback;
use crate::live::pool::{Data, Kind};
use crate::locate::column::Located;
use crate::locate::hashed_prefix::HashedPrefix;
use crate::site::model::{ClientSource, PoolId};
use crate::steer::decide::Decision;
use crate::steer::draw::Draw;
use crate::steer::outcome::Outcome;
use crate::steer::trace::{ClientFrom, Decided, Step, Trace};
use crate::steer::view::View;
use crate::table::counts::Row;
use crate::table::{Service, Steers, Target};
use crate::zone::catalog::NodeRef;
use crate::zone::set::pointer;

impl Steers {
    /// The kind of answer that a service gives to a query type; `None` if the zone's own data answers.
    #[inline]
    pub(super) fn kind(self, qtype: u16) -> Option<Kind> {
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
struct SteeringContext<'t> {
    /// Index of the service.
    index: u32,
    service: &'t Service,
    kind: Kind,
    client: Client,
}

/// The client of a decision.
#[derive(Debug, Clone, Copy)]
struct Client {
    address: IpAddr,
    from: ClientFrom,
}

impl<T: Trace> Answering<'_, '_, T> {
    #[inline]
    pub(super) fn steered(
        &mut self,
        place: NameOffset,
        node: NodeRef<'_>,
        index: u32,
        service: &Service,
        kind: Kind,
    ) -> Next {
        self.trace.note(|| Step::Service { index });
        if !kind.of(service.steers.has) {
            self.trace.note(|| Step::NoSuchEndpoint);
            return self.negative(place, node.zone());
        }
        let client = self.client(service);
        let topology = self.table.topology();
        let located = match topology.columns.get(service.column as usize) {
            Some(column) => column.locate(client.address),
            None => Located { class: 0, scope: 0 },
        };
        let Some(target) = service.targets.get(located.class as usize) else { return self.fail() };
        let by_client = kind.of(target.by_client);
        let hashed = by_client.then(|| HashedPrefix::of(client.address, service.prefixes));
        let scope = scope_of(client, located, hashed);
        self.scope = self.scope.max(scope);
        self.trace.note(|| Step::Client { address: client.address, from: client.from, scope });
        if matches!(client.from, ClientFrom::Subnet(_)) {
            self.located = true;
        }
        let context = SteeringContext { index, service, kind, client };
        self.decide(place, node, context, target, hashed.map_or(0, |prefix| prefix.key))
    }

    #[inline]
    fn client(&self, service: &Service) -> Client {
        match self.query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
            Some(subnet) if service.client == ClientSource::ClientSubnet && subnet.source > 0 => {
                Client { address: subnet.address(), from: ClientFrom::Subnet(subnet.source) }
            }
            _ => Client { address: self.sender.resolver.ip().to_canonical(), from: ClientFrom::Resolver },
        }
    }

    #[inline]
    fn decide(
        &mut self,
        place: NameOffset,
        node: NodeRef<'_>,
        context: SteeringContext<'_>,
        target: &Target,
        client_key: u64,
    ) -> Next {
        let service = context.service;
        let row = self.table.row(self.state.row);
        let start = self.message.len();
        let mut records = Records {
            message: &mut self.message,
            owner: pointer(place.suffix(0)).to_be_bytes(),
            written: 0,
            full: false,
            cname: None,
        };
        let draw = if service.sticky { Draw::Sticky } else { Draw::Fresh(&mut self.state.dice) };
        let (mut first, mut last) = (None, None);
        let mut decision = Decision {
            view: View {
                plans: &self.table.topology().plans,
                pools: self.table.pools(),
                kind: context.kind,
                steers_both: service.steers.both(),
            },
            when_all_down: service.when_all_down,
            client_key,
            draw,
            ttl: service.ttl,
            trace: self.trace,
            emit: |pool, entry: &crate::live::pool::Entry, ttl| {
                // Count a pool once, even if several of its endpoints are named.
                if last != Some(pool) {
                    first = first.or(Some(pool));
                    last = Some(pool);
                    if let Some(row) = row {
                        row.named(pool);
                    }
                }
                records.add(&entry.data, ttl);
            },
        };
        // A recording tracer gets all steps.
        let outcome = match T::IS_READ {
            true => decision.decide(target.plan),
            false => decision.decide_by(self.table.shortcut(target.plan, context.kind), target.plan),
        };
        let ttl = decision.ttl;
        let Records { written, full, cname, .. } = records;
        self.outcome = SteeringOutcome::Steered;
        self.count(context, row, outcome, first);
        if full {
            self.message.truncate(start);
            self.message.truncated = true;
            return Next::Done;
        }
        self.message.count(Section::Answer, written);
        match outcome {
            Outcome::Answered(_) | Outcome::LastResort(_) => {}
            Outcome::NoData | Outcome::NoSuchKind => return self.negative(place, node.zone()),
            Outcome::KindDown => return self.negative_within(place, node.zone(), ttl),
            Outcome::ServFail => return self.fail(),
        }
        match cname {
            Some(at) if !self.ends_at_alias() => self.follow(at),
            _ => Next::Done,
        }
    }

    /// Counts a decision, and offers it to sampling and tracing.
    #[inline]
    fn count(&mut self, context: SteeringContext<'_>, row: Option<&Row>, outcome: Outcome, pool: Option<PoolId>) {
        let (service, Client { address: client, from }) = (context.index, context.client);
        self.trace.decided(|| Decided { service, client, from, fallback: fallback(outcome) });
        let Some(row) = row else { return };
        let fallback = fallback(outcome);
        row.answered(service, fallback);
        let source = match from {
            ClientFrom::Subnet(source) => Some(source),
            ClientFrom::Resolver => None,
        };
        self.state.sampling.note(SteeredAnswer {
            topology_id: row.topology_id,
            service,
            pool,
            client,
            source,
            fallback,
        });
    }

    /// Follows a steered CNAME if its target is in our zones.
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
    match client.from {
        ClientFrom::Resolver => 0,
        ClientFrom::Subnet(_) => located.scope.max(hashed.map_or(0, |prefix| prefix.len)),
    }
}

/// Writes the records of a decision as endpoints are chosen.
struct Records<'a, 'm> {
    message: &'a mut Message<'m>,
    owner: [u8; 2],
    written: u16,
    full: bool,
    /// Offset of a CNAME's target.
    cname: Option<usize>,
}

impl Records<'_, '_> {
    #[inline]
    fn add(&mut self, data: &Data, ttl: u32) {
        let added = match data {
            Data::V4(address) => {
                let head = self.head(rtype::A, ttl, 4);
                self.message.put_array(head).and_then(|()| self.message.put_array(*address))
            }
            Data::V6(address) => {
                let head = self.head(rtype::AAAA, ttl, 16);
                self.message.put_array(head).and_then(|()| self.message.put_array(*address))
            }
            Data::Cname(name) => {
                self.cname = Some(self.message.len() + 12);
                let head = self.head(rtype::CNAME, ttl, name.wire_len());
                self.message.put_array(head).and_then(|()| self.message.put(name.as_wire()))
            }
        };
        match added {
            Ok(()) => self.written += 1,
            Err(Full) => self.full = true,
        }
    }

    /// The record header in front of `rdata_len` octets of rdata.
    #[inline]
    fn head(&self, rtype: u16, ttl: u32, rdata_len: usize) -> [u8; 12] {
        let ([o0, o1], [y0, y1], [t0, t1, t2, t3]) = (self.owner, rtype.to_be_bytes(), ttl.to_be_bytes());
        let [l0, l1] = (rdata_len as u16).to_be_bytes();
        [o0, o1, y0, y1, 0, 1, t0, t1, t2, t3, l0, l1]
    }
}
