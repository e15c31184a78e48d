//! The runtime of everything that does not answer queries.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};

use crate::background;

/// Threads that run the tasks of everything that does not answer queries.
const CONTROL_THREADS: usize = 1;

/// The runtime of everything that does not answer queries.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn control_runtime() -> io::Result<Runtime> {
    // The threads of a runtime that run its tasks are the first that it starts; what compiles, and whatever else takes its
    // time, has threads that are started when they are needed.
    let started = AtomicUsize::new(0);
    let name = move || {
        let is_first = started.fetch_add(1, Ordering::Relaxed) < CONTROL_THREADS;
        if is_first { "control" } else { "compile" }.to_owned()
    };
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(CONTROL_THREADS).thread_name_fn(name).on_thread_start(background::enter).enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_lets_others_go_first() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let runtime = control_runtime().unwrap();
        let (own, blocking) = runtime.block_on(async move {
            let own = tokio::spawn(async move { niceness() }).await.unwrap();
            (own, tokio::task::spawn_blocking(niceness).await.unwrap())
        });
        // There is no more than 19.
        let expected = (niceness() + 10).min(19);
        assert_eq!((own, blocking), (expected, expected));
    }
}
