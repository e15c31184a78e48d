//! The moves of a sample of queries.

use std::collections::HashMap;

use super::Matched;
use super::comparer::{Compared, Comparer};
use super::comparison::{Destination, Sampled, SampledMove, SampledMoves};
use super::flow::Route;
use crate::table::{RoutingTable, Service};

/// Adds up the moves of all queries by weight. Queries for removed services move to [`Destination::NoService`]; those
/// for services that never existed are ignored. `None` if no query remains.
pub(super) fn moves(sample: &[Sampled], matched: &Matched<'_>, comparer: &mut Comparer<'_>) -> Option<SampledMoves> {
    let gone = comparer.contents.destination(Destination::NoService);
    let mut known = HashMap::new();
    let mut moved: HashMap<Route, f64> = HashMap::new();
    let mut total = 0u64;
    for query in sample {
        let Some(found) = services(query, matched) else { continue };
        total = total.saturating_add(query.weight);
        let weight = query.weight as f64;
        let old_class = class(matched.old, found.old, query);
        let Some(new) = found.new else {
            let service = found.old;
            let compared = comparer.compare((service, old_class), (service, old_class));
            for cell in &compared.before.cells {
                *moved.entry((cell.destination, gone, None)).or_default() += cell.share * weight;
            }
            continue;
        };
        let classes = (old_class, class(matched.new, new, query));
        let key = [found.old, new].map(|it| (it.targets.as_ptr(), it.steers));
        let compared: &Compared =
            known.entry((key, classes)).or_insert_with(|| comparer.compare((found.old, classes.0), (new, classes.1)));
        for flow in &compared.flows {
            *moved.entry(flow.route()).or_default() += flow.share * weight;
        }
    }
    (total > 0).then(|| to_moves(&moved, total, comparer))
}

/// The queried service, and the one with its name in the new table.
fn services<'t>(query: &Sampled, matched: &Matched<'t>) -> Option<QueriedService<'t>> {
    let at = query.service as usize;
    let old = matched.old.topology().services.get(at)?;
    let successor = matched.successors.get(at).copied().flatten();
    let new = successor.and_then(|at| matched.new.topology().services.get(at as usize));
    Some(QueriedService { old, new })
}

struct QueriedService<'t> {
    old: &'t Service,
    new: Option<&'t Service>,
}

fn class(table: &RoutingTable, service: &Service, query: &Sampled) -> u32 {
    let column = table.topology().columns.get(service.column as usize);
    column.map_or(0, |column| column.locate(query.client.network()).class)
}

fn to_moves(moved: &HashMap<Route, f64>, total: u64, comparer: &Comparer<'_>) -> SampledMoves {
    let share = |weight: f64| weight / total as f64;
    let sum = |across: bool| {
        let fitting = moved.iter().filter(|((from, to, _), _)| (from != to) == across);
        // Nothing is 0, not -0, which an empty sum is.
        share(fitting.map(|(_, weight)| weight).sum::<f64>() + 0.0)
    };
    let mut moves: Vec<SampledMove> = moved
        .iter()
        .map(|(&(from, to, pools), &weight)| SampledMove {
            from: comparer.contents.destination_of(from),
            to: comparer.contents.destination_of(to),
            pools: pools.and_then(|pools| comparer.contents.pool_names(pools)),
            share: share(weight),
        })
        .collect();
    let pools = |it: &SampledMove| it.pools.as_ref().map(|pools| (pools.before.clone(), pools.after.clone()));
    moves.sort_by(|a, b| {
        let by_share = b.share.total_cmp(&a.share).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        by_share.then_with(|| pools(a).cmp(&pools(b)))
    });
    SampledMoves { weight: total, across: sum(true), within: sum(false), moves }
}
