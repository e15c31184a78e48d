//! Accepted latency orders in the store: one key per vantage or area, so that a restart steers as before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gslb_core::latency::{Area, Book, Latencies, Measured, Order};
use gslb_core::site::model::Site;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::clock::now;
use crate::store::{Commit, Order as Direction, Store, Unavailable, limits};

/// Key prefix of latency orders.
pub(crate) const PREFIX: &str = "latency/";
/// Key of the time of the last client measurement, in milliseconds since 1970-01-01 00:00 UTC.
pub(crate) const OBSERVED: &str = "latency-observed";
/// How often that time is saved. Client measurements are valid for much longer.
const OBSERVED_EVERY: Duration = Duration::from_secs(300);
/// Orders per commit.
const BATCH: usize = 500;

/// An order as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Kind of source.
    by: By,
    /// The name of the vantage or area.
    name: String,
    /// Data centers, the lowest latency first.
    order: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Vantage,
    Region,
    Country,
    Continent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    data_center: String,
    ms: u32,
}

/// The source of an order.
enum OrderSource {
    Vantage(Arc<str>),
    Area(Area),
}

/// Why a saved order cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
    #[error("its key does not match its content")]
    Misplaced,
    #[error("unknown area {0}")]
    Area(String),
    #[error("it has no data centers, or a duplicate")]
    Names,
    #[error("another node measured it; this node is `{0}`")]
    OtherNode(String),
}

/// The orders read at the start.
#[derive(Debug, Default)]
pub(crate) struct SavedOrders {
    /// The usable orders.
    pub(crate) latencies: Arc<Latencies>,
    /// Time since the last client measurement.
    age: Duration,
    /// The rows in the store.
    stored: HashMap<String, Arc<[u8]>>,
    /// Time of the last client measurement, as stored.
    observed: u64,
}

/// The orders in `store` that this `node` accepted. Unusable ones are logged and ignored: they will be measured again.
///
/// # Errors
/// If the store cannot be read.
pub(crate) async fn read(store: &dyn Store, node: &str) -> Result<SavedOrders, Unavailable> {
    let mut saved = SavedOrders::default();
    if let Some(observed) = store.read(OBSERVED).await? {
        saved.observed = serde_json::from_slice(&observed.value).unwrap_or_default();
    }
    saved.age = Duration::from_millis(now().millis().saturating_sub(saved.observed));
    let mut latencies = Latencies::default();
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Direction::Ascending).await?;
        for entry in &page.entries {
            saved.stored.insert(entry.key.to_string(), Arc::clone(&entry.versioned.value));
            match usable(&entry.key, &entry.versioned.value, node) {
                Ok((OrderSource::Vantage(name), order)) => drop(latencies.vantages.insert(name, order)),
                Ok((OrderSource::Area(area), order)) => drop(latencies.areas.insert(area, order)),
                Err(error) => warn!(key = %entry.key, why = %error, "ignoring a saved latency order"),
            }
        }
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            saved.latencies = Arc::new(latencies);
            return Ok(saved);
        }
    }
}

impl SavedOrders {
    /// The latency book to continue with. Orders for names that `site` does not have are logged and ignored.
    pub(crate) fn book(&self, site: &Site) -> Book {
        let names = |list: Vec<&Arc<str>>| -> HashSet<String> { list.into_iter().map(ToString::to_string).collect() };
        let data_centers = names(site.data_centers.iter().map(|it| &it.name).collect());
        let vantages = names(site.vantages.iter().map(|it| &it.name).collect());
        let regions = names(site.regions.iter().map(|it| &it.name).collect());
        let mut kept = (*self.latencies).clone();
        let prune = |source: &dyn std::fmt::Display, order: &mut Order, is_known: bool| {
            if !is_known {
                warn!("ignoring the saved latency order of {source}: it is not in the document");
                return false;
            }
            order.0.retain(|it| {
                let is_known = data_centers.contains(&*it.data_center);
                if !is_known {
                    let name = &it.data_center;
                    warn!(
                        "the saved latency order of {source} names data center `{name}`, which is not in the document"
                    );
                }
                is_known
            });
            !order.0.is_empty()
        };
        kept.vantages.retain(|name, order| prune(&format!("vantage {name}"), order, vantages.contains(&**name)));
        kept.areas.retain(|area, order| {
            let is_known = if let Area::Region(name) = area { regions.contains(&**name) } else { true };
            prune(area, order, is_known)
        });
        Book::restored(kept, self.age)
    }
}

fn usable(key: &str, value: &[u8], node: &str) -> Result<(OrderSource, Order), Unusable> {
    let record: Record = serde_json::from_slice(value)?;
    if self::key(record.by, &record.name) != key {
        return Err(Unusable::Misplaced);
    }
    let unknown = |_| Unusable::Area(record.name.clone());
    let whose = match record.by {
        By::Vantage if record.name != node => return Err(Unusable::OtherNode(node.to_owned())),
        By::Vantage => OrderSource::Vantage(record.name.as_str().into()),
        By::Region => OrderSource::Area(Area::Region(record.name.as_str().into())),
        By::Country => OrderSource::Area(Area::Country(record.name.parse().map_err(|_| unknown(()))?)),
        By::Continent => OrderSource::Area(Area::Continent(record.name.parse().map_err(|_| unknown(()))?)),
    };
    let names: HashSet<&str> = record.order.iter().map(|it| it.data_center.as_str()).collect();
    if names.is_empty() || names.len() < record.order.len() {
        return Err(Unusable::Names);
    }
    let measured = |it: &Entry| Measured { data_center: it.data_center.as_str().into(), milliseconds: it.ms };
    Ok((whose, Order(record.order.iter().map(measured).collect())))
}

/// Whether the order in row `key` is damaged. The order of another node is not.
pub(crate) fn is_damaged(key: &str, value: &[u8]) -> bool {
    usable(key, value, "").is_err_and(|error| !matches!(error, Unusable::OtherNode(_)))
}

/// Keeps the stored orders in step with the accepted ones.
pub(crate) struct Saver {
    store: Arc<dyn Store>,
    /// What the store has.
    stored: HashMap<String, Arc<[u8]>>,
    /// The orders saved last; `None` before the first save.
    saved: Option<Arc<Latencies>>,
    observed: u64,
}

impl Saver {
    /// Continues from the orders read at the start.
    pub(crate) fn new(store: Arc<dyn Store>, saved: SavedOrders) -> Self {
        Self { store, stored: saved.stored, saved: None, observed: saved.observed }
    }

    /// Saves the orders if they have changed, and now and then the time of the last client measurement. A failed save is
    /// retried in the next round.
    pub(crate) async fn save(&mut self, accepted: &Arc<Latencies>, observed: u64, is_last: bool) {
        if self.saved.as_ref() != Some(accepted) {
            match self.write(accepted).await {
                Ok(()) => self.saved = Some(Arc::clone(accepted)),
                Err(cause) => warn!(why = %cause, "failed to save latency orders; will retry"),
            }
        }
        let is_due = is_last || observed.saturating_sub(self.observed) >= OBSERVED_EVERY.as_millis() as u64;
        if observed > self.observed && is_due {
            let commit = Commit::new().put(OBSERVED, observed.to_string().into_bytes());
            if self.store.commit(commit).await.is_ok() {
                self.observed = observed;
            }
        }
    }

    async fn write(&mut self, accepted: &Latencies) -> Result<(), crate::store::CommitError> {
        let wanted = records(accepted);
        let mut changes: Vec<(String, Option<Arc<[u8]>>)> = Vec::new();
        changes.extend(self.stored.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), None)));
        let changed = wanted.into_iter().filter(|(key, value)| self.stored.get(key) != Some(value));
        changes.extend(changed.map(|(key, value)| (key, Some(value))));
        for batch in changes.chunks(BATCH) {
            let change = |commit: Commit, (key, value): &(String, Option<Arc<[u8]>>)| match value {
                Some(value) => commit.put(key.as_str(), Arc::clone(value)),
                None => commit.delete(key.as_str()),
            };
            self.store.commit(batch.iter().fold(Commit::new(), change)).await?;
            for (key, value) in batch {
                match value {
                    Some(value) => drop(self.stored.insert(key.clone(), Arc::clone(value))),
                    None => drop(self.stored.remove(key)),
                }
            }
        }
        Ok(())
    }
}

/// All orders with their keys.
fn records(accepted: &Latencies) -> BTreeMap<String, Arc<[u8]>> {
    let record = |by: By, name: String, order: &Order| {
        let entry = |it: &Measured| Entry { data_center: it.data_center.to_string(), ms: it.milliseconds };
        let record = Record { by, name, order: order.0.iter().map(entry).collect() };
        (key(by, &record.name), serde_json::to_vec(&record).unwrap_or_default().into())
    };
    let vantages = accepted.vantages.iter().filter(|(_, order)| !order.0.is_empty());
    let vantages = vantages.map(|(name, order)| record(By::Vantage, name.to_string(), order));
    let areas = accepted.areas.iter().map(|(area, order)| match area {
        Area::Region(name) => record(By::Region, name.to_string(), order),
        Area::Country(code) => record(By::Country, code.to_string(), order),
        Area::Continent(code) => record(By::Continent, code.to_string(), order),
    });
    vantages.chain(areas).collect()
}

/// The key of an order. Names contain no slash.
fn key(by: By, name: &str) -> String {
    let by = match by {
        By::Vantage => "vantage",
        By::Region => "region",
        By::Country => "country",
        By::Continent => "continent",
    };
    format!("{PREFIX}{by}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_round_trip_and_foreign_or_damaged_ones_are_rejected() {
        let order = |names: &[&str]| {
            let measured = |name: &&str| Measured { data_center: (*name).into(), milliseconds: 12 };
            Order(names.iter().map(measured).collect())
        };
        let mut all = Latencies::default();
        all.vantages.insert("fra-1".into(), order(&["fra", "lon"]));
        all.areas.insert(Area::Region("iberia".into()), order(&["lon"]));
        all.areas.insert(Area::Country("DE".parse().unwrap()), order(&["fra"]));
        all.areas.insert(Area::Continent("EU".parse().unwrap()), order(&["fra", "lon"]));
        let records = records(&all);
        let mut again = Latencies::default();
        for (key, value) in &records {
            match usable(key, value, "fra-1").unwrap() {
                (OrderSource::Vantage(name), order) => drop(again.vantages.insert(name, order)),
                (OrderSource::Area(area), order) => drop(again.areas.insert(area, order)),
            }
        }
        assert_eq!(again, all);
        let (key, value) = records.iter().find(|(key, _)| key.contains("vantage")).unwrap();
        assert!(matches!(usable(key, value, "iad-1"), Err(Unusable::OtherNode(_))));
        assert!(matches!(usable("latency/vantage/iad-1", value, "fra-1"), Err(Unusable::Misplaced)));
        for (key, damaged) in [
            (&**key, &value[..value.len() - 1]),
            (key, b""),
            (key, br#"{"by": "vantage", "name": "fra-1", "order": []}"#),
            (key, br#"{"by": "vantage", "name": "fra-1", "order": [{"data_center": "a", "ms": 1}, {"data_center": "a", "ms": 2}]}"#),
            (key, br#"{"by": "vantage", "name": "fra-1", "order": [{"data_center": "a", "ms": -1}]}"#),
            ("latency/country/QQQ", br#"{"by": "country", "name": "QQQ", "order": [{"data_center": "a", "ms": 1}]}"#),
        ] {
            assert!(usable(key, damaged, "fra-1").is_err(), "{}", String::from_utf8_lossy(damaged));
        }
    }

    #[tokio::test]
    async fn the_store_has_exactly_the_accepted_orders() {
        let store: Arc<dyn Store> = Arc::new(crate::store::MemoryStore::new());
        store.commit(Commit::new().put("latency/region/old", b"{".as_slice())).await.unwrap();
        let mut saver = Saver::new(Arc::clone(&store), read(&*store, "fra-1").await.unwrap());
        let measured = |name: &str, ms| Measured { data_center: name.into(), milliseconds: ms };
        let mut accepted = Latencies::default();
        accepted.vantages.insert("fra-1".into(), Order(vec![measured("fra", 1), measured("lon", 12)]));
        accepted.areas.insert(Area::Region("iberia".into()), Order(vec![measured("lon", 20), measured("fra", 50)]));
        let now = now().millis();
        for _ in 0..2 {
            saver.save(&Arc::new(accepted.clone()), now, false).await;
            let saved = read(&*store, "fra-1").await.unwrap();
            assert_eq!(*saved.latencies, accepted);
            assert!(saved.observed == now && saved.age < Duration::from_secs(60));
            assert_eq!(saved.stored.len(), accepted.vantages.len() + accepted.areas.len());
            accepted.areas.clear();
        }
        let before = store.revision().await.unwrap();
        saver.save(&Arc::new(accepted), now + 1, false).await;
        assert_eq!(store.revision().await.unwrap(), before, "unchanged orders are not written again");
    }
}
