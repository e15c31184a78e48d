//! The order of data centers by latency, as it is accepted: another one must be better by far, and for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Measured, Order};

/// A data center comes before another one that it came after only with at most this share of the other's latency,
pub const RATIO: f64 = 0.8;
/// and with at least this much less,
pub const MARGIN: Duration = Duration::from_millis(5);
/// in this many rounds in a row.
pub const ROUNDS: u32 = 3;
/// A data center without a measurement in so many rounds is taken out.
pub const FORGOTTEN_AFTER: u32 = 30;

/// Data centers in the order that is accepted.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    accepted: Vec<Place>,
    /// For how many rounds the second was clearly better than the first, which is before it.
    better: HashMap<(Arc<str>, Arc<str>), u32>,
}

#[derive(Debug, Clone)]
struct Place {
    data_center: Arc<str>,
    latest: Duration,
    /// Rounds without a measurement.
    missed: u32,
}

impl Ranking {
    /// Takes the measurements of one round; the order where it is another one than before.
    pub fn round(&mut self, measured: &[(Arc<str>, Duration)]) -> Option<Order> {
        let before: Vec<Arc<str>> = self.names();
        self.accepted.iter_mut().for_each(|place| place.missed += 1);
        for (data_center, latest) in measured {
            match self.accepted.iter_mut().find(|place| place.data_center == *data_center) {
                Some(place) => (place.latest, place.missed) = (*latest, 0),
                None => self.welcome(data_center, *latest),
            }
        }
        self.accepted.retain(|place| place.missed < FORGOTTEN_AFTER);
        self.count();
        self.sort();
        (self.names() != before).then(|| self.order())
    }

    /// The accepted order, with the latest measurements.
    fn order(&self) -> Order {
        let measured = |place: &Place| Measured {
            data_center: Arc::clone(&place.data_center),
            milliseconds: u32::try_from(place.latest.as_millis()).unwrap_or(u32::MAX),
        };
        Order(self.accepted.iter().map(measured).collect())
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.accepted.iter().map(|place| Arc::clone(&place.data_center)).collect()
    }

    /// A new one goes where its first measurement says: nothing was accepted about it.
    fn welcome(&mut self, data_center: &Arc<str>, latest: Duration) {
        let at = self.accepted.iter().position(|place| place.latest > latest).unwrap_or(self.accepted.len());
        self.accepted.insert(at, Place { data_center: Arc::clone(data_center), latest, missed: 0 });
    }

    /// Counts the rounds of those that are clearly better than one before them.
    fn count(&mut self) {
        let mut better = HashMap::new();
        for (at, first) in self.accepted.iter().enumerate() {
            for second in self.accepted.iter().skip(at + 1) {
                let key = (Arc::clone(&first.data_center), Arc::clone(&second.data_center));
                if first.missed > 0 || second.missed > 0 {
                    // Nothing new was measured: what was counted stays.
                    better.extend(self.better.get(&key).copied().map(|rounds| (key, rounds)));
                } else if is_better(second.latest, first.latest) {
                    let rounds = self.better.get(&key).copied().unwrap_or(0);
                    better.insert(key, rounds + 1);
                }
            }
        }
        self.better = better;
    }

    /// Puts each before those that it has been better than for long enough, without passing one that it has not.
    fn sort(&mut self) {
        for from in 1..self.accepted.len() {
            let mut at = from;
            while at > 0 && self.passes(at) {
                self.accepted.swap(at - 1, at);
                at -= 1;
            }
        }
    }

    fn passes(&self, at: usize) -> bool {
        let (Some(first), Some(second)) =
            (at.checked_sub(1).and_then(|before| self.accepted.get(before)), self.accepted.get(at))
        else {
            return false;
        };
        let key = (Arc::clone(&first.data_center), Arc::clone(&second.data_center));
        self.better.get(&key).is_some_and(|rounds| *rounds >= ROUNDS)
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

    #[test]
    fn the_first_round_orders_and_noise_does_not() {
        let mut ranking = Ranking::default();
        assert_eq!(round(&mut ranking, &[("iad", 90), ("fra", 20), ("nrt", 200)]).as_deref(), Some("fra iad nrt"));
        for (fra, iad) in [(95, 90), (90, 80), (100, 81), (24, 20)] {
            for _ in 0..ROUNDS {
                assert_eq!(round(&mut ranking, &[("fra", fra), ("iad", iad), ("nrt", 200)]), None, "{fra} {iad}");
            }
        }
    }

    #[test]
    fn a_change_is_better_by_both_measures_for_some_rounds_in_a_row() {
        let mut ranking = Ranking::default();
        round(&mut ranking, &[("fra", 20), ("iad", 90)]);
        let better = [("fra", 90), ("iad", 20)];
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &[("fra", 20), ("iad", 20)]), None, "a round without begins anew");
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &[]), None, "a round without measurements says nothing");
        assert_eq!(round(&mut ranking, &better).as_deref(), Some("iad fra"));
        assert_eq!(round(&mut ranking, &better), None);
    }

    #[test]
    fn the_last_may_become_the_first_at_once() {
        let mut ranking = Ranking::default();
        round(&mut ranking, &[("a", 50), ("b", 60), ("c", 70)]);
        let better = [("a", 50), ("b", 60), ("c", 10)];
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better), None);
        assert_eq!(round(&mut ranking, &better).as_deref(), Some("c a b"));
    }

    #[test]
    fn what_is_measured_no_more_is_forgotten() {
        let mut ranking = Ranking::default();
        round(&mut ranking, &[("a", 50), ("b", 60)]);
        let changes: Vec<_> = (0..FORGOTTEN_AFTER).filter_map(|_| round(&mut ranking, &[("b", 60)])).collect();
        assert_eq!(changes, ["b"]);
        assert_eq!(round(&mut ranking, &[("a", 80), ("b", 60)]).as_deref(), Some("b a"));
    }
}
