//! An explanation as text: one line per step, and the answer as dig prints it.

use std::fmt::Write;

use super::Explanation;
use super::response::Response;
use crate::dns::name::Name;
use crate::dns::wire::number::Ede;
use crate::live::demand::Demand;
use crate::respond::tally::RCODES;
use crate::site::model::{Matcher, PolicyId, PoolId, RegionId};
use crate::steer::trace::{Choice, ClientFrom, Contender, OrderedBy, OrderedPool, Reason, Step};
use crate::table::RoutingTable;

impl Explanation {
    /// The explanation as text for people; `table` must be the one that answered.
    pub fn to_text(&self, table: &RoutingTable) -> String {
        let mut lines = Lines { table, text: String::new() };
        lines.question(self);
        for step in &self.steps {
            lines.step(step);
        }
        if self.ignores_subnet(table) {
            lines.line("note", "the service has client = \"resolver\": the client subnet is ignored");
        }
        lines.answer(self);
        lines.text
    }
}

struct Lines<'a> {
    table: &'a RoutingTable,
    text: String,
}

impl Lines<'_> {
    fn line(&mut self, what: &str, text: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{what:<11}{text}");
    }

    fn question(&mut self, explanation: &Explanation) {
        let question = &explanation.question;
        let rtype = crate::dns::rdata::type_to_text(question.qtype);
        self.line("question", format_args!("{} {rtype}", question.name));
        self.line("table", format_args!("generation {}", explanation.generation));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Node { zone, name } => self.node(zone, name),
            Step::NoSuchName => self.line("name", "does not exist"),
            Step::NoSuchType => self.line("name", "exists, but has no records of this type"),
            Step::NoSuchEndpoint => self.line("service", "none of its pools has an endpoint of this type, up or down"),
            Step::NotSteered => self.line("service", "does not steer this type: the zone file answers"),
            Step::Any => self.line("type", "ANY gets a minimal answer (RFC 8482)"),
            Step::NotOurs => self.line("zone", "not authoritative for this name"),
            Step::Referral => self.line("name", "is in a zone that is delegated to other servers"),
            Step::Alias { target } => self.line("alias", format_args!("leads to {}", wire_text(target))),
            Step::Service { index } => self.service(*index),
            Step::Client { address, from, scope } => self.client(*address, *from, *scope),
            Step::Region { matched: Some((region, matcher)) } => {
                self.line("region", format_args!("{} (matched by {matcher})", self.region(*region)));
            }
            Step::Region { matched: None } => self.line("region", "default (outside all regions)"),
            Step::Branch { policy, matched } => self.branch(*policy, matched.as_ref()),
            Step::Ordered { policy, by, pools } => self.ordered(*policy, by, pools),
            Step::Drawn { sticky, among, winner } => self.drawn(*sticky, among, *winner),
            Step::Taken(pool) => {
                let pool = self.pool(*pool);
                self.line("candidate", format_args!("{pool}: taken"));
            }
            Step::Named { pool, endpoint, by, among } => self.named(*pool, *endpoint, *by, *among),
            Step::PassedOver(pool, reason) => {
                let waiting = self.waiting(*pool).unwrap_or_default();
                let pool = self.pool(*pool);
                self.line("candidate", format_args!("{pool}: passed over, {}{waiting}", because(*reason)));
            }
            Step::Only(pools) => {
                let pools: Vec<String> = pools.iter().map(|pool| self.pool(*pool)).collect();
                self.line("only", format_args!("{}: no other pool may answer, up or down", pools.join(", ")));
            }
            Step::Relaxed(demand) => self.line("fallback", relaxed(*demand)),
            Step::KindDown => {
                self.line("no data", "all endpoints of this type are down; the other address family is up")
            }
            Step::NotYetKnown => self.line("fallback", "some endpoints have not been probed yet"),
            Step::TtlLimited { pool, ttl } => {
                let pool = self.pool(*pool);
                self.line("ttl", format_args!("at most {ttl} s: an endpoint of {pool} may change by then"));
            }
        }
    }

    fn node(&mut self, zone: &[u8], name: &[u8]) {
        self.line("zone", wire_text(zone));
        if name.starts_with(&[1, b'*']) {
            self.line("name", format_args!("matches the wildcard {}", wire_text(name)));
        }
    }

    fn service(&mut self, index: u32) {
        let Some(service) = self.table.topology().site.services.get(index as usize) else { return };
        let policy = self.policy(service.policy);
        self.line("service", format_args!("{} ({}), policy {policy}", service.name, service.location));
    }

    fn client(&mut self, address: std::net::IpAddr, from: ClientFrom, scope: u8) {
        let index = &self.table.topology().index;
        let place = index.place(index.locus_of(address));
        let mut known = Vec::new();
        if let Some(place) = place {
            known.extend(place.continent.map(|continent| format!("continent {continent}")));
            known.extend(place.country.map(|country| format!("country {country}")));
            known.extend(place.subdivision.as_ref().map(|code| format!("subdivision {code}")));
            known.extend(place.asn.map(|asn| format!("AS{asn}")));
        }
        let place = if known.is_empty() { "location unknown".to_owned() } else { known.join(", ") };
        match from {
            ClientFrom::Subnet(source) => {
                self.line("client", format_args!("{address}/{source} from the client subnet option: {place}"));
                self.line("scope", format_args!("/{scope}: resolvers may reuse it for the client's /{scope}"));
            }
            ClientFrom::Resolver => {
                self.line("client", format_args!("{address}, the resolver's own address: {place}"));
            }
        }
    }

    fn branch(&mut self, policy: PolicyId, matched: Option<&(RegionId, Matcher)>) {
        let policy = self.policy(policy);
        match matched {
            Some((region, matcher)) => {
                self.line("branch", format_args!("{} (matched by {matcher}) in {policy}", self.region(*region)));
            }
            None => self.line("branch", format_args!("default (outside its regions) in {policy}")),
        }
    }

    fn region(&self, region: RegionId) -> String {
        let region = self.table.topology().site.regions.get(region.0 as usize);
        region.map_or("?", |region| &region.name).to_owned()
    }

    fn ordered(&mut self, policy: PolicyId, by: &OrderedBy, pools: &[OrderedPool]) {
        let policy = self.policy(policy);
        let far = |it: &OrderedPool| match (it.milliseconds, it.kilometres) {
            (Some(ms), _) => format!("{} {ms} ms", self.pool(it.pool)),
            (None, Some(km)) => format!("{} {km} km", self.pool(it.pool)),
            (None, None) => self.pool(it.pool),
        };
        let order: Vec<String> = pools.iter().map(far).collect();
        let basis = match by {
            OrderedBy::Vantage(name) => format!("as vantage {name} measured"),
            OrderedBy::Clients(area) => format!("as clients measured in {area}"),
            OrderedBy::Distance if pools.iter().all(|it| it.kilometres.is_none()) => {
                "as written: the client's location is unknown".to_owned()
            }
            OrderedBy::Distance => "by distance".to_owned(),
        };
        self.line("order", format_args!("{} ({basis}) in {policy}", order.join(", ")));
    }

    fn drawn(&mut self, sticky: bool, among: &[Contender], winner: usize) {
        let basis = if sticky { "by the client's prefix" } else { "for each query" };
        let names: Vec<String> = among
            .iter()
            .enumerate()
            .map(|(index, contender)| {
                let pools: Vec<String> = contender.pools.iter().map(|pool| self.pool(*pool)).collect();
                let state = match (index == winner, contender.takes_part) {
                    (true, _) => ", wins",
                    (false, true) => "",
                    (false, false) => ", not eligible",
                };
                format!("{} (weight {}{state})", pools.join("/"), contender.weight)
            })
            .collect();
        self.line("draw", format_args!("{basis}: {}", names.join(", ")));
    }

    fn named(&mut self, pool: PoolId, endpoint: u16, by: Choice, among: usize) {
        let state = self.table.state(pool, u32::from(endpoint));
        let pool = self.table.topology().site.pools.get(pool.0 as usize);
        let Some(endpoint) = pool.and_then(|pool| pool.endpoints.get(usize::from(endpoint))) else { return };
        let (name, weight) = (&endpoint.name, state.map_or(endpoint.weight, |state| state.weight));
        match by {
            Choice::All if among == 1 => self.line("endpoint", format_args!("{name} (only eligible endpoint)")),
            Choice::All => {
                self.line("endpoint", format_args!("{name} (all {among} eligible endpoints are in the answer)"))
            }
            Choice::Dice => {
                self.line("endpoint", format_args!("{name} (weight {weight}), drawn among {among} for each query"));
            }
            Choice::Client => {
                self.line(
                    "endpoint",
                    format_args!("{name} (weight {weight}), drawn among {among} by the client's prefix"),
                );
            }
        }
    }

    fn answer(&mut self, explanation: &Explanation) {
        let Ok(response) = Response::parse(&explanation.response) else {
            self.line("answer", "none: the query is dropped");
            return;
        };
        let flags = [("aa", response.authoritative), ("tc", response.truncated)];
        let flags: Vec<&str> = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
        let rcode = rcode_text(response.rcode);
        self.line("answer", format_args!("{rcode}, {} octets, flags: {}", explanation.response.len(), flags.join(" ")));
        if let Some(code) = response.extended_error {
            self.line("", format_args!("extended error: {}", extended_error_text(code)));
        }
        if let Some((_, source, scope)) = response.subnet {
            self.line("", format_args!("client subnet: source /{source}, scope /{scope}"));
        }
        for (name, records) in ["ANSWER", "AUTHORITY", "ADDITIONAL"].iter().zip(&response.sections) {
            if !records.is_empty() {
                let _ = writeln!(self.text, ";; {name} SECTION:");
            }
            for record in records {
                let _ = writeln!(self.text, "{}", record.to_line());
            }
        }
    }

    /// An endpoint of a pool that has recovered and waits for an operator, and how many more do; `None` if there is
    /// none.
    fn waiting(&self, id: PoolId) -> Option<String> {
        let pool = self.table.topology().site.pools.get(id.0 as usize)?;
        let states = self.table.pools().get(id)?.states();
        let mut waiting =
            pool.endpoints.iter().zip(states).filter(|(_, state)| state.recovered).map(|(it, _)| &it.name);
        let (first, more) = (waiting.next()?, waiting.count());
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        Some(format!("; {first}{more} recovered, waiting for `gslb resume {}/{first}`", pool.name))
    }

    fn pool(&self, id: PoolId) -> String {
        let site = &self.table.topology().site;
        let Some(pool) = site.pools.get(id.0 as usize) else { return "?".into() };
        match pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize)) {
            Some(data_center) if data_center.name != pool.name => format!("{} ({})", pool.name, data_center.name),
            _ => pool.name.to_string(),
        }
    }

    fn policy(&self, id: PolicyId) -> String {
        self.table.topology().site.policies.get(id.0 as usize).map_or("?".into(), |policy| policy.label().into_owned())
    }
}

fn because(reason: Reason) -> String {
    match reason {
        Reason::Down { up, min_up } => format!("down: {up} up, {min_up} needed"),
        Reason::NoneOfType => "no endpoint of this type is up".into(),
        Reason::NoWeight => "drained: weight 0".into(),
    }
}

fn relaxed(demand: Demand) -> &'static str {
    match demand {
        Demand::Up => "candidates must be up",
        Demand::UpWithoutWeight => "nothing with weight > 0 is up; trying drained endpoints",
        Demand::UpInAnyPool => "no candidate is up; trying pools below min_up",
        Demand::LastUp => "everything is down; answering what was up last",
        Demand::Any => "everything is down; answering as if everything were up",
    }
}

/// The name of an rcode, such as `NOERROR`.
pub fn rcode_text(rcode: u16) -> String {
    RCODES.into_iter().find(|known| *known as u16 == rcode).map_or(rcode.to_string(), |known| known.as_str().into())
}

/// The code and purpose of an Extended DNS Error, such as `20 (Not Authoritative)`.
pub fn extended_error_text(code: u16) -> String {
    let known = Ede::ALL.into_iter().find(|known| *known as u16 == code);
    known.map_or(code.to_string(), |known| format!("{code} ({})", known.as_str()))
}

fn wire_text(octets: &[u8]) -> String {
    Name::from_wire(octets).map_or("?".into(), |name| name.to_string())
}
