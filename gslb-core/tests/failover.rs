//! From outcomes of probes to answers: failover, flapping, restarts, mass failures, and the TTL on the way to a change.

mod support;

use std::time::Duration;

use gslb_core::health::{
    Effects, Ended, Failure, Health, Held, MassFailureTurn, Member, Moment, Outcome, Saved, Source,
};
use gslb_core::model::PoolId;
use gslb_core::table::overrides::{Force, Override, apply, apply_to};
use support::{Server, ask};

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";
const WALL: u64 = 1_790_000_000_000;

/// A server, and the health behind it, at a time of its own.
struct Live {
    server: Server,
    health: Health,
    seconds: u64,
}

fn document(more: &str, policy: &str) -> String {
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
    fn of(more: &str, policy: &str) -> Live {
        Live::with(&document(more, policy), &Saved::default())
    }

    fn with(document: &str, saved: &Saved) -> Live {
        let mut server = Server::new(support::table(document, ZONE, &[]));
        let health = Health::new(&server.table.topology().site, saved, Moment(Duration::ZERO), WALL);
        server.table = server.table.with_states(&health.states());
        Live { server, health, seconds: 0 }
    }

    fn now(&self) -> (Moment, u64) {
        (Moment(Duration::from_secs(self.seconds)), WALL + self.seconds * 1_000)
    }

    fn member(&self, pool: &str, endpoint: &str) -> Member {
        let pools = &self.server.table.topology().site.pools;
        let at = pools.iter().position(|it| &*it.name == pool).unwrap();
        let index = pools[at].endpoints.iter().position(|it| &*it.name == endpoint).unwrap();
        Member { pool: PoolId(at as u32), endpoint: index as u32 }
    }

    fn put(&mut self, effects: Effects) -> Effects {
        self.server.table = self.server.table.with_changes(&effects.changes);
        assert!(self.server.table.changes_to(&self.health.states()).is_empty(), "every change was told");
        effects
    }

    /// The target of an endpoint is probed: `+` passes and `-` fails, each a second after the one before.
    fn probe(&mut self, pool: &str, endpoint: &str, outcomes: &str) -> Effects {
        let target = self.health.targets().of_endpoint(self.member(pool, endpoint)).unwrap();
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

    fn outcome(&mut self, target: u32, passes: bool) -> Effects {
        self.comes(target, if passes { Ok(()) } else { Err(Failure::Status(503)) })
    }

    fn comes(&mut self, target: u32, result: Result<(), Failure>) -> Effects {
        let (now, wall) = self.now();
        let evidence = result.err().map_or_else(|| "status 200".to_owned(), |failure| failure.to_string());
        let latency = Some(Duration::from_millis(20));
        let outcome = Outcome { latency, ..Outcome::new(result, Duration::from_millis(90), &evidence) };
        let effects = self.health.observe(target, &outcome, now, wall);
        self.put(effects)
    }

    /// Every target is probed in this second; some pass, and of the others nothing is heard.
    fn probe_all(&mut self, passes: impl Fn(u32) -> bool) -> Vec<Effects> {
        self.probe_all_as(|target| if passes(target) { Ok(()) } else { Err(Failure::Timeout) })
    }

    /// Every target is probed in this second.
    fn probe_all_as(&mut self, result: impl Fn(u32) -> Result<(), Failure>) -> Vec<Effects> {
        self.seconds += 1;
        (0..self.health.targets().len() as u32).map(|target| self.comes(target, result(target))).collect()
    }

    /// What is saved, as of now.
    fn saved(&self) -> Saved {
        let statuses = self.health.members().filter_map(|member| self.health.saved(member)).collect();
        Saved { statuses, seen: self.now().1 }
    }

    /// Another document comes in force.
    fn take_up(&mut self, document: &str) -> Effects {
        self.server.table = support::table(document, ZONE, &[]);
        let (now, wall) = self.now();
        let (health, effects) = self.health.for_site(&self.server.table.topology().site, now, wall);
        self.health = health;
        self.server.table = self.server.table.with_states(&self.health.states());
        effects
    }

    fn status(&self, pool: &str, endpoint: &str) -> gslb_core::health::Status {
        self.health.status(self.member(pool, endpoint), self.now().0).unwrap()
    }

    fn wait(&mut self, seconds: u64) -> Effects {
        self.seconds += seconds;
        let (now, wall) = self.now();
        let effects = self.health.tick(now, wall);
        self.put(effects)
    }

    fn answers(&mut self) -> Vec<String> {
        self.server.answers(&ask("www.example.com", 1))
    }

    fn ttl(&mut self) -> u32 {
        self.server.ask(&ask("www.example.com", 1)).sections[0][0].ttl
    }
}

#[test]
fn primary_dies_secondary_answers_primary_returns() {
    let mut live = Live::of("", r#"policy = { failover = ["a", "b"] }"#);
    live.probe("a", "x", "+++");
    live.probe("b", "x", "+++");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("a", "x", "--");
    assert_eq!(live.answers(), ["192.0.2.1"], "two failures are no verdict");
    let effects = live.probe("a", "x", "-");
    assert_eq!(live.answers(), ["192.0.2.2"]);
    assert_eq!(effects.transitions.len(), 1);
    assert_eq!(&*effects.transitions[0].why, "3 failures in a row, the last one: status 503");
    live.probe("a", "x", "++");
    assert_eq!(live.answers(), ["192.0.2.2"]);
    live.probe("a", "x", "+");
    assert_eq!(live.answers(), ["192.0.2.1"], "it is back");
    let (now, _) = live.now();
    let status = live.health.status(live.member("a", "x"), now).unwrap();
    assert_eq!((status.up, status.source, status.flaps), (true, Source::Verdict, 2));
    assert_eq!(
        (status.since, &*status.why),
        (WALL + live.seconds * 1_000, "3 successes in a row, the last one: status 200")
    );
    assert_eq!((status.outcomes.len(), status.latency), (9, Some(Duration::from_millis(20))));
}

#[test]
fn an_endpoint_that_fails_every_third_probe_changes_no_answer() {
    let mut live = Live::of("", r#"policy = { failover = ["a", "b"] }"#);
    live.probe("b", "x", "+++");
    for _ in 0..100 {
        for outcome in ["+", "+", "-"] {
            let effects = live.probe("a", "x", outcome);
            assert!(effects.transitions.is_empty());
            assert_eq!(live.answers(), ["192.0.2.1"]);
        }
    }
}

#[test]
fn after_a_restart_no_answer_names_what_was_down() {
    let mut live = Live::of("", r#"policy = { failover = ["pair", "a", "b"] }"#);
    live.probe("a", "x", "---");
    live.probe("pair", "x", "--");
    live.probe("pair", "z", "--");
    assert_eq!(live.answers(), ["192.0.2.2"]);
    let saved = live.saved();
    assert_eq!(saved.statuses.len(), 3, "of the others nothing is known");
    let text = document("", r#"policy = { failover = ["pair", "a", "b"] }"#);
    let mut again = Live::with(&text, &saved);
    assert_eq!(again.answers(), ["192.0.2.2"]);
    let status = again.health.status(again.member("a", "x"), Moment::default()).unwrap();
    assert_eq!((status.source, &*status.why), (Source::Saved, "3 failures in a row, the last one: status 503"));
    again.probe("a", "x", "+++");
    assert_eq!(again.answers(), ["192.0.2.1"], "a verdict is worth more than what was saved");
    // An endpoint with another address is another endpoint, and `initial = "up"` asks for nothing that was saved.
    let mut moved = Live::with(&text.replace("192.0.2.1\"", "192.0.2.9\""), &saved);
    assert_eq!(moved.answers(), ["192.0.2.9"]);
}

#[test]
fn a_new_document_forgets_nothing_that_is_known() {
    let policy = r#"policy = { failover = ["a", "b"] }"#;
    let mut live = Live::of("", policy);
    live.probe("a", "x", "---");
    live.probe("b", "x", "+-");
    for (text, source) in [
        (document("[pools.new]\nendpoints.x.address = \"192.0.2.77\"", policy), Source::Verdict),
        (document("", policy).replace("interval = \"5s\"", "interval = \"7s\""), Source::Saved),
    ] {
        let mut next = Server::new(support::table(&text, ZONE, &[]));
        let (now, wall) = live.now();
        let (mut health, _) = live.health.for_site(&next.table.topology().site, now, wall);
        next.table = next.table.with_states(&health.states());
        assert_eq!(next.answers(&ask("www.example.com", 1)), ["192.0.2.2"]);
        let member = live.member("a", "x");
        let status = health.status(member, now).unwrap();
        assert_eq!((status.source, &*status.why), (source, "3 failures in a row, the last one: status 503"));
        let target = health.targets().of_endpoint(member).unwrap();
        let pass = Outcome::new(Ok(()), Duration::ZERO, "");
        (0..3).for_each(|_| _ = health.observe(target, &pass, now, wall));
        assert!(health.status(member, now).unwrap().up);
    }
}

#[test]
fn a_pool_below_its_least_number_backs_out() {
    let mut live = Live::of("", r#"policy = { failover = ["pair", "a"] }"#);
    live.probe("pair", "x", "--");
    assert_eq!(live.answers(), ["192.0.2.12", "192.0.2.13"]);
    live.probe("pair", "y", "--");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pair", "y", "+");
    assert_eq!(live.answers(), ["192.0.2.12", "192.0.2.13"]);
}

#[test]
fn the_pool_of_last_resort_answers_with_what_is_up_there() {
    let mut live = Live::of("[safety]\nmass_failure = \"off\"", "when_all_down = \"pool:pair\"\npolicy = \"a\"");
    live.probe("a", "x", "---");
    assert_eq!(live.answers(), ["192.0.2.11", "192.0.2.12", "192.0.2.13"]);
    live.probe("pair", "x", "--");
    live.probe("pair", "y", "--");
    assert_eq!(live.answers(), ["192.0.2.13"], "one is up: fewer than the pool must have, but better than none");
    live.probe("pair", "z", "--");
    assert_eq!(live.answers(), ["192.0.2.11", "192.0.2.12", "192.0.2.13"]);
}

#[test]
fn last_up_goes_by_the_type_that_is_asked_for() {
    let pools = r#"
[pools.c]
probe = "quick"
endpoints = { v4 = { address = "192.0.2.31" }, v6 = { address = "2001:db8::1" } }
"#;
    let mut live = Live::of(pools, "when_all_down = \"last-up\"\npolicy = { failover = [\"c\", \"a\"] }");
    live.probe("a", "x", "---");
    live.probe("c", "v4", "--");
    assert_eq!(live.answers(), ["192.0.2.31"], "its IPv4 went down last, though its IPv6 keeps the pool up");
}

#[test]
fn the_ttl_shrinks_on_the_way_to_a_change() {
    let mut live = Live::of("", "ttl = \"30s\"\npolicy = { failover = [\"a\", \"b\"] }");
    live.probe("a", "x", "+++");
    live.probe("b", "x", "+++");
    assert_eq!(live.ttl(), 30);
    live.probe("a", "x", "-");
    assert_eq!(live.ttl(), 10, "two more failures, 5 s each");
    live.probe("a", "x", "-");
    assert_eq!(live.ttl(), 5);
    live.probe("a", "x", "+");
    assert_eq!(live.ttl(), 30);
    live.probe("b", "x", "-");
    assert_eq!(live.ttl(), 30, "the second was not looked at");
    live.probe("b", "x", "+");
    live.probe("a", "x", "---");
    assert_eq!((live.ttl(), live.answers()), (30, vec!["192.0.2.2".to_owned()]));
    live.probe("a", "x", "+");
    assert_eq!(live.ttl(), 10, "passed over, but about to come back");
    live.probe("a", "x", "++");
    let mut quick = Live::of("", "ttl = \"0s\"\npolicy = \"pair\"");
    quick.probe("pair", "x", "-");
    assert_eq!(quick.ttl(), 0, "the service's own TTL is the most");
}

#[test]
fn the_branches_of_a_draw_shorten_the_ttl_together_and_one_answer_has_one() {
    for policy in [r#"{ weighted = { a = 1, b = 1 } }"#, r#"{ all = ["a", "b"] }"#, r#"{ hash = ["a", "b"] }"#] {
        let mut live = Live::of("", &format!("policy = {policy}"));
        live.probe("b", "x", "--");
        for _ in 0..20 {
            let records = live.server.ask(&ask("www.example.com", 1)).sections[0].clone();
            assert!(records.iter().all(|record| record.ttl == 5), "{policy}: {records:?}");
        }
    }
}

#[test]
fn explain_tells_the_ttl_and_who_shortens_it() {
    let mut live = Live::of("", r#"policy = { failover = ["a", "b"] }"#);
    live.probe("a", "x", "-");
    let question = gslb_core::explain::Question {
        name: "www.example.com".parse().unwrap(),
        qtype: 1,
        client: None,
        resolver: "192.0.2.1".parse().unwrap(),
    };
    let table = &live.server.table;
    let explained = gslb_core::explain::explain(table, Default::default(), question, 7);
    let text = explained.to_text(table);
    assert!(text.contains("ttl        at most 10 s: an endpoint of a may change by then"), "{text}");
    assert!(text.contains("www.example.com.\t10\tIN\tA\t192.0.2.1"), "{text}");
    assert!(
        serde_json::to_string(&explained.to_data(table))
            .unwrap()
            .contains(r#"{"step":"ttl-limited","pool":"a","ttl":10}"#)
    );
}

#[test]
fn an_override_has_the_last_word_and_no_haste() {
    let mut live = Live::of("", r#"policy = { failover = ["a", "b"] }"#);
    let word = |force| Override {
        id: "1".into(),
        targets: vec!["pool/a".parse().unwrap()],
        force,
        reason: String::new(),
        owner: String::new(),
        created: 0,
        expires: None,
    };
    live.probe("a", "x", "--");
    let site = live.server.table.topology().site.clone();
    let forced = apply(&[word(Force::Up)], &site, &live.health.states());
    live.server.table = live.server.table.with_states(&forced);
    assert_eq!((live.answers(), live.ttl()), (vec!["192.0.2.1".to_owned()], 30));
    let target = live.health.targets().of_endpoint(live.member("a", "x")).unwrap();
    let (now, wall) = live.now();
    let fail = Outcome::new(Err(Failure::Refused), Duration::ZERO, "");
    let effects = live.health.observe(target, &fail, now, wall);
    let changes = apply_to(&[word(Force::Up)], &site, &effects.changes);
    live.server.table = live.server.table.with_changes(&changes);
    assert_eq!(live.answers(), ["192.0.2.1"], "forced before any verdict");
    assert_eq!(live.server.table.changes_to(&apply(&[word(Force::Up)], &site, &live.health.states())), []);
}

#[test]
fn what_nobody_knows_yet_silences_no_name() {
    for silence in ["nodata", "servfail"] {
        let pools = "[pools.c]\nprobe = \"quick\"\ninitial = \"down\"\nendpoints.x.address = \"192.0.2.31\"";
        let mut live = Live::of(pools, &format!("when_all_down = \"{silence}\"\npolicy = \"c\""));
        assert_eq!(live.answers(), ["192.0.2.31"], "it begins down, which is nobody's finding");
        live.probe("c", "x", "--");
        assert_eq!(live.answers(), Vec::<String>::new(), "now it was found down");
        let saved = live.saved();
        let text = document("", &format!("when_all_down = \"{silence}\"\npolicy = \"a\""));
        let mut before = Live::with(&text, &Saved::default());
        before.probe("a", "x", "---");
        let known = before.saved();
        assert_eq!(Live::with(&text, &known).answers(), Vec::<String>::new(), "a restart answers as before");
        assert_eq!(saved.statuses.len(), 1);
        live.probe("c", "x", "+");
        assert_eq!(live.answers(), ["192.0.2.31"]);
    }
}

#[test]
fn the_quickest_target_that_passes_says_how_far_a_data_center_is() {
    let pools = r#"
[data_centers]
fra = {}
iad = {}
[pools.c]
data_center = "fra"
probe = "quick"
endpoints = { x = { address = "192.0.2.31" }, y = { address = "192.0.2.32" } }
"#;
    let mut live = Live::of(pools, r#"policy = { failover = ["c", "a"] }"#);
    for (endpoint, milliseconds) in [("x", 30), ("y", 12)] {
        let target = live.health.targets().of_endpoint(live.member("c", endpoint)).unwrap();
        // The one that is near takes its time to answer; how far it is has nothing to do with that.
        let (latency, took) = (Some(Duration::from_millis(milliseconds)), Duration::from_millis(100 - milliseconds));
        let outcome = Outcome { latency, ..Outcome::new(Ok(()), took, "") };
        live.health.observe(target, &outcome, Moment::default(), WALL);
    }
    let latencies = |live: &Live| live.health.latencies(&live.server.table.topology().site);
    assert_eq!(latencies(&live), [Some(Duration::from_millis(12)), None]);
    live.probe("c", "y", "-");
    assert_eq!(latencies(&live), [Some(Duration::from_millis(30)), None]);
}

#[test]
fn an_endpoint_that_sends_no_word_dies_of_it() {
    let mut live = Live::of("", r#"policy = { failover = ["pushed", "a"] }"#);
    live.probe("pushed", "x", "++");
    assert!(live.wait(59).transitions.is_empty());
    live.probe("pushed", "x", "+");
    assert!(live.wait(59).transitions.is_empty(), "word was sent meanwhile");
    let effects = live.wait(1);
    assert_eq!(effects.transitions.len(), 1);
    assert_eq!(&*effects.transitions[0].why, "no word for 1m");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pushed", "x", "++");
    assert_eq!(live.answers(), ["192.0.2.21"]);
}

#[test]
fn hold_down_and_manual_resume_keep_it_away() {
    let pools = r#"
[pools.c]
probe = "quick"
hold_down = "5m"
endpoints.x.address = "192.0.2.31"
[pools.d]
probe = "quick"
resume = "manual"
endpoints.x.address = "192.0.2.32"
"#;
    let mut live = Live::of(pools, r#"policy = { failover = ["c", "d", "a"] }"#);
    live.probe("c", "x", "--");
    live.probe("d", "x", "--");
    live.probe("c", "x", "+");
    live.probe("d", "x", "+");
    assert_eq!((live.answers(), live.ttl()), (vec!["192.0.2.1".to_owned()], 30));
    let (now, wall) = live.now();
    assert!(matches!(live.health.status(live.member("c", "x"), now).unwrap().held, Some(Held::HoldDown { .. })));
    assert!(live.health.resume(live.member("a", "x"), now, wall).is_none(), "nothing holds it");
    let effects = live.health.resume(live.member("d", "x"), now, wall).unwrap();
    live.put(effects);
    assert_eq!(live.answers(), ["192.0.2.32"]);
    live.wait(280);
    assert_eq!(live.answers(), ["192.0.2.32"]);
    live.wait(20);
    assert_eq!(live.answers(), ["192.0.2.31"], "its time is over");
}

/// Ten pools of one endpoint each, all of them in one answer.
fn ten() -> Live {
    ten_that_rise_after(1)
}

fn ten_that_rise_after(rise: u32) -> Live {
    let mut live = ten_of(rise, &Saved::default());
    (0..rise).for_each(|_| _ = live.probe_all(|_| true));
    assert_eq!(live.answers().len(), 10);
    live
}

fn ten_of(rise: u32, saved: &Saved) -> Live {
    Live::with(&ten_text(rise), saved)
}

fn ten_text(rise: u32) -> String {
    let pools: String = (0..10)
        .map(|n| format!("[pools.p{n}]\nprobe = \"quick\"\nendpoints.x.address = \"198.51.100.{n}\"\n", n = n + 1))
        .collect();
    format!(
        "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nrise = {rise}\n\
         fall = 2\n{pools}[services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ all = [{}] }}\n",
        (1..=10).map(|n| format!("\"p{n}\"")).collect::<Vec<_>>().join(", ")
    )
}

fn turns(effects: &[Effects]) -> Vec<MassFailureTurn> {
    effects.iter().filter_map(|effects| effects.mass_failure).collect()
}

#[test]
fn where_our_own_network_fails_no_answer_changes() {
    let mut live = ten();
    live.probe_all(|_| false);
    let effects = live.probe_all(|_| false);
    assert_eq!(turns(&effects), [MassFailureTurn::Began { failing: 10, hosts: 10 }]);
    assert!(effects.iter().all(|effects| effects.transitions.is_empty()));
    for _ in 0..298 {
        live.probe_all(|_| false);
        live.wait(0);
        assert_eq!(live.answers().len(), 10, "nothing answers");
    }
    // It comes back, for some a little later than for others.
    for second in 0..20 {
        live.probe_all(|target| target < second * 3);
        assert_eq!(live.answers().len(), 10);
    }
    assert_eq!(live.health.doubts_since(), None);
    assert!(live.health.members().all(|it| live.health.status(it, live.now().0).unwrap().held.is_none()));
}

#[test]
fn a_silence_that_lasts_is_believed_at_last() {
    let mut live = ten();
    (0..301).for_each(|_| _ = live.probe_all(|_| false));
    assert_eq!(live.answers().len(), 10);
    let effects = live.probe_all(|_| false);
    assert_eq!(turns(&effects), [MassFailureTurn::Ended(Ended::Unanswered)]);
    assert_eq!(effects.iter().map(|effects| effects.transitions.len()).sum::<usize>(), 10);
    assert!(!live.status("p1", "x").up, "so that what is not probed is reached");
}

#[test]
fn what_was_held_up_does_not_go_down_while_it_comes_back() {
    let mut live = ten_that_rise_after(3);
    for passes in [false, false, false, true, true, true] {
        let effects = live.probe_all(|_| passes);
        assert!(effects.iter().all(|effects| effects.transitions.is_empty()));
        assert_eq!(live.answers().len(), 10);
    }
    let held =
        |live: &Live| live.health.members().any(|it| live.health.status(it, live.now().0).unwrap().held.is_some());
    assert!(!held(&live));
    live.wait(10);
    assert!(live.health.doubts_since().is_none());
}

#[test]
fn a_mass_failure_that_lasts_while_others_answer_is_believed() {
    let mut live = ten();
    for _ in 0..11 {
        live.probe_all(|target| target < 4);
        assert_eq!(live.answers().len(), 10);
    }
    let mut effects = live.probe_all(|target| target < 4);
    effects.extend(live.probe_all(|target| target < 4));
    assert_eq!(live.answers().len(), 4, "ten seconds after something answered");
    assert_eq!(turns(&effects), [MassFailureTurn::Ended(Ended::Confirmed)]);
    live.probe_all(|target| target < 3);
    live.probe_all(|target| target < 3);
    assert_eq!(live.answers().len(), 3, "one more is no mass failure");
    live.probe_all(|_| true);
    assert_eq!(live.answers().len(), 10);
}

#[test]
fn failures_that_are_answers_are_believed_as_soon() {
    let mut live = ten();
    let refused = |_| Err(Failure::Refused);
    (0..11).for_each(|_| _ = live.probe_all_as(refused));
    assert!(live.status("p1", "x").up);
    (0..2).for_each(|_| _ = live.probe_all_as(refused));
    assert!(live.health.members().all(|it| !live.health.status(it, live.now().0).unwrap().up));
}

/// Two pools of four endpoints, the first one first.
fn two_data_centers() -> Live {
    let endpoints = |net: u8| -> String {
        (1..5).map(|n| format!("e{n} = {{ address = \"198.51.100.{}\" }}, ", net + n)).collect()
    };
    let text = format!(
        "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nfall = 2\n\
         [pools.a]\nprobe = \"quick\"\nendpoints = {{ {}}}\n[pools.b]\nprobe = \"quick\"\nendpoints = {{ {}}}\n\
         [services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ failover = [\"a\", \"b\"] }}\n",
        endpoints(0),
        endpoints(10)
    );
    let mut live = Live::with(&text, &Saved::default());
    (0..2).for_each(|_| _ = live.probe_all(|_| true));
    live
}

#[test]
fn who_flaps_in_the_data_center_that_is_left_brings_nobody_back_who_is_dead() {
    let mut live = two_data_centers();
    (0..2).for_each(|_| _ = live.probe_all(|target| target >= 4));
    let is_of_b = |live: &mut Live| live.answers().iter().all(|answer| answer.contains(".1") && answer.len() > 12);
    assert!(is_of_b(&mut live), "half is no more than half");
    for second in 0..300 {
        live.probe_all(|target| target > 4 || target == 4 && second % 6 >= 3);
        assert!(is_of_b(&mut live), "second {second}: {:?}", live.answers());
        assert!((0..4).all(|n| !live.status("a", &format!("e{}", n + 1)).up));
    }
    assert_eq!(live.health.doubts_since(), None);
}

#[test]
fn what_turned_first_comes_back_with_the_rest_of_a_silent_wave_only() {
    for (answers, back) in [(false, 10), (true, 5)] {
        let mut live = ten();
        for target in 0..5 {
            (0..2).for_each(|_| _ = live.comes(target, Err(Failure::Timeout)));
        }
        assert_eq!(live.answers().len(), 5);
        if answers {
            live.outcome(9, true);
        }
        live.comes(5, Err(Failure::Timeout));
        let effects = live.comes(5, Err(Failure::Timeout));
        assert!(effects.mass_failure.is_some());
        assert_eq!(live.answers().len(), back, "something has answered since: {answers}");
        let (now, wall) = live.now();
        let effects = live.health.lift(now, wall).unwrap();
        live.put(effects);
        assert_eq!(live.answers().len(), 4, "an operator believes it");
        assert!(live.health.lift(now, wall).is_none());
    }
}

#[test]
fn one_server_in_many_pools_is_one() {
    let pools: String = (1..5)
        .map(|n| format!("[pools.p{n}]\nprobe = \"quick\"\nendpoints.main.address = \"198.51.100.1\"\n"))
        .collect();
    let others = "[pools.o]\nprobe = \"web\"\nendpoints = { a = { address = \"198.51.100.2\" }, b = { address = \
                  \"198.51.100.3\" }, c = { address = \"198.51.100.4\" } }\n";
    let mut live = Live::of(&format!("{pools}{others}"), r#"policy = { failover = ["p1", "a"] }"#);
    live.probe_all(|_| true);
    live.probe("p1", "main", "--");
    assert_eq!((live.answers(), live.health.doubts_since()), (vec!["192.0.2.1".to_owned()], None));
}

#[test]
fn first_verdicts_are_not_doubted_and_what_is_held_keeps_its_reason() {
    let mut live = ten();
    let text = "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\n\
                fall = 2\n[pools.p]\nprobe = \"quick\"\nendpoints = { a = { address = \"198.51.100.1\" }, b = { address = \
                \"198.51.100.2\" }, c = { address = \"198.51.100.3\" }, d = { address = \"198.51.100.4\" }, e = { address = \
                \"198.51.100.5\" } }\n";
    let mut fresh = Live::with(text, &Saved::default());
    (0..2).for_each(|_| _ = fresh.probe_all(|target| target == 4));
    assert!(!fresh.status("p", "a").up, "nobody has ever found it up");
    // After a restart there is a last status, and it is known whence.
    let why = live.status("p1", "x").why;
    let saved = live.saved();
    live = ten_of(1, &saved);
    assert_eq!(live.status("p1", "x").source, Source::Saved);
    (0..3).for_each(|_| _ = live.probe_all(|_| false));
    let status = live.status("p1", "x");
    assert_eq!((status.up, status.source, status.held), (true, Source::Saved, Some(Held::MassFailure)));
    assert_eq!(status.why, why);
}

#[test]
fn what_a_probe_cannot_do_is_told_once_and_says_nothing_of_the_endpoint() {
    let mut live = ten();
    let effects = live.probe_all_as(|_| Err(Failure::System));
    assert_eq!(effects.iter().map(|effects| effects.abilities.len()).sum::<usize>(), 10);
    let effects = live.probe_all_as(|_| Err(Failure::System));
    assert!(effects.iter().all(Effects::is_empty));
    assert_eq!((live.answers().len(), live.ttl(), live.health.failing()), (10, 30, (0, 10)));
    assert_eq!(live.status("p1", "x").unable.as_deref(), Some("the probe could not run"));
    let effects = live.probe_all(|_| true);
    assert!(effects.iter().all(|effects| effects.abilities.iter().all(|it| it.unable.is_none())));
    assert_eq!(live.status("p1", "x").unable, None);
}

#[test]
fn a_document_that_drops_the_rule_ends_the_hold_and_tells_what_turns() {
    let mut live = ten();
    (0..3).for_each(|_| _ = live.probe_all(|_| false));
    assert!(live.health.doubts_since().is_some());
    let text = ten_text(1);
    let effects = live.take_up(&text.replace("fall = 2", "fall = 1"));
    assert!(effects.transitions.is_empty() && live.health.doubts_since().is_some(), "another document alone ends none");
    let effects = live.take_up(&format!("{text}\n[safety]\nmass_failure = \"off\"\n"));
    assert_eq!(effects.mass_failure, Some(MassFailureTurn::Ended(Ended::Unruled)));
    assert_eq!(effects.transitions.len(), 10);
}

#[test]
fn a_document_that_turns_an_endpoint_says_so() {
    let policy = r#"policy = { failover = ["a", "b"] }"#;
    let mut live = Live::of("", policy);
    live.probe("a", "x", "+++--");
    let effects = live.take_up(&document("", policy).replace("fall = 3", "fall = 2"));
    let told: Vec<_> = effects.transitions.iter().map(|turn| (turn.member, turn.up)).collect();
    assert_eq!(told, [(live.member("a", "x"), false)]);
    assert_eq!(live.answers(), ["192.0.2.2"]);
}

#[test]
fn what_is_saved_comes_before_any_initial_rule() {
    for initial in ["up", "down", "saved-or-up"] {
        let text = document(
            &format!(
                "[pools.c]\nprobe = \"quick\"\nresume = \"manual\"\ninitial = \"{initial}\"\nendpoints = {{ x = {{ address \
                 = \"192.0.2.31\" }}, y = {{ address = \"192.0.2.32\" }} }}"
            ),
            r#"policy = { failover = ["c", "a"] }"#,
        );
        let mut live = Live::with(&text, &Saved::default());
        live.probe("c", "y", "+");
        live.probe("c", "x", "--");
        live.probe("c", "x", "+");
        assert_eq!(live.answers(), ["192.0.2.32"]);
        let saved = live.saved();
        let mut again = Live::with(&text, &saved);
        assert_eq!(again.answers(), ["192.0.2.32"], "{initial}");
        again.probe("c", "x", "+++");
        assert_eq!(again.status("c", "x").held, Some(Held::Manual), "{initial}: a restart is no operator");
        // Nor is a new name, at a restart or without one.
        let renamed = text.replace("[pools.c]", "[pools.see]").replace("\"c\"", "\"see\"").replace("x = {", "ex = {");
        let mut after = Live::with(&renamed, &saved);
        after.probe("see", "ex", "+++");
        live.take_up(&renamed);
        for live in [&after, &live] {
            assert_eq!(live.status("see", "ex").held, Some(Held::Manual), "{initial}");
        }
    }
}

#[test]
fn endpoints_that_change_names_keep_what_is_known_of_them() {
    let pool = |x: &str, y: &str| {
        let text = format!(
            "[pools.c]\nprobe = \"quick\"\nresume = \"manual\"\nendpoints = {{ {x} = {{ address = \"192.0.2.31\" }}, {y} = \
             {{ address = \"192.0.2.32\" }} }}"
        );
        document(&text, r#"policy = { failover = ["c", "a"] }"#)
    };
    let mut live = Live::with(&pool("x", "y"), &Saved::default());
    live.probe("c", "x", "--+");
    live.probe("c", "y", "+");
    let mut again = Live::with(&pool("y", "x"), &live.saved());
    again.probe("c", "y", "+");
    live.take_up(&pool("y", "x"));
    for mut live in [live, again] {
        assert_eq!((live.status("c", "y").held, live.answers()), (Some(Held::Manual), vec!["192.0.2.32".to_owned()]));
    }
}

#[test]
fn old_news_silences_no_name() {
    let policy = "when_all_down = \"nodata\"\npolicy = \"a\"";
    let mut live = Live::of("", policy);
    live.probe("a", "x", "---");
    let text = document("", policy);
    for (age, answers) in [(3_500, 0), (3_700, 1)] {
        let mut saved = live.saved();
        saved.seen = WALL - age * 1_000;
        saved.statuses.values_mut().for_each(|status| status.since = WALL - 30 * 86_400_000);
        let mut again = Live::with(&text, &saved);
        assert_eq!(again.answers().len(), answers, "{age} s ago");
        assert!(!again.status("a", "x").up);
        again.probe("a", "x", "---");
        assert_eq!(again.answers().len(), 0, "found again");
    }
}

#[test]
fn what_is_posted_is_a_verdict() {
    let mut live = Live::of("", r#"policy = { failover = ["pushed", "a"] }"#);
    live.probe("pushed", "x", "+");
    live.probe("pushed", "x", "-");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pushed", "x", "+");
    assert_eq!(live.answers(), ["192.0.2.21"]);
}

#[test]
fn who_fails_is_counted_right_whatever_happens() {
    let mut live = ten();
    let mut dice = gslb_core::steer::draw::Dice::new(5);
    let mut began = 0;
    for step in 0..20_000 {
        let roll = dice.roll();
        let target = (roll >> 8) as u32 % 10;
        // Times of trouble and of peace.
        let trouble = step / 500 % 2 == 0;
        let (now, wall) = live.now();
        match roll % 64 {
            0 => _ = live.wait(roll >> 20 & 15),
            1 => {
                let effects = live.health.lift(now, wall).unwrap_or_default();
                live.put(effects);
            }
            2 => {
                (live.health, _) = live.health.for_site(&live.server.table.topology().site, now, wall);
                live.server.table = live.server.table.with_states(&live.health.states());
            }
            3..8 => live.seconds += 1,
            _ => {
                let effects = live.outcome(target, (roll >> 32) % 10 >= if trouble { 8 } else { 2 });
                began += u32::from(matches!(effects.mass_failure, Some(MassFailureTurn::Began { .. })));
            }
        }
        let (now, wall) = live.now();
        let (counted_anew, effects) = live.health.for_site(&live.server.table.topology().site, now, wall);
        assert_eq!(live.health.failing(), counted_anew.failing(), "step {step}");
        assert!(effects.transitions.is_empty() && effects.mass_failure.is_none(), "step {step}: {effects:?}");
    }
    assert!(began > 20, "{began}");
}
