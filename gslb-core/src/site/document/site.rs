//! Reads the whole document: sections in dependency order, then the rules between them.

use super::names::{Names, Section};
use super::policies::{Policies, Referents};
use super::pools::PoolReader;
use super::services::{Services, Written};
use super::{data_centers, include, probes, regions, safety, service_rules, vantages, zone_rules, zones};
use crate::budget::Budget;
use crate::dns::zonefile::Loader;
use crate::notation::{Fields, Problems, Table, Value};
use crate::problem::Path;
use crate::site::model::Site;

const SECTIONS: [&str; 9] =
    ["zones", "data_centers", "probes", "pools", "regions", "policies", "services", "vantages", "safety"];

/// Returns the site as far as it can be read; it is valid only if `problems` has no error.
pub(super) fn read(root: &Table, budget: &mut Budget, load: &mut Loader<'_>, problems: &mut Problems) -> Site {
    let in_file = root.get(include::KEY);
    let known: Vec<&str> = SECTIONS.into_iter().chain(in_file.map(|_| include::KEY)).collect();
    Fields::of_root(root, &known, ["document key", "A document"], problems);
    if let Some(entry) = in_file {
        let message = "only a document in a TOML file can include other files";
        let help = "send the whole document, as `gslb apply site.toml` does";
        problems.error(entry.at, &Path::ROOT.key(include::KEY), message, help);
    }
    let zones = zones::read(&section(root, "zones", problems), budget, load, problems);
    let before = problems.errors();
    let mut data_centers = Names::of("data center", section(root, "data_centers", problems), problems);
    let mut probe_names = Names::of("probe", section(root, "probes", problems), problems);
    let pool_names = Names::of("pool", section(root, "pools", problems), problems);
    let region_names = Names::of("region", section(root, "regions", problems), problems);
    let policy_names = Names::of("policy", section(root, "policies", problems), problems);

    let mut site = Site { data_centers: data_centers::read(data_centers.section(), problems), ..Site::default() };
    site.probes = probes::read(probe_names.section(), problems);
    site.pools =
        PoolReader { data_centers: &mut data_centers, probes: &mut probe_names }.read(pool_names.section(), problems);
    let sound = problems.errors() == before;
    site.regions = regions::read(region_names.section(), problems);
    site.vantages = vantages::read(&section(root, "vantages", problems), problems);
    site.safety = safety::read(root, site.data_centers.len(), problems);
    let to = Referents {
        data_centers: &site.data_centers,
        pools: &site.pools,
        regions: &site.regions,
        pool_names,
        region_names,
        sound,
    };
    let mut policies = Policies::read(policy_names, to, problems);
    let services = Services::read(&section(root, "services", problems), &zones, &mut policies, problems);

    let kept = zone_rules::Checked::of(&zones, &services, problems);
    service_rules::check(&services, &zones, &kept, &policies, problems);
    let corrections = kept.corrections;
    // If there are errors, a reference may just not have been understood.
    if problems.errors() == 0 {
        policies.warn_of_unused(services.iter().map(|written| written.service.policy), problems);
        policies.to.pool_names.warn_of_unused("policy or service", problems);
        policies.to.region_names.warn_of_unused("geo policy", problems);
        probe_names.warn_of_unused("pool", problems);
        data_centers.warn_of_unused("pool", problems);
    }
    site.policies = policies.into_arena();
    site.services = services.into_iter().map(|written: Written<'_>| written.service).collect();
    site.zones = zone_rules::correct(zones, corrections);
    site
}

fn section<'t>(root: &'t Table<'t>, name: &'static str, problems: &mut Problems) -> Section<'t> {
    let path = Path::ROOT.key(name);
    let Some(entry) = root.get(name) else { return Section { path, entries: &[] } };
    match &entry.node.value {
        Value::Table(table) => Section { path, entries: &table.entries },
        _ => {
            let message = format!("expected a table, found {}", entry.node.describe());
            problems.error(entry.node.at, &path, message, format!("write tables such as [{name}.NAME]"));
            Section { path, entries: &[] }
        }
    }
}
