//! Records status transitions: a log line, a counter, and a key in the store, which is also an event. A background task does
//! this in batches, so that recording costs the publisher task only a few pushes.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gslb_core::health::{Ended, MassFailureChange, Member, Recovery, SavedKey, SavedStatus, Transition};
use gslb_core::site::model::Site;
use parking_lot::Mutex;
use serde_json::json;
use tokio::select;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{interval, sleep};
use tracing::{error, info, warn};

use super::saved::{MASS_FAILURE, Record, SEEN, key};
use crate::ACCEPT_MASS_FAILURE;
use crate::change::Active;
use crate::store::{Commit, Store};

/// How long transitions are collected before they are logged and saved.
const GATHER: Duration = Duration::from_millis(50);
/// Delay before a failed commit is retried.
const RETRY: Duration = Duration::from_secs(5);
/// Statuses per commit.
const BATCH: usize = 500;
/// Transitions waiting to be logged; more are only counted and saved.
const MAX_WAITING: usize = 100_000;
/// Targets per batch that get a log line each when they cannot be probed, or can again; more are only counted.
const MAX_LOGGED: usize = 10;
/// How often the time of the last outcome is saved. Saved statuses are valid for much longer.
const SEEN_EVERY: Duration = Duration::from_secs(300);

/// An endpoint's status transitions since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransitionCounts {
    /// To up.
    pub up: u64,
    /// To down.
    pub down: u64,
}

/// Transition counts by the names of pool and endpoint.
pub type StatusChanges = HashMap<(Arc<str>, Arc<str>), TransitionCounts>;

/// Status transitions to be logged and saved.
#[derive(Debug, Default)]
pub struct Journal {
    pending: Mutex<Pending>,
    changes: Mutex<StatusChanges>,
    /// Time of the last probe outcome, in milliseconds since 1970-01-01 00:00 UTC; 0 before the first.
    seen: AtomicU64,
    work: Notify,
    /// Who waits until everything so far is saved.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

#[derive(Debug, Default)]
struct Pending {
    changes: Vec<StatusChange>,
    unlogged: usize,
    statuses: HashMap<String, Record>,
    /// Mass failure transitions, the latest last, with the time of each.
    mass_failures: Vec<(MassFailureChange, u64)>,
    recoveries: Vec<Recovered>,
    /// Targets, with the reason that they cannot be probed; `None` if they can again.
    abilities: Vec<(String, Option<Arc<str>>)>,
}

#[derive(Debug)]
struct StatusChange {
    pool: Arc<str>,
    endpoint: Arc<str>,
    up: bool,
    why: Arc<str>,
}

/// An endpoint that has recovered and waits for `gslb resume`, or that fails again while it waits.
#[derive(Debug)]
struct Recovered {
    pool: Arc<str>,
    endpoint: Arc<str>,
    waits: bool,
    why: Arc<str>,
}

impl Journal {
    /// Saves a status that has not changed; nothing is logged.
    pub(super) fn save(&self, key: SavedKey, status: SavedStatus) {
        self.pending.lock().save(key, status);
        self.work.notify_one();
    }

    /// Records a status transition of an endpoint of `site`.
    pub(super) fn transition(&self, site: &Site, transition: &Transition, saved: Option<(SavedKey, SavedStatus)>) {
        let Some((pool, endpoint)) = names(site, transition.member) else { return };
        let mut pending = self.pending.lock();
        if let Some((key, status)) = saved {
            pending.save(key, status);
        }
        let change = StatusChange { pool, endpoint, up: transition.up, why: Arc::clone(&transition.why) };
        if pending.changes.len() < MAX_WAITING {
            pending.changes.push(change);
        } else {
            pending.unlogged += 1;
        }
        drop(pending);
        self.work.notify_one();
    }

    /// Records that an endpoint of `site` has recovered and waits for `gslb resume`, or fails again.
    pub(super) fn recovered(&self, site: &Site, recovery: &Recovery, saved: Option<(SavedKey, SavedStatus)>) {
        let Some((pool, endpoint)) = names(site, recovery.member) else { return };
        let mut pending = self.pending.lock();
        if let Some((key, status)) = saved {
            pending.save(key, status);
        }
        if pending.recoveries.len() < MAX_WAITING {
            let why = Arc::clone(&recovery.why);
            pending.recoveries.push(Recovered { pool, endpoint, waits: recovery.waits, why });
        }
        drop(pending);
        self.work.notify_one();
    }

    /// Records that a mass failure is suspected, or is over.
    pub(super) fn mass_failure(&self, transition: MassFailureChange, wall: u64) {
        self.pending.lock().mass_failures.push((transition, wall));
        self.work.notify_one();
    }

    /// Records that this host cannot probe a target, and why, or that it can again.
    pub(super) fn ability(&self, target: String, unable: Option<Arc<str>>) {
        let mut pending = self.pending.lock();
        if pending.abilities.len() < MAX_WAITING {
            pending.abilities.push((target, unable));
        }
        drop(pending);
        self.work.notify_one();
    }

    /// Records the time of a probe outcome.
    pub(super) fn seen(&self, wall: u64) {
        self.seen.store(wall, Relaxed);
    }

    /// Saves what has been recorded so far. Returns whether that worked.
    pub(crate) async fn save_now(&self) -> bool {
        let (sender, saved) = oneshot::channel();
        self.waiting.lock().push(sender);
        self.work.notify_one();
        saved.await.is_ok()
    }

    /// Transition counts since the start, of the endpoints that have any.
    pub fn changes(&self) -> StatusChanges {
        self.changes.lock().clone()
    }

    /// Logs and saves until the publisher task ends. `stored` are the status keys in the store.
    pub(crate) async fn run(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        mut active: watch::Receiver<Arc<Active>>,
        mut stored: HashSet<String>,
    ) {
        let mut known: Option<Arc<Active>> = None;
        // The last process suspected a mass failure; this one starts without suspicion.
        if matches!(store.read(MASS_FAILURE).await, Ok(Some(_)))
            && let Err(cause) = store.commit(Commit::new().delete(MASS_FAILURE)).await
        {
            warn!(why = %cause, "failed to clear the mass failure of an earlier start");
        }
        let mut saves = interval(SEEN_EVERY);
        let mut seen = 0;
        loop {
            let ended = select! {
                () = self.work.notified() => false,
                changed = active.changed() => changed.is_err(),
                _ = saves.tick() => {
                    self.save_seen(&*store, &mut seen).await;
                    continue;
                }
            };
            let waiting = std::mem::take(&mut *self.waiting.lock());
            if ended || !waiting.is_empty() {
                self.save_seen(&*store, &mut seen).await;
            } else {
                sleep(GATHER).await;
            }
            let now = Arc::clone(&active.borrow_and_update());
            if known.as_ref().is_none_or(|known| !known.table.has_topology_of(&now.table)) {
                self.forget(&*store, &now.table.topology().site, &mut stored).await;
                known = Some(now);
            }
            // Those who wait are answered after a success only.
            if self.flush(&*store, &mut stored).await {
                for waiting in waiting {
                    let _ = waiting.send(());
                }
            } else if !ended {
                drop(waiting);
                sleep(RETRY).await;
                self.work.notify_one();
            }
            if ended {
                return;
            }
        }
    }

    /// Logs and saves what is pending. Returns false if the store fails; the statuses stay pending then.
    async fn flush(&self, store: &dyn Store, stored: &mut HashSet<String>) -> bool {
        let pending = std::mem::take(&mut *self.pending.lock());
        let Pending { changes, unlogged, statuses, mass_failures, recoveries, abilities } = pending;
        log_abilities(&abilities);
        self.log_and_count(&changes, unlogged, &mass_failures);
        log_recoveries(&recoveries);
        let mut commits: Vec<(Commit, Vec<(String, Record)>)> = Vec::new();
        let mut statuses = unsaved_statuses(store, statuses).await;
        // Sorted, so that events have a stable order.
        statuses.sort_by(|a, b| a.0.cmp(&b.0));
        while !statuses.is_empty() {
            let rest = statuses.split_off(statuses.len().min(BATCH));
            let put = |commit: Commit, (key, record): &(String, Record)| {
                commit.put(key.as_str(), serde_json::to_vec(record).unwrap_or_default())
            };
            commits.push((statuses.iter().fold(Commit::new(), put), statuses));
            statuses = rest;
        }
        let mut commits = commits.into_iter();
        while let Some((commit, records)) = commits.next() {
            if let Err(cause) = store.commit(commit).await {
                warn!(why = %cause, "failed to save statuses; will retry");
                let unsaved = records.into_iter().chain(commits.flat_map(|(_, records)| records));
                self.pending.lock().put_back(unsaved);
                return false;
            }
            stored.extend(records.into_iter().map(|(key, _)| key));
        }
        self.save_mass_failure(store, mass_failures.last()).await;
        true
    }

    fn log_and_count(&self, changes: &[StatusChange], unlogged: usize, mass_failures: &[(MassFailureChange, u64)]) {
        for (transition, _) in mass_failures {
            log_mass_failure(*transition);
        }
        for change in changes {
            let status = if change.up { "up" } else { "down" };
            info!(pool = %change.pool, endpoint = %change.endpoint, status, why = &*change.why, "endpoint is {status}");
        }
        if unlogged > 0 {
            warn!("{unlogged} more endpoints changed status; they are not logged one by one");
        }
        let mut counts = self.changes.lock();
        for change in changes {
            let count = counts.entry((Arc::clone(&change.pool), Arc::clone(&change.endpoint))).or_default();
            if change.up {
                count.up += 1;
            } else {
                count.down += 1;
            }
        }
    }

    /// Saves the time of the last outcome if it differs from `saved`.
    async fn save_seen(&self, store: &dyn Store, saved: &mut u64) {
        let seen = self.seen.load(Relaxed);
        if seen != *saved && store.commit(Commit::new().put(SEEN, seen.to_string().into_bytes())).await.is_ok() {
            *saved = seen;
        }
    }

    async fn save_mass_failure(&self, store: &dyn Store, last: Option<&(MassFailureChange, u64)>) {
        let commit = match last {
            None => return,
            Some((MassFailureChange::Began { failing, hosts, failing_places, places }, since)) => {
                let value = json!({
                    "since": since, "failing": failing, "hosts": hosts,
                    "failing_places": failing_places, "places": places,
                });
                Commit::new().put(MASS_FAILURE, value.to_string().into_bytes())
            }
            Some((MassFailureChange::Ended(_), _)) => Commit::new().delete(MASS_FAILURE),
        };
        if let Err(cause) = store.commit(commit).await {
            warn!(why = %cause, "failed to record mass failure");
        }
    }

    /// Removes the data of endpoints that `site` does not have.
    async fn forget(&self, store: &dyn Store, site: &Site, stored: &mut HashSet<String>) {
        let gone = removed(self.changes.lock().keys().cloned().collect(), site, |pool, endpoint| {
            (Arc::clone(pool), Arc::clone(endpoint))
        });
        self.changes.lock().retain(|names, _| !gone.contains(names));
        let key_of = |pool: &Arc<str>, endpoint: &Arc<str>| key(pool, endpoint);
        let gone = removed(self.pending.lock().statuses.keys().cloned().collect(), site, key_of);
        self.pending.lock().statuses.retain(|key, _| !gone.contains(key));
        let gone: Vec<String> = removed(stored.clone(), site, key_of).into_iter().collect();
        for batch in gone.chunks(BATCH) {
            let commit = batch.iter().fold(Commit::new(), |commit, key| commit.delete(key.as_str()));
            match store.commit(commit).await {
                Ok(_) => stored.retain(|key| !batch.contains(key)),
                Err(cause) => warn!(why = %cause, "failed to remove statuses of deleted endpoints from the store"),
            }
        }
    }
}

impl Pending {
    fn save(&mut self, saved: SavedKey, status: SavedStatus) {
        self.statuses.insert(key(&saved.pool, &saved.endpoint), Record { key: saved, status, repeats: false });
    }

    /// Puts back statuses that were not saved, unless newer ones are pending.
    fn put_back(&mut self, unsaved: impl Iterator<Item = (String, Record)>) {
        for (key, record) in unsaved {
            self.statuses.entry(key).or_insert(record);
        }
    }
}

/// Those of `known` that no endpoint of `site` has; `of` names an endpoint by its pool and its own name. Takes memory only
/// for those that are known: most endpoints of a large document may have no probe, and so no history.
fn removed<T: Hash + Eq>(mut known: HashSet<T>, site: &Site, of: impl Fn(&Arc<str>, &Arc<str>) -> T) -> HashSet<T> {
    for pool in &site.pools {
        for endpoint in &pool.endpoints {
            if known.is_empty() {
                return known;
            }
            known.remove(&of(&pool.name, &endpoint.name));
        }
    }
    known
}

/// The `statuses` that differ from what is stored. A new document makes all of them pending again.
async fn unsaved_statuses(store: &dyn Store, statuses: HashMap<String, Record>) -> Vec<(String, Record)> {
    let mut changed = Vec::with_capacity(statuses.len());
    for (key, record) in statuses {
        let stored = store.read(&key).await.ok().flatten();
        changed.extend(record.to_save_over(stored.as_ref().map(|stored| &*stored.value)).map(|record| (key, record)));
    }
    changed
}

fn log_mass_failure(change: MassFailureChange) {
    match change {
        MassFailureChange::Began { failing, hosts, failing_places, places } => warn!(
            failing,
            hosts,
            failing_places,
            places,
            "mass failure suspected: {failing} of {hosts} hosts that were up fail at once, in {failing_places} of {places} data centers \
             (a host without one counts as one). This may be our own network, so the last statuses are kept; to accept the \
             failures: `gslb resume --mass-failure`, or POST {ACCEPT_MASS_FAILURE}"
        ),
        MassFailureChange::Ended(Ended::Recovered) => info!("mass failure over: endpoints answer again"),
        MassFailureChange::Ended(Ended::Confirmed) => {
            warn!("mass failure confirmed, since some hosts answer: failing endpoints go down now");
        }
        MassFailureChange::Ended(Ended::Unanswered) => {
            error!("no probe was answered for too long: mass failure accepted, failing endpoints are down now");
        }
        MassFailureChange::Ended(Ended::Accepted) => {
            warn!("mass failure accepted by an operator: failing endpoints go down now")
        }
        MassFailureChange::Ended(Ended::RuleRemoved) => {
            warn!("mass failure accepted: the document no longer has the mass failure rule")
        }
    }
}

/// The names of an endpoint of `site` and its pool.
fn names(site: &Site, member: Member) -> Option<(Arc<str>, Arc<str>)> {
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    Some((Arc::clone(&pool.name), Arc::clone(&endpoint.name)))
}

fn log_recoveries(recoveries: &[Recovered]) {
    for Recovered { pool, endpoint, waits, why } in recoveries {
        let (name, why) = (format_args!("{pool}/{endpoint}"), &**why);
        if *waits {
            info!(%pool, %endpoint, why, "endpoint has recovered and stays down until `gslb resume {name}`");
        } else {
            info!(%pool, %endpoint, why, "endpoint fails again before it was resumed");
        }
    }
}

/// Logs which targets can no longer be probed, and which can again.
fn log_abilities(abilities: &[(String, Option<Arc<str>>)]) {
    for (target, unable) in abilities.iter().take(MAX_LOGGED) {
        match unable {
            Some(why) => warn!(target = &**target, why = &**why, "cannot be probed"),
            None => info!(target = &**target, "can be probed again"),
        }
    }
    if let Some((more, unable)) = abilities
        .get(MAX_LOGGED..)
        .filter(|rest| !rest.is_empty())
        .map(|rest| (rest.len(), rest.iter().filter(|(_, unable)| unable.is_some()).count()))
    {
        warn!("{unable} more targets cannot be probed, and {} more can be probed again", more - unable);
    }
}
