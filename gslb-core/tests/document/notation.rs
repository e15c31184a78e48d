//! Our TOML reader and the `toml` crate accept the same documents and read the same values.

use gslb_core::budget::Budget;
use gslb_core::site::document::to_json;
use serde_json::Value;

use super::mutations::{Dice, mutated};
use super::site::EXAMPLE;

/// The result of `toml`; `None` if it rejects the text.
fn expected(text: &str) -> Option<Value> {
    text.parse::<toml::Table>().ok().and_then(|table| serde_json::to_value(table).ok())
}

/// Our result. Members are compared without order, which `toml` does not keep.
fn ours(text: &str) -> Result<Value, String> {
    to_json("site.toml", text, &mut { Budget::UNLIMITED })
        .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
}

/// Statements that conflict with each other.
const STATEMENTS: [&str; 26] = [
    "[a]",
    "[a.b]",
    "[a.b.c]",
    "[b]",
    "[[a]]",
    "[[a.b]]",
    "[[b.a]]",
    "[a.\"b\"]",
    "[c.c]",
    "a = 1",
    "b = \"x\"",
    "a.b = 1",
    "a.c = 2",
    "a.b.c = 3",
    "b.c.d = [1, [2, {x = 3}], \"\"]",
    "c = {}",
    "c.d = { a.b = 1, a.c = 2 }",
    "c.d = { a = {}, a.c = 2 }",
    "d = { a.b.c = 1, a.b = 2 }",
    "d = { b = 1, b = 2 }",
    "a = [{ a = 1 }, { a = 2 }]",
    "a = { b = { c = 1 } }",
    "x = 0x1F",
    "x = -1.5e3 # why",
    "\"a\".b = '''y'''",
    "y = [\n 1, # one\n 2,\n]",
];

#[test]
fn statements_in_any_order_are_read_like_toml() {
    let mut dice = Dice(1);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..60_000 {
        let count = 1 + dice.below(5);
        let text: String = (0..count).map(|_| format!("{}\n", STATEMENTS[dice.below(STATEMENTS.len())])).collect();
        match (expected(&text), ours(&text)) {
            (Some(expected), Ok(ours)) => {
                assert_eq!(ours, expected, "{text}");
                taken += 1;
            }
            (None, Err(_)) => refused += 1,
            (Some(_), Err(error)) => panic!("toml takes this, and we say {error}: {text}"),
            (None, Ok(ours)) => panic!("toml refuses this, and we read {ours} from {text}"),
        }
    }
    assert!(taken > 5_000 && refused > 5_000, "{taken} {refused}");
}

#[test]
fn mutated_documents_are_accepted_and_rejected_like_toml() {
    let mut dice = Dice(2);
    let mut taken = 0;
    for _ in 0..4_000 {
        let text = mutated(EXAMPLE, &mut dice);
        match (expected(&text), ours(&text)) {
            (Some(expected), Ok(ours)) => {
                assert_eq!(ours, expected, "{text}");
                taken += 1;
            }
            (None, Err(_)) => {}
            // Values that JSON cannot express, and numbers and keys too long for us.
            (Some(_), Err(error)) => {
                let is_our_limit =
                    ["JSON", "64 bits", "16 parts", "64 deep"].iter().any(|reason| error.contains(reason));
                assert!(is_our_limit, "toml takes this, and we say {error}: {text}");
            }
            (None, Ok(ours)) => panic!("toml refuses this, and we read {ours} from {text}"),
        }
    }
    assert!(taken > 200, "{taken}");
}

#[test]
fn tables_with_many_keys_are_read_in_order_without_duplicates() {
    let lines: Vec<String> = (0..5_000).map(|number| format!("[pools.p{number}]\nmin_up = {number}\n")).collect();
    let read = ours(&lines.concat()).unwrap();
    let pools = read["pools"].as_object().unwrap();
    assert!(pools.keys().eq((0..5_000).map(|number| format!("p{number}")).collect::<Vec<_>>().iter()));
    assert_eq!(pools["p4999"]["min_up"], 4999);
    let twice = format!("{}[pools.p17]\n", lines.concat());
    let error = ours(&twice).unwrap_err();
    assert!(error.starts_with("site.toml:10001:8: error: `p17` is duplicated"), "{error}");
}

#[test]
fn documents_over_the_memory_budget_are_refused_at_the_right_position() {
    let headers: String = (0..100_000).map(|number| format!("[a.b.c.d{number}]\n")).collect();
    let dotted: String = (0..100_000).map(|number| format!("a.b.c.d{number} = 1\n")).collect();
    let inline = format!("x = [\n{}]\n", "{a = {b = {c = []}}},\n".repeat(50_000));
    for (what, text) in [("headers", headers), ("dotted", dotted), ("inline", inline), ("lines", "x.y = 1\n".repeat(3))]
    {
        let mut budget = Budget::of(8 << 20);
        let read = to_json("site.toml", &text, &mut budget);
        if what == "lines" {
            assert!(budget.overrun().is_none(), "other errors are not reported as over budget");
            continue;
        }
        let problems = read.unwrap_err();
        let [only] = problems.as_slice() else { panic!("{what}: {problems:?}") };
        assert!(only.message.contains("takes more than the limit of 8 MiB of memory"), "{what}: {only}");
        assert!(budget.overrun().is_some() && only.location.line >= 1, "{what}: {only}");
    }
}
