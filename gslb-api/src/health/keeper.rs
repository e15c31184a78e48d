//! Endpoint health under the active document, and the state changes that follow from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::health::{Effects, Failure, Health, Member, Outcome, Saved, Status};
use gslb_core::live::pool::Change;
use gslb_core::live::states::States;
use gslb_core::moment::Moment;
use gslb_core::site::model::{PoolId, ProbeKind, Site};
use tokio::sync::oneshot;

use super::event::{HealthEvent, Posted, Resumed};
use super::{Journal, Observed};

/// A reply that waits until its effect is in force.
type Reply = Box<dyn FnOnce() + Send>;

/// Tracks endpoint health.
pub struct Keeper {
    health: Health,
    /// Origin of all [`Moment`]s.
    started: Instant,
    journal: Arc<Journal>,
    /// By target: whether the journal has its first verdict.
    noted: Vec<bool>,
    changed: Vec<Change>,
    replies: Vec<Reply>,
}

impl Keeper {
    /// Starts with the endpoints of `site`, and with the statuses that an earlier process saved.
    pub fn new(site: &Arc<Site>, saved: &Saved, journal: Arc<Journal>, wall: u64) -> Self {
        let health = Health::new(site, saved, Moment::default(), wall);
        let noted = vec![false; health.targets().len()];
        Self { health, started: Instant::now(), journal, noted, changed: Vec::new(), replies: Vec::new() }
    }

    /// Switches to the endpoints of another document.
    pub fn follow(&mut self, site: &Arc<Site>, at: Instant, wall: u64) {
        let (health, effects) = self.health.for_site(site, self.moment(at), wall);
        self.health = health;
        self.noted = vec![false; self.health.targets().len()];
        self.take(effects, site, wall);
        // These refer to endpoints of the previous document.
        self.changed.clear();
    }

    /// All endpoint health.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The state of each endpoint, without overrides.
    pub fn states(&self) -> States {
        self.health.states()
    }

    /// An endpoint's current status, without overrides.
    pub fn status(&self, member: Member) -> Option<Status> {
        self.health.status(member, self.now())
    }

    /// How long a mass failure has been suspected; `None` if there is none.
    pub fn mass_failure_for(&self) -> Option<Duration> {
        self.health.holding_since().map(|since| self.now().since(since))
    }

    /// Time left until `moment`.
    pub fn until(&self, moment: Moment) -> Duration {
        moment.since(self.now())
    }

    /// Applies an event. `site` must be the one that this keeper follows.
    pub fn apply_event(&mut self, event: HealthEvent, site: &Site, at: Instant, wall: u64) {
        match event {
            HealthEvent::Observed(observed) => self.observe(&observed, site, wall),
            HealthEvent::Posted(posted, reply_tx) => {
                let result = self.apply_posted(&posted, site, at, wall);
                self.reply_with(reply_tx, result);
            }
            HealthEvent::Resume(pool, endpoint, reply_tx) => {
                let resumed = self.resume(&pool, &endpoint, site, at, wall);
                self.reply_with(reply_tx, resumed);
            }
            HealthEvent::AcceptFailures(reply_tx) => self.accept_failures(reply_tx, site, at, wall),
            // The publisher task answers these: it has the active state.
            HealthEvent::Look(_) => {}
        }
    }

    /// Applies what is due by now, such as ends of hold-downs and expired push statuses.
    pub fn tick(&mut self, site: &Site, at: Instant, wall: u64) {
        let effects = self.health.tick(self.moment(at), wall);
        self.take(effects, site, wall);
    }

    /// The changes since the last call.
    pub fn take_changed(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changed)
    }

    /// Sends the replies that waited for a change to be in force.
    pub fn reply(&mut self) {
        self.replies.drain(..).for_each(|reply| reply());
    }

    fn observe(&mut self, observed: &Observed, site: &Site, wall: u64) {
        let Some(target) = self.health.targets().number(&observed.target) else { return };
        let effects = self.health.observe(target, &observed.outcome, self.moment(observed.at), wall);
        if !observed.outcome.is_unable() {
            self.journal.seen(wall);
        }
        self.take(effects, site, wall);
        self.note_first(target);
    }

    /// Saves the first verdict of a target, which is not a transition if it confirms the initial status.
    fn note_first(&mut self, target: u32) {
        let Some(noted) = self.noted.get_mut(target as usize).filter(|noted| !**noted) else { return };
        let members = self.health.targets().members(target);
        let known: Vec<_> = members.iter().filter_map(|member| self.health.saved(*member)).collect();
        *noted = known.len() == members.len();
        known.into_iter().for_each(|(key, status)| self.journal.save(key, status));
    }

    fn apply_posted(
        &mut self,
        posted: &[Posted],
        site: &Site,
        at: Instant,
        wall: u64,
    ) -> Result<(), Vec<(usize, String)>> {
        let rejected = self.rejected(posted, site);
        if !rejected.is_empty() {
            return Err(rejected);
        }
        for status in posted {
            let Ok(targets) = self.push_targets(site, status) else { continue };
            let result = if status.up { Ok(()) } else { Err(Failure::Reported) };
            let outcome = Outcome::new(result, Duration::ZERO, &status.reason);
            self.journal.seen(wall);
            for target in targets {
                let effects = self.health.observe(target, &outcome, self.moment(at), wall);
                self.take(effects, site, wall);
                self.note_first(target);
            }
        }
        Ok(())
    }

    /// The indexes of posted statuses that cannot be applied, and why.
    pub(crate) fn rejected(&self, posted: &[Posted], site: &Site) -> Vec<(usize, String)> {
        let why = |(index, status)| Some((index, self.push_targets(site, status).err()?));
        posted.iter().enumerate().filter_map(why).collect()
    }

    /// The `push` targets of an endpoint, at least one.
    fn push_targets(&self, site: &Site, status: &Posted) -> Result<Vec<u32>, String> {
        let (pool, endpoint) = (&status.pool, &status.endpoint);
        let member = member(site, pool, endpoint).ok_or_else(|| format!("there is no endpoint {pool}/{endpoint}"))?;
        let is_push = |number: &u32| {
            self.health.targets().get(*number).is_some_and(|it| matches!(it.kind, ProbeKind::Push { .. }))
        };
        let mut targets: Vec<u32> = self.health.targets().of_endpoint(member).to_vec();
        targets.retain(is_push);
        // Two probes with the same timeout share a target.
        targets.dedup();
        if targets.is_empty() { Err(format!("{pool}/{endpoint} has no probe of kind \"push\"")) } else { Ok(targets) }
    }

    fn resume(&mut self, pool: &str, endpoint: &str, site: &Site, at: Instant, wall: u64) -> Resumed {
        let Some(member) = member(site, pool, endpoint) else { return Resumed::Unknown };
        let Some(effects) = self.health.resume(member, self.moment(at), wall) else { return Resumed::NotHeld };
        self.take(effects, site, wall);
        Resumed::Done
    }

    fn accept_failures(&mut self, reply_tx: oneshot::Sender<bool>, site: &Site, at: Instant, wall: u64) {
        let effects = self.health.accept_failures(self.moment(at), wall);
        let accepted = effects.is_some();
        self.take(effects.unwrap_or_default(), site, wall);
        self.reply_with(reply_tx, accepted);
    }

    /// Collects the changes to publish, and passes the journal what to log and save.
    fn take(&mut self, effects: Effects, site: &Site, wall: u64) {
        self.changed.extend(effects.changes);
        for transition in effects.transitions {
            let saved = self.health.saved(transition.member);
            self.journal.transition(site, &transition, saved);
        }
        for recovery in effects.recoveries {
            let saved = self.health.saved(recovery.member);
            self.journal.recovered(site, &recovery, saved);
        }
        if let Some(transition) = effects.mass_failure {
            self.journal.mass_failure(transition, wall);
        }
        for ability in effects.abilities {
            if let Some(target) = self.health.targets().get(ability.target) {
                self.journal.ability(target.to_string(), ability.unable);
            }
        }
    }

    fn reply_with<T: Send + 'static>(&mut self, reply_tx: oneshot::Sender<T>, answer: T) {
        self.replies.push(Box::new(move || {
            // The caller may have stopped waiting.
            let _ = reply_tx.send(answer);
        }));
    }

    fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment(at.saturating_duration_since(self.started))
    }
}

/// Looks up an endpoint by the names of pool and endpoint.
pub(crate) fn member(site: &Site, pool: &str, endpoint: &str) -> Option<Member> {
    let (id, pool) = (0..).zip(&site.pools).find(|(_, it)| *it.name == *pool)?;
    let (endpoint, _) = (0..).zip(&pool.endpoints).find(|(_, it)| *it.name == *endpoint)?;
    Some(Member { pool: PoolId(id), endpoint })
}
