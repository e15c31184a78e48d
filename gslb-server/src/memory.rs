//! The allocator, and when it gives memory back to the kernel.
#![allow(unsafe_code)]

use libmimalloc_sys::mi_option_set;
use mimalloc::MiMalloc;

/// Answering allocates nothing. A change of a large document is hundreds of thousands of small texts, read, copied and
/// freed: half of its time went into the C library's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the crate does not name.
const PURGE_DELAY: i32 = 15;

/// Gives freed pages back to the kernel when they are freed.
///
/// By default mimalloc waits a second, and looks for pages to give back only while it allocates or frees. A server that has
/// read its files does neither, and keeps what reading took: a third of its memory.
pub(crate) fn give_back_at_once() {
    // SAFETY: a store to an option, which mimalloc reads atomically; no pointer is passed.
    unsafe { mi_option_set(PURGE_DELAY, 0) };
}
