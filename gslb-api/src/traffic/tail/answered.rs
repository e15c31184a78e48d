//! A captured answer: query and response parsed from their octets, and the decision by name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gslb_core::dns::name::Name;
use gslb_core::dns::rdata::type_to_text;
use gslb_core::explain::data::rcode_text;
use gslb_core::explain::response::{Record, Response};
use gslb_core::respond::{Chosen, Transport};
use gslb_core::site::model::Pool;
use gslb_core::steer::trace::{ClientFrom, Decided};
use gslb_core::table::Topology;
use ipnet::IpNet;

use crate::traffic::sample::RegionFinder;
use crate::types::{self, Answered, Decision, DecisionKind, NamedEndpoint, Timestamp};

/// An answer as who gave it noted it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The names of the decision's indices, with their [topology](gslb_core::table::counts::Counts::topology_id);
    /// `None` if the document has changed since, so that they are unknown.
    pub topology: Option<(u64, &'a Topology)>,
    /// Generation of the table that answered.
    pub generation: u64,
    /// When it was answered.
    pub time: SystemTime,
    /// Its transport.
    pub transport: Transport,
    /// The client.
    pub resolver: SocketAddr,
    /// The decisions of services, in order; empty if no service decided.
    pub decisions: &'a [Decided],
    /// The endpoints that were named.
    pub chosen: &'a [Chosen],
    /// The response as it was sent.
    pub response: &'a [u8],
}

/// An answer that is parsed on demand.
pub(super) struct Read<'a> {
    seen: &'a Seen<'a>,
    response: Option<Response>,
}

impl<'a> Read<'a> {
    pub(super) fn new(seen: &'a Seen<'a>) -> Self {
        Self { seen, response: None }
    }

    /// Whether the service decided, first or through another one.
    pub(super) fn is_of_service(&self, name: &Name) -> bool {
        let Some((_, topology)) = self.seen.topology else { return false };
        let is_it = |index: u32| topology.site.services.get(index as usize).is_some_and(|it| it.name == *name);
        self.seen.decisions.iter().any(|it| is_it(it.service))
    }

    /// Whether an endpoint in the data center was named.
    pub(super) fn names_data_center(&self, name: &str) -> bool {
        let Some((_, topology)) = self.seen.topology else { return false };
        self.seen.chosen.iter().any(|it| {
            topology.site.pools.get(it.pool.0 as usize).and_then(|pool| data_center(topology, pool)) == Some(name)
        })
    }

    /// The known network of the client: the resolver's address if there is no client subnet.
    pub(super) fn client_network(&mut self) -> IpNet {
        self.sent_network().unwrap_or_else(|| self.seen.resolver.ip().to_canonical().into())
    }

    /// The network that the resolver sent.
    fn sent_network(&mut self) -> Option<IpNet> {
        let network = match self.seen.decisions.first() {
            Some(&Decided { client, from: ClientFrom::Subnet(source), .. }) => IpNet::new(client, source).ok(),
            Some(_) => None,
            None => self.response()?.client,
        };
        network.map(|network| network.trunc())
    }

    fn response(&mut self) -> Option<&Response> {
        if self.response.is_none() {
            self.response = Response::parse(self.seen.response).ok();
        }
        self.response.as_ref()
    }

    /// All of it as an object of JSON; `finder` finds regions of a topology.
    pub(super) fn json(&mut self, finder: impl FnOnce(u64, &Topology) -> Arc<RegionFinder>) -> Arc<str> {
        let seen = self.seen;
        let (client, client_from) = self.client();
        let since = seen.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let response = self.response();
        let question = response.and_then(|response| response.question.as_ref());
        let first = seen.decisions.first();
        let decisions = seen.topology.map(|(_, topology)| decisions(topology, seen)).unwrap_or_default();
        let region = first
            .zip(seen.topology)
            .and_then(|(first, (topology_id, topology))| finder(topology_id, topology).region(topology, first.client));
        let answered = Answered {
            time: Timestamp::from_millis(since.as_millis() as u64),
            generation: seen.generation,
            transport: seen.transport.as_str().into(),
            resolver: seen.resolver,
            client,
            client_from,
            name: question.map(|(name, _)| name.to_string()),
            r#type: question.map(|(_, qtype)| type_to_text(*qtype).to_string()),
            decision: match (seen.decisions, &*decisions) {
                ([], _) => DecisionKind::Zone,
                (_, [_, ..]) => DecisionKind::Service,
                (_, []) => DecisionKind::Lost,
            },
            service: decisions.first().map(|first| first.service.clone()),
            region: region.as_deref().map(Into::into),
            fallback: decisions.first().and_then(|first| first.fallback.clone()),
            endpoints: decisions.iter().flat_map(|decision| &decision.endpoints).cloned().collect(),
            decisions,
            rcode: response.map_or_else(String::new, |response| rcode_text(response.rcode)),
            truncated: response.is_some_and(|response| response.truncated),
            scope: response.and_then(|response| response.subnet).map(|(_, _, scope)| scope),
            answer: response.map(|response| lines(&response.sections)).unwrap_or_default(),
        };
        serde_json::to_string(&answered).unwrap_or_default().into()
    }

    /// The address that decided, as text, and its source.
    fn client(&mut self) -> (String, types::ClientFrom) {
        match self.sent_network() {
            Some(network) => (network.to_string(), types::ClientFrom::Subnet),
            None => (self.seen.resolver.ip().to_canonical().to_string(), types::ClientFrom::Resolver),
        }
    }
}

fn data_center<'t>(topology: &'t Topology, pool: &Pool) -> Option<&'t str> {
    Some(&*topology.site.data_centers.get(pool.data_center?.0 as usize)?.name)
}

/// The decisions by name, each with the endpoints that it named.
fn decisions<'t>(topology: &'t Topology, seen: &Seen<'_>) -> Vec<Decision<'t>> {
    let of = |decided: &Decided| {
        let service = topology.site.services.get(decided.service as usize)?;
        // No service decides twice for one answer: alias loops end it.
        let chosen = seen.chosen.iter().filter(|chosen| chosen.service == decided.service);
        Some(Decision {
            service: service.name.to_written(),
            fallback: decided.fallback.map(|fallback| fallback.kind(service.when_all_down).into()),
            endpoints: chosen.filter_map(|chosen| named(topology, chosen)).collect(),
        })
    };
    seen.decisions.iter().filter_map(of).collect()
}

fn named<'t>(topology: &'t Topology, chosen: &Chosen) -> Option<NamedEndpoint<'t>> {
    let pool = topology.site.pools.get(chosen.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(usize::from(chosen.endpoint))?;
    Some(NamedEndpoint {
        pool: (*pool.name).into(),
        endpoint: (*endpoint.name).into(),
        data_center: data_center(topology, pool).map(Into::into),
    })
}

/// The answer section, each record as a line of a master file.
fn lines([answer, ..]: &[Vec<Record>; 3]) -> Vec<String> {
    answer.iter().map(Record::to_line).collect()
}
