//! An answer that was given, read back: what was asked and answered from its octets, and its decision by name.

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
use serde::Serialize;

use crate::clock;
use crate::store::Time;
use crate::traffic::sample::RegionFinder;

/// An answer as who gave it noted it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What the numbers of the decision mean, with the number of its [edition](gslb_core::table::counts::Counts::edition);
    /// none where the document has changed since, so that nobody knows.
    pub topology: Option<(u64, &'a Topology)>,
    /// Generation of the table that answered.
    pub generation: u64,
    /// When it was answered.
    pub time: SystemTime,
    /// How it was asked.
    pub transport: Transport,
    /// Who asked.
    pub resolver: SocketAddr,
    /// What the services have decided, in that order; none where no service decided.
    pub decisions: &'a [Decided],
    /// The endpoints that were named.
    pub chosen: &'a [Chosen],
    /// The response as it was sent.
    pub response: &'a [u8],
}

/// What made an answer what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Decision {
    /// A service decided.
    Service,
    /// The zone's data, or nothing of ours.
    Zone,
    /// A service decided, and the document has changed since: its numbers have no names any more.
    Lost,
}

/// An answer as it is told.
#[derive(Debug, Serialize)]
struct Answered<'a> {
    time: String,
    generation: u64,
    transport: &'static str,
    resolver: SocketAddr,
    client: String,
    client_from: &'static str,
    name: Option<String>,
    #[serde(rename = "type")]
    rtype: Option<String>,
    decision: Decision,
    service: Option<String>,
    region: Option<Arc<str>>,
    fallback: Option<&'static str>,
    decisions: Vec<Told<'a>>,
    endpoints: Vec<Named<'a>>,
    rcode: String,
    truncated: bool,
    scope: Option<u8>,
    answer: Vec<String>,
}

/// What one service decided.
#[derive(Debug, Serialize)]
struct Told<'a> {
    service: String,
    fallback: Option<&'static str>,
    endpoints: Vec<Named<'a>>,
}

/// An endpoint that was named.
#[derive(Debug, Clone, Copy, Serialize)]
struct Named<'a> {
    pool: &'a str,
    endpoint: &'a str,
    data_center: Option<&'a str>,
}

/// An answer that is read as far as somebody asks for it.
pub(super) struct Read<'a> {
    seen: &'a Seen<'a>,
    response: Option<Response>,
}

impl<'a> Read<'a> {
    pub(super) fn new(seen: &'a Seen<'a>) -> Self {
        Self { seen, response: None }
    }

    /// Whether the service decided, be it the first one or one that another led to.
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

    /// The network that the client is in, as far as is known: an address where the resolver stands for it.
    pub(super) fn client_network(&mut self) -> IpNet {
        self.told_network().unwrap_or_else(|| self.seen.resolver.ip().to_canonical().into())
    }

    /// The network that the resolver told.
    fn told_network(&mut self) -> Option<IpNet> {
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
    pub(super) fn told(&mut self, finder: impl FnOnce(u64, &Topology) -> Arc<RegionFinder>) -> Arc<str> {
        let seen = self.seen;
        let (client, client_from) = self.client();
        let since = seen.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let response = self.response();
        let question = response.and_then(|response| response.question.as_ref());
        let first = seen.decisions.first();
        let decisions = seen.topology.map(|(_, topology)| told(topology, seen)).unwrap_or_default();
        let region = first
            .zip(seen.topology)
            .and_then(|(first, (edition, topology))| finder(edition, topology).region(topology, first.client));
        let answered = Answered {
            time: clock::show(Time::from_millis(since.as_millis() as u64)),
            generation: seen.generation,
            transport: seen.transport.as_str(),
            resolver: seen.resolver,
            client,
            client_from,
            name: question.map(|(name, _)| name.to_string()),
            rtype: question.map(|(_, qtype)| type_to_text(*qtype).to_string()),
            decision: match (seen.decisions, &*decisions) {
                ([], _) => Decision::Zone,
                (_, [_, ..]) => Decision::Service,
                (_, []) => Decision::Lost,
            },
            service: decisions.first().map(|first| first.service.clone()),
            region,
            fallback: decisions.first().and_then(|first| first.fallback),
            endpoints: decisions.iter().flat_map(|told| &told.endpoints).copied().collect(),
            decisions,
            rcode: response.map_or_else(String::new, |response| rcode_text(response.rcode)),
            truncated: response.is_some_and(|response| response.truncated),
            scope: response.and_then(|response| response.subnet).map(|(_, _, scope)| scope),
            answer: response.map(|response| lines(&response.sections)).unwrap_or_default(),
        };
        serde_json::to_string(&answered).unwrap_or_default().into()
    }

    /// Whose address decided, as text, and where it comes from.
    fn client(&mut self) -> (String, &'static str) {
        match self.told_network() {
            Some(network) => (network.to_string(), "subnet"),
            None => (self.seen.resolver.ip().to_canonical().to_string(), "resolver"),
        }
    }
}

fn data_center<'t>(topology: &'t Topology, pool: &Pool) -> Option<&'t str> {
    Some(&*topology.site.data_centers.get(pool.data_center?.0 as usize)?.name)
}

/// The decisions by name, each with the endpoints that it named.
fn told<'t>(topology: &'t Topology, seen: &Seen<'_>) -> Vec<Told<'t>> {
    let of = |decided: &Decided| {
        let service = topology.site.services.get(decided.service as usize)?;
        // No service decides twice about one answer: aliases that come back end it.
        let chosen = seen.chosen.iter().filter(|chosen| chosen.service == decided.service);
        Some(Told {
            service: service.name.to_written(),
            fallback: decided.fallback.map(|fallback| fallback.kind(service.when_all_down)),
            endpoints: chosen.filter_map(|chosen| named(topology, chosen)).collect(),
        })
    };
    seen.decisions.iter().filter_map(of).collect()
}

fn named<'t>(topology: &'t Topology, chosen: &Chosen) -> Option<Named<'t>> {
    let pool = topology.site.pools.get(chosen.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(usize::from(chosen.endpoint))?;
    Some(Named { pool: &pool.name, endpoint: &endpoint.name, data_center: data_center(topology, pool) })
}

/// The answer section, each record as a line of a master file.
fn lines([answer, ..]: &[Vec<Record>; 3]) -> Vec<String> {
    answer.iter().map(Record::to_line).collect()
}
