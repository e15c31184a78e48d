//! Whose traffic a change moves, from where to where, as tables for people.

use serde_json::Value;

use super::digits::{counted, grouped, of_json};
use super::remote::text;
use super::table::{Cell, Color, Column, table};
use crate::capture::placeholder::DEFAULT;

/// Movements, and moves of each, that are written out. `-o json` has all that the server told.
const MOVEMENTS: usize = 8;
const MOVES: usize = 16;
/// Services that are named as examples of a movement.
const NAMES: usize = 3;

/// All that a comparison says; nothing where there is none.
pub(super) fn told(comparison: &Value) -> String {
    if comparison.is_null() {
        return String::new();
    }
    let parts = [
        services(comparison),
        movements(comparison),
        left_without(comparison),
        data_centers(comparison),
        sampled(comparison),
    ];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if told.is_empty() { "no answer moves".to_owned() } else { told.join("\n\n") }
}

/// What a comparison comes to, in a clause: how many services answer otherwise, and how much of their clients that is.
pub(super) fn in_short(comparison: &Value) -> String {
    if comparison.is_null() {
        return String::new();
    }
    let services = list(comparison, "changed").len() as u64;
    if services == 0 {
        return "no answer moves".to_owned();
    }
    let gains = |family: &str| -> f64 {
        let change = |shares: &Value| {
            let of = |when: &str| shares[family][when].as_f64().unwrap_or(0.0);
            of("after") - of("before")
        };
        list(comparison, "data_centers").iter().map(change).filter(|gain| *gain > 0.0).sum()
    };
    let (v4, v6) = (share(&gains("v4").into()), share(&gains("v6").into()));
    format!("{} with other answers ({v4} of IPv4, {v6} of IPv6)", counted(services, "service", "services"))
}

/// Services that come and go.
fn services(comparison: &Value) -> String {
    let line = |key: &str, word: &str| {
        let names: Vec<&str> = list(comparison, key).iter().filter_map(Value::as_str).collect();
        if names.is_empty() { None } else { Some(format!("{word}: {}", some(&names))) }
    };
    let lines = [line("added", "new services"), line("removed", "services that go")];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn movements(comparison: &Value) -> String {
    let all = list(comparison, "movements");
    let mut told: Vec<String> = Vec::new();
    for (index, movement) in all.iter().enumerate().take(MOVEMENTS) {
        let moved =
            list(comparison, "changed").iter().filter(|change| change["movement"].as_u64() == Some(index as u64));
        let names: Vec<String> = moved.map(named).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        told.push(format!("{}\n{}", some(&names), moves(movement)));
    }
    if all.len() > MOVEMENTS {
        told.push(format!(
            "and {} more groups of services that move alike; -o json has all",
            grouped((all.len() - MOVEMENTS) as u64)
        ));
    }
    told.join("\n\n")
}

/// A service by its name, with its further names.
fn named(change: &Value) -> String {
    let further: Vec<&str> = list(change, "names").iter().filter_map(Value::as_str).collect();
    let name = text(change, "/service");
    if further.is_empty() { name } else { format!("{name} (also {})", some(&further)) }
}

/// Who moves from where to where, of the services of one movement.
fn moves(movement: &Value) -> String {
    let all = list(movement, "moves");
    let row = |moved: &Value| {
        let region = Some(text(moved, "/region")).filter(|region| !region.is_empty());
        [
            Cell::new(region.unwrap_or_else(|| DEFAULT.to_owned())),
            Cell::new(end(moved, "from")).fg(Color::Red),
            Cell::new(end(moved, "to")).fg(Color::Green),
            number(share(&moved["v4"]["share"])),
            number(of_json(&moved["v4"]["prefixes"])),
            number(share(&moved["v6"]["share"])),
            number(of_json(&moved["v6"]["prefixes"])),
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
    let mut told = table(columns, all.iter().take(MOVES).map(row));
    let more = movement["more"].as_u64().unwrap_or(0) + all.len().saturating_sub(MOVES) as u64;
    if more > 0 {
        told.push_str(&format!("\nand {} more", grouped(more)));
    }
    told
}

fn left_without(comparison: &Value) -> String {
    let line = |service: &Value| {
        let whom = if service["all"] == true { "no client gets" } else { "some clients no longer get" };
        format!("{}: {whom} a working endpoint", text(service, "/service"))
    };
    let all = list(comparison, "left_without");
    let mut lines: Vec<String> = all.iter().take(MOVES).map(line).collect();
    if all.len() > MOVES {
        lines.push(format!("and {} more services", grouped((all.len() - MOVES) as u64)));
    }
    lines.join("\n")
}

/// What each destination has, where that changes.
fn data_centers(comparison: &Value) -> String {
    let changes =
        |shares: &Value| ["v4", "v6"].iter().any(|family| shares[family]["before"] != shares[family]["after"]);
    let changed: Vec<&Value> = list(comparison, "data_centers").iter().filter(|shares| changes(shares)).collect();
    let row = |shares: &&Value| {
        let family = |key: &str| format!("{} -> {}", share(&shares[key]["before"]), share(&shares[key]["after"]));
        [Cell::new(destination(&shares["destination"])), number(family("v4")), number(family("v6"))]
    };
    if changed.is_empty() {
        String::new()
    } else {
        table(["all services", "IPv4", "IPv6"].map(Column::key), changed.iter().map(row))
    }
}

fn sampled(comparison: &Value) -> String {
    let sampled = &comparison["sampled"];
    if sampled.is_null() {
        return String::new();
    }
    let head = format!(
        "of {} sampled queries, {} go to another data center, and {} get other endpoints of the same one",
        of_json(&sampled["weight"]),
        share(&sampled["elsewhere"]),
        share(&sampled["within"])
    );
    let row = |moved: &Value| {
        let (from, to) = (end(moved, "from"), end(moved, "to"));
        [Cell::new(from).fg(Color::Red), Cell::new(to).fg(Color::Green), number(share(&moved["share"]))]
    };
    let columns = [Column::list("from", 0), Column::list("to", 0), Column::key("queries")];
    match list(sampled, "moves") {
        [] => head,
        moves => format!("{head}\n{}", table(columns, moves.iter().take(MOVES).map(row))),
    }
}

/// An end of a move, `from` or `to`: a data center, with the pool where it stays and another pool of it answers.
fn end(moved: &Value, which: &str) -> String {
    let pool = text(moved, if which == "from" { "/pools/before" } else { "/pools/after" });
    let named = destination(&moved[which]);
    if pool.is_empty() { named } else { format!("{named}, pool {pool}") }
}

/// A data center or pool by name, or what is in the place of one.
fn destination(destination: &Value) -> String {
    match destination {
        Value::String(word) => word.replace('-', " "),
        other => {
            let named = other.as_object().and_then(|members| members.iter().next());
            let (kind, name) = named.map_or(("", ""), |(kind, name)| (kind.as_str(), name.as_str().unwrap_or("")));
            if kind == "pool" { format!("pool {name}") } else { name.to_owned() }
        }
    }
}

/// The first of `names`, and how many more there are.
fn some(names: &[&str]) -> String {
    let first = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => first,
        more => format!("{first} and {} more", grouped(more as u64)),
    }
}

/// A share of 1 in percent; small ones are not taken for nothing.
pub(super) fn share(value: &Value) -> String {
    match value.as_f64().unwrap_or(0.0) * 100.0 {
        0.0 => "0 %".to_owned(),
        small if small < 0.01 => "< 0.01 %".to_owned(),
        share => format!("{share:.2} %"),
    }
}

fn number(text: String) -> Cell {
    Cell::new(text).right()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_movement_is_told_with_its_services_and_where_they_go() {
        let extent = |share: f64, prefixes: u64| json!({ "share": share, "prefixes": prefixes });
        let comparison = json!({
            "added": [], "removed": ["old.example.com"], "left_without": [], "data_centers": [], "sampled": null,
            "changed": [{ "service": "a.example.com", "movement": 0 }, { "service": "b.example.com", "movement": 0 }],
            "movements": [{ "more": 2, "moves": [{
                "region": "europe", "from": { "data-center": "fra" }, "to": "no-data",
                "v4": extent(0.125, 4096), "v6": extent(0.00001, 1),
            }] }],
        });
        let told = told(&comparison);
        let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(told.starts_with("services that go: old.example.com\n\na.example.com, b.example.com\n"), "{told}");
        let row = ["europe", "fra", "no", "data", "12.50", "%", "4,096", "<", "0.01", "%", "1"];
        assert!(rows.contains(&row.to_vec()), "{told}");
        assert!(told.ends_with("and 2 more"), "{told}");
    }

    #[test]
    fn where_nothing_moves_that_is_said() {
        assert_eq!(super::told(&json!({ "movements": [], "changed": [] })), "no answer moves");
        assert_eq!(super::told(&Value::Null), "");
    }
}
