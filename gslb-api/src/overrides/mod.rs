//! Overrides: stored, in requests and responses, and applied to tables.

pub mod alert;
mod deadlines;
mod request;
pub mod warnings;

use std::collections::BTreeMap;

pub use deadlines::Deadlines;
pub use gslb_core::live::overrides::{Force, Override};
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

/// Key prefix of overrides.
pub const PREFIX: &str = "overrides/";
/// Most overrides at a time. They are for exceptions.
pub const MAX_OVERRIDES: usize = 1000;
/// Most overrides made by alerts, so that operators can still add some during an alert storm.
pub const MAX_OF_ALERTS: usize = 800;

/// The key of the override `id`.
pub fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// Adds a put of the override `id` to `commit`, or its removal. An expired override stays in the store until its end is in the
/// audit log.
pub fn write(commit: Commit, id: &str, override_: Option<&Override>) -> Commit {
    match override_ {
        Some(override_) => commit.put(key(id), serde_json::to_vec(override_).unwrap_or_default()),
        None => commit.delete(key(id)),
    }
}

/// The override in `entry`; `None` if it is damaged or belongs to another key.
pub(crate) fn unpack(entry: &store::Entry) -> Option<Override> {
    let override_: Override = serde_json::from_slice(&entry.versioned.value).ok()?;
    (entry.key.strip_prefix(PREFIX) == Some(&*override_.id)).then_some(override_)
}

/// All readable overrides in `store`, by id. Damaged ones are reported at the start ([`damaged_rows`](crate::damaged_rows::repair)).
///
/// # Errors
/// If the store cannot be read.
pub async fn read(store: &dyn Store) -> Result<BTreeMap<String, Override>, Unavailable> {
    let mut all = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        all.extend(page.entries.iter().filter_map(unpack).map(|override_| (override_.id.clone(), override_)));
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(all);
        }
    }
}

/// Splits `all` into those that have expired at `now` and the others.
pub fn partition_expired(
    all: BTreeMap<String, Override>,
    now: Time,
) -> (BTreeMap<String, Override>, BTreeMap<String, Override>) {
    all.into_iter().partition(|(_, override_)| is_expired(override_, now))
}

/// Whether an override has expired.
pub fn is_expired(override_: &Override, now: Time) -> bool {
    override_.is_over(now.millis())
}

/// The audit entry for the expiry of an override. The caller fills in its number.
pub fn expired(override_: &Override, revision: u64, now: Time) -> Entry {
    let request = format!("expiry of override {}", override_.id);
    let change = Change::new(
        Who::Server,
        &request,
        Edit::Override { id: override_.id.clone(), body: None, condition: Condition::Any },
    );
    Entry {
        before: audit::abridged(Some(json!(types::Override::from(override_)))),
        revision,
        ..Entry::of(&change, 0, now)
    }
}

impl From<&Override> for types::Override {
    fn from(override_: &Override) -> Self {
        Self {
            targets: override_.targets.clone(),
            force: override_.force,
            reason: override_.reason.clone(),
            owner: override_.owner.clone(),
            created: Timestamp::from_millis(override_.created),
            expires: override_.expires.map(Timestamp::from_millis),
            saved: None,
        }
    }
}

/// Names that a target of this kind could have, the first few of them.
fn list_names(site: &Site, target: &Pattern) -> String {
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

/// Why `all` has no room for a new override with this id.
fn limit_error(id: &str, all: &BTreeMap<String, Override>) -> Option<String> {
    if all.len() >= MAX_OVERRIDES {
        return Some(format!("there are {MAX_OVERRIDES} overrides already: remove some, or use one with more targets"));
    }
    let of_alerts = all.keys().filter(|id| alert::is_of_alert(id)).count();
    (alert::is_of_alert(id) && of_alerts >= MAX_OF_ALERTS).then(|| {
        format!(
            "alerts have made {MAX_OF_ALERTS} overrides already, and the other {} are reserved for operators: let fewer \
             alerts act, or use one alert per pool or data center instead of one per endpoint",
            MAX_OVERRIDES - MAX_OF_ALERTS
        )
    })
}

/// Refuses an override with a target that matches nothing in `table`, or one above the limits.
///
/// # Errors
/// [`Refusal::Body`].
pub fn check(override_: &Override, table: &RoutingTable, all: &BTreeMap<String, Override>) -> Result<(), Refusal> {
    if !all.contains_key(&*override_.id)
        && let Some(message) = limit_error(&override_.id, all)
    {
        return Err(Refusal::Body(vec![(String::new(), message)]));
    }
    let site = &table.topology().site;
    let matches = core::targets_match_any(&override_.targets, site);
    let idle = override_.targets.iter().zip(matches).enumerate().filter(|(_, (_, matches))| !matches);
    let errors: Vec<(String, String)> = idle
        .map(|(at, (target, _))| {
            (format!("/targets/{at}"), format!("{target} matches no endpoint; {}", list_names(site, target)))
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Body(errors)) }
}
