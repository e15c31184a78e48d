//! The accepted order of data centers by latency. It only changes for a clear improvement that lasts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Measured, Order};

/// A data center overtakes another one only with at most this share of the other's latency,
pub const RATIO: f64 = 0.8;
/// at least this much below it,
pub const MARGIN: Duration = Duration::from_millis(5);
/// for this many rounds in a row. A new data center joins the order after as many rounds with a measurement.
pub const ROUNDS: u32 = 3;
/// A data center is removed after this many rounds without a measurement.
pub const FORGOTTEN_AFTER: u32 = 30;

/// Data centers in the accepted order.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    /// In order, including those that have not joined yet.
    entries: Vec<Entry>,
    /// For how many rounds the second has been clearly better than the first, which is still ahead of it.
    better: HashMap<(Arc<str>, Arc<str>), u32>,
}

#[derive(Debug, Clone)]
struct Entry {
    data_center: Arc<str>,
    latest: Duration,
    /// Measured in this round.
    is_measured: bool,
    /// Rounds with a measurement, up to [`ROUNDS`], when it joins the order.
    measured: u32,
    /// Rounds without a measurement until it is removed.
    left: u32,
}

impl Ranking {
    /// Continues with an order accepted before a restart. A data center that is not measured again is removed after
    /// `rounds`.
    pub fn restored(order: &Order, rounds: u32) -> Ranking {
        let entry = |measured: &Measured| Entry {
            data_center: Arc::clone(&measured.data_center),
            latest: Duration::from_millis(measured.milliseconds.into()),
            is_measured: false,
            measured: ROUNDS,
            left: rounds,
        };
        Ranking { entries: order.0.iter().map(entry).collect(), better: HashMap::new() }
    }

    /// True if some of these data centers are new.
    pub(super) fn lacks(&self, measured: &[(Arc<str>, Duration)]) -> bool {
        measured.iter().any(|(name, _)| !self.knows(name))
    }

    fn knows(&self, data_center: &Arc<str>) -> bool {
        self.entries.iter().any(|entry| entry.data_center == *data_center)
    }

    /// True if there is no data center yet.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Applies the measurements of one round and returns the order if it changed. New data centers must come in order
    /// of distance, nearest first.
    pub fn round(&mut self, measured: &[(Arc<str>, Duration)]) -> Option<Order> {
        let before: Vec<Arc<str>> = self.names();
        for entry in &mut self.entries {
            (entry.is_measured, entry.left) = (false, entry.left.saturating_sub(1));
        }
        for (at, (data_center, latest)) in measured.iter().enumerate() {
            if !self.knows(data_center) {
                self.insert(data_center, measured.get(..at).unwrap_or_default());
            }
            let Some(entry) = self.entries.iter_mut().find(|it| it.data_center == *data_center) else { continue };
            (entry.latest, entry.is_measured, entry.left) = (*latest, true, FORGOTTEN_AFTER);
            entry.measured = (entry.measured + 1).min(ROUNDS);
        }
        self.entries.retain(|entry| entry.left > 0);
        self.count();
        self.sort();
        (self.names() != before).then(|| self.order())
    }

    /// The accepted order, with the latest measurements.
    fn order(&self) -> Order {
        let measured = |entry: &Entry| Measured {
            data_center: Arc::clone(&entry.data_center),
            milliseconds: u32::try_from(entry.latest.as_millis()).unwrap_or(u32::MAX),
        };
        Order(self.accepted().map(measured).collect())
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.accepted().map(|entry| Arc::clone(&entry.data_center)).collect()
    }

    fn accepted(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.measured >= ROUNDS)
    }

    /// Inserts a new data center right after all nearer ones; only a clear advantage moves it forward.
    fn insert(&mut self, data_center: &Arc<str>, nearer: &[(Arc<str>, Duration)]) {
        let is_nearer = |entry: &Entry| nearer.iter().any(|(name, _)| *name == entry.data_center);
        let at = self.entries.iter().rposition(is_nearer).map_or(0, |last| last + 1);
        let data_center = Arc::clone(data_center);
        let entry =
            Entry { data_center, latest: Duration::ZERO, is_measured: true, measured: 0, left: FORGOTTEN_AFTER };
        self.entries.insert(at, entry);
    }

    /// Counts rounds in which a data center is clearly better than one ahead of it.
    fn count(&mut self) {
        let mut better = HashMap::new();
        for (at, first) in self.entries.iter().enumerate() {
            for second in self.entries.iter().skip(at + 1) {
                let key = (Arc::clone(&first.data_center), Arc::clone(&second.data_center));
                if !first.is_measured || !second.is_measured {
                    // No new measurement: keep the count.
                    better.extend(self.better.get(&key).copied().map(|rounds| (key, rounds)));
                } else if is_better(second.latest, first.latest) {
                    let rounds = self.better.get(&key).copied().unwrap_or(0);
                    better.insert(key, rounds + 1);
                }
            }
        }
        self.better = better;
    }

    /// Moves each data center ahead of those it has beaten for long enough; otherwise keeps the order.
    fn sort(&mut self) {
        let numbers: HashMap<&Arc<str>, usize> =
            self.entries.iter().enumerate().map(|(at, entry)| (&entry.data_center, at)).collect();
        let mut ahead: Vec<Vec<usize>> = vec![Vec::new(); self.entries.len()];
        let mut waits_for = vec![0_usize; self.entries.len()];
        for ((first, second), rounds) in &self.better {
            let (Some(&first), Some(&second)) = (numbers.get(first), numbers.get(second)) else { continue };
            if *rounds >= ROUNDS {
                ahead.get_mut(second).into_iter().for_each(|list| list.push(first));
                waits_for.get_mut(first).into_iter().for_each(|count| *count += 1);
            }
        }
        let mut ready: BTreeSet<usize> =
            (0..).zip(&waits_for).filter(|(_, count)| **count == 0).map(|it| it.0).collect();
        let mut rest: Vec<Option<Entry>> = std::mem::take(&mut self.entries).into_iter().map(Some).collect();
        while let Some(next) = ready.pop_first() {
            self.entries.extend(rest.get_mut(next).and_then(Option::take));
            for &behind in ahead.get(next).into_iter().flatten() {
                let Some(count) = waits_for.get_mut(behind) else { continue };
                *count -= 1;
                if *count == 0 {
                    ready.insert(behind);
                }
            }
        }
        // If measurements of different rounds contradict each other, keep the order.
        self.entries.extend(rest.into_iter().flatten());
    }
}

fn is_better(challenger: Duration, holder: Duration) -> bool {
    challenger.as_secs_f64() <= holder.as_secs_f64() * RATIO && holder.saturating_sub(challenger) >= MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(ranking: &mut Ranking, measured: &[(&str, u64)]) -> Option<String> {
        let measured: Vec<(Arc<str>, Duration)> =
            measured.iter().map(|&(name, ms)| (name.into(), Duration::from_millis(ms))).collect();
        let names = |order: Order| order.0.iter().map(|it| it.data_center.to_string()).collect::<Vec<_>>().join(" ");
        ranking.round(&measured).map(names)
    }

    /// Repeats the same measurements until a clear order is accepted; returns the change.
    fn settle(ranking: &mut Ranking, measured: &[(&str, u64)]) -> Option<String> {
        (0..ROUNDS).filter_map(|_| round(ranking, measured)).last()
    }

    #[test]
    fn the_first_order_waits_for_enough_rounds_and_noise_does_not_change_it() {
        let mut ranking = Ranking::default();
        let first = [("iad", 90), ("fra", 20), ("nrt", 200)];
        assert_eq!(round(&mut ranking, &first), None);
        assert_eq!(round(&mut ranking, &first), None);
        assert_eq!(round(&mut ranking, &first).as_deref(), Some("fra iad nrt"));
        for (fra, iad) in [(95, 90), (90, 80), (100, 81), (24, 20)] {
            assert_eq!(settle(&mut ranking, &[("fra", fra), ("iad", iad), ("nrt", 200)]), None, "{fra} {iad}");
        }
    }

    #[test]
    fn the_first_order_is_by_distance_unless_a_data_center_is_clearly_better() {
        for (near, far) in [(20, 20), (21, 17), (20, 16), (100, 81), (0, 0)] {
            let order = settle(&mut Ranking::default(), &[("near", near), ("far", far)]);
            assert_eq!(order.as_deref(), Some("near far"), "{near} {far}");
        }
        assert_eq!(settle(&mut Ranking::default(), &[("near", 21), ("far", 16)]).as_deref(), Some("far near"));
        // Better in the first rounds only is not long enough.
        let mut ranking = Ranking::default();
        round(&mut ranking, &[("near", 90), ("far", 10)]);
        round(&mut ranking, &[("near", 90), ("far", 10)]);
        assert_eq!(round(&mut ranking, &[("near", 12), ("far", 10)]).as_deref(), Some("near far"));
    }

    #[test]
    fn small_differences_do_not_keep_the_farthest_first() {
        let steps = [("a", 100), ("b", 90), ("c", 80), ("d", 70), ("e", 60)];
        assert_eq!(settle(&mut Ranking::default(), &steps).as_deref(), Some("d e b c a"));
    }

    #[test]
    fn a_new_data_center_waits_and_joins_by_distance_behind_the_accepted_ones() {
        let mut ranking = Ranking::default();
        settle(&mut ranking, &[("near", 60), ("far", 20)]);
        let with_new = [("near", 60), ("new", 57), ("far", 20)];
        assert_eq!(round(&mut ranking, &with_new), None);
        assert_eq!(round(&mut ranking, &with_new), None);
        assert_eq!(round(&mut ranking, &with_new).as_deref(), Some("far near new"));
    }

    #[test]
    fn a_change_must_pass_both_thresholds_for_several_rounds_in_a_row() {
        let mut ranking = Ranking::default();
        settle(&mut ranking, &[("fra", 20), ("iad", 90)]);
        let better = [("fra", 90), ("iad", 20)];
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(
            round(&mut ranking, &[("fra", 20), ("iad", 20)]),
            None,
            "a round without an advantage resets the count"
        );
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &[]), None, "a round without measurements keeps the count");
        assert_eq!(round(&mut ranking, &better).as_deref(), Some("iad fra"));
        assert_eq!(round(&mut ranking, &better), None);
    }

    #[test]
    fn the_last_can_become_the_first_in_one_step() {
        let mut ranking = Ranking::default();
        settle(&mut ranking, &[("a", 50), ("b", 60), ("c", 70)]);
        let better = [("a", 50), ("b", 60), ("c", 10)];
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better).as_deref(), Some("c a b"));
    }

    #[test]
    fn a_restored_order_stays_until_another_is_clearly_better() {
        let mut ranking = Ranking::default();
        let order = (0..ROUNDS).find_map(|_| ranking.round(&[("b".into(), MARGIN), ("a".into(), MARGIN)])).unwrap();
        let mut restored = Ranking::restored(&order, FORGOTTEN_AFTER);
        assert_eq!(settle(&mut restored, &[("a", 17), ("b", 20)]), None);
        assert_eq!(settle(&mut restored, &[("a", 10), ("b", 20)]).as_deref(), Some("a b"));
        let mut silent = Ranking::restored(&order, 7);
        assert_eq!(
            (1..=7).filter_map(|at| round(&mut silent, &[]).map(|order| (at, order))).collect::<Vec<_>>(),
            [(7, String::new())]
        );
    }

    #[test]
    fn a_data_center_without_measurements_is_removed() {
        let mut ranking = Ranking::default();
        settle(&mut ranking, &[("a", 50), ("b", 60)]);
        let changes: Vec<_> = (0..FORGOTTEN_AFTER).filter_map(|_| round(&mut ranking, &[("b", 60)])).collect();
        assert_eq!(changes, ["b"]);
        assert_eq!(settle(&mut ranking, &[("a", 80), ("b", 60)]).as_deref(), Some("b a"));
    }
}
