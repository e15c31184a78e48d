//! Everything that was measured, round by round, and what is accepted of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clients::Clients;
use super::ranking::Ranking;
use super::{Area, Latencies};
use crate::health::Moment;

/// Time of a round: the order is looked at so often.
pub const ROUND: Duration = Duration::from_secs(10);

/// What a vantage measured in a round: its name, and smoothed latencies by the names of data centers.
pub type Measurements = (Arc<str>, Vec<(Arc<str>, Duration)>);

/// Everything that was measured.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// What clients measured.
    pub clients: Clients,
    vantages: HashMap<Arc<str>, Ranking>,
    areas: HashMap<Area, Ranking>,
    accepted: Arc<Latencies>,
}

impl Book {
    /// What is accepted now.
    pub fn accepted(&self) -> &Arc<Latencies> {
        &self.accepted
    }

    /// Ends a round, with what each vantage measured in it. What is accepted now, where that is something else than before;
    /// then a table must be compiled with it.
    pub fn round(&mut self, measured: &[Measurements], now: Moment) -> Option<Arc<Latencies>> {
        let mut next: Option<Latencies> = None;
        for (vantage, latencies) in measured {
            if let Some(order) = self.vantages.entry(Arc::clone(vantage)).or_default().round(latencies) {
                next.get_or_insert_with(|| (*self.accepted).clone()).vantages.insert(Arc::clone(vantage), order);
            }
        }
        let medians = self.clients.medians(now);
        for area in medians.keys() {
            self.areas.entry(area.clone()).or_default();
        }
        self.areas.retain(|area, ranking| {
            let latencies = medians.get(area).map_or(&[][..], |list| list);
            let Some(order) = ranking.round(latencies) else { return true };
            let areas = &mut next.get_or_insert_with(|| (*self.accepted).clone()).areas;
            if order.0.is_empty() {
                areas.remove(area);
                return false;
            }
            areas.insert(area.clone(), order);
            true
        });
        self.accepted = Arc::new(next?);
        Some(Arc::clone(&self.accepted))
    }
}
