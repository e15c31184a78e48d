//! A global allocator that counts allocations, of the calling thread and of the process; for tests that include this file.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static ALLOCATED: Cell<i64> = const { Cell::new(0) };
}

/// Octets that the process has allocated and not freed, and their maximum.
static IN_USE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

fn count(octets: i64) {
    ALLOCATED.with(|count| count.set(count.get() + octets));
    let in_use = IN_USE.fetch_add(octets, Ordering::Relaxed) + octets;
    if octets > 0 {
        PEAK.fetch_max(in_use, Ordering::Relaxed);
    }
}

#[allow(unsafe_code, reason = "an allocator cannot be written without; it only counts and passes on")]
// SAFETY: every call is passed unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count(size as i64 - layout.size() as i64);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Number of allocations by this thread so far.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// Octets that this thread has allocated and not freed.
pub(crate) fn allocated() -> i64 {
    ALLOCATED.with(Cell::get)
}

/// Octets that all threads have allocated and not freed.
pub(crate) fn in_use() -> i64 {
    IN_USE.load(Ordering::Relaxed)
}

/// The maximum of [`in_use`] since the last [`reset_peak`].
pub(crate) fn peak() -> i64 {
    PEAK.load(Ordering::Relaxed)
}

/// Starts a new maximum.
pub(crate) fn reset_peak() {
    PEAK.store(in_use(), Ordering::Relaxed);
}
