//! Work that may wait: threads that compile tables or serve HTTP let those that answer go first.

use std::sync::OnceLock;

use rustix::process::{getpriority_process, setpriority_process};

/// What the niceness of a thread is above that of the process; answering has nine times its share where both want the same
/// core.
const NICENESS: i32 = 10;

/// Has the calling thread, and no other, let threads of ordinary priority go first. Threads take over the niceness of those
/// that start them, so it is not added to.
pub fn enter() {
    static PROCESS: OnceLock<i32> = OnceLock::new();
    let process = *PROCESS.get_or_init(|| getpriority_process(None).unwrap_or_default());
    // Everyone may be nicer. Where the system says no, the work is done all the same.
    let _ = setpriority_process(None, process + NICENESS);
}
