//! The allocator, and when it returns memory to the kernel.
#![allow(unsafe_code)]

use libmimalloc_sys::mi_option_set;
use mimalloc::MiMalloc;

/// Answering a query allocates nothing. Changing a large document reads, copies and frees hundreds of thousands of
/// small strings: half of that time went into the C library's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the crate does not name.
const PURGE_DELAY: i32 = 15;

/// Returns freed pages to the kernel immediately.
///
/// By default mimalloc waits a second, and purges pages only while it allocates or frees. A server that has read its
/// files does neither, and would keep the memory that reading took: a third of its total.
pub(crate) fn purge_immediately() {
    // SAFETY: a store to an option, which mimalloc reads atomically; no pointer is passed.
    unsafe { mi_option_set(PURGE_DELAY, 0) };
}
