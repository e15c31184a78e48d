//! The order in which named policies are read: each after the ones it refers to. Reports cycles.

use crate::notation::{Node, Problems, Value};
use crate::site::document::names::Names;

/// Longest cycle that is shown in full.
const MAX_SHOWN: usize = 20;

/// A policy being visited, the ones it refers to, and how many of those have been visited.
struct Visit {
    number: usize,
    names: Vec<usize>,
    done: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    /// On the current path.
    Open,
    Closed,
}

/// Indices of all policies, referenced ones first. The walk uses its own stack, since a chain of references may be
/// long.
pub(super) fn referents_first(names: &Names<'_>, problems: &mut Problems) -> Vec<usize> {
    let count = names.section().entries.len();
    let mut marks = vec![Mark::New; count];
    let mut order = Vec::with_capacity(count);
    for start in 0..count {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open;
        let mut path = vec![visit(start, names)];
        while let Some(last) = path.last_mut() {
            let Some(&next) = last.names.get(last.done) else {
                marks[last.number] = Mark::Closed;
                order.push(last.number);
                path.pop();
                continue;
            };
            last.done += 1;
            match marks[next] {
                Mark::New => {
                    marks[next] = Mark::Open;
                    path.push(visit(next, names));
                }
                Mark::Open => report_cycle(&path, next, names, problems),
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

/// The policies that a policy refers to, if it is well-formed; readers report other problems.
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

/// Reports the cycle at the end of `path`, starting from its first policy in the document.
fn report_cycle(path: &[Visit], back_to: usize, names: &Names<'_>, problems: &mut Problems) {
    let from = path.iter().rposition(|visit| visit.number == back_to).unwrap_or(0);
    let mut cycle: Vec<usize> = path.iter().skip(from).map(|visit| visit.number).collect();
    let first = cycle.iter().enumerate().min_by_key(|&(_, number)| number).map_or(0, |(place, _)| place);
    cycle.rotate_left(first);
    let section = names.section();
    let mut shown: Vec<&str> = cycle
        .iter()
        .take(MAX_SHOWN)
        .filter_map(|&number| section.entries.get(number))
        .map(|entry| &*entry.key)
        .collect();
    let Some(entry) = cycle.first().and_then(|&number| section.entries.get(number)) else { return };
    if cycle.len() > MAX_SHOWN {
        shown.push("...");
    }
    shown.push(&entry.key);
    let message = format!("policy `{}` refers to itself: {}", entry.key, shown.join(" -> "));
    problems.error(entry.at, &section.path.key(&entry.key), message, "replace one of these references with a pool");
}
