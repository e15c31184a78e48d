//! Memory and processor time of this process.

use std::fs;
use std::time::Duration;

/// Memory in use now and at most so far, in millions of octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) resident: f64,
    pub(super) peak: f64,
}

impl Memory {
    /// VmRSS and VmHWM of `/proc/self/status`.
    ///
    /// # Panics
    /// If the system does not report it.
    pub(super) fn now() -> Memory {
        let status = fs::read_to_string("/proc/self/status").expect("Linux shows every process its status");
        let megabytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("status has sizes of memory");
            let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("sizes are numbers");
            kibibytes * 1024.0 / 1e6
        };
        Memory { resident: megabytes("VmRSS:"), peak: megabytes("VmHWM:") }
    }
}

/// Processor time of this thread: other load on the machine counts only through cache misses.
///
/// # Panics
/// If the system does not report it.
pub(super) fn processor_time() -> Duration {
    // The account is brought up to date when the thread gives way, else only a few hundred times a second.
    std::thread::yield_now();
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux accounts for every thread");
    let nanos = stat.split(' ').next().and_then(|first| first.parse().ok()).expect("schedstat begins with a number");
    Duration::from_nanos(nanos)
}

/// Runs `work`, and returns its processor time in milliseconds.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = processor_time();
    let result = work();
    (result, (processor_time() - before).as_secs_f64() * 1e3)
}
