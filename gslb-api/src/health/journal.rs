//! What people are told of statuses: a line of the log, a count, and a key of the store, which is an event too. All of it
//! is done behind, in batches: what the task that publishes hands over here costs it no more than a few pushes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gslb_core::health::{Ended, MassFailureChange, Member, Recovery, SavedKey, SavedStatus, Transition};
use gslb_core::site::model::Site;
use serde_json::json;
use tokio::select;
use tokio::sync::{Notify, watch};
use tokio::time::{interval, sleep};
use tracing::{error, info, warn};

use super::saved::{MASS_FAILURE, Record, SEEN, key};
use crate::ACCEPT_MASS_FAILURE;
use crate::change::Active;
use crate::store::{Commit, Store};

/// How long turns are gathered before they are told and saved.
const GATHER: Duration = Duration::from_millis(50);
/// How long after a failed commit it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Statuses of one commit.
const BATCH: usize = 500;
/// TransitionCounts that wait to be told; more are counted and saved only.
const MAX_WAITING: usize = 100_000;
/// Targets that cannot be probed, or can again, of which each has a line; more at once are counted.
const MAX_TOLD: usize = 10;
/// How often it is saved when there were outcomes last. A status is news for much longer.
const SEEN_EVERY: Duration = Duration::from_secs(300);

/// How often an endpoint's status has turned since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransitionCounts {
    /// To up.
    pub up: u64,
    /// To down.
    pub down: u64,
}

/// TransitionCounts by the names of pool and endpoint.
pub type StatusChanges = HashMap<(Arc<str>, Arc<str>), TransitionCounts>;

/// What is to be told and saved.
#[derive(Debug, Default)]
pub struct Journal {
    waiting: Mutex<Waiting>,
    changes: Mutex<StatusChanges>,
    /// When there was an outcome last, in milliseconds since 1970-01-01 00:00 UTC; 0 before the first.
    seen: AtomicU64,
    work: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    turns: Vec<Turn>,
    untold: usize,
    statuses: HashMap<String, Record>,
    /// The last one is how it is.
    doubts: Vec<(MassFailureChange, u64)>,
    recoveries: Vec<Recovered>,
    /// Targets, with why they cannot be probed; none where they can again.
    abilities: Vec<(String, Option<Arc<str>>)>,
}

#[derive(Debug)]
struct Turn {
    pool: Arc<str>,
    endpoint: Arc<str>,
    up: bool,
    why: Arc<str>,
}

/// An endpoint that waits to be let back, or fails again while it does.
#[derive(Debug)]
struct Recovered {
    pool: Arc<str>,
    endpoint: Arc<str>,
    waits: bool,
    why: Arc<str>,
}

impl Journal {
    /// Notes a status that is not another one than before, to be saved only.
    pub(super) fn save(&self, key: SavedKey, status: SavedStatus) {
        lock(&self.waiting).save(key, status);
        self.work.notify_one();
    }

    /// Notes that a status of an endpoint of `site` has turned.
    pub(super) fn turned(&self, site: &Site, turn: &Transition, saved: Option<(SavedKey, SavedStatus)>) {
        let Some((pool, endpoint)) = names(site, turn.member) else { return };
        let mut waiting = lock(&self.waiting);
        if let Some((key, status)) = saved {
            waiting.save(key, status);
        }
        let turn = Turn { pool, endpoint, up: turn.up, why: Arc::clone(&turn.why) };
        if waiting.turns.len() < MAX_WAITING {
            waiting.turns.push(turn);
        } else {
            waiting.untold += 1;
        }
        drop(waiting);
        self.work.notify_one();
    }

    /// Notes that an endpoint of `site` has recovered and waits to be let back, or fails again.
    pub(super) fn recovered(&self, site: &Site, recovery: &Recovery, saved: Option<(SavedKey, SavedStatus)>) {
        let Some((pool, endpoint)) = names(site, recovery.member) else { return };
        let mut waiting = lock(&self.waiting);
        if let Some((key, status)) = saved {
            waiting.save(key, status);
        }
        if waiting.recoveries.len() < MAX_WAITING {
            let why = Arc::clone(&recovery.why);
            waiting.recoveries.push(Recovered { pool, endpoint, waits: recovery.waits, why });
        }
        drop(waiting);
        self.work.notify_one();
    }

    /// Notes that the prober is doubted from now on, or no longer is.
    pub(super) fn doubt(&self, turn: MassFailureChange, wall: u64) {
        lock(&self.waiting).doubts.push((turn, wall));
        self.work.notify_one();
    }

    /// Notes that a target cannot be probed by this host, and why, or can again.
    pub(super) fn able(&self, target: String, unable: Option<Arc<str>>) {
        let mut waiting = lock(&self.waiting);
        if waiting.abilities.len() < MAX_WAITING {
            waiting.abilities.push((target, unable));
        }
        drop(waiting);
        self.work.notify_one();
    }

    /// Notes that there was an outcome.
    pub(super) fn seen(&self, wall: u64) {
        self.seen.store(wall, Relaxed);
    }

    /// How often each endpoint's status has turned since the start; those only that have.
    pub fn changes(&self) -> StatusChanges {
        lock(&self.changes).clone()
    }

    /// Tells and saves until nothing is put in force any more. `stored` are the keys that the store has.
    pub(crate) async fn run(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        mut active: watch::Receiver<Arc<Active>>,
        mut stored: HashSet<String>,
    ) {
        let mut known: Option<Arc<Active>> = None;
        // A doubt does not outlive the process that had it.
        if matches!(store.read(MASS_FAILURE).await, Ok(Some(_)))
            && let Err(cause) = store.commit(Commit::new().delete(MASS_FAILURE)).await
        {
            warn!(why = %cause, "a mass failure of an earlier start is still told");
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
            if ended {
                self.save_seen(&*store, &mut seen).await;
            } else {
                sleep(GATHER).await;
            }
            let now = Arc::clone(&active.borrow_and_update());
            if known.as_ref().is_none_or(|known| !known.table.has_topology_of(&now.table)) {
                self.forget(&*store, &now.table.topology().site, &mut stored).await;
                known = Some(now);
            }
            if !self.flush(&*store, &mut stored).await && !ended {
                sleep(RETRY).await;
                self.work.notify_one();
            }
            if ended {
                return;
            }
        }
    }

    /// Tells and saves what waits; false where the store does not take it, which then waits on.
    async fn flush(&self, store: &dyn Store, stored: &mut HashSet<String>) -> bool {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let Waiting { turns, untold, statuses, doubts, recoveries, abilities } = waiting;
        tell_abilities(&abilities);
        self.tell(&turns, untold, &doubts);
        tell_recoveries(&recoveries);
        let mut commits: Vec<(Commit, Vec<(String, Record)>)> = Vec::new();
        let mut statuses = news(store, statuses).await;
        // In an order, so that events are told in one too.
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
                warn!(why = %cause, "statuses are not saved, and will be tried again");
                let unsaved = records.into_iter().chain(commits.flat_map(|(_, records)| records));
                lock(&self.waiting).put_back(unsaved);
                return false;
            }
            stored.extend(records.into_iter().map(|(key, _)| key));
        }
        self.save_doubt(store, doubts.last()).await;
        true
    }

    fn tell(&self, turns: &[Turn], untold: usize, doubts: &[(MassFailureChange, u64)]) {
        for (turn, _) in doubts {
            tell_doubt(*turn);
        }
        for turn in turns {
            let status = if turn.up { "up" } else { "down" };
            info!(pool = %turn.pool, endpoint = %turn.endpoint, status, why = &*turn.why, "endpoint is {status}");
        }
        if untold > 0 {
            warn!("{untold} more endpoints have turned than can be told");
        }
        let mut changes = lock(&self.changes);
        for turn in turns {
            let count = changes.entry((Arc::clone(&turn.pool), Arc::clone(&turn.endpoint))).or_default();
            if turn.up {
                count.up += 1;
            } else {
                count.down += 1;
            }
        }
    }

    /// Saves when there was an outcome last, where that is not what `saved` says.
    async fn save_seen(&self, store: &dyn Store, saved: &mut u64) {
        let seen = self.seen.load(Relaxed);
        if seen != *saved && store.commit(Commit::new().put(SEEN, seen.to_string().into_bytes())).await.is_ok() {
            *saved = seen;
        }
    }

    async fn save_doubt(&self, store: &dyn Store, last: Option<&(MassFailureChange, u64)>) {
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

    /// Removes what is kept of endpoints that `site` does not have.
    async fn forget(&self, store: &dyn Store, site: &Site, stored: &mut HashSet<String>) {
        let names: HashSet<(&str, &str)> = site
            .pools
            .iter()
            .flat_map(|pool| pool.endpoints.iter().map(|endpoint| (&*pool.name, &*endpoint.name)))
            .collect();
        lock(&self.changes).retain(|(pool, endpoint), _| names.contains(&(&**pool, &**endpoint)));
        let keys: HashSet<String> = names.iter().map(|(pool, endpoint)| key(pool, endpoint)).collect();
        lock(&self.waiting).statuses.retain(|key, _| keys.contains(key));
        let gone: Vec<String> = stored.iter().filter(|key| !keys.contains(*key)).cloned().collect();
        for some in gone.chunks(BATCH) {
            let commit = some.iter().fold(Commit::new(), |commit, key| commit.delete(key.as_str()));
            match store.commit(commit).await {
                Ok(_) => stored.retain(|key| !some.contains(key)),
                Err(cause) => warn!(why = %cause, "statuses of endpoints that are gone stay in the store"),
            }
        }
    }
}

impl Waiting {
    fn save(&mut self, saved: SavedKey, status: SavedStatus) {
        self.statuses.insert(key(&saved.pool, &saved.endpoint), Record { key: saved, status, repeats: false });
    }

    /// Takes back what could not be saved, where nothing newer came meanwhile.
    fn put_back(&mut self, unsaved: impl Iterator<Item = (String, Record)>) {
        for (key, record) in unsaved {
            self.statuses.entry(key).or_insert(record);
        }
    }
}

/// Those of `statuses` that the store does not have as they are. A new document has all of them saved again.
async fn news(store: &dyn Store, statuses: HashMap<String, Record>) -> Vec<(String, Record)> {
    let mut news = Vec::with_capacity(statuses.len());
    for (key, record) in statuses {
        let held = store.read(&key).await.ok().flatten();
        news.extend(record.over(held.as_ref().map(|held| &*held.value)).map(|record| (key, record)));
    }
    news
}

fn tell_doubt(turn: MassFailureChange) {
    match turn {
        MassFailureChange::Began { failing, hosts, failing_places, places } => warn!(
            failing,
            hosts,
            failing_places,
            places,
            "{failing} of {hosts} probed hosts that were up fail at once, in {failing_places} of {places} data centers (a \
             host in none counts as one): this may be our own network, so the last statuses are held; `gslb resume \
             --mass-failure`, or POST {ACCEPT_MASS_FAILURE}, believes the failures"
        ),
        MassFailureChange::Ended(Ended::Recovered) => info!("the mass failure is over: endpoints answer again"),
        MassFailureChange::Ended(Ended::Confirmed) => {
            warn!("the mass failure is confirmed, since something answers: those that fail go down now");
        }
        MassFailureChange::Ended(Ended::Unanswered) => {
            error!(
                "nothing has answered a probe for too long: the failures are believed, and those that fail are down now"
            );
        }
        MassFailureChange::Ended(Ended::Accepted) => warn!("the mass failure is believed, as an operator says"),
        MassFailureChange::Ended(Ended::RuleRemoved) => {
            warn!("the mass failure is believed: the document has no such rule now")
        }
    }
}

/// The names of an endpoint of `site` and its pool.
fn names(site: &Site, member: Member) -> Option<(Arc<str>, Arc<str>)> {
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    Some((Arc::clone(&pool.name), Arc::clone(&endpoint.name)))
}

fn tell_recoveries(recoveries: &[Recovered]) {
    for Recovered { pool, endpoint, waits, why } in recoveries {
        let (name, why) = (format_args!("{pool}/{endpoint}"), &**why);
        if *waits {
            info!(%pool, %endpoint, why, "endpoint has recovered and stays down: `gslb resume {name}` lets it back");
        } else {
            info!(%pool, %endpoint, why, "endpoint fails again before it was let back");
        }
    }
}

/// Says which targets cannot be probed any more, and which can again.
fn tell_abilities(abilities: &[(String, Option<Arc<str>>)]) {
    for (target, unable) in abilities.iter().take(MAX_TOLD) {
        match unable {
            Some(why) => warn!(target = &**target, why = &**why, "cannot be probed"),
            None => info!(target = &**target, "can be probed again"),
        }
    }
    if let Some((more, unable)) = abilities
        .get(MAX_TOLD..)
        .filter(|rest| !rest.is_empty())
        .map(|rest| (rest.len(), rest.iter().filter(|(_, unable)| unable.is_some()).count()))
    {
        warn!("{unable} more targets cannot be probed, and {} can again", more - unable);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
