//! The state of endpoints survives a restart, a new document and a rename.

use std::time::Duration;

use gslb_core::health::{Held, Outcome, Saved, Source};
use gslb_core::moment::Moment;

use crate::live::{Live, WALL, ZONE, document};
use crate::support::{self, Server, ask};

#[test]
fn after_a_restart_no_answer_has_an_endpoint_that_was_down() {
    let mut live = Live::of("", r#"policy = { failover = ["pair", "a", "b"] }"#);
    live.probe("a", "x", "---");
    live.probe("pair", "x", "--");
    live.probe("pair", "z", "--");
    assert_eq!(live.answers(), ["192.0.2.2"]);
    let saved = live.saved();
    assert_eq!(saved.statuses.len(), 3, "nothing is known of the others");
    let text = document("", r#"policy = { failover = ["pair", "a", "b"] }"#);
    let mut again = Live::with(&text, &saved);
    assert_eq!(again.answers(), ["192.0.2.2"]);
    let status = again.health.status(again.member("a", "x"), Moment::default()).unwrap();
    assert_eq!((status.source, &*status.why), (Source::Saved, "3 failures in a row, the last one: status 503"));
    again.probe("a", "x", "+++");
    assert_eq!(again.answers(), ["192.0.2.1"], "a verdict replaces a saved status");
    // An endpoint with another address is another endpoint, so the saved status does not apply.
    let mut moved = Live::with(&text.replace("192.0.2.1\"", "192.0.2.9\""), &saved);
    assert_eq!(moved.answers(), ["192.0.2.9"]);
}

#[test]
fn a_new_document_keeps_known_statuses() {
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
        let target = health.targets().of_endpoint(member)[0];
        let pass = Outcome::new(Ok(()), Duration::ZERO, "");
        (0..3).for_each(|_| _ = health.observe(target, &pass, now, wall));
        assert!(health.status(member, now).unwrap().up);
    }
}

#[test]
fn a_document_that_changes_a_status_reports_it() {
    let policy = r#"policy = { failover = ["a", "b"] }"#;
    let mut live = Live::of("", policy);
    live.probe("a", "x", "+++--");
    let effects = live.take_up(&document("", policy).replace("fall = 3", "fall = 2"));
    let transitions: Vec<_> = effects.transitions.iter().map(|turn| (turn.member, turn.up)).collect();
    assert_eq!(transitions, [(live.member("a", "x"), false)]);
    assert_eq!(live.answers(), ["192.0.2.2"]);
}

#[test]
fn a_saved_status_replaces_any_initial_setting() {
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
        assert_eq!(again.status("c", "x").held, Some(Held::Manual), "{initial}: a restart does not resume");
        // Neither does a new name, with or without a restart.
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
fn renamed_endpoints_keep_what_is_known_of_them() {
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
fn an_old_saved_status_does_not_make_a_name_unavailable() {
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
fn last_up_prefers_a_recovered_endpoint_to_a_dead_one() {
    let more = "[pools.kept]\nprobe = \"quick\"\nresume = \"manual\"\nchoose = \"all\"\nendpoints = { x = { address = \
                \"192.0.2.31\" }, y = { address = \"192.0.2.32\" } }\n";
    let policy = "when_all_down = \"last-up\"\npolicy = { failover = [\"kept\", \"a\"] }";
    let mut live = Live::of(more, policy);
    live.probe("kept", "x", "++");
    live.probe("kept", "y", "++");
    live.probe("a", "x", "+++");
    live.probe("kept", "x", "--");
    live.probe("kept", "y", "--");
    live.probe("a", "x", "---");
    assert_eq!(live.answers(), ["192.0.2.1"], "it went down last");
    assert_eq!(live.health.awaiting_resume(), 0);
    live.probe("kept", "x", "++");
    assert_eq!(live.health.awaiting_resume(), 1);
    assert_eq!(live.answers(), ["192.0.2.31"], "nothing else is up");
    live.probe("kept", "x", "--");
    assert_eq!(live.answers(), ["192.0.2.1"]);
}
