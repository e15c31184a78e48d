//! Explains an answer: runs the answer path itself with a recorder, and adds what led to each client's plan.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::dns::name::Name;
use crate::dns::wire::number::rtype;
use crate::locate::region::Chooser;
use crate::respond::{Reply, Settings, Transport, Worker};
use crate::site::model::{ClientSource, PolicyId, RegionId};
use crate::steer::plan::Plans;
use crate::steer::resolve::Resolver;
use crate::steer::trace::{Recorder, Step};
use crate::table::{RoutingTable, Topology};

pub mod data;
pub mod response;
mod text;

/// A query to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub qtype: u16,
    /// The network in the client subnet option; `None` sends no option.
    pub client: Option<IpNet>,
    /// Address of the sender.
    pub resolver: IpAddr,
}

/// An answer and the steps that led to it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The question.
    pub question: Question,
    /// Generation of the table that answered.
    pub generation: u64,
    /// The recorded steps, in order.
    pub steps: Vec<Step>,
    /// The response as it would be sent; empty if the query is dropped.
    pub response: Vec<u8>,
}

/// Answers `question` from `table`. `seed` determines random draws.
pub fn explain(table: &RoutingTable, settings: Arc<Settings>, question: Question, seed: u64) -> Explanation {
    let mut buffer = datagram(&question);
    let len = buffer.len();
    buffer.resize(usize::from(u16::MAX), 0);
    let mut recorder = Recorder::default();
    let mut worker = Worker::new(settings, seed);
    let reply = worker.respond(table, (question.resolver, 53).into(), Transport::Udp, &mut buffer, len, &mut recorder);
    buffer.truncate(if let Reply::Send(len) = reply { len } else { 0 });
    let steps = with_places(table, recorder.steps);
    Explanation { question, generation: table.generation(), steps, response: buffer }
}

/// Inserts, after each step that locates a client, the steps that led from its location to its plan.
///
/// The answer path reads the plan from a column; the same resolver that built the column is used here.
fn with_places(table: &RoutingTable, steps: Vec<Step>) -> Vec<Step> {
    let topology = table.topology();
    let mut policy: Option<PolicyId> = None;
    let mut all = Vec::with_capacity(steps.len() + 4);
    for step in steps {
        if let Step::Service { index } = step {
            policy = topology.site.services.get(index as usize).map(|service| service.policy);
        }
        let client = if let Step::Client { address, .. } = step { Some(address) } else { None };
        all.push(step);
        if let (Some(address), Some(policy)) = (client, policy) {
            let locus = topology.index.locus_of(address);
            all.extend(region(topology, locus));
            let resolver = Resolver::new(&topology.site, &topology.index, &topology.latencies, [policy]);
            let mut places = Recorder::default();
            resolver.resolve(policy, locus, &mut Plans::default(), &mut places);
            all.extend(places.steps);
        }
    }
    all
}

/// The client's region among all regions; `None` if the document has none.
fn region(topology: &Topology, locus: u32) -> Option<Step> {
    let regions = &topology.site.regions;
    let chosen =
        (!regions.is_empty()).then(|| Chooser::of_all(regions, &topology.index).choose(locus, &topology.index))?;
    Some(Step::Region { matched: chosen.map(|(region, matcher)| (RegionId(region as u32), matcher)) })
}

/// The wire format of a question, with EDNS; its ID is 0.
pub fn datagram(question: &Question) -> Vec<u8> {
    let mut octets = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    octets.extend_from_slice(question.name.as_wire());
    octets.extend_from_slice(&question.qtype.to_be_bytes());
    octets.extend_from_slice(&[0, 1]);
    let subnet = question.client.map(subnet_option).unwrap_or_default();
    octets.extend_from_slice(&[0, 0, rtype::OPT as u8, 0x04, 0xD0, 0, 0, 0, 0]);
    octets.extend_from_slice(&(subnet.len() as u16).to_be_bytes());
    octets.extend_from_slice(&subnet);
    octets
}

/// The client subnet option for a network, including code and length (RFC 7871 §6).
fn subnet_option(client: IpNet) -> Vec<u8> {
    let (family, address): (u8, Vec<u8>) = match client.network() {
        IpAddr::V4(v4) => (1, v4.octets().into()),
        IpAddr::V6(v6) => (2, v6.octets().into()),
    };
    let octets = usize::from(client.prefix_len()).div_ceil(8);
    let mut option = vec![0, 8, 0, 4 + octets as u8, 0, family, client.prefix_len(), 0];
    option.extend(address.into_iter().take(octets));
    option
}

impl Explanation {
    /// True if a client subnet was sent and some service ignored it.
    pub fn ignores_subnet(&self, table: &RoutingTable) -> bool {
        let services = &table.topology().services;
        self.question.client.is_some()
            && self.steps.iter().any(|step| match step {
                Step::Service { index } => {
                    services.get(*index as usize).is_some_and(|service| service.client == ClientSource::Resolver)
                }
                _ => false,
            })
    }
}
