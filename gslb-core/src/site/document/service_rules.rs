//! Rules between services and the rest of the document: the zone's records, and the pools that policies lead to.

use std::collections::{HashMap, HashSet};

use super::borders::Kind;
use super::policies::{Families, Policies};
use super::services::Written;
use super::zone_rules::Checked;
use super::zones::Loaded;
use crate::dns::name::Name;
use crate::dns::rdata::type_to_text;
use crate::dns::wire::number::rtype;
use crate::notation::Problems;
use crate::problem::Path;
use crate::site::model::{PolicyId, PoolId, Service, Target, WhenAllDown};

/// Checks all services.
pub(super) fn check(
    services: &[Written<'_>],
    zones: &[Loaded<'_>],
    checked: &Checked<'_>,
    policies: &Policies<'_, '_>,
    problems: &mut Problems,
) {
    let section = Path::ROOT.key("services");
    let mut reported = HashSet::new();
    for Written { entry, service } in services {
        for (name, zone) in service.names() {
            let path = section.key(&entry.key);
            let rules = Rules { service, name, zone, entry, path, zones, checked, policies };
            if rules.is_hidden(problems) {
                continue;
            }
            rules.own_records(problems);
            rules.names_as_endpoints(problems);
            rules.families(&mut reported, problems);
        }
    }
    report_loops(services, policies, problems);
}

/// A name whose answer is a CNAME to itself never resolves.
fn report_loops(services: &[Written<'_>], policies: &Policies<'_, '_>, problems: &mut Problems) {
    let by_name: HashMap<&Name, &Written<'_>> =
        services.iter().flat_map(|it| it.service.names().map(move |(name, _)| (name, it))).collect();
    for (pool, number) in policies.to.pools.iter().zip(0..) {
        for endpoint in &pool.endpoints {
            let Target::Cname(target) = &endpoint.target else { continue };
            let Some(Written { entry, service }) = by_name.get(target) else { continue };
            let pool_id = PoolId(number);
            if service.when_all_down == WhenAllDown::Pool(pool_id) || policies.leads_to(service.policy, pool_id) {
                let message =
                    format!("endpoint `{}` of pool `{}` answers {target} with itself", endpoint.name, pool.name);
                let path = Path::ROOT.key("services");
                let help = "use other pools for this service, or change the endpoint's cname";
                problems.error(entry.at, &path.key(&entry.key), message, help);
            }
        }
    }
}

struct Rules<'a> {
    service: &'a Service,
    /// The name being checked, and its zone.
    name: &'a Name,
    zone: u32,
    entry: &'a crate::notation::Entry<'a>,
    path: Path<'a>,
    zones: &'a [Loaded<'a>],
    checked: &'a Checked<'a>,
    policies: &'a Policies<'a, 'a>,
}

impl Rules<'_> {
    fn error(&self, problems: &mut Problems, message: String, help: &str) {
        problems.error(self.entry.at, &self.path, message, help);
    }

    /// The zone file must not have records that the service answers.
    fn own_records(&self, problems: &mut Problems) {
        let Some(owners) = self.checked.owners.get(self.zone as usize) else { return };
        let mut reported = HashSet::new();
        for record in owners.at(self.name) {
            let steered = match record.rtype {
                rtype::A => self.service.steers_a,
                rtype::AAAA => self.service.steers_aaaa,
                rtype::CNAME => true,
                _ => false,
            };
            if steered && reported.insert(record.rtype) {
                let (name, kind) = (self.name, type_to_text(record.rtype));
                let message = format!(
                    "{name} is steered here, but its zone file has {kind} records for it, at {}",
                    record.location
                );
                self.error(problems, message, "remove the record or the service");
            }
        }
    }

    /// Reports a name that is outside the zone's authority; true if it is.
    fn is_hidden(&self, problems: &mut Problems) -> bool {
        let borders = self.checked.borders.get(self.zone as usize);
        let Some(border) = borders.and_then(|borders| borders.over(self.name)) else { return false };
        let name = self.name;
        let (message, help) = match border.kind {
            Kind::Delegation | Kind::Inner => (
                format!("not authoritative for {name}: {} is delegated at {}", border.owner, border.location),
                "remove the NS records, or define the service on the servers of the delegated zone",
            ),
            Kind::Redirection => (
                format!("{name} is below {}, which has a DNAME at {}", border.owner, border.location),
                "a DNAME redirects every name below it: remove it or the service",
            ),
        };
        self.error(problems, message, help);
        true
    }

    /// A name with a CNAME has no other data, so it cannot be an apex.
    fn names_as_endpoints(&self, problems: &mut Problems) {
        let fallback = match self.service.when_all_down {
            WhenAllDown::Pool(pool) => Some(pool).filter(|&pool| self.has_names(pool)),
            _ => None,
        };
        let Some(pool) = self.policies.reach(self.service.policy).cname.or(fallback) else { return };
        let pool = self.policies.pool_name(pool);
        let index = self.zone as usize;
        if self.zones.get(index).is_some_and(|loaded| loaded.zone.apex == *self.name) {
            let message = format!(
                "{} cannot be a CNAME, and the pool `{pool}` has cname endpoints",
                self.called("a zone's apex")
            );
            self.error(problems, message, "use only pools with address endpoints");
            return;
        }
        let other = self.checked.owners.get(index).and_then(|owners| owners.at(self.name).next());
        if let Some(record) = other {
            let kind = type_to_text(record.rtype);
            let message = format!(
                "the pool `{pool}` has cname endpoints, but {} also has other data ({kind}) at {}",
                self.called("this name"),
                record.location
            );
            self.error(
                problems,
                message,
                "a name with a CNAME cannot have other records: remove the record, or use pools with address endpoints",
            );
        }
    }

    /// How a message refers to the name: `own` for the service's own name.
    fn called(&self, own: &str) -> String {
        if *self.name == self.service.name { own.to_owned() } else { self.name.to_string() }
    }

    fn has_names(&self, pool: PoolId) -> bool {
        let pool = self.policies.to.pools.get(pool.0 as usize);
        pool.is_some_and(|pool| pool.endpoints.iter().any(|endpoint| matches!(endpoint.target, Target::Cname(_))))
    }

    /// Clients that get a pool without their address family must not get a wrong NODATA.
    fn families(&self, reported: &mut HashSet<(PolicyId, bool)>, problems: &mut Problems) {
        if !self.policies.to.sound {
            return;
        }
        let reach = self.policies.reach(self.service.policy);
        for (steered, is_v6, families) in
            [(self.service.steers_a, false, reach.v4), (self.service.steers_aaaa, true, reach.v6)]
        {
            let Families { with: Some(_), without: Some(without), stranded } = families else { continue };
            if !steered || !reported.insert((self.service.policy, is_v6)) {
                continue;
            }
            let (kind, family) = if is_v6 { ("AAAA", "IPv6") } else { ("A", "IPv4") };
            if let Some(stranded) = stranded {
                let message = format!(
                    "{kind} queries of clients that are sent to `{}` get NODATA: no pool of its `only` has {family} \
                     endpoints, and no other pool may answer",
                    self.policies.pool_name(stranded)
                );
                let help = format!("give a pool of the `only` {family} endpoints, or remove {kind} from `types`");
                problems.warning(self.entry.at, &self.path, message, help);
                continue;
            }
            let message = format!(
                "{kind} queries of clients that are sent to `{}` are answered by the next candidate that has {family} \
                 endpoints, since negative answers are cached for all clients (RFC 7871 §7.4)",
                self.policies.pool_name(without)
            );
            let help = format!("give each pool {family} endpoints, or none, or remove {kind} from `types`");
            problems.warning(self.entry.at, &self.path, message, help);
        }
    }
}
