//! Queries to observe a real drill: each names the data center now, and would not without it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use gslb_core::dns::name::Name;
use gslb_core::dns::rdata;
use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, explain};
use gslb_core::live::pool::Kind;
use gslb_core::respond::Settings;
use gslb_core::site::model::{ClientSource, DataCenterId, Target};
use gslb_core::steer::shares::{Given, shares};
use gslb_core::steer::view::View;
use gslb_core::table::{RoutingTable, Service};
use ipnet::IpNet;

use super::{address_type, pool_is_in};
use crate::types::Witness;

/// Networks that are tried for each service to find such a query.
const TRIED: usize = 2000;
/// For a random draw, the smallest share of answers that a few queries can show.
const LEAST_SHARE: f64 = 0.25;
/// Number of queries for a client that got the same answer in [`SEEDS`] draws.
const UNSURE: u32 = 4;
/// How often dice are thrown to see whether an answer depends on them.
const SEEDS: u64 = 16;
/// Maximum probability that all queries in a row draw another data center than the observed one.
const CHANCE: f64 = 1e-4;
/// The same as [`LEAST_SHARE`], for rounding: above this every answer is from there.
const ALL: f64 = 1.0 - 1e-9;

/// Finds witnesses of the loss of a data center.
pub(super) struct Finder<'t> {
    now: &'t RoutingTable,
    without: &'t RoutingTable,
    data_center: DataCenterId,
    settings: &'t Arc<Settings>,
}

/// The current answers of one class of clients.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The share from the data center; 0 also if it would remain after the loss.
    share: f64,
    /// True if it depends on the client's own prefix.
    by_client: bool,
}

impl<'t> Finder<'t> {
    pub(super) fn new(
        now: &'t RoutingTable,
        without: &'t RoutingTable,
        data_center: DataCenterId,
        settings: &'t Arc<Settings>,
    ) -> Self {
        Self { now, without, data_center, settings }
    }

    /// A query for the service of this number: one whose answer is certain, or else the one of which most answers are
    /// from the data center.
    pub(super) fn find(&self, number: usize, kind: Kind) -> Option<Witness> {
        let topology = self.now.topology();
        let (written, service) = (topology.site.services.get(number)?, topology.services.get(number)?);
        let column = topology.columns.get(service.column as usize)?;
        // A wildcard is queried with a name below it.
        let text = written.name.to_string();
        let name = text.strip_prefix("*.").map_or_else(|| text.clone(), |rest| format!("gslb-drill.{rest}"));
        let witness = |client: IpNet, questions: u32| {
            let (service, name, r#type) = (text.clone(), name.clone(), address_type(kind));
            Witness { service, name, r#type, client: client.to_string(), answers: self.answers(), questions }
        };
        let (name, mut seen, mut best) = (name.parse().ok()?, HashMap::new(), None::<(f64, IpNet)>);
        if service.client == ClientSource::Resolver {
            return self.for_any_client(service, kind).map(|questions| witness(ANY, questions));
        }
        let starts = &topology.index.v4.starts;
        for start in starts.iter().step_by((starts.len() / TRIED).max(1)) {
            let client = IpNet::new(IpAddr::V4((*start).into()), 24).ok()?.trunc();
            let class = column.locate(client.network()).class;
            let Seen { share, by_client } = *seen.entry(class).or_insert_with(|| self.seen(service, class, kind));
            if share > ALL {
                return Some(witness(client, 1));
            }
            // Hashes are certain for each client; only draws among their results are random.
            if share > 0.0 && by_client && self.names(&name, kind, client) {
                return Some(witness(client, if service.sticky { 1 } else { UNSURE }));
            }
            if !by_client && share > best.map_or(LEAST_SHARE, |(share, _)| share) {
                best = Some((share, client));
            }
        }
        best.map(|(share, client)| witness(client, questions(share)))
    }

    /// The client subnet of the query is ignored, so all clients must get the same.
    fn for_any_client(&self, service: &Service, kind: Kind) -> Option<u32> {
        let classes = 0..service.targets.len() as u32;
        let least = classes.map(|class| self.seen(service, class, kind)).map(|seen| match seen {
            Seen { share, by_client: true } if share <= ALL => 0.0,
            Seen { share, .. } => share,
        });
        let least = least.fold(1.0, f64::min);
        (least > LEAST_SHARE).then(|| questions(least))
    }

    fn seen(&self, service: &Service, class: u32, kind: Kind) -> Seen {
        let Some(target) = service.targets.get(class as usize) else { return Seen { share: 0.0, by_client: false } };
        let there = |table: &RoutingTable| {
            let view =
                View { plans: &table.topology().plans, pools: table.pools(), kind, steers_both: service.steers.both() };
            let mut there = 0.0;
            shares(view, target.plan, service.when_all_down, &mut |given, share| {
                let site = &table.topology().site;
                let is_there = matches!(given, Given::Pool(pool, _) if pool_is_in(site, pool, self.data_center));
                there += if is_there { share } else { 0.0 };
            });
            there
        };
        let stays = there(self.without) > 0.0;
        Seen { share: if stays { 0.0 } else { there(self.now) }, by_client: kind.of(target.by_client) }
    }

    /// Whether all possible answers to this client name the data center.
    fn names(&self, name: &Name, kind: Kind, client: IpNet) -> bool {
        let Some(qtype) = rdata::type_from_text(address_type(kind).name()) else { return false };
        let resolver = IpAddr::from([127, 0, 0, 1]);
        let question = Question { name: name.clone(), qtype, client: Some(client), resolver };
        let answers = self.answers();
        let named = |record: &gslb_core::explain::response::Record| {
            answers.contains(&rdata::to_text(record.rtype, &record.rdata).to_ascii_lowercase())
        };
        (0..SEEDS).all(|seed| {
            let explained = explain(self.now, Arc::clone(self.settings), question.clone(), seed);
            let answer = Response::parse(&explained.response).ok();
            answer.is_some_and(|it| it.sections.first().is_some_and(|answer| answer.iter().any(named)))
        })
    }

    /// What of the data center may be answered.
    fn answers(&self) -> Vec<String> {
        let pools = self.now.topology().site.pools.iter().filter(|pool| pool.data_center == Some(self.data_center));
        let answers = pools.flat_map(|pool| &pool.endpoints).map(|endpoint| match &endpoint.target {
            Target::Address(address) => address.to_string(),
            Target::Cname(name) => name.to_lowercase().to_string(),
        });
        let mut answers: Vec<String> = answers.collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }
}

/// The network of a query whose client subnet is ignored.
const ANY: IpNet = IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(192, 0, 2, 0), 24));

/// How many questions in a row would not miss a data center that has this share of the answers.
fn questions(share: f64) -> u32 {
    if share > ALL { 1 } else { (CHANCE.ln() / (1.0 - share).ln()).ceil() as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_answers_are_queried_until_chance_is_ruled_out() {
        assert_eq!(questions(1.0), 1);
        assert_eq!(questions(0.5), 14);
        assert!(questions(0.99) > 1 && questions(LEAST_SHARE) < 40);
    }
}
