//! Overrides in the store, on the wire and in force.

pub mod alert;
mod deadlines;
mod request;
pub mod warnings;

use std::collections::BTreeMap;

pub use deadlines::Deadlines;
pub use gslb_core::live::overrides::{Force, Override, States};
pub use request::from_request;

use gslb_core::live::overrides as core;
use gslb_core::site::model::Site;
use gslb_core::site::pattern::Pattern;
use gslb_core::table::RoutingTable;
use serde_json::json;

use crate::audit::{self, Entry};
use crate::change::{Change, Condition, Edit, Refusal, Who};
use crate::store::{self, Commit, Order, Store, Time, Unavailable, limits};
use crate::types::{self, Timestamp};

/// Where overrides are kept.
pub const PREFIX: &str = "overrides/";
/// Most overrides at one time. They are for exceptions.
pub const MAX_OVERRIDES: usize = 1000;
/// Most of them that alerts may make, so that people can act while everything alerts.
pub const MAX_OF_ALERTS: usize = 800;

/// The key of the override `id`.
pub fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// `commit` that also puts the override `id`, or removes it. It stays in the store when its time has passed, until its end is
/// in the audit.
pub fn write(commit: Commit, id: &str, held: Option<&Override>) -> Commit {
    match held {
        Some(held) => commit.put(key(id), serde_json::to_vec(held).unwrap_or_default()),
        None => commit.delete(key(id)),
    }
}

/// The override in `entry`; none where its value is damaged, or is that of another key.
pub(crate) fn unpack(entry: &store::Entry) -> Option<Override> {
    let held: Override = serde_json::from_slice(&entry.versioned.value).ok()?;
    (entry.key.strip_prefix(PREFIX) == Some(&*held.id)).then_some(held)
}

/// All overrides in `store` that can be read, by id. Damaged ones are reported at the start ([`damaged_rows`](crate::damaged_rows::repair)).
///
/// # Errors
/// Where the store cannot be asked.
pub async fn read(store: &dyn Store) -> Result<BTreeMap<String, Override>, Unavailable> {
    let mut all = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        all.extend(page.entries.iter().filter_map(unpack).map(|held| (held.id.clone(), held)));
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(all);
        }
    }
}

/// The next table after `table`, in which `all` have had their say over `states`.
pub fn with_overrides(table: &RoutingTable, all: &BTreeMap<String, Override>, states: &States) -> RoutingTable {
    table.with_states(&core::apply(all.values(), &table.topology().site, states))
}

/// A table that was just compiled and nobody has seen, with the overrides `all` on top of `states`: itself where it has
/// all that already, so that its generation is the next one.
pub fn apply_to_new_table(table: RoutingTable, all: &BTreeMap<String, Override>, states: &States) -> RoutingTable {
    let changes = table.changes_to(&core::apply(all.values(), &table.topology().site, states));
    if changes.is_empty() { table } else { table.with_changes(&changes) }
}

/// Of `all`, those whose time has passed at `now`, and the others.
pub fn partition_expired(
    all: BTreeMap<String, Override>,
    now: Time,
) -> (BTreeMap<String, Override>, BTreeMap<String, Override>) {
    all.into_iter().partition(|(_, held)| is_expired(held, now))
}

/// Whether the time of `held` has passed.
pub fn is_expired(held: &Override, now: Time) -> bool {
    held.is_over(now.millis())
}

/// What the audit tells of the end of `held` by its own expiry; its number is still to be filled in.
pub fn expired(held: &Override, revision: u64, now: Time) -> Entry {
    let request = format!("expiry of override {}", held.id);
    let change = Change::new(
        Who::Server,
        &request,
        Edit::Override { id: held.id.clone(), body: None, condition: Condition::Any },
    );
    Entry { before: audit::abridged(Some(json!(types::Override::from(held)))), revision, ..Entry::of(&change, 0, now) }
}

impl From<&Override> for types::Override {
    fn from(held: &Override) -> Self {
        Self {
            targets: held.targets.clone(),
            force: held.force,
            reason: held.reason.clone(),
            owner: held.owner.clone(),
            created: Timestamp::from_millis(held.created),
            expires: held.expires.map(Timestamp::from_millis),
            saved: None,
        }
    }
}

/// Names that a target like this one could have, the first of them.
fn there_are(site: &Site, target: &Pattern) -> String {
    const MOST: usize = 8;
    let endpoints = |pool: &str| -> Vec<&str> {
        let of = site.pools.iter().find(|it| *it.name == *pool);
        of.into_iter().flat_map(|pool| &pool.endpoints).map(|endpoint| &*endpoint.name).collect()
    };
    let (what, all): (String, Vec<&str>) = match target {
        Pattern::DataCenter(_) => ("data centers".to_owned(), site.data_centers.iter().map(|it| &*it.name).collect()),
        Pattern::Endpoint { pool, .. } if !endpoints(pool).is_empty() => {
            (format!("endpoints in {pool}"), endpoints(pool))
        }
        _ => ("pools".to_owned(), site.pools.iter().map(|pool| &*pool.name).collect()),
    };
    let more = if all.len() > MOST { format!(" and {} more", all.len() - MOST) } else { String::new() };
    format!("{what}: {}{more}", all[..all.len().min(MOST)].join(", "))
}

/// Why there is no place among `all` for one more override, of this id.
fn no_place(id: &str, all: &BTreeMap<String, Override>) -> Option<String> {
    if all.len() >= MAX_OVERRIDES {
        return Some(format!("there are {MAX_OVERRIDES} overrides already: remove some, or target more with one"));
    }
    let of_alerts = all.keys().filter(|id| alert::is_of_alert(id)).count();
    (alert::is_of_alert(id) && of_alerts >= MAX_OF_ALERTS).then(|| {
        format!(
            "alerts have made {MAX_OF_ALERTS} overrides already, and the other {} are for people: have fewer alerts act, \
             or one alert on a pool or data center instead of many on endpoints",
            MAX_OVERRIDES - MAX_OF_ALERTS
        )
    })
}

/// Refuses an override that means nothing that `table` has, or is one too many: in all, or of those that alerts make.
///
/// # Errors
/// [`Refusal::Body`].
pub fn check(held: &Override, table: &RoutingTable, all: &BTreeMap<String, Override>) -> Result<(), Refusal> {
    if !all.contains_key(&*held.id)
        && let Some(told) = no_place(&held.id, all)
    {
        return Err(Refusal::Body(vec![(String::new(), told)]));
    }
    let site = &table.topology().site;
    let means = core::targets_mean_any(&held.targets, site);
    let idle = held.targets.iter().zip(means).enumerate().filter(|(_, (_, means))| !means);
    let wrong: Vec<(String, String)> = idle
        .map(|(at, (target, _))| {
            (format!("/targets/{at}"), format!("no endpoint is meant by {target}; {}", there_are(site, target)))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Body(wrong)) }
}
