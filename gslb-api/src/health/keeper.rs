//! What is known of the endpoints of the document in force, and what it changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::health::{Effects, Failure, Health, Member, Outcome, Saved, Status};
use gslb_core::live::overrides::States;
use gslb_core::live::pool::Change;
use gslb_core::moment::Moment;
use gslb_core::site::model::{PoolId, ProbeKind, Site};
use tokio::sync::oneshot;

use super::event::{HealthEvent, Posted, Resumed};
use super::{Journal, Observed};

/// An answer that waits until what was asked for is in force.
type Reply = Box<dyn FnOnce() + Send>;

/// What is known of endpoints.
pub struct Keeper {
    health: Health,
    /// What moments are counted from.
    started: Instant,
    journal: Arc<Journal>,
    /// Targets of whose first verdict the journal knows.
    noted: Vec<bool>,
    changed: Vec<Change>,
    replies: Vec<Reply>,
}

impl Keeper {
    /// Knows of the endpoints of `site` what was saved at the end of an earlier life.
    pub fn new(site: &Site, saved: &Saved, journal: Arc<Journal>, wall: u64) -> Self {
        let health = Health::new(site, saved, Moment::default(), wall);
        let noted = vec![false; health.targets().len()];
        Self { health, started: Instant::now(), journal, noted, changed: Vec::new(), replies: Vec::new() }
    }

    /// Goes on with the endpoints of another document.
    pub fn follow(&mut self, site: &Site, at: Instant, wall: u64) {
        let (health, effects) = self.health.for_site(site, self.moment(at), wall);
        self.health = health;
        self.noted = vec![false; self.health.targets().len()];
        self.take(effects, site, wall);
        // They say which state an endpoint of the document before has.
        self.changed.clear();
    }

    /// All that is known.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What holds for each endpoint that nothing forces.
    pub fn states(&self) -> States {
        self.health.states()
    }

    /// The status of an endpoint as of now, but for what is forced.
    pub fn status(&self, member: Member) -> Option<Status> {
        self.health.status(member, self.now())
    }

    /// How long failures of too many endpoints at once have not been believed.
    pub fn mass_failure_for(&self) -> Option<Duration> {
        self.health.holding_since().map(|since| self.now().since(since))
    }

    /// How long it still is until `moment`.
    pub fn until(&self, moment: Moment) -> Duration {
        moment.since(self.now())
    }

    /// Takes in what was said about the endpoints of `site`, which is the one that this keeper follows.
    pub fn apply_event(&mut self, word: HealthEvent, site: &Site, at: Instant, wall: u64) {
        match word {
            HealthEvent::Observed(observed) => self.observe(&observed, site, wall),
            HealthEvent::Posted(posted, reply_tx) => {
                let taken = self.take_posted(&posted, site, at, wall);
                self.reply_with(reply_tx, taken);
            }
            HealthEvent::Resume(pool, endpoint, reply_tx) => {
                let resumed = self.resume(&pool, &endpoint, site, at, wall);
                self.reply_with(reply_tx, resumed);
            }
            HealthEvent::AcceptFailures(reply_tx) => self.accept_failures(reply_tx, site, at, wall),
            // Who looks is answered by who has what is in force.
            HealthEvent::Look(_) => {}
        }
    }

    /// Looks at times that pass by themselves.
    pub fn tick(&mut self, site: &Site, at: Instant, wall: u64) {
        let effects = self.health.tick(self.moment(at), wall);
        self.take(effects, site, wall);
    }

    /// What became different since this was asked last.
    pub fn take_changed(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changed)
    }

    /// Answers who waited for that to be in force.
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

    /// Hands the journal the first verdict of a target, which turns nothing where it was expected.
    fn note_first(&mut self, target: u32) {
        let Some(noted) = self.noted.get_mut(target as usize).filter(|noted| !**noted) else { return };
        let members = self.health.targets().members(target);
        let known: Vec<_> = members.iter().filter_map(|member| self.health.saved(*member)).collect();
        *noted = known.len() == members.len();
        known.into_iter().for_each(|(key, status)| self.journal.save(key, status));
    }

    fn take_posted(
        &mut self,
        posted: &[Posted],
        site: &Site,
        at: Instant,
        wall: u64,
    ) -> Result<(), Vec<(usize, String)>> {
        let wrong = self.refused(posted, site);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        for word in posted {
            let Ok(targets) = self.pushed(site, word) else { continue };
            let result = if word.up { Ok(()) } else { Err(Failure::Reported) };
            let outcome = Outcome::new(result, Duration::ZERO, &word.reason);
            self.journal.seen(wall);
            for target in targets {
                let effects = self.health.observe(target, &outcome, self.moment(at), wall);
                self.take(effects, site, wall);
                self.note_first(target);
            }
        }
        Ok(())
    }

    /// The places of words that cannot be taken, and why.
    pub(crate) fn refused(&self, posted: &[Posted], site: &Site) -> Vec<(usize, String)> {
        let why = |(place, word)| Some((place, self.pushed(site, word).err()?));
        posted.iter().enumerate().filter_map(why).collect()
    }

    /// The targets of an endpoint that others speak for, at least one.
    fn pushed(&self, site: &Site, word: &Posted) -> Result<Vec<u32>, String> {
        let (pool, endpoint) = (&word.pool, &word.endpoint);
        let member = member(site, pool, endpoint).ok_or_else(|| format!("there is no endpoint {pool}/{endpoint}"))?;
        let is_push = |number: &u32| {
            self.health.targets().get(*number).is_some_and(|it| matches!(it.kind, ProbeKind::Push { .. }))
        };
        let mut targets: Vec<u32> = self.health.targets().of_endpoint(member).to_vec();
        targets.retain(is_push);
        // Two probes of the same patience have the same target.
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
        let lifted = effects.is_some();
        self.take(effects.unwrap_or_default(), site, wall);
        self.reply_with(reply_tx, lifted);
    }

    /// Keeps what is to be put in force, and hands the journal what is to be told.
    fn take(&mut self, effects: Effects, site: &Site, wall: u64) {
        self.changed.extend(effects.changes);
        for transition in effects.transitions {
            let saved = self.health.saved(transition.member);
            self.journal.turned(site, &transition, saved);
        }
        for recovery in effects.recoveries {
            let saved = self.health.saved(recovery.member);
            self.journal.recovered(site, &recovery, saved);
        }
        if let Some(turn) = effects.mass_failure {
            self.journal.doubt(turn, wall);
        }
        for ability in effects.abilities {
            if let Some(target) = self.health.targets().get(ability.target) {
                self.journal.able(target.to_string(), ability.unable);
            }
        }
    }

    fn reply_with<T: Send + 'static>(&mut self, reply_tx: oneshot::Sender<T>, answer: T) {
        self.replies.push(Box::new(move || {
            // Who does not wait any more need not know.
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

/// The endpoint of these names.
pub(crate) fn member(site: &Site, pool: &str, endpoint: &str) -> Option<Member> {
    let (id, pool) = (0..).zip(&site.pools).find(|(_, it)| *it.name == *pool)?;
    let (endpoint, _) = (0..).zip(&pool.endpoints).find(|(_, it)| *it.name == *endpoint)?;
    Some(Member { pool: PoolId(id), endpoint })
}
