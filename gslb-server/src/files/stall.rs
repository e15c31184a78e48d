//! Determines from /proc whether a thread is blocked in a system call or only waits for a CPU.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A thread of this process, as /proc shows it.
#[derive(Debug)]
pub(super) struct Task(Option<PathBuf>);

/// The state of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It runs, or would if a CPU were free; also if it is stopped by a signal.
    Running,
    /// It sleeps in a system call; the number counts its sleeps, if the system shows it.
    Asleep(Option<u64>),
}

impl Task {
    /// The calling thread.
    pub(super) fn current() -> Self {
        Self(fs::read_link("/proc/thread-self").ok().map(|own| Path::new("/proc").join(own).join("status")))
    }

    /// Its current state.
    pub(super) fn state(&self) -> State {
        let status = self.0.as_ref().and_then(|path| fs::read_to_string(path).ok());
        status.as_deref().and_then(parse).unwrap_or(State::Asleep(None))
    }
}

/// Parses a thread's status (proc(5)).
fn parse(status: &str) -> Option<State> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // A thread stopped by a signal is not blocked by the file system either.
    if field("State:")?.starts_with(['R', 'T', 't']) {
        return Some(State::Running);
    }
    Some(State::Asleep(Some(field("voluntary_ctxt_switches:")?.parse().ok()?)))
}

/// Measures how long a thread has slept in one system call without progress.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<(Instant, u64, State)>);

impl Stall {
    /// Records the thread's state and progress at `now`. Returns how long both have been unchanged while it slept.
    pub(super) fn observe(&mut self, now: Instant, progress: u64, state: State) -> Duration {
        match self.0 {
            _ if state == State::Running => {
                self.0 = None;
                Duration::ZERO
            }
            Some((since, before, was)) if (before, was) == (progress, state) => now.saturating_duration_since(since),
            _ => {
                self.0 = Some((now, progress, state));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_sleeping_thread_is_distinguished_from_a_running_one() {
        let own = Task::current();
        assert_eq!(own.state(), State::Running);
        let (sender, receiver) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            sender.send(Task::current()).unwrap();
            let _ = ended.recv();
        });
        let task = receiver.recv().unwrap();
        while !matches!(task.state(), State::Asleep(Some(_))) {
            thread::yield_now();
        }
        drop(end);
        sleeper.join().unwrap();
    }

    #[test]
    fn only_one_sleep_without_progress_is_a_stall() {
        let (mut stall, start) = (Stall::default(), Instant::now());
        let mut observe = |ms: u64, progress: u64, state: State| {
            let slept = stall.observe(start + Duration::from_millis(ms), progress, state);
            u64::try_from(slept.as_millis()).unwrap()
        };
        let asleep = |count| State::Asleep(Some(count));
        assert_eq!((observe(0, 1, asleep(1)), observe(100, 1, asleep(1)), observe(900, 1, asleep(1))), (0, 100, 900));
        assert_eq!((observe(1_000, 1, asleep(2)), observe(1_100, 1, asleep(2))), (0, 100), "it has run between");
        assert_eq!((observe(1_200, 2, asleep(2)), observe(1_300, 2, asleep(2))), (0, 100), "it has read something");
        assert_eq!(observe(9_000, 2, State::Running), 0, "it waits for a processor");
        assert_eq!((observe(9_100, 2, asleep(2)), observe(9_200, 2, asleep(2))), (0, 100));
        assert_eq!((observe(9_300, 2, State::Asleep(None)), observe(9_500, 2, State::Asleep(None))), (0, 200));
    }

    #[test]
    fn a_status_is_parsed() {
        let status = |state: &str| {
            format!("Name:\tread\nState:\t{state}\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n")
        };
        assert_eq!(parse(&status("R (running)")), Some(State::Running));
        assert_eq!(parse(&status("T (stopped)")), Some(State::Running));
        assert_eq!(parse(&status("D (disk sleep)")), Some(State::Asleep(Some(7))));
        assert_eq!(parse("Name:\tread\n"), None);
    }
}
