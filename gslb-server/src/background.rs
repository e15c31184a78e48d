//! Low-priority threads: those that compile tables or serve HTTP yield the CPU to those that answer queries.

use std::sync::OnceLock;

use rustix::process::{getpriority_process, setpriority_process};

/// Added to the niceness of the process. A thread that answers queries gets nine times the CPU share of a background
/// thread on the same core.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread only. A thread inherits the niceness of the thread that starts it, so this
/// sets an absolute value instead of adding to it.
pub fn enter() {
    static PROCESS: OnceLock<i32> = OnceLock::new();
    let process = *PROCESS.get_or_init(|| getpriority_process(None).unwrap_or_default());
    // Any process may raise its niceness. If the system refuses, the work runs at normal priority.
    let _ = setpriority_process(None, process + NICENESS);
}
