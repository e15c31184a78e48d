//! A server and its health, with a simulated clock.

use std::time::Duration;

use gslb_core::health::{Effects, Failure, Health, Member, Outcome, Saved};
use gslb_core::moment::Moment;
use gslb_core::site::model::PoolId;

use crate::support::{self, Server, ask};

pub(crate) const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";
pub(crate) const WALL: u64 = 1_790_000_000_000;

/// A server and its health, with a simulated clock.
pub(crate) struct Live {
    pub(crate) server: Server,
    pub(crate) health: Health,
    pub(crate) seconds: u64,
}

pub(crate) fn document(more: &str, policy: &str) -> String {
    format!(
        r#"
zones."example.com".file = "zone"
[probes]
web = {{ kind = "http", interval = "5s", timeout = "2s", rise = 3, fall = 3 }}
quick = {{ kind = "tcp", port = 443, interval = "1s", timeout = "500ms", rise = 1, fall = 2 }}
beat = {{ kind = "push", ttl = "60s" }}
[pools.a]
probe = "web"
endpoints = {{ x = {{ address = "192.0.2.1" }} }}
[pools.b]
probe = "web"
endpoints = {{ x = {{ address = "192.0.2.2" }} }}
[pools.pair]
choose = "all"
min_up = 2
probe = "quick"
endpoints = {{ x = {{ address = "192.0.2.11" }}, y = {{ address = "192.0.2.12" }}, z = {{ address = "192.0.2.13" }} }}
[pools.pushed]
probe = "beat"
endpoints = {{ x = {{ address = "192.0.2.21" }} }}
{more}
[services."www.example.com"]
types = ["A"]
{policy}
"#
    )
}

impl Live {
    pub(crate) fn of(more: &str, policy: &str) -> Live {
        Live::with(&document(more, policy), &Saved::default())
    }

    pub(crate) fn with(document: &str, saved: &Saved) -> Live {
        let mut server = Server::new(support::table(document, ZONE, &[]));
        let health = Health::new(&server.table.topology().site, saved, Moment(Duration::ZERO), WALL);
        server.table = server.table.with_states(&health.states());
        Live { server, health, seconds: 0 }
    }

    pub(crate) fn now(&self) -> (Moment, u64) {
        (Moment(Duration::from_secs(self.seconds)), WALL + self.seconds * 1_000)
    }

    pub(crate) fn member(&self, pool: &str, endpoint: &str) -> Member {
        let pools = &self.server.table.topology().site.pools;
        let at = pools.iter().position(|it| &*it.name == pool).unwrap();
        let index = pools[at].endpoints.iter().position(|it| &*it.name == endpoint).unwrap();
        Member { pool: PoolId(at as u32), endpoint: index as u32 }
    }

    pub(crate) fn put(&mut self, effects: Effects) -> Effects {
        self.server.table = self.server.table.with_changes(&effects.changes);
        assert_eq!(self.server.table.states(), self.health.states(), "every change was reported");
        effects
    }

    /// Probes the target of an endpoint once per second: `+` passes and `-` fails.
    pub(crate) fn probe(&mut self, pool: &str, endpoint: &str, outcomes: &str) -> Effects {
        let target = self.health.targets().of_endpoint(self.member(pool, endpoint))[0];
        let mut all = Effects::default();
        for outcome in outcomes.chars() {
            self.seconds += 1;
            let effects = self.outcome(target, outcome == '+');
            all.changes.extend(effects.changes);
            all.transitions.extend(effects.transitions);
            all.mass_failure = effects.mass_failure.or(all.mass_failure);
        }
        all
    }

    pub(crate) fn outcome(&mut self, target: u32, passes: bool) -> Effects {
        self.outcome_of(target, if passes { Ok(()) } else { Err(Failure::Status(503)) })
    }

    pub(crate) fn outcome_of(&mut self, target: u32, result: Result<(), Failure>) -> Effects {
        let (now, wall) = self.now();
        let evidence = result.err().map_or_else(|| "status 200".to_owned(), |failure| failure.to_string());
        let latency = Some(Duration::from_millis(20));
        let outcome = Outcome { latency, ..Outcome::new(result, Duration::from_millis(90), &evidence) };
        let effects = self.health.observe(target, &outcome, now, wall);
        self.put(effects)
    }

    /// Probes every target in this second; those that do not pass time out.
    pub(crate) fn probe_all(&mut self, passes: impl Fn(u32) -> bool) -> Vec<Effects> {
        self.probe_all_as(|target| if passes(target) { Ok(()) } else { Err(Failure::Timeout) })
    }

    /// Probes every target in this second.
    pub(crate) fn probe_all_as(&mut self, result: impl Fn(u32) -> Result<(), Failure>) -> Vec<Effects> {
        self.seconds += 1;
        (0..self.health.targets().len() as u32).map(|target| self.outcome_of(target, result(target))).collect()
    }

    /// The statuses to save now.
    pub(crate) fn saved(&self) -> Saved {
        let statuses = self.health.members().filter_map(|member| self.health.saved(member)).collect();
        Saved { statuses, seen: self.now().1 }
    }

    /// Activates another document.
    pub(crate) fn take_up(&mut self, document: &str) -> Effects {
        self.server.table = support::table(document, ZONE, &[]);
        let (now, wall) = self.now();
        let (health, effects) = self.health.for_site(&self.server.table.topology().site, now, wall);
        self.health = health;
        self.server.table = self.server.table.with_states(&self.health.states());
        effects
    }

    pub(crate) fn status(&self, pool: &str, endpoint: &str) -> gslb_core::health::Status {
        self.health.status(self.member(pool, endpoint), self.now().0).unwrap()
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> Effects {
        self.seconds += seconds;
        let (now, wall) = self.now();
        let effects = self.health.tick(now, wall);
        self.put(effects)
    }

    pub(crate) fn answers(&mut self) -> Vec<String> {
        self.server.answers(&ask("www.example.com", 1))
    }

    pub(crate) fn ttl(&mut self) -> u32 {
        self.server.ask(&ask("www.example.com", 1)).sections[0][0].ttl
    }
}
