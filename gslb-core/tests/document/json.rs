//! JSON documents: the same site and the same problems as in TOML, with pointers instead of lines.

use std::sync::Arc;

use gslb_core::budget::Budget;
use gslb_core::problem::{Problem, Severity};
use gslb_core::site::document::{Reading, no_files, read_json, to_json};
use serde_json::{Value, json};

use super::mutations::{Dice, mutated, reworded};
use super::site::{EXAMPLE, ZONE, read_with};

fn json_with(document: &Value, zone: &[u8]) -> Reading {
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), zone.to_vec()));
    read_json("site.toml", document, &mut load)
}

/// A problem without lines.
fn said(problem: &Problem) -> (Severity, String, String, String) {
    let message = match problem.message.split_once(" in line ") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
        }
        None => problem.message.clone(),
    };
    (problem.severity, problem.path.to_string(), message, problem.help.clone())
}

fn all_members(reading: &Reading) -> Vec<(Severity, String, String, String)> {
    let mut all: Vec<_> = reading.problems.iter().map(said).collect();
    all.sort();
    all
}

/// A site in full, without document locations.
fn without_places(reading: &Reading) -> String {
    let text = format!("{:?}", reading.site);
    let mut pieces = text.split("Location {");
    let first = pieces.next().unwrap_or_default().to_owned();
    first + &pieces.map(|piece| piece.split_once('}').map_or("", |(_, rest)| rest)).collect::<String>()
}

/// The value that a pointer points at.
fn assert_points_into(document: &Value, problem: &Problem) {
    assert!(document.pointer(&problem.path.pointer()).is_some(), "{} {problem}\n{document}", problem.path.pointer());
}

#[test]
fn the_example_is_the_same_site_in_both_notations() {
    let document = to_json("site.toml", EXAMPLE, &mut { Budget::UNLIMITED }).unwrap();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["zones", "data_centers", "probes", "pools", "regions", "policies", "services"]);
    assert_eq!(document["pools"]["fra"]["endpoints"]["fra-1"], json!({ "address": "192.0.2.10", "weight": 10 }));
    let (toml, json) = (read_with(EXAMPLE, ZONE.as_bytes()), json_with(&document, ZONE.as_bytes()));
    assert!(toml.site.is_some());
    assert_eq!(without_places(&toml), without_places(&json));
    assert_eq!(all_members(&toml), all_members(&json));
}

#[test]
fn problems_are_the_same_in_both_notations() {
    let mut dice = Dice(0x5DEE_CE66_D123_4567);
    let (mut read, mut refused) = (0, 0);
    for round in 0..3000 {
        let text = if round % 3 == 0 { mutated(EXAMPLE, &mut dice) } else { reworded(EXAMPLE, &mut dice) };
        let Ok(document) = to_json("site.toml", &text, &mut { Budget::UNLIMITED }) else { continue };
        let (toml, json) = (read_with(&text, ZONE.as_bytes()), json_with(&document, ZONE.as_bytes()));
        assert_eq!(all_members(&toml), all_members(&json), "{text}");
        assert_eq!(without_places(&toml), without_places(&json), "{text}");
        json.problems.iter().for_each(|problem| assert_points_into(&document, problem));
        assert!(json.problems.is_sorted_by_key(|problem| problem.location.clone()), "{text}");
        read += 1;
        refused += usize::from(json.site.is_none());
    }
    assert!(read > 300 && refused > 100, "{read} {refused}");
}

#[test]
fn problems_of_json_have_pointers_and_no_lines() {
    let document = json!({ "services": { "www.example.com": { "policy": { "failover": ["a/b~c"] } } } });
    let reading = read_json("revision 7", &document, &mut no_files);
    let messages: Vec<String> = reading.problems.iter().map(|problem| problem.to_string()).collect();
    assert!(messages[0].starts_with("revision 7: error: services.\"www.example.com\""), "{messages:?}");
    let pointers: Vec<String> = reading.problems.iter().map(|problem| problem.path.pointer()).collect();
    assert!(pointers.contains(&"/services/www.example.com/policy/failover/0".to_owned()), "{pointers:?}");
    assert!(reading.site.is_none());
}

#[test]
fn values_that_no_key_accepts_are_reported_at_their_position() {
    let cases = [
        (json!(null), "", "the document is not a JSON object"),
        (json!([1]), "", "the document is not a JSON object"),
        (json!({ "zones": null }), "/zones", "expected a table, found null"),
        (json!({ "pools": { "a": null } }), "/pools/a", "expected a table, found null"),
        (json!({ "safety": [] }), "/safety", "expected a table, found an array"),
        (json!({ "sevices": {} }), "/sevices", "unknown key `sevices`"),
        (json!({ "pools": { "a": { "answers": u64::MAX } } }), "/pools/a/answers", "18446744073709551615 does not fit"),
        (json!({ "pools": { "a": { "answers": 1.5 } } }), "/pools/a/answers", "expected a number of answers"),
        (json!({ "pools": { "a": { "endpoints": { "\u{0}": {} } } } }), "/pools/a/endpoints/\0", "not a valid name"),
        (json!({ "zones": { "a/~b": { "file": 1 } } }), "/zones/a~1~0b/file", "expected a string"),
    ];
    for (document, pointer, message) in cases {
        let reading = read_json("x", &document, &mut no_files);
        let found = reading.problems.iter().any(|it| it.path.pointer() == pointer && it.message.contains(message));
        assert!(found && reading.site.is_none(), "{document}: {:?}", reading.problems);
    }
}

#[test]
fn nesting_depth_is_limited_for_any_value() {
    let mut deep = json!("fra");
    for _ in 0..500 {
        deep = json!({ "failover": [deep] });
    }
    let document = json!({ "policies": { "x": deep } });
    let reading = read_json("x", &document, &mut no_files);
    assert!(reading.site.is_none());
    assert!(reading.problems.iter().any(|problem| problem.message.contains("nest more than 64 deep")));
    std::mem::forget(document);
}

#[test]
fn dates_of_toml_are_not_json() {
    let problems =
        to_json("site.toml", "[policies]\nx = 2026-12-24\ny = inf\n", &mut { Budget::UNLIMITED }).unwrap_err();
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(messages[0].starts_with("site.toml:2:5: error: policies.x: JSON has no dates"), "{messages:?}");
    assert_eq!(problems[1].path.pointer(), "/policies/y");
    assert_eq!(to_json("site.toml", "x = ", &mut { Budget::UNLIMITED }).unwrap_err().len(), 1);
}
