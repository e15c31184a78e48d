//! Draws and hashes: shares, sticky clients, and several answers.

use std::collections::HashMap;

use crate::site::{answers, site};
use crate::support::{Server, ask};

pub(crate) fn counts(server: &mut Server, queries: u32) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for _ in 0..queries {
        for answer in answers(server) {
            *counts.entry(answer).or_default() += 1;
        }
    }
    counts
}

/// Within four standard deviations of the expected share: one run in 16,000 would fail by chance, but the seed is
/// fixed.
pub(crate) fn assert_share(counts: &HashMap<String, u32>, member: &str, queries: u32, share: f64) {
    let (got, n) = (f64::from(*counts.get(member).unwrap_or(&0)), f64::from(queries));
    let sigma = (n * share * (1.0 - share)).sqrt();
    assert!((got - n * share).abs() <= 4.0 * sigma, "{member}: {got} of {n}, expected share {share}");
}

#[test]
fn fresh_draws_follow_the_weights() {
    let n = 20_000;
    let mut server = site(r#"{ weighted = { fra = 60, iad = 30, nrt = 10 } }"#, "");
    let drawn = counts(&mut server, n);
    for (member, share) in [("192.0.2.1", 0.6), ("192.0.2.2", 0.3), ("192.0.2.3", 0.1)] {
        assert_share(&drawn, member, n, share);
    }
    server.set_pool("fra", false);
    let drawn = counts(&mut server, n);
    assert_share(&drawn, "192.0.2.2", n, 0.75);
    assert_eq!(drawn.get("192.0.2.1"), None);
    let mut server = site(r#""weights""#, "");
    let drawn = counts(&mut server, n);
    assert_share(&drawn, "192.0.2.21", n, 0.7);
    assert_eq!(drawn.get("192.0.2.23"), None, "weight 0 is drained");
}

#[test]
fn sticky_draws_follow_the_weights_over_clients_and_stay() {
    let mut server = site(r#"{ weighted = { fra = 60, iad = 30, nrt = 10 } }"#, "sticky = {}");
    let clients: Vec<String> = (0..20_000u32).map(|n| format!("10.{}.{}.0/24", n >> 8, n & 255)).collect();
    let all = |server: &mut Server| -> Vec<String> {
        clients.iter().map(|client| server.answers(&ask("www.example.com", 1).subnet(client)).concat()).collect()
    };
    let before = all(&mut server);
    assert_eq!(all(&mut server), before, "repeating the query changes nothing");
    let mut drawn = HashMap::new();
    before.iter().for_each(|answer| *drawn.entry(answer.clone()).or_default() += 1);
    for (member, share) in [("192.0.2.1", 0.6), ("192.0.2.2", 0.3), ("192.0.2.3", 0.1)] {
        assert_share(&drawn, member, 20_000, share);
    }
    server.set_pool("nrt", false);
    let after = all(&mut server);
    for (old, new) in before.iter().zip(&after) {
        assert!(old == new || old == "192.0.2.3", "only clients of the pool that went down move: {old} to {new}");
    }
}

#[test]
fn clients_of_one_prefix_stick_together() {
    let mut server = site(r#"{ weighted = { fra = 1, iad = 1, nrt = 1 } }"#, "sticky = { v4 = 16 }");
    let mut seen = std::collections::HashSet::new();
    for second in 0..50 {
        let of = |server: &mut Server, third: u8| {
            server.answers(&ask("www.example.com", 1).subnet(&format!("10.{second}.{third}.0/24")))
        };
        let first = of(&mut server, 0);
        assert_eq!(of(&mut server, 77), first);
        seen.insert(first);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn hash_gives_each_client_network_a_fixed_pool() {
    let mut server = site(r#"{ hash = ["fra", "iad", "nrt"] }"#, "");
    let of = |server: &mut Server, n: u32| {
        server.answers(&ask("www.example.com", 1).subnet(&format!("10.{}.{}.0/24", n >> 8, n & 255)))
    };
    let before: Vec<_> = (0..3000).map(|n| of(&mut server, n)).collect();
    for member in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let share = before.iter().filter(|answer| answer[0] == member).count();
        assert!((850..1150).contains(&share), "{member}: {share} of 3000");
    }
    server.set_pool("iad", false);
    for (n, old) in before.iter().enumerate() {
        let new = of(&mut server, n as u32);
        assert!(&new == old || old[0] == "192.0.2.2");
    }
    let mut server = site(r#""hashed""#, "");
    let one = server.answers(&ask("www.example.com", 1).subnet("10.1.2.0/24"));
    assert_eq!(one.len(), 1);
    for _ in 0..20 {
        assert_eq!(server.answers(&ask("www.example.com", 1).subnet("10.1.2.0/24")), one);
    }
}

#[test]
fn several_answers_are_distinct() {
    let n = 9_000;
    let mut server = site(r#""two-of""#, "");
    assert_eq!(answers(&mut server).len(), 2);
    let drawn = counts(&mut server, n);
    for member in ["192.0.2.31", "192.0.2.32", "192.0.2.33"] {
        assert_share(&drawn, member, n, 2.0 / 3.0);
    }
    server.set("two-of", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.31", "192.0.2.33"]);
}

#[test]
fn nested_sticky_draws_are_independent() {
    let n = 20_000;
    let document = r#"{ weighted = { fra = 50, mix = 50 } }
[policies.mix]
weighted = { fra = 50, iad = 50 }"#;
    let mut server = site(document, "sticky = {}");
    let mut drawn = HashMap::new();
    for client in 0..n {
        let subnet = format!("10.{}.{}.0/24", client >> 8, client & 255);
        *drawn.entry(server.answers(&ask("www.example.com", 1).subnet(&subnet)).concat()).or_default() += 1;
    }
    assert_share(&drawn, "192.0.2.1", n, 0.75);
    assert_share(&drawn, "192.0.2.2", n, 0.25);
}

#[test]
fn a_change_of_weight_takes_effect() {
    let n = 10_000;
    let mut server = site(r#""weights""#, "");
    server.set("weights", "b", true, Some(70));
    assert_share(&counts(&mut server, n), "192.0.2.22", n, 0.5);
    server.set("weights", "b", true, Some(0));
    assert_eq!(counts(&mut server, 1000).get("192.0.2.22"), None);
}
