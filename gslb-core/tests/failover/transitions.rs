//! Endpoints that go down and up, and the resulting answers: failover and return, flapping, holds, overrides.

use std::time::Duration;

use gslb_core::health::{Effects, Failure, Held, Outcome, Saved, Source};
use gslb_core::live::overrides::{Force, Override, apply, apply_to};
use gslb_core::moment::Moment;

use crate::live::{Live, WALL, document};

#[test]
fn primary_dies_secondary_answers_primary_returns() {
    let mut live = Live::of("", r#"policy = { failover = ["a", "b"] }"#);
    live.probe("a", "x", "+++");
    live.probe("b", "x", "+++");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("a", "x", "--");
    assert_eq!(live.answers(), ["192.0.2.1"], "two failures are not a verdict");
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
fn a_pool_below_min_up_is_skipped() {
    let mut live = Live::of("", r#"policy = { failover = ["pair", "a"] }"#);
    live.probe("pair", "x", "--");
    assert_eq!(live.answers(), ["192.0.2.12", "192.0.2.13"]);
    live.probe("pair", "y", "--");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pair", "y", "+");
    assert_eq!(live.answers(), ["192.0.2.12", "192.0.2.13"]);
}

#[test]
fn the_last_resort_answers_with_the_endpoints_that_are_up() {
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
fn last_up_depends_on_the_query_type() {
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
fn an_override_wins_and_does_not_lower_the_ttl() {
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
    let target = live.health.targets().of_endpoint(live.member("a", "x"))[0];
    let (now, wall) = live.now();
    let fail = Outcome::new(Err(Failure::Refused), Duration::ZERO, "");
    let effects = live.health.observe(target, &fail, now, wall);
    let changes = apply_to(&[word(Force::Up)], &site, &effects.changes);
    live.server.table = live.server.table.with_changes(&changes);
    assert_eq!(live.answers(), ["192.0.2.1"], "forced before any verdict");
    assert_eq!(live.server.table.states(), apply(&[word(Force::Up)], &site, &live.health.states()));
}

#[test]
fn an_unknown_status_does_not_make_a_name_unavailable() {
    for silence in ["nodata", "servfail"] {
        let pools = "[pools.c]\nprobe = \"quick\"\ninitial = \"down\"\nendpoints.x.address = \"192.0.2.31\"";
        let mut live = Live::of(pools, &format!("when_all_down = \"{silence}\"\npolicy = \"c\""));
        assert_eq!(live.answers(), ["192.0.2.31"], "it starts down, but no probe found that");
        live.probe("c", "x", "--");
        assert_eq!(live.answers(), Vec::<String>::new(), "now a probe found it down");
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
fn the_fastest_passing_target_gives_the_latency_of_a_data_center() {
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
        let target = live.health.targets().of_endpoint(live.member("c", endpoint))[0];
        // The near one responds slowly, which does not affect its round-trip time.
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
fn a_push_endpoint_without_a_report_goes_down() {
    let mut live = Live::of("", r#"policy = { failover = ["pushed", "a"] }"#);
    live.probe("pushed", "x", "++");
    assert!(live.wait(59).transitions.is_empty());
    live.probe("pushed", "x", "+");
    assert!(live.wait(59).transitions.is_empty(), "a report arrived in time");
    let effects = live.wait(1);
    assert_eq!(effects.transitions.len(), 1);
    assert_eq!(&*effects.transitions[0].why, "no report for 1m");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pushed", "x", "++");
    assert_eq!(live.answers(), ["192.0.2.21"]);
}

#[test]
fn hold_down_and_manual_resume_keep_an_endpoint_down() {
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
    assert!(live.health.resume(live.member("a", "x"), now, wall).is_none(), "no hold to end");
    let effects = live.health.resume(live.member("d", "x"), now, wall).unwrap();
    live.put(effects);
    assert_eq!(live.answers(), ["192.0.2.32"]);
    live.wait(280);
    assert_eq!(live.answers(), ["192.0.2.32"]);
    live.wait(20);
    assert_eq!(live.answers(), ["192.0.2.31"], "hold_down is over");
}

#[test]
fn a_recovery_is_reported_once_when_the_wait_begins_and_when_it_fails_again() {
    let pools = "[pools.d]\nprobe = \"quick\"\nresume = \"manual\"\nendpoints.x.address = \"192.0.2.32\"\n";
    let policy = r#"policy = { failover = ["d", "a"] }"#;
    let mut live = Live::of(pools, policy);
    let recoveries =
        |effects: Effects| effects.recoveries.iter().map(|it| (it.waits, it.why.to_string())).collect::<Vec<_>>();
    let outcome = |live: &mut Live, passed| {
        live.seconds += 1;
        let target = live.health.targets().of_endpoint(live.member("d", "x"))[0];
        recoveries(live.outcome(target, passed))
    };
    assert!(outcome(&mut live, false).is_empty() && outcome(&mut live, false).is_empty(), "it went down");
    let began = live.now().1 + 1_000;
    assert_eq!(outcome(&mut live, true), [(true, "one success: status 200".to_owned())]);
    assert!(outcome(&mut live, true).is_empty(), "it is already waiting");
    let saved = |live: &Live| live.health.saved(live.member("d", "x")).unwrap();
    let (key, status) = saved(&live);
    assert_eq!((status.up, status.recovered), (false, Some(began)));
    assert!(status.why.starts_with("2 failures in a row"), "why it went down: {}", status.why);

    // A new document or a restart does not repeat the report.
    let site = live.server.table.topology().site.clone();
    let (now, wall) = live.now();
    assert!(live.health.for_site(&site, now, wall).1.recoveries.is_empty());
    let before = Saved { statuses: [(key, status)].into(), seen: wall };
    let mut again = Live::with(&document(pools, policy), &before);
    assert!(outcome(&mut again, true).is_empty());
    assert_eq!(saved(&again).1.recovered, Some(began));
    let (now, wall) = again.now();
    let effects = again.health.resume(again.member("d", "x"), now, wall).unwrap();
    assert!(recoveries(effects).is_empty(), "that it is up has been reported already");
    assert_eq!(saved(&again).1.recovered, None);

    assert!(outcome(&mut live, false).is_empty(), "one failure is not a verdict");
    assert_eq!(outcome(&mut live, false), [(false, "2 failures in a row, the last one: status 503".to_owned())]);
    assert_eq!(saved(&live).1.recovered, None);
}

#[test]
fn a_push_report_is_a_verdict_at_once() {
    let mut live = Live::of("", r#"policy = { failover = ["pushed", "a"] }"#);
    live.probe("pushed", "x", "+");
    live.probe("pushed", "x", "-");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    live.probe("pushed", "x", "+");
    assert_eq!(live.answers(), ["192.0.2.21"]);
}
