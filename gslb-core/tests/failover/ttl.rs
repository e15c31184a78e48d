//! The TTL before an expected change.

use crate::live::Live;
use crate::support::ask;

#[test]
fn the_ttl_drops_before_an_expected_change() {
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
    assert_eq!(live.ttl(), 30, "the second endpoint was not considered");
    live.probe("b", "x", "+");
    live.probe("a", "x", "---");
    assert_eq!((live.ttl(), live.answers()), (30, vec!["192.0.2.2".to_owned()]));
    live.probe("a", "x", "+");
    assert_eq!(live.ttl(), 10, "skipped, but about to come back");
    live.probe("a", "x", "++");
    let mut quick = Live::of("", "ttl = \"0s\"\npolicy = \"pair\"");
    quick.probe("pair", "x", "-");
    assert_eq!(quick.ttl(), 0, "the service's own TTL is the maximum");
}

#[test]
fn all_branches_of_a_weighted_choice_limit_the_ttl_and_an_answer_has_one_ttl() {
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
fn explain_shows_the_ttl_and_its_limit() {
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
