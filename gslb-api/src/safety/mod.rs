//! Safety rules, and which of them a change would break.

mod kept;
mod reach;
mod shrinking;

use std::fmt;

use gslb_core::diff::Comparison;
use gslb_core::site::model::{Safety, Share, Window};
use gslb_core::table::RoutingTable;

use crate::clock;
use crate::store::Time;
pub use crate::types::BrokenRule;

impl fmt::Display for BrokenRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.rule, self.detail)
    }
}

/// The rule that no change may loosen a rule.
pub(crate) const LOOSENED: &str = "loosened";

/// The rule that blocks document changes during a window.
pub(crate) const FROZEN: &str = "frozen";

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// Overrides; the document stays.
    Overrides,
    /// Only the end of overrides that kept clients away; the document stays.
    Ended,
    /// One named resource of the document.
    Resource,
    /// The document as a whole.
    Document,
}

/// Whether any rule limits how many clients may move.
pub fn needs_moves(rules: &Safety) -> bool {
    rules.max_traffic_moved.is_some() || rules.max_address_space_moved.is_some()
}

/// The rules that going from `old` to `new` at `now` would break.
///
/// Limits on moves and frozen windows come from the active document, so that no change can loosen them for itself;
/// rules about the resulting state come from both documents. `moves` is required if [`needs_moves`]. Frozen windows
/// block changes of the document, not overrides, which are for emergencies. The shrinking rule always applies, because
/// a truncated file looks like a deliberate deletion. Deleting a service or zone by name is deliberate; replacing a
/// zone by name may still come from a truncated file. Limits on moves do not apply to the end of an override that kept
/// clients away: an operator who has drained a data center must be able to undo that when another one fails.
pub fn broken(
    old: &RoutingTable,
    new: &RoutingTable,
    moves: Option<&Comparison>,
    touched: Touched,
    now: Time,
) -> Vec<BrokenRule> {
    let (rules, next) = (&old.topology().site.safety, &new.topology().site.safety);
    let mut list = Vec::new();
    if !matches!(touched, Touched::Overrides | Touched::Ended) {
        list.extend(frozen(rules, now));
    }
    match touched {
        Touched::Document => list.extend(shrinking::of_document(old, new)),
        Touched::Resource => list.extend(shrinking::of_resource(old, new)),
        Touched::Overrides | Touched::Ended => {}
    }
    list.extend(too_few_data_centers(rules, next, old, new));
    if rules.require_endpoints || next.require_endpoints {
        list.extend(without_endpoints(old, new));
    }
    if let Some(moves) = moves.filter(|_| touched != Touched::Ended) {
        list.extend(moved(rules, moves));
    }
    list.extend(loosened(rules, next, now));
    list
}

/// Rules that the change would remove or weaken: otherwise a rule could be removed first and broken next.
fn loosened(rules: &Safety, next: &Safety, now: Time) -> Option<BrokenRule> {
    let fewer = rules.min_data_centers_up.is_some_and(|least| next.min_data_centers_up.is_none_or(|next| next < least));
    let more = |old: Option<Share>, new: Option<Share>| old.is_some_and(|most| new.is_none_or(|next| next > most));
    let ends = |window: &Window| window.end > now.millis() && !next.frozen.contains(window);
    let gone = [
        ("min_data_centers_up", fewer),
        ("max_traffic_moved", more(rules.max_traffic_moved, next.max_traffic_moved)),
        ("max_address_space_moved", more(rules.max_address_space_moved, next.max_address_space_moved)),
        ("require_endpoints", rules.require_endpoints && !next.require_endpoints),
        ("frozen", rules.frozen.iter().any(ends)),
    ];
    let gone: Vec<&str> = gone.into_iter().filter_map(|(rule, is_looser)| is_looser.then_some(rule)).collect();
    let detail = format!("{} would be weaker than now", gone.join(", "));
    (!gone.is_empty()).then_some(BrokenRule { rule: LOOSENED.into(), detail })
}

fn frozen(rules: &Safety, now: Time) -> Option<BrokenRule> {
    let window = rules.frozen.iter().find(|window| window.contains(now.millis()))?;
    let end = clock::show(Time::from_millis(window.end));
    Some(BrokenRule { rule: FROZEN.into(), detail: format!("no change of the document until {end} ({})", window.text) })
}

fn too_few_data_centers(rules: &Safety, next: &Safety, old: &RoutingTable, new: &RoutingTable) -> Option<BrokenRule> {
    let least = rules.min_data_centers_up.max(next.min_data_centers_up)?;
    let count = |table| u32::try_from(reach::data_centers(table).len()).unwrap_or(u32::MAX);
    let (before, after) = (count(old), count(new));
    // Too few may be up already. Then a change that takes none away is fine.
    let broken = after < least && after < before;
    let detail = format!("{after} data centers would take clients, {before} do now; at least {least} must");
    broken.then_some(BrokenRule { rule: "min_data_centers_up".into(), detail })
}

fn without_endpoints(old: &RoutingTable, new: &RoutingTable) -> Option<BrokenRule> {
    let bare = reach::left_without_endpoints(old, new);
    let first = bare.first()?;
    let more = if bare.len() > 1 { format!(" and {} more services", bare.len() - 1) } else { String::new() };
    Some(BrokenRule {
        rule: "require_endpoints".into(),
        detail: format!("{first}{more} would have no endpoint that is up"),
    })
}

fn moved(rules: &Safety, moves: &Comparison) -> Vec<BrokenRule> {
    let exceeds = |limit: Option<Share>, share: f64| limit.filter(|limit| share > limit.0);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut list = Vec::new();
    let (most, service) = most_moved(moves);
    if let Some(limit) = exceeds(rules.max_address_space_moved, most) {
        let detail =
            format!("{} of the address space of {service} would move, more than {}", percent(most), percent(limit.0));
        list.push(BrokenRule { rule: "max_address_space_moved".into(), detail });
    }
    let (share, of) = match &moves.sampled {
        Some(sampled) => (sampled.across, "the sampled traffic".to_owned()),
        None => (most, format!("the address space of {service}")),
    };
    if let Some(limit) = exceeds(rules.max_traffic_moved, share) {
        let detail = format!("{} of {of} would move, more than {}", percent(share), percent(limit.0));
        list.push(BrokenRule { rule: "max_traffic_moved".into(), detail });
    }
    list
}

/// The largest share of an address family's space that moves to another destination for one service, and that service.
/// A removed service moves entirely.
fn most_moved(moves: &Comparison) -> (f64, &str) {
    if let Some(service) = moves.removed.first() {
        return (1.0, service);
    }
    let share = |at: usize| {
        moves.movements.get(at).map_or(0.0, |movement| movement.across.v4.share.max(movement.across.v6.share))
    };
    let shares = moves.changed.iter().map(|change| (share(change.movement), change.service.as_str()));
    shares.fold((0.0, ""), |most, next| if next.0 > most.0 { next } else { most })
}
