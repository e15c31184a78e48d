//! The only place where tables are swapped: readers never block, and an older table never replaces a newer one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::RoutingTable;
use super::counts::Counts;

/// The active table.
#[derive(Debug)]
pub struct Published {
    table: ArcSwap<RoutingTable>,
    /// Replaced tables that readers still use. Locked while a table is compared and activated; readers never lock it.
    retired: Mutex<Vec<Arc<RoutingTable>>>,
    counted: Counted,
}

/// Answer counters.
#[derive(Debug)]
struct Counted {
    /// Number of workers that count; 0 if counting is off.
    workers: usize,
    /// One for each topology that may still be answered from, or whose counters have not been collected yet.
    counts: Mutex<Vec<Arc<Counts>>>,
}

impl Counted {
    /// Adds counters to the table.
    fn counting(&self, table: RoutingTable, before: Option<&RoutingTable>) -> RoutingTable {
        if self.workers == 0 {
            return table;
        }
        let table = table.counting(self.workers, before);
        let mut all = self.all();
        let known = |counts: &Arc<Counts>| all.iter().any(|known| Arc::ptr_eq(known, counts));
        if let Some(new) = table.counts().filter(|counts| !known(counts)) {
            all.push(Arc::clone(new));
        }
        table
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Counts>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table is not newer than the active one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("table of generation {offered} does not replace generation {in_force}")]
pub struct Stale {
    /// Generation that was offered.
    pub offered: u64,
    /// Active generation.
    pub in_force: u64,
}

impl Published {
    /// Activates the first table.
    pub fn new(table: RoutingTable) -> Published {
        Published::counting(table, 0)
    }

    /// Like [`new`](Published::new), with counters for this many workers. The caller must call
    /// [`take_finished`](Published::take_finished) periodically.
    pub fn counting(table: RoutingTable, workers: usize) -> Published {
        let counted = Counted { workers, counts: Mutex::default() };
        let table = ArcSwap::from_pointee(counted.counting(table, None));
        Published { table, retired: Mutex::default(), counted }
    }

    /// Counters not collected yet; those of the active table come last.
    pub fn counts(&self) -> Vec<Arc<Counts>> {
        self.counted.all().clone()
    }

    /// Removes and returns the counters that can no longer change, since no table uses them. Each is returned once.
    pub fn take_finished(&self) -> Vec<Arc<Counts>> {
        let mut all = self.counted.all();
        // This is the only reference left, so all writes made before the others were dropped are visible.
        all.extract_if(.., |counts| Arc::get_mut(counts).is_some()).collect()
    }

    /// The active table; it stays valid while the guard exists.
    #[inline]
    pub fn load(&self) -> Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// Activates a newer table.
    ///
    /// A table is freed here or by [`Published::sweep`], never by a reader: freeing a million names would stall its
    /// answers.
    pub fn publish(&self, table: RoutingTable) -> Result<(), Stale> {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.table.load_full();
        let (offered, in_force) = (table.generation(), before.generation());
        if offered <= in_force {
            return Err(Stale { offered, in_force });
        }
        let table = self.counted.counting(table, Some(&before));
        drop(before);
        retired.push(self.table.swap(Arc::new(table)));
        drop(retired);
        self.sweep();
        Ok(())
    }

    /// Frees replaced tables that are no longer read. Call it periodically when publishing large tables, since readers
    /// may still be using a table when it is replaced. Returns how many are still in use.
    pub fn sweep(&self) -> usize {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let unread: Vec<_> = retired.extract_if(.., |table| Arc::strong_count(table) == 1).collect();
        let left = retired.len();
        // Freeing takes time; others may publish in the meantime.
        drop(retired);
        drop(unread);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::states::States;
    use crate::site::model::Site;
    use crate::table::compile::compile;

    fn table(previous: Option<&RoutingTable>) -> RoutingTable {
        let before = previous.map(RoutingTable::topology);
        let topology = compile(Site::default(), &[], &Arc::default(), before).topology.unwrap();
        previous.map_or_else(|| RoutingTable::initial(topology.clone()), |it| it.next(topology.clone(), &States::new()))
    }

    #[test]
    fn a_reader_never_frees_a_table() {
        let published = Published::new(table(None));
        let read = published.load();
        let weak = Arc::downgrade(&read);
        published.publish(table(Some(&read))).unwrap();
        drop(read);
        assert!(weak.upgrade().is_some(), "the publisher must free it");
        published.sweep();
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn an_older_table_is_refused() {
        let published = Published::new(table(None));
        let (second, again) = (table(Some(&published.load())), table(Some(&published.load())));
        published.publish(second).unwrap();
        assert_eq!(published.publish(again), Err(Stale { offered: 2, in_force: 2 }));
    }
}
