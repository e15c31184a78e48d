//! Collects measurements round by round, and keeps the accepted orders.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clients::{CLIENTS_LAST, Clients};
use super::ranking::{FORGOTTEN_AFTER, Ranking};
use super::{Area, Latencies, Order, nearest};
use crate::locate::direction::Direction;
use crate::moment::Moment;
use crate::site::model::Site;

/// Length of a round, after which orders are evaluated again.
pub const ROUND: Duration = Duration::from_secs(10);

/// A vantage's measurements in a round: its name, and smoothed latencies by data center name.
pub type Measurements = (Arc<str>, Vec<(Arc<str>, Duration)>);

/// All measurements.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Measurements by clients.
    pub clients: Clients,
    vantages: HashMap<Arc<str>, Ranking>,
    areas: HashMap<Area, Ranking>,
    accepted: Arc<Latencies>,
}

impl Book {
    /// Continues with the orders accepted before a restart. Clients last measured `age` before it; their orders expire
    /// when they would have without the restart.
    pub fn restored(mut accepted: Latencies, age: Duration) -> Book {
        if age > CLIENTS_LAST {
            accepted.areas.clear();
        }
        let left = CLIENTS_LAST.saturating_sub(age).as_secs() / ROUND.as_secs();
        let rounds = FORGOTTEN_AFTER + u32::try_from(left).unwrap_or(u32::MAX);
        let vantage = |(name, order): (&Arc<str>, &Order)| (name.clone(), Ranking::restored(order, FORGOTTEN_AFTER));
        let area = |(area, order): (&Area, &Order)| (area.clone(), Ranking::restored(order, rounds));
        Book {
            clients: Clients::default(),
            vantages: accepted.vantages.iter().map(vantage).collect(),
            areas: accepted.areas.iter().map(area).collect(),
            accepted: Arc::new(accepted),
        }
    }

    /// The accepted orders.
    pub fn accepted(&self) -> &Arc<Latencies> {
        &self.accepted
    }

    /// Ends a round with the measurements of each vantage of `site`. Returns the accepted orders if they changed; then
    /// the table must be compiled again.
    pub fn round(&mut self, measured: &[Measurements], site: &Site, now: Moment) -> Option<Arc<Latencies>> {
        let mut next: Option<Latencies> = None;
        for (vantage, latencies) in measured {
            let from = || site.vantages.iter().find(|it| it.name == *vantage)?.coordinate.map(Direction::of);
            let ranking = self.vantages.entry(Arc::clone(vantage)).or_default();
            if let Some(order) = round(ranking, latencies.clone(), from, site) {
                next.get_or_insert_with(|| (*self.accepted).clone()).vantages.insert(Arc::clone(vantage), order);
            }
        }
        let mut medians = self.clients.medians(now);
        for area in medians.keys() {
            self.areas.entry(area.clone()).or_default();
        }
        self.areas.retain(|area, ranking| {
            let latencies = medians.remove(area).unwrap_or_default();
            let order = round(ranking, latencies, || nearest::middle(area, site), site);
            if let Some(order) = order {
                let areas = &mut next.get_or_insert_with(|| (*self.accepted).clone()).areas;
                if order.0.is_empty() {
                    areas.remove(area);
                } else {
                    areas.insert(area.clone(), order);
                }
            }
            !ranking.is_empty()
        });
        self.accepted = Arc::new(next?);
        Some(Arc::clone(&self.accepted))
    }
}

/// Ends a round of one ranking; new data centers are added in order of distance.
fn round(
    ranking: &mut Ranking,
    mut measured: Vec<(Arc<str>, Duration)>,
    from: impl FnOnce() -> Option<Direction>,
    site: &Site,
) -> Option<Order> {
    if ranking.lacks(&measured) {
        nearest::sort(&mut measured, from(), site);
    }
    ranking.round(&measured)
}
