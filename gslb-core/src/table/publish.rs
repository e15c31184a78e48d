//! The one place where a table is swapped: readers never wait, and no older table ever replaces a newer one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::RoutingTable;
use super::counts::Counts;

/// The table in force.
#[derive(Debug)]
pub struct Published {
    table: ArcSwap<RoutingTable>,
    /// Tables that were replaced while someone still read them. Held while a table is compared and put in force;
    /// readers do not touch it.
    retired: Mutex<Vec<Arc<RoutingTable>>>,
    counted: Counted,
}

/// What is counted.
#[derive(Debug)]
struct Counted {
    /// By how many workers; 0 where nobody counts.
    workers: usize,
    /// One for each topology that may still be answered from, or whose numbers nobody has taken yet.
    counts: Mutex<Vec<Arc<Counts>>>,
}

impl Counted {
    /// The table with a place to count in.
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
        Published::counting(table, 0)
    }

    /// The same; so many workers count what they answer from each table. Somebody has to call
    /// [`take_finished`](Published::take_finished) now and then.
    pub fn counting(table: RoutingTable, workers: usize) -> Published {
        let counted = Counted { workers, counts: Mutex::default() };
        let table = ArcSwap::from_pointee(counted.counting(table, None));
        Published { table, retired: Mutex::default(), counted }
    }

    /// What was counted and not taken yet, the one of the table in force at the end.
    pub fn counts(&self) -> Vec<Arc<Counts>> {
        self.counted.all().clone()
    }

    /// Takes what nobody adds to any more, since no table of it is left. Each is given out once.
    pub fn take_finished(&self) -> Vec<Arc<Counts>> {
        let mut all = self.counted.all();
        // Nobody else has it, and what others wrote before they let it go is seen from here on.
        all.extract_if(.., |counts| Arc::get_mut(counts).is_some()).collect()
    }

    /// The table in force; it stays whole for as long as the guard is held.
    #[inline]
    pub fn load(&self) -> Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// Puts a newer table in force.
    ///
    /// A table is freed here or by [`Published::sweep`], and never by a reader, whom a million names would keep from
    /// answering.
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

    /// Frees tables that were replaced and are no longer read. Whoever publishes large tables has this called now and
    /// then, since readers may still be at work when a table is replaced. Returns how many are still read.
    pub fn sweep(&self) -> usize {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let unread: Vec<_> = retired.extract_if(.., |table| Arc::strong_count(table) == 1).collect();
        let left = retired.len();
        // To free them takes time, in which others may publish.
        drop(retired);
        drop(unread);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::model::Site;
    use crate::table::compile::compile;

    fn table(previous: Option<&RoutingTable>) -> RoutingTable {
        compile(Site::default(), &[], &Arc::default(), previous).table.unwrap()
    }

    #[test]
    fn a_reader_never_frees_a_table() {
        let published = Published::new(table(None));
        let read = published.load();
        let weak = Arc::downgrade(&read);
        published.publish(table(Some(&read))).unwrap();
        drop(read);
        assert!(weak.upgrade().is_some(), "it is kept for the publisher to free");
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
