//! Usage of a server: processor time and memory of its process and its children, from the kernel.
//!
//! The scheduler counts the time of a thread in nanoseconds (`schedstat`), but on most kernels it learns what share of
//! it was user time by looking at each timer tick. So the sum is exact, and the split has the error of a sample: with
//! 250 ticks a second and a fifth of the time in user mode, about 2 % of the user time over 10 seconds.

use std::fs;
use std::io;
use std::time::Duration;

/// Processor time since a process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of it.
    pub total: Duration,
    /// The kernel's estimate of user time, in ticks of 10 ms.
    user_ticks: u64,
    system_ticks: u64,
}

impl Usage {
    /// Of a process and its children, up to now.
    ///
    /// # Errors
    /// If there is no such process, or `/proc` is not as expected.
    pub fn of(pid: u32) -> io::Result<Usage> {
        let mut sum = Usage::default();
        for pid in family(pid)? {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // The name, in parentheses, may contain anything; numbers follow, from field 3 on.
            let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
            let field = |number: usize| -> io::Result<u64> {
                let text = after_name.split_whitespace().nth(number - 3).ok_or_else(unexpected)?;
                text.parse().map_err(io::Error::other)
            };
            sum.user_ticks += field(14)?;
            sum.system_ticks += field(15)?;
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                // A thread may end while its list is read.
                let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
                let nanos = schedstat.split(' ').next().ok_or_else(unexpected)?;
                sum.total += Duration::from_nanos(nanos.parse().map_err(io::Error::other)?);
            }
        }
        Ok(sum)
    }

    /// User and system time since `earlier`: the exact sum, split as the ticks say.
    pub fn since(&self, earlier: &Usage) -> (Duration, Duration) {
        let total = self.total.saturating_sub(earlier.total);
        let user = self.user_ticks.saturating_sub(earlier.user_ticks) as f64;
        let system = self.system_ticks.saturating_sub(earlier.system_ticks) as f64;
        let share = if user + system > 0.0 { user / (user + system) } else { 0.0 };
        let user = total.mul_f64(share);
        (user, total.saturating_sub(user))
    }
}

/// Resident memory of a process and its children in KiB. What several of them share is counted once (`Pss`).
///
/// # Errors
/// As [`Usage::of`].
pub fn resident_kib(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for pid in family(pid)? {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or_else(unexpected)?;
        sum += pss.trim().trim_end_matches(" kB").parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(sum)
}

/// A process and all its descendants.
fn family(pid: u32) -> io::Result<Vec<u32>> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(pid) = family.get(next) {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        next += 1;
    }
    Ok(family)
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "/proc is not as expected")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_time_and_memory() {
        let own = std::process::id();
        let before = Usage::of(own).unwrap();
        let mut sum = 0u64;
        while Usage::of(own).unwrap().total - before.total < Duration::from_millis(50) {
            (0..100_000).for_each(|number| sum = std::hint::black_box(sum ^ number));
        }
        let after = Usage::of(own).unwrap();
        let (user, system) = after.since(&before);
        assert_eq!(user + system, after.total - before.total);
        assert!(resident_kib(own).unwrap() > 100);
    }
}
