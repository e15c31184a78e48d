//! Whether a thread waits for the system to answer, or only for a processor: the system's own account of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A thread of this process, as the system shows it.
#[derive(Debug)]
pub(super) struct Task(Option<PathBuf>);

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It runs, or would if a processor were free and nobody had stopped it.
    Running,
    /// It sleeps in a call to the system, for the so many-th time; the number is unknown where the system does not show it.
    Asleep(Option<u64>),
}

impl Task {
    /// The calling thread.
    pub(super) fn current() -> Self {
        Self(fs::read_link("/proc/thread-self").ok().map(|own| Path::new("/proc").join(own).join("status")))
    }

    /// What it does now.
    pub(super) fn doing(&self) -> Doing {
        let status = self.0.as_ref().and_then(|path| fs::read_to_string(path).ok());
        status.as_deref().and_then(parse).unwrap_or(Doing::Asleep(None))
    }
}

/// What a thread's status (proc(5)) says that it does.
fn parse(status: &str) -> Option<Doing> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // One that is stopped by a signal waits for no answer either.
    if field("State:")?.starts_with(['R', 'T', 't']) {
        return Some(Doing::Running);
    }
    Some(Doing::Asleep(Some(field("voluntary_ctxt_switches:")?.parse().ok()?)))
}

/// For how long a thread has slept in one call without any progress.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<(Instant, u64, Doing)>);

impl Stall {
    /// Takes in what a thread does at `now`, when it has come to `progress`, and returns for how long it has slept since, as
    /// far as that was looked at.
    pub(super) fn look(&mut self, now: Instant, progress: u64, doing: Doing) -> Duration {
        match self.0 {
            _ if doing == Doing::Running => {
                self.0 = None;
                Duration::ZERO
            }
            Some((since, before, was)) if (before, was) == (progress, doing) => now.saturating_duration_since(since),
            _ => {
                self.0 = Some((now, progress, doing));
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
    fn a_thread_that_sleeps_is_told_from_one_that_runs() {
        let own = Task::current();
        assert_eq!(own.doing(), Doing::Running);
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            tell.send(Task::current()).unwrap();
            let _ = ended.recv();
        });
        let task = told.recv().unwrap();
        while !matches!(task.doing(), Doing::Asleep(Some(_))) {
            thread::yield_now();
        }
        drop(end);
        sleeper.join().unwrap();
    }

    #[test]
    fn only_one_sleep_without_progress_is_a_stall() {
        let (mut stall, start) = (Stall::default(), Instant::now());
        let mut look = |ms: u64, progress: u64, doing: Doing| {
            let slept = stall.look(start + Duration::from_millis(ms), progress, doing);
            u64::try_from(slept.as_millis()).unwrap()
        };
        let asleep = |count| Doing::Asleep(Some(count));
        assert_eq!((look(0, 1, asleep(1)), look(100, 1, asleep(1)), look(900, 1, asleep(1))), (0, 100, 900));
        assert_eq!((look(1_000, 1, asleep(2)), look(1_100, 1, asleep(2))), (0, 100), "it has run between");
        assert_eq!((look(1_200, 2, asleep(2)), look(1_300, 2, asleep(2))), (0, 100), "it has read something");
        assert_eq!(look(9_000, 2, Doing::Running), 0, "it waits for a processor");
        assert_eq!((look(9_100, 2, asleep(2)), look(9_200, 2, asleep(2))), (0, 100));
        assert_eq!((look(9_300, 2, Doing::Asleep(None)), look(9_500, 2, Doing::Asleep(None))), (0, 200));
    }

    #[test]
    fn a_status_is_read_as_the_system_writes_it() {
        let status = |state: &str| {
            format!("Name:\tread\nState:\t{state}\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n")
        };
        assert_eq!(parse(&status("R (running)")), Some(Doing::Running));
        assert_eq!(parse(&status("T (stopped)")), Some(Doing::Running));
        assert_eq!(parse(&status("D (disk sleep)")), Some(Doing::Asleep(Some(7))));
        assert_eq!(parse("Name:\tread\n"), None);
    }
}
