//! An explanation as data for programs: every step with names, and the answer as dig prints it.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Explanation;
use super::response::{Record, Response};
pub use super::text::{extended_error_text, rcode_text};
use crate::dns::name::Name;
use crate::dns::rdata::type_to_text;
use crate::live::demand::Demand;
use crate::site::model::{PolicyId, PoolId};
use crate::steer::trace::{Choice, ClientFrom, OrderedBy, OrderedPool, Reason, Step};
use crate::table::RoutingTable;

/// An explanation with all indices replaced by names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedQuery))]
pub struct Explained {
    /// The question.
    pub question: ExplainedQuestion,
    /// Generation of the table that answered.
    pub generation: u64,
    /// The recorded steps, in order.
    pub steps: Vec<ExplainedStep>,
    /// True if a client subnet was sent and a service ignored it.
    pub ignores_subnet: bool,
    /// The answer; absent if the query is dropped.
    pub answer: Option<Answer>,
    /// The whole explanation as text for people.
    pub text: String,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedQuestion))]
pub struct ExplainedQuestion {
    /// QNAME.
    pub name: String,
    /// QTYPE, such as `AAAA` or `TYPE65280`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Network of the client subnet option; absent if it is not sent.
    pub client: Option<String>,
    /// Address of the sender.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub resolver: IpAddr,
}

/// A response, as it would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedAnswer))]
pub struct Answer {
    /// Response code, such as `NOERROR`.
    pub rcode: String,
    /// Extended DNS Error (RFC 8914), such as `20 (Not Authoritative)`; absent without the option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_error: Option<String>,
    /// AA bit.
    pub authoritative: bool,
    /// TC bit.
    pub truncated: bool,
    /// Size of the message in octets.
    pub octets: usize,
    /// SOURCE PREFIX-LENGTH of the client subnet option; absent without the option.
    pub source: Option<u8>,
    /// SCOPE PREFIX-LENGTH of the client subnet option; absent without the option.
    pub scope: Option<u8>,
    /// Records of the answer section, each as a zone file line.
    pub answer: Vec<String>,
    /// Records of the authority section.
    pub authority: Vec<String>,
    /// Records of the additional section, without OPT.
    pub additional: Vec<String>,
}

/// A step with names. See [`Step`] for what each one means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedStep))]
#[serde(tag = "step", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the steps and their fields are those of `Step`, by name instead of number")]
pub enum ExplainedStep {
    Node {
        zone: String,
        name: String,
    },
    NoSuchName,
    NoSuchType,
    NoSuchEndpoint,
    NotSteered,
    Any,
    NotOurs,
    Referral,
    Alias {
        target: String,
    },
    Service {
        name: String,
        policy: String,
    },
    Client {
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        address: IpAddr,
        source: Option<u8>,
        scope: u8,
        place: Place,
    },
    Region {
        region: Option<String>,
        matcher: Option<String>,
    },
    Branch {
        policy: String,
        region: Option<String>,
        matcher: Option<String>,
    },
    Ordered {
        policy: String,
        by: Cow<'static, str>,
        measured_by: Option<String>,
        pools: Vec<Distance>,
    },
    Drawn {
        sticky: bool,
        among: Vec<Contender>,
        winner: usize,
    },
    Taken {
        pool: String,
        data_center: Option<String>,
    },
    Named {
        pool: String,
        endpoint: String,
        weight: u32,
        by: Cow<'static, str>,
        among: usize,
    },
    PassedOver {
        pool: String,
        data_center: Option<String>,
        reason: Cow<'static, str>,
        up: Option<u32>,
        min_up: Option<u32>,
    },
    Only {
        pools: Vec<String>,
    },
    Relaxed {
        demand: Cow<'static, str>,
    },
    TypeDown,
    NotYetKnown,
    TtlLimited {
        pool: String,
        ttl: u32,
    },
}

/// The location data of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedPlace))]
pub struct Place {
    /// Continent, such as `EU`.
    pub continent: Option<String>,
    /// Country, such as `DE`.
    pub country: Option<String>,
    /// Subdivision, such as `US-CA`.
    pub subdivision: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
}

/// A pool in an order, and its distance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedPool))]
pub struct Distance {
    /// Name of the pool.
    pub pool: String,
    /// Kilometers; absent if the client's location is unknown.
    pub kilometres: Option<u32>,
    /// Measured latency of its data center in milliseconds; absent if distance is used.
    pub milliseconds: Option<u32>,
}

/// A candidate in a draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplainedContender))]
pub struct Contender {
    /// Names of the pools it contains.
    pub pools: Vec<String>,
    /// Its weight.
    pub weight: u32,
    /// False if none of its pools is up, or its weight is 0.
    pub takes_part: bool,
}

impl Explanation {
    /// The explanation as data for programs; `table` must be the one that answered.
    pub fn to_data(&self, table: &RoutingTable) -> Explained {
        let names = Names { table };
        Explained {
            question: ExplainedQuestion {
                name: self.question.name.to_string(),
                rtype: type_to_text(self.question.qtype).to_string(),
                client: self.question.client.map(|client| client.to_string()),
                resolver: self.question.resolver,
            },
            generation: self.generation,
            steps: self.steps.iter().map(|step| names.explain_step(step)).collect(),
            ignores_subnet: self.ignores_subnet(table),
            answer: Response::parse(&self.response).ok().map(|response| answer(&response, self.response.len())),
            text: self.to_text(table),
        }
    }
}

fn answer(response: &Response, octets: usize) -> Answer {
    let lines = |section: &[Record]| section.iter().map(Record::to_line).collect();
    let [answer, authority, additional] = &response.sections;
    Answer {
        rcode: rcode_text(response.rcode),
        extended_error: response.extended_error.map(extended_error_text),
        authoritative: response.authoritative,
        truncated: response.truncated,
        octets,
        source: response.subnet.map(|(_, source, _)| source),
        scope: response.subnet.map(|(_, _, scope)| scope),
        answer: lines(answer),
        authority: lines(authority),
        additional: lines(additional),
    }
}

/// Resolves indices to names.
struct Names<'a> {
    table: &'a RoutingTable,
}

impl Names<'_> {
    fn explain_step(&self, step: &Step) -> ExplainedStep {
        match step {
            Step::Node { zone, name } => ExplainedStep::Node { zone: domain(zone), name: domain(name) },
            Step::NoSuchName => ExplainedStep::NoSuchName,
            Step::NoSuchType => ExplainedStep::NoSuchType,
            Step::NoSuchEndpoint => ExplainedStep::NoSuchEndpoint,
            Step::NotSteered => ExplainedStep::NotSteered,
            Step::Any => ExplainedStep::Any,
            Step::NotOurs => ExplainedStep::NotOurs,
            Step::Referral => ExplainedStep::Referral,
            Step::Alias { target } => ExplainedStep::Alias { target: domain(target) },
            Step::Service { index } => self.service(*index),
            Step::Client { address, from, scope } => ExplainedStep::Client {
                address: *address,
                source: match from {
                    ClientFrom::Subnet(source) => Some(*source),
                    ClientFrom::Resolver => None,
                },
                scope: *scope,
                place: self.place(*address),
            },
            Step::Region { matched } => ExplainedStep::Region {
                region: matched.as_ref().map(|(region, _)| self.region(region.0)),
                matcher: matched.as_ref().map(|(_, matcher)| matcher.to_string()),
            },
            Step::Branch { policy, matched } => ExplainedStep::Branch {
                policy: self.policy(*policy),
                region: matched.as_ref().map(|(region, _)| self.region(region.0)),
                matcher: matched.as_ref().map(|(_, matcher)| matcher.to_string()),
            },
            Step::Ordered { policy, by, pools } => self.ordered(*policy, by, pools),
            Step::Drawn { sticky, among, winner } => ExplainedStep::Drawn {
                sticky: *sticky,
                among: among
                    .iter()
                    .map(|contender| Contender {
                        pools: contender.pools.iter().map(|&pool| self.pool(pool)).collect(),
                        weight: contender.weight,
                        takes_part: contender.takes_part,
                    })
                    .collect(),
                winner: *winner,
            },
            Step::Taken(pool) => ExplainedStep::Taken { pool: self.pool(*pool), data_center: self.data_center(*pool) },
            Step::Named { pool, endpoint, by, among } => self.named(*pool, *endpoint, *by, *among),
            Step::PassedOver(pool, reason) => self.passed_over(*pool, *reason),
            Step::Only(pools) => ExplainedStep::Only { pools: pools.iter().map(|&pool| self.pool(pool)).collect() },
            Step::Relaxed(demand) => ExplainedStep::Relaxed { demand: demanded(*demand).into() },
            Step::KindDown => ExplainedStep::TypeDown,
            Step::NotYetKnown => ExplainedStep::NotYetKnown,
            Step::TtlLimited { pool, ttl } => ExplainedStep::TtlLimited { pool: self.pool(*pool), ttl: *ttl },
        }
    }

    fn ordered(&self, policy: PolicyId, by: &OrderedBy, pools: &[OrderedPool]) -> ExplainedStep {
        let (by, measured_by) = match by {
            OrderedBy::Distance => ("distance", None),
            OrderedBy::Vantage(name) => ("vantage", Some(name.to_string())),
            OrderedBy::Clients(area) => ("clients", Some(area.to_string())),
        };
        let distance = |&OrderedPool { pool, kilometres, milliseconds }: &OrderedPool| Distance {
            pool: self.pool(pool),
            kilometres,
            milliseconds,
        };
        ExplainedStep::Ordered {
            policy: self.policy(policy),
            by: by.into(),
            measured_by,
            pools: pools.iter().map(distance).collect(),
        }
    }

    fn service(&self, index: u32) -> ExplainedStep {
        let service = self.table.topology().site.services.get(index as usize);
        ExplainedStep::Service {
            name: service.map_or_else(String::new, |service| service.name.to_string()),
            policy: service.map_or_else(String::new, |service| self.policy(service.policy)),
        }
    }

    fn place(&self, address: IpAddr) -> Place {
        let index = &self.table.topology().index;
        let Some(place) = index.place(index.locus_of(address)) else { return Place::default() };
        Place {
            continent: place.continent.map(|continent| continent.to_string()),
            country: place.country.map(|country| country.to_string()),
            subdivision: place.subdivision.as_ref().map(|code| code.to_string()),
            asn: place.asn,
        }
    }

    fn named(&self, pool: PoolId, endpoint: u16, by: Choice, among: usize) -> ExplainedStep {
        let found = self.table.topology().site.pools.get(pool.0 as usize);
        let found = found.and_then(|pool| pool.endpoints.get(usize::from(endpoint)));
        let weight = self.table.state(pool, u32::from(endpoint)).map_or(0, |state| state.weight);
        ExplainedStep::Named {
            pool: self.pool(pool),
            endpoint: found.map_or_else(String::new, |endpoint| endpoint.name.to_string()),
            weight,
            by: Cow::Borrowed(match by {
                Choice::All => "all",
                Choice::Dice => "dice",
                Choice::Client => "client",
            }),
            among,
        }
    }

    fn passed_over(&self, pool: PoolId, reason: Reason) -> ExplainedStep {
        let (reason, up, min_up) = match reason {
            Reason::Down { up, min_up } => ("down", Some(up), Some(min_up)),
            Reason::NoneOfType => ("none-of-type", None, None),
            Reason::NoWeight => ("no-weight", None, None),
        };
        ExplainedStep::PassedOver {
            pool: self.pool(pool),
            data_center: self.data_center(pool),
            reason: reason.into(),
            up,
            min_up,
        }
    }

    fn pool(&self, id: PoolId) -> String {
        self.table.topology().site.pools.get(id.0 as usize).map_or_else(String::new, |pool| pool.name.to_string())
    }

    fn data_center(&self, id: PoolId) -> Option<String> {
        let site = &self.table.topology().site;
        let data_center = site.pools.get(id.0 as usize)?.data_center?;
        site.data_centers.get(data_center.0 as usize).map(|data_center| data_center.name.to_string())
    }

    fn policy(&self, id: PolicyId) -> String {
        let policy = self.table.topology().site.policies.get(id.0 as usize);
        policy.map_or_else(String::new, |policy| policy.label().into_owned())
    }

    fn region(&self, id: u32) -> String {
        let region = self.table.topology().site.regions.get(id as usize);
        region.map_or_else(String::new, |region| region.name.to_string())
    }
}

fn demanded(demand: Demand) -> &'static str {
    match demand {
        Demand::Up => "up",
        Demand::UpWithoutWeight => "up-without-weight",
        Demand::UpInAnyPool => "up-in-any-pool",
        Demand::LastUp => "last-up",
        Demand::Any => "any",
    }
}

fn domain(wire: &[u8]) -> String {
    Name::from_wire(wire).map_or_else(|_| String::new(), |name| name.to_string())
}
