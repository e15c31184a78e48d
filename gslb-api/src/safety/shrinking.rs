//! The rule `shrinking`: a truncated file looks like a request to delete most of its content.

use std::collections::{HashMap, HashSet};

use gslb_core::dns::name::Name;
use gslb_core::table::RoutingTable;
use gslb_core::zone::extent::Extent;

use super::BrokenRule;

/// A change may remove at most one in this many of the zones, of the services, and of each zone's records.
const SHARE: usize = 2;
/// A zone may lose fewer than this many records and record sets, whatever share of the zone that is.
const LEAST_LOSS: usize = 2;
/// Most zones named in a message.
const NAMED: usize = 3;

/// Detects excessive shrinking of the whole document: the number of zones, the number of services, or a zone.
pub(super) fn of_document(old: &RoutingTable, new: &RoutingTable) -> Option<BrokenRule> {
    let (before, after) = (&old.topology().site, &new.topology().site);
    let zones = removed(before.zones.iter().map(|zone| &zone.apex), after.zones.iter().map(|zone| &zone.apex));
    let services = removed(before.services.iter().map(|it| &it.name), after.services.iter().map(|it| &it.name));
    let details = [of_collection("zones", zones), of_collection("services", services), of_zones(old, new)];
    let details: Vec<String> = details.into_iter().flatten().collect();
    (!details.is_empty()).then(|| broken(details.join("; ")))
}

/// Detects excessive shrinking when one resource changes: a zone that remains.
pub(super) fn of_resource(old: &RoutingTable, new: &RoutingTable) -> Option<BrokenRule> {
    of_zones(old, new).map(broken)
}

fn broken(detail: String) -> BrokenRule {
    BrokenRule { rule: "shrinking".into(), detail }
}

/// How many there were, and how many were removed.
fn removed<'n>(old: impl Iterator<Item = &'n Name>, new: impl Iterator<Item = &'n Name>) -> (usize, usize) {
    let stays: HashSet<&Name> = new.collect();
    old.fold((0, 0), |(all, gone), name| (all + 1, gone + usize::from(!stays.contains(name))))
}

fn of_collection(what: &str, (all, gone): (usize, usize)) -> Option<String> {
    if gone * SHARE <= all {
        return None;
    }
    Some(format!(
        "{gone} of {all} {what} would be removed, more than half; remove fewer at a time, or delete each by name"
    ))
}

fn of_zones(old: &RoutingTable, new: &RoutingTable) -> Option<String> {
    let after: HashMap<&Name, Extent> = extents(new).collect();
    let pairs = extents(old).filter_map(|(apex, before)| Some((apex, before, *after.get(apex)?)));
    let shrunk: Vec<String> = pairs.filter_map(|(apex, before, after)| of_zone(apex, before, after)).collect();
    let named = shrunk.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match shrunk.len() {
        0 => None,
        count if count > NAMED => Some(format!("{named}; and {} more zones", count - NAMED)),
        _ => Some(named),
    }
}

fn extents(table: &RoutingTable) -> impl Iterator<Item = (&Name, Extent)> {
    let topology = table.topology();
    topology.site.zones.iter().map(|zone| &zone.apex).zip(topology.catalog.extents().iter().copied())
}

/// Why a zone shrinks too much; `None` if it does not.
fn of_zone(apex: &Name, before: Extent, after: Extent) -> Option<String> {
    let too_few = |before: usize, after: usize| {
        let lost = before.saturating_sub(after);
        lost >= LEAST_LOSS && lost * SHARE > before
    };
    // With as many records as before, nothing was truncated.
    let is_cut =
        too_few(before.records, after.records) || (after.records < before.records && too_few(before.sets, after.sets));
    let describe = || {
        format!(
            "zone {apex} would shrink from {} records in {} record sets to {} in {} (not counting SOA and signatures), by \
             more than half; is its file complete? Remove fewer at a time, or delete the zone by name",
            before.records, before.sets, after.records, after.sets
        )
    };
    is_cut.then(describe)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gslb_core::site::document;
    use gslb_core::table::compile;
    use serde_json::json;

    use super::*;

    const HEAD: &str = "$TTL 1h\n@ IN SOA ns.example.net. h 1 2h 15m 4w 5m\n";

    fn table(records: &str) -> RoutingTable {
        let zone = json!({"records": format!("{HEAD}{records}")});
        let other = json!({"records": format!("{HEAD}{}", NS[0])});
        let document = json!({"zones": {"example.com": zone, "other.example": other}});
        let read = document::read_json("document", &document, &mut document::no_files);
        let site = read.site.unwrap_or_else(|| panic!("{:?}", read.problems));
        RoutingTable::initial(compile::compile(site, &[], &Arc::default(), None).topology.unwrap())
    }

    const NS: [&str; 2] = ["@ IN NS ns1.example.net.\n", "@ IN NS ns2.example.net.\n"];

    fn addresses(count: usize) -> String {
        (0..count).map(|number| format!("h{number} IN A 192.0.2.{}\n", number % 250)).collect()
    }

    fn shrinks(before: &str, after: &str) -> bool {
        of_resource(&table(before), &table(after)).is_some()
    }

    #[test]
    fn a_truncated_zone_of_any_size_breaks_the_rule() {
        let ns = NS.concat();
        for count in [1, 2, 3, 10, 5_000] {
            let whole = format!("{ns}{}", addresses(count));
            assert!(shrinks(&whole, NS[0]), "{count}: cut after the first NS");
        }
        assert!(shrinks(&format!("{ns}{}", addresses(5_011)), &format!("{}{}", NS[0], addresses(1))));
        // The number of records alone would not show that many names were removed, if one set is long.
        let texts: String = (0..50).map(|number| format!("a IN TXT \"{number}\"\n")).collect();
        assert!(shrinks(&format!("{ns}{texts}{}", addresses(40)), &format!("{ns}{texts}")));
    }

    #[test]
    fn ordinary_changes_do_not_break_the_rule() {
        let ns = NS.concat();
        let whole = format!("{ns}{}", addresses(6));
        for after in [format!("{ns}{}", addresses(3)), format!("{}{}", NS[0], addresses(6)), whole.clone()] {
            assert!(!shrinks(&whole, &after), "{after}");
        }
        // As many records with other names and addresses.
        assert!(!shrinks(&whole, &whole.replace("\nh", "\nhost").replace("192.0.2", "203.0.113")));
        // The last challenge for a certificate goes.
        assert!(!shrinks(&format!("{}_acme-challenge IN TXT a\n", NS[0]), NS[0]));
        // A zone that is no longer signed.
        let nsec = "@ IN NSEC h0 NS SOA\nh0 IN NSEC @ A\n@ IN NSEC3PARAM 1 0 0 -\n";
        assert!(!shrinks(&format!("{ns}{nsec}{}", addresses(1)), &format!("{ns}{}", addresses(1))));
    }

    #[test]
    fn the_message_names_the_zone_and_the_numbers() {
        let (before, after) = (format!("{}{}", NS.concat(), addresses(40)), format!("{}{}", NS[0], addresses(2)));
        let detail = of_resource(&table(&before), &table(&after)).unwrap().detail;
        assert!(
            detail.starts_with("zone example.com. would shrink from 42 records in 41 record sets to 3 in 3"),
            "{detail}"
        );
    }
}
