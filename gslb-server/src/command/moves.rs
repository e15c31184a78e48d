//! Whose traffic a change moves, from where to where, as tables for people.

use gslb_api::types::{Change, Comparison, DataCenterShare, Destination, LeftWithout, Move, Movement, ServiceChange};

use super::digits::{counted, grouped};
use super::table::{Cell, Color, Column, table};
use crate::capture::placeholder::DEFAULT;

/// Maximum movements shown, and moves of each. `-o json` has all that the server sent.
const MOVEMENTS: usize = 8;
const MOVES: usize = 16;
/// Services named as examples of a movement.
const NAMES: usize = 3;

/// A comparison in full.
pub(super) fn described(comparison: &Comparison) -> String {
    let parts = [
        services(comparison),
        movements(comparison),
        left_without(comparison),
        data_centers(comparison),
        sampled(comparison),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "no answer moves".to_owned() } else { parts.join("\n\n") }
}

/// A comparison in one clause: how many services answer differently, and for which share of clients.
pub(super) fn in_short(comparison: &Comparison) -> String {
    let services = comparison.changed.len() as u64;
    if services == 0 {
        return "no answer moves".to_owned();
    }
    let gains = |family: fn(&DataCenterShare) -> Change<f64>| -> f64 {
        let gain = |shares: &DataCenterShare| family(shares).after - family(shares).before;
        comparison.data_centers.iter().map(gain).filter(|gain| *gain > 0.0).sum()
    };
    let (v4, v6) = (share(gains(|shares| shares.v4)), share(gains(|shares| shares.v6)));
    format!("{} with other answers ({v4} of IPv4, {v6} of IPv6)", counted(services, "service", "services"))
}

/// Added and removed services.
fn services(comparison: &Comparison) -> String {
    let line =
        |names: &[String], what: &str| if names.is_empty() { None } else { Some(format!("{what}: {}", some(names))) };
    let lines = [line(&comparison.added, "new services"), line(&comparison.removed, "removed services")];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn movements(comparison: &Comparison) -> String {
    let all = &comparison.movements;
    let mut parts: Vec<String> = Vec::new();
    for (index, movement) in all.iter().enumerate().take(MOVEMENTS) {
        let moved = comparison.changed.iter().filter(|change| change.movement == index);
        let names: Vec<String> = moved.map(named).collect();
        parts.push(format!("{}\n{}", some(&names), moves(movement)));
    }
    if all.len() > MOVEMENTS {
        let more = grouped((all.len() - MOVEMENTS) as u64);
        parts.push(format!("and {more} more groups of services; -o json has all"));
    }
    parts.join("\n\n")
}

/// A service with its other names.
fn named(ServiceChange { service, names, .. }: &ServiceChange) -> String {
    if names.is_empty() { service.clone() } else { format!("{service} (also {})", some(names)) }
}

/// Which clients of a movement's services move, from where to where.
fn moves(movement: &Movement) -> String {
    let row = |moved: &Move| {
        let Move { region, from, to, pools, extent } = moved;
        let (before, after) = pool_names(pools.as_ref());
        [
            Cell::new(region.as_deref().unwrap_or(DEFAULT)),
            Cell::new(end(from, before)).fg(Color::Red),
            Cell::new(end(to, after)).fg(Color::Green),
            number(share(extent.v4.share)),
            number(grouped(extent.v4.prefixes)),
            number(share(extent.v6.share)),
            number(grouped(extent.v6.prefixes)),
        ]
    };
    let columns = [
        Column::key("region"),
        Column::list("from", 0),
        Column::list("to", 0),
        Column::key("IPv4"),
        Column::ranked("/24s", 1),
        Column::key("IPv6"),
        Column::ranked("/48s", 1),
    ];
    let mut text = table(columns, movement.moves.iter().take(MOVES).map(row));
    let more = movement.more + movement.moves.len().saturating_sub(MOVES);
    if more > 0 {
        text.push_str(&format!("\nand {} more", grouped(more as u64)));
    }
    text
}

fn left_without(comparison: &Comparison) -> String {
    let line = |LeftWithout { service, all }: &LeftWithout| {
        if *all {
            format!("{service}: no client gets a working endpoint")
        } else {
            format!("{service}: some clients no longer get a working endpoint")
        }
    };
    let all = &comparison.left_without;
    let mut lines: Vec<String> = all.iter().take(MOVES).map(line).collect();
    if all.len() > MOVES {
        lines.push(format!("and {} more services", grouped((all.len() - MOVES) as u64)));
    }
    lines.join("\n")
}

/// The share of each destination, if it changes.
fn data_centers(comparison: &Comparison) -> String {
    let is_changed = |change: &Change<f64>| change.before != change.after;
    let changed = comparison.data_centers.iter().filter(|it| is_changed(&it.v4) || is_changed(&it.v6));
    let row = |DataCenterShare { destination, v4, v6 }: &DataCenterShare| {
        let family = |change: &Change<f64>| format!("{} -> {}", share(change.before), share(change.after));
        [Cell::new(name(destination)), number(family(v4)), number(family(v6))]
    };
    let rows: Vec<_> = changed.map(row).collect();
    if rows.is_empty() { String::new() } else { table(["all services", "IPv4", "IPv6"].map(Column::key), rows) }
}

fn sampled(comparison: &Comparison) -> String {
    let Some(sampled) = &comparison.sampled else { return String::new() };
    let head = format!(
        "of {} sampled queries, {} go to another data center, and {} get other endpoints of the same one",
        grouped(sampled.weight),
        share(sampled.across),
        share(sampled.within)
    );
    if sampled.moves.is_empty() {
        return head;
    }
    let rows = sampled.moves.iter().take(MOVES).map(|moved| {
        let (before, after) = pool_names(moved.pools.as_ref());
        let (from, to) = (end(&moved.from, before), end(&moved.to, after));
        [Cell::new(from).fg(Color::Red), Cell::new(to).fg(Color::Green), number(share(moved.share))]
    });
    format!("{head}\n{}", table([Column::list("from", 0), Column::list("to", 0), Column::key("queries")], rows))
}

/// The pools before and after, if they are given.
fn pool_names(pools: Option<&Change<String>>) -> (Option<&str>, Option<&str>) {
    (pools.map(|pools| &*pools.before), pools.map(|pools| &*pools.after))
}

/// An end of a move: a data center, with the pool if another pool of it answers.
fn end(destination: &Destination, pool: Option<&str>) -> String {
    let name = name(destination);
    pool.map_or_else(|| name.clone(), |pool| format!("{name}, pool {pool}"))
}

/// A data center or pool by name, or what clients get instead of one.
fn name(destination: &Destination) -> String {
    match destination {
        Destination::DataCenter(name) => name.clone(),
        Destination::Pool(name) => format!("pool {name}"),
        Destination::ZoneFile => "zone file".to_owned(),
        Destination::NoData => "no data".to_owned(),
        Destination::ServFail => "serv fail".to_owned(),
        Destination::NoService => "no service".to_owned(),
    }
}

/// The first of `names`, and how many more there are.
fn some(names: &[String]) -> String {
    let first = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => first,
        more => format!("{first} and {} more", grouped(more as u64)),
    }
}

/// A share of 1 in percent; small ones do not look like 0.
pub(super) fn share(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        small if small < 0.01 => "< 0.01 %".to_owned(),
        share => format!("{share:.2} %"),
    }
}

fn number(text: String) -> Cell {
    Cell::new(text).right()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn comparison(members: Value) -> Comparison {
        let mut all = json!({
            "generations": {"before": 1, "after": 2}, "data_centers_up": {"before": 2, "after": 2}, "added": [],
            "removed": [], "changed": [], "movements": [], "left_without": [], "data_centers": [], "sampled": null,
        });
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_movement_is_shown_with_its_services_and_destinations() {
        let extent = |share: f64, prefixes: u64| json!({ "share": share, "prefixes": prefixes });
        let (v4, v6) = (extent(0.125, 4096), extent(0.00001, 1));
        let comparison = comparison(json!({
            "removed": ["old.example.com"],
            "changed": [{ "service": "a.example.com", "movement": 0 }, { "service": "b.example.com", "movement": 0 }],
            "movements": [{ "elsewhere": {"v4": v4, "v6": v6}, "within": {"v4": v4, "v6": v6}, "more": 2, "moves": [{
                "region": "europe", "from": { "data-center": "fra" }, "to": "no-data", "v4": v4, "v6": v6,
                "since": "a later version",
            }] }],
        }));
        let text = described(&comparison);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(text.starts_with("removed services: old.example.com\n\na.example.com, b.example.com\n"), "{text}");
        let row = ["europe", "fra", "no", "data", "12.50", "%", "4,096", "<", "0.01", "%", "1"];
        assert!(rows.contains(&row.to_vec()), "{text}");
        assert!(text.ends_with("and 2 more"), "{text}");
    }

    #[test]
    fn a_plan_that_moves_nothing_says_so() {
        assert_eq!(described(&comparison(json!({}))), "no answer moves");
    }
}
