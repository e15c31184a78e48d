//! The runtime of everything that does not answer queries.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::background;

/// Threads that run the tasks of everything that does not answer queries.
const CONTROL_THREADS: usize = 1;

/// Builds the runtime of everything that does not answer queries. From now on SIGHUP and SIGUSR2 do not end the
/// process: a start may take a while, and a reload requested during it is what the start does anyway.
///
/// # Errors
/// If the system refuses a thread, an event queue or a signal handler.
pub fn control_runtime() -> io::Result<Runtime> {
    // A runtime starts its worker threads first; blocking work, such as compiling, gets threads that start on demand.
    let started = AtomicUsize::new(0);
    let name = move || {
        let is_first = started.fetch_add(1, Ordering::Relaxed) < CONTROL_THREADS;
        if is_first { "control" } else { "compile" }.to_owned()
    };
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(CONTROL_THREADS).thread_name_fn(name).on_thread_start(background::enter).enable_all();
    let runtime = builder.build()?;
    let entered = runtime.enter();
    // The handler stays installed after the listener is dropped. `Signals` listens once there is something to reload.
    drop(signal(SignalKind::hangup())?);
    drop(signal(SignalKind::user_defined2())?);
    drop(entered);
    Ok(runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sighup_during_a_start_does_not_end_the_process() {
        let _runtime = control_runtime().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        assert_eq!(
            u64::from_str_radix(caught, 16).unwrap() & 1,
            1,
            "SIGHUP, the first signal, has a handler: {caught}"
        );
    }

    #[test]
    fn the_control_runtime_runs_at_a_lower_priority() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let runtime = control_runtime().unwrap();
        let (own, blocking) = runtime.block_on(async move {
            let own = tokio::spawn(async move { niceness() }).await.unwrap();
            (own, tokio::task::spawn_blocking(niceness).await.unwrap())
        });
        // The maximum is 19.
        let expected = (niceness() + 10).min(19);
        assert_eq!((own, blocking), (expected, expected));
    }
}
