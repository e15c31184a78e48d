//! The scheduler task: starts each probe when it is due, and applies new targets without disturbing those that remain.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gslb_api::health::Observed;
use gslb_core::health::{Outcome, Target};
use gslb_core::site::model::ProbeKind;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::sleep_until;

use super::calendar::{Cadence, Calendar};
use super::counts::{Counts, ProbeCounts};
use super::pulse::{BEAT, Heartbeat};
use super::run::run;
use super::tools::Tools;

/// State shared by all probes.
pub(super) struct Shared {
    pub(super) start: Instant,
    pub(super) tools: Tools,
    pub(super) counts: Counts,
    pub(super) heartbeat: Heartbeat,
    /// One permit for each concurrent probe, granted in order.
    pub(super) permits: Semaphore,
}

/// The targets to probe, each with the name of its probe.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    pub(super) targets: Vec<(Arc<Target>, Arc<str>)>,
}

/// A target that is probed.
struct Job {
    target: Arc<Target>,
    counts: Arc<ProbeCounts>,
    /// True from when it is due until its result was sent.
    busy: AtomicBool,
}

/// Probes the assigned targets until the sender of assignments is dropped.
pub(super) async fn run_schedule(
    shared: Arc<Shared>,
    mut assigned: watch::Receiver<Arc<Assignment>>,
    out: mpsc::Sender<Observed>,
) {
    let mut schedule = Schedule::new(seed());
    loop {
        shared.heartbeat.beat();
        let now = shared.start.elapsed();
        let wake = schedule.calendar.next().unwrap_or(Duration::MAX).min(now + BEAT);
        tokio::select! {
            biased;
            changed = assigned.changed() => match changed {
                Ok(()) => {
                    let assignment = assigned.borrow_and_update().clone();
                    schedule.apply(&assignment, &shared);
                }
                Err(_) => return,
            },
            () = sleep_until((shared.start + wake).into()) => {}
        }
        while let Some((job, due)) = schedule.due(shared.start.elapsed()) {
            if job.busy.swap(true, Ordering::AcqRel) {
                shared.counts.skip();
            } else {
                tokio::spawn(run_job(shared.clone(), BusyGuard(job), due, out.clone()));
            }
        }
    }
}

/// Seed for the jitter; it need not be unpredictable.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_default()
}

struct Schedule {
    calendar: Calendar,
    /// By number in the calendar.
    jobs: HashMap<u32, Arc<Job>>,
    numbers: HashMap<Arc<Target>, u32>,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        Self { calendar: Calendar::new(seed), jobs: HashMap::new(), numbers: HashMap::new() }
    }

    fn apply(&mut self, assignment: &Assignment, shared: &Shared) {
        shared.counts.keep(assignment.targets.iter().map(|(_, name)| name.clone()));
        let now = shared.start.elapsed();
        let mut before = std::mem::take(&mut self.numbers);
        // Results of push probes are posted, so they are not scheduled.
        let active = |target: &Target| !matches!(target.kind, ProbeKind::Push { .. });
        for (target, name) in assignment.targets.iter().filter(|(target, _)| active(target)) {
            let counts = shared.counts.of(name);
            let number = match before.remove(target) {
                Some(number) => {
                    self.rename(number, counts);
                    number
                }
                None => {
                    let cadence = Cadence { interval: target.interval, jitter: target.jitter };
                    let number = self.calendar.add(cadence, now);
                    let job = Job { target: target.clone(), counts, busy: AtomicBool::new(false) };
                    self.jobs.insert(number, Arc::new(job));
                    number
                }
            };
            self.numbers.insert(target.clone(), number);
        }
        for number in before.into_values() {
            self.calendar.remove(number);
            self.jobs.remove(&number);
        }
        shared.counts.set_targets(self.jobs.len());
        // No results are expected from targets that the guard forbids.
        let permitted = |target: &&Target| shared.tools.guard.check(target).is_ok();
        shared.heartbeat.expect(self.jobs.values().map(|job| &*job.target).filter(permitted));
    }

    /// Counts a target under another probe's name, if the name changed.
    fn rename(&mut self, number: u32, counts: Arc<ProbeCounts>) {
        let Some(job) = self.jobs.get_mut(&number).filter(|job| !Arc::ptr_eq(&job.counts, &counts)) else { return };
        // A running probe finishes under its old name, and clears only its own flag.
        *job = Arc::new(Job { target: job.target.clone(), counts, busy: AtomicBool::new(false) });
    }

    /// A job that is due, and since when.
    fn due(&mut self, now: Duration) -> Option<(Arc<Job>, Duration)> {
        let (number, due) = self.calendar.take(now)?;
        self.jobs.get(&number).map(|job| (job.clone(), due))
    }
}

/// A running job; dropping this allows the next run, however this one ended.
struct BusyGuard(Arc<Job>);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

async fn run_job(shared: Arc<Shared>, guard: BusyGuard, due: Duration, out: mpsc::Sender<Observed>) {
    let waiting = shared.counts.wait();
    let Ok(permit) = shared.permits.acquire().await else { return };
    drop(waiting);
    shared.counts.lateness.add(shared.start.elapsed().saturating_sub(due));
    let running = shared.counts.run();
    let job = &guard.0;
    let outcome: Outcome = run(&job.target, &shared.tools).await;
    drop((running, permit));
    job.counts.add(&outcome);
    let is_conclusive = !outcome.is_unable();
    let report = Observed { target: job.target.clone(), outcome, at: Instant::now() };
    // Only conclusive results count: a prober that cannot probe is stalled, however busy.
    if out.send(report).await.is_ok() && is_conclusive {
        shared.heartbeat.result();
    }
}
