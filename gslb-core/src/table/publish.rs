//! The one place where a table is swapped: readers never wait, and no older table ever replaces a newer one.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::RoutingTable;

/// The table in force.
#[derive(Debug)]
pub struct Published {
    table: ArcSwap<RoutingTable>,
    /// Held while a table is compared and put in force; readers do not touch it.
    publishing: Mutex<()>,
}

/// A table that is not newer than the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("table of generation {offered} does not replace generation {in_force}")]
pub struct Stale {
    /// Generation that was to be published.
    pub offered: u64,
    /// Generation in force.
    pub in_force: u64,
}

impl Published {
    /// Puts the first table in force.
    pub fn new(table: RoutingTable) -> Published {
        Published { table: ArcSwap::from_pointee(table), publishing: Mutex::new(()) }
    }

    /// The table in force; it stays whole for as long as the guard is held.
    #[inline]
    pub fn load(&self) -> Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// Puts a newer table in force.
    pub fn publish(&self, table: RoutingTable) -> Result<(), Stale> {
        let _one_at_a_time = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let in_force = self.table.load().generation();
        let offered = table.generation();
        if offered <= in_force {
            return Err(Stale { offered, in_force });
        }
        self.table.store(Arc::new(table));
        Ok(())
    }
}
