//! The order in which named policies are read: each after those that it names; cycles are told.

use crate::site::document::names::Names;
use crate::site::document::problems::Problems;
use crate::site::document::tree::{Node, Value};

/// Longest cycle that is told in full.
const MAX_TOLD: usize = 20;

/// A policy that is being looked at, those it names, and how many of them were looked at.
struct Visit {
    number: usize,
    names: Vec<usize>,
    done: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    /// On the way from where the walk began.
    Open,
    Closed,
}

/// Numbers of all policies, those that others name first. The walk keeps its own stack: a chain of names may be long.
pub(super) fn referents_first(names: &Names<'_>, problems: &mut Problems) -> Vec<usize> {
    let count = names.section().entries.len();
    let mut marks = vec![Mark::New; count];
    let mut order = Vec::with_capacity(count);
    for start in 0..count {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open;
        let mut way = vec![visit(start, names)];
        while let Some(last) = way.last_mut() {
            let Some(&next) = last.names.get(last.done) else {
                marks[last.number] = Mark::Closed;
                order.push(last.number);
                way.pop();
                continue;
            };
            last.done += 1;
            match marks[next] {
                Mark::New => {
                    marks[next] = Mark::Open;
                    way.push(visit(next, names));
                }
                Mark::Open => tell_cycle(&way, next, names, problems),
                Mark::Closed => {}
            }
        }
    }
    order
}

fn visit(number: usize, names: &Names<'_>) -> Visit {
    let mut found = Vec::new();
    if let Some(entry) = names.section().entries.get(number) {
        collect(&entry.node, names, &mut found);
    }
    Visit { number, names: found, done: 0 }
}

/// The policies that are named in a policy, as far as its form is right; readers complain of the rest.
fn collect(node: &Node, names: &Names<'_>, found: &mut Vec<usize>) {
    let table = match &node.value {
        Value::String(name) => return found.extend(names.number(name)),
        Value::Table(table) => table,
        _ => return,
    };
    for entry in &table.entries {
        match (&*entry.key, &entry.node.value) {
            ("geo", Value::Table(branches)) => branches.entries.iter().for_each(|it| collect(&it.node, names, found)),
            ("only", _) => collect(&entry.node, names, found),
            ("failover", Value::Array(candidates)) => candidates.iter().for_each(|it| collect(it, names, found)),
            ("weighted", Value::Table(shares)) => {
                found.extend(shares.entries.iter().filter_map(|it| names.number(&it.key)))
            }
            _ => {}
        }
    }
}

/// Tells the cycle that ends the way, from its first policy in the document around to the same.
fn tell_cycle(way: &[Visit], back_to: usize, names: &Names<'_>, problems: &mut Problems) {
    let from = way.iter().rposition(|visit| visit.number == back_to).unwrap_or(0);
    let mut cycle: Vec<usize> = way.iter().skip(from).map(|visit| visit.number).collect();
    let first = cycle.iter().enumerate().min_by_key(|&(_, number)| number).map_or(0, |(place, _)| place);
    cycle.rotate_left(first);
    let section = names.section();
    let mut told: Vec<&str> = cycle
        .iter()
        .take(MAX_TOLD)
        .filter_map(|&number| section.entries.get(number))
        .map(|entry| &*entry.key)
        .collect();
    let Some(entry) = cycle.first().and_then(|&number| section.entries.get(number)) else { return };
    if cycle.len() > MAX_TOLD {
        told.push("...");
    }
    told.push(&entry.key);
    let message = format!("policy `{}` leads back to itself: {}", entry.key, told.join(" -> "));
    problems.error(entry.at, &section.path.key(&entry.key), message, "let one of them name a pool instead");
}
