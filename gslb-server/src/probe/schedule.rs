//! The task that starts each probe in its time, and takes up new targets without touching those that stay.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gslb_core::health::{Outcome, Target};
use gslb_core::site::model::ProbeKind;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::sleep_until;

use super::Report;
use super::calendar::{Calendar, Rhythm};
use super::counts::{Counts, ProbeCounts};
use super::pulse::{BEAT, Heart};
use super::run::run;
use super::tools::Tools;

/// What all probes of a prober share.
pub(super) struct Shared {
    pub(super) start: Instant,
    pub(super) tools: Tools,
    pub(super) counts: Counts,
    pub(super) heart: Heart,
    /// One for each probe that may run at once; who comes first gets the next one.
    pub(super) places: Semaphore,
}

/// What is to be probed from now on: each target with the name of its probe.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    pub(super) targets: Vec<(Arc<Target>, Arc<str>)>,
}

/// A target that is probed.
struct Job {
    target: Arc<Target>,
    counts: Arc<ProbeCounts>,
    /// True from its turn until its result was handed on.
    busy: AtomicBool,
}

/// Probes what is assigned until nobody assigns any more.
pub(super) async fn keep(
    shared: Arc<Shared>,
    mut assigned: watch::Receiver<Arc<Assignment>>,
    out: mpsc::Sender<Report>,
) {
    let mut schedule = Schedule::new(seed());
    loop {
        shared.heart.beat();
        let now = shared.start.elapsed();
        let wake = schedule.calendar.next().unwrap_or(Duration::MAX).min(now + BEAT);
        tokio::select! {
            biased;
            changed = assigned.changed() => match changed {
                Ok(()) => {
                    let assignment = assigned.borrow_and_update().clone();
                    schedule.take_up(&assignment, &shared);
                }
                Err(_) => return,
            },
            () = sleep_until((shared.start + wake).into()) => {}
        }
        while let Some((job, due)) = schedule.due(shared.start.elapsed()) {
            if job.busy.swap(true, Ordering::AcqRel) {
                shared.counts.skip();
            } else {
                tokio::spawn(turn(shared.clone(), Turn(job), due, out.clone()));
            }
        }
    }
}

/// Chance for jitter, of which nothing but evenness is asked.
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

    fn take_up(&mut self, assignment: &Assignment, shared: &Shared) {
        shared.counts.keep(assignment.targets.iter().map(|(_, name)| name.clone()));
        let now = shared.start.elapsed();
        let mut before = std::mem::take(&mut self.numbers);
        // Nobody sends anything where verdicts are posted.
        let active = |target: &Target| !matches!(target.kind, ProbeKind::Push { .. });
        for (target, name) in assignment.targets.iter().filter(|(target, _)| active(target)) {
            let counts = shared.counts.of(name);
            let number = match before.remove(target) {
                Some(number) => {
                    self.rename(number, counts);
                    number
                }
                None => {
                    let rhythm = Rhythm { interval: target.interval, jitter: target.jitter };
                    let number = self.calendar.add(rhythm, now);
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
        // Nothing is expected of what the server's own file forbids.
        let permitted = |target: &&Target| shared.tools.guard.check(target).is_ok();
        shared.heart.expect(self.jobs.values().map(|job| &*job.target).filter(permitted));
    }

    /// Counts a target under another probe's name, where that is what changed.
    fn rename(&mut self, number: u32, counts: Arc<ProbeCounts>) {
        let Some(job) = self.jobs.get_mut(&number).filter(|job| !Arc::ptr_eq(&job.counts, &counts)) else { return };
        // One that runs meanwhile ends under its old name, and clears its own mark only.
        *job = Arc::new(Job { target: job.target.clone(), counts, busy: AtomicBool::new(false) });
    }

    /// A job that is due, and since when.
    fn due(&mut self, now: Duration) -> Option<(Arc<Job>, Duration)> {
        let (number, due) = self.calendar.take(now)?;
        self.jobs.get(&number).map(|job| (job.clone(), due))
    }
}

/// A job whose turn it is; however that ends, it may have another one.
struct Turn(Arc<Job>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

async fn turn(shared: Arc<Shared>, turn: Turn, due: Duration, out: mpsc::Sender<Report>) {
    let waiting = shared.counts.wait();
    let Ok(place) = shared.places.acquire().await else { return };
    drop(waiting);
    shared.counts.lateness.add(shared.start.elapsed().saturating_sub(due));
    let running = shared.counts.run();
    let job = &turn.0;
    let outcome: Outcome = run(&job.target, &shared.tools).await;
    drop((running, place));
    job.counts.add(&outcome);
    let says_something = !outcome.is_unable();
    let report = Report { target: job.target.clone(), outcome, finished: Instant::now() };
    // A prober that can do nothing is not alive, however busy it is.
    if out.send(report).await.is_ok() && says_something {
        shared.heart.result();
    }
}
