//! Pools with several probes: how many must pass, the status of each, and what survives a document change.

use std::sync::Arc;

use gslb_core::health::{Effects, Rule, Run, Saved, Source, Status};
use gslb_core::site::model::Site;
use gslb_core::steer::draw::Dice;

use crate::live::{Live, document};
use crate::support;

const FAILOVER: &str = r#"policy = { failover = ["both", "a"] }"#;

/// A pool with these probes, in document syntax: one with rise 3 and fall 3, one with rise 1 and fall 2.
fn both(probes: &str) -> String {
    format!("[pools.both]\nprobe = {probes}\nendpoints.x.address = \"192.0.2.31\"\n")
}

/// Outcomes of the probe at this index in its pool.
fn probe(live: &mut Live, at: usize, outcomes: &str) -> Effects {
    let target = live.health.targets().of_endpoint(live.member("both", "x"))[at];
    let mut all = Effects::default();
    for outcome in outcomes.chars() {
        live.seconds += 1;
        all.transitions.extend(live.outcome(target, outcome == '+').transitions);
    }
    all
}

fn status(live: &Live) -> Status {
    live.health.status(live.member("both", "x"), live.now().0).unwrap()
}

fn site(probes: &str) -> Site {
    (*support::table(&document(&both(probes), FAILOVER), crate::live::ZONE, &[]).topology().site).clone()
}

#[test]
fn all_probes_must_pass_by_default() {
    let mut live = Live::of(&both(r#"["web", "quick"]"#), FAILOVER);
    probe(&mut live, 0, "+++");
    assert_eq!(status(&live).source, Source::Initial, "one passing probe is not enough");
    probe(&mut live, 1, "+");
    assert_eq!((status(&live).up, status(&live).source), (true, Source::Verdict));
    let effects = probe(&mut live, 1, "--");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    let why = "1 of 2 probes down: quick (2 failures in a row, the last one: status 503)";
    assert_eq!(&*effects.transitions[0].why, why);
    let current = status(&live);
    assert_eq!(
        &*current.why,
        format!("{why}; now 1 of 2 probes up: web (3 successes in a row, the last one: status 200)")
    );
    let probes: Vec<(&str, Option<bool>, u32)> =
        current.probes.iter().map(|it| (&*it.probe, it.up, it.progress.length)).collect();
    assert_eq!(probes, [("web", Some(true), 3), ("quick", Some(false), 2)]);
    assert_eq!(current.outcomes.len(), 3, "the outcomes of the failing probe");
    probe(&mut live, 1, "+");
    assert_eq!(live.answers(), ["192.0.2.31"]);
    assert_eq!(&*status(&live).why.chars().take(20).collect::<String>(), "2 of 2 probes up: we");
}

#[test]
fn require_any_needs_one_probe_and_a_number_needs_that_many() {
    let mut live = Live::of(&both("[\"web\", \"quick\"]\nrequire = \"any\""), FAILOVER);
    probe(&mut live, 1, "+--");
    assert!(status(&live).up, "the other probe has no verdict yet");
    probe(&mut live, 0, "---");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    probe(&mut live, 1, "+");
    assert_eq!(live.answers(), ["192.0.2.31"]);
    let why = status(&live).why;
    assert!(why.contains("; now 1 of 2 probes down: web (3 failures"), "{why}");

    let more = "[probes.ping]\nkind = \"icmp\"\nrise = 1\nfall = 1\n";
    let mut live = Live::of(&format!("{more}{}", both("[\"web\", \"quick\", \"ping\"]\nrequire = 2")), FAILOVER);
    for (at, outcomes) in [(0, "+++"), (1, "+"), (2, "+-")] {
        probe(&mut live, at, outcomes);
    }
    assert_eq!(live.answers(), ["192.0.2.31"], "two still pass");
    probe(&mut live, 1, "--");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    probe(&mut live, 2, "+");
    assert_eq!(live.answers(), ["192.0.2.31"]);
}

#[test]
fn the_ttl_drops_when_the_next_outcomes_may_change_the_status() {
    let mut live = Live::of(&both("[\"web\", \"quick\"]\nrequire = \"any\""), FAILOVER);
    let limit = |live: &Live| status(live).ttl_limit;
    probe(&mut live, 0, "+++");
    probe(&mut live, 1, "+-");
    assert_eq!(limit(&live), None, "the other probe keeps it up");
    probe(&mut live, 0, "-");
    assert_eq!(limit(&live), Some(10), "two more failures of web, 5 s each");
    probe(&mut live, 1, "-");
    assert_eq!(limit(&live), Some(10));
    probe(&mut live, 0, "-");
    assert_eq!(limit(&live), Some(5));
    let mut live = Live::of(&both(r#"["web", "quick"]"#), FAILOVER);
    probe(&mut live, 0, "+++-");
    assert_eq!(limit(&live), Some(10), "each of them may change the status");
    probe(&mut live, 1, "+-");
    assert_eq!(limit(&live), Some(1));
}

#[test]
fn with_new_probes_the_status_stays_until_their_first_verdict() {
    let mut live = Live::of(&both(r#""web""#), FAILOVER);
    probe(&mut live, 0, "---");
    let (now, wall) = live.now();
    let follow = |live: &mut Live, probes: &str| {
        let site = site(probes);
        let (health, effects) = live.health.for_site(&Arc::new(site), now, wall);
        (live.health, live.server.table) =
            (health, support::table(&document(&both(probes), FAILOVER), crate::live::ZONE, &[]));
        live.server.table = live.server.table.with_states(&live.health.states());
        effects.transitions.iter().map(|turn| (turn.up, turn.why.to_string())).collect::<Vec<_>>()
    };
    assert!(follow(&mut live, r#"["web", "quick"]"#).is_empty(), "it fails as before");
    assert!(!status(&live).up && status(&live).probes[0].up == Some(false));
    probe(&mut live, 1, "+");
    assert_eq!(live.answers(), ["192.0.2.1"]);
    let turned = follow(&mut live, "[\"quick\", \"web\"]\nrequire = \"any\"");
    assert_eq!(turned.len(), 1, "{turned:?}");
    assert!(turned[0].0 && turned[0].1.starts_with("1 of 2 probes up: quick ("), "{turned:?}");
    let turned = follow(&mut live, "[\"quick\", \"web\"]\nrequire = \"all\"");
    assert!(turned.len() == 1 && !turned[0].0, "{turned:?}");
    let turned = follow(&mut live, r#""quick""#);
    assert!(turned.len() == 1 && turned[0].0, "the probe that failed is gone: {turned:?}");
    assert!(follow(&mut live, r#"["quick"]"#).is_empty());
    assert!(status(&live).probes.is_empty(), "a list of one is a single probe");
}

#[test]
fn a_new_document_does_not_speed_up_a_recovery() {
    let mut live = Live::of(&both(r#"["web", "quick"]"#), FAILOVER);
    probe(&mut live, 1, "+");
    probe(&mut live, 0, "---+");
    live.take_up(&document(&both(r#"["quick", "web"]"#), FAILOVER));
    assert_eq!(status(&live).probes.iter().map(|it| it.up).collect::<Vec<_>>(), [Some(true), Some(false)]);
    probe(&mut live, 0, "+");
    probe(&mut live, 1, "+");
    assert_eq!(live.answers(), ["192.0.2.1"], "two successes of three");
    probe(&mut live, 1, "+");
    assert_eq!(live.answers(), ["192.0.2.31"]);
}

/// The model evaluates every probe by itself, then counts how many are up.
#[test]
fn statuses_match_a_model_under_random_outcomes() {
    let mut dice = Dice::new(3);
    for require in 1..=3_usize {
        let more = "[probes.ping]\nkind = \"icmp\"\nrise = 2\nfall = 1\n";
        let pool = both(&format!("[\"web\", \"quick\", \"ping\"]\nrequire = {require}"));
        // A single host is never a mass failure.
        let mut live = Live::of(&format!("{more}{pool}"), FAILOVER);
        let rules = [Rule { rise: 3, fall: 3 }, Rule { rise: 1, fall: 2 }, Rule { rise: 2, fall: 1 }];
        let (mut runs, mut verdicts, mut expected) = ([Run::default(); 3], [None; 3], true);
        for step in 0..2_000 {
            let at = (dice.roll() % 3) as usize;
            let passed = !dice.roll().is_multiple_of(4);
            probe(&mut live, at, if passed { "+" } else { "-" });
            runs[at].observe(passed);
            verdicts[at] = rules[at].verdict(runs[at], verdicts[at]);
            let count = |up| verdicts.iter().filter(|verdict| **verdict == Some(up)).count();
            if count(true) >= require {
                expected = true;
            } else if count(false) > 3 - require {
                expected = false;
            }
            let current = status(&live);
            assert_eq!(current.up, expected, "step {step}, {require} required, {verdicts:?}");
            assert_eq!(current.probes.iter().map(|it| it.up).collect::<Vec<_>>(), verdicts, "step {step}");
        }
    }
}

/// Two probes with the same outcomes behave like one, during a mass failure or not.
#[test]
fn a_mass_failure_is_the_same_with_several_probes() {
    let mut dice = Dice::new(11);
    for require in [1, 2] {
        let text = crate::mass_failure::ten_text(2);
        let same = "[probes.same]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nrise = 2\nfall = 2\n";
        let more = format!("probe = [\"quick\", \"same\"]\nrequire = {require}\n");
        let double =
            text.replace("probe = \"quick\"\n", &more).replace("[probes.quick]", &format!("{same}[probes.quick]"));
        let mut lives = [text, double].map(|text| Live::with(&text, &Saved::default()));
        let mut held = 0;
        for step in 0..1_500 {
            // Periods in which all pass, all fail, or each host is random.
            let mood = (step / 25) % 3;
            let passes: Vec<bool> = (0..10)
                .map(|_| match mood {
                    0 => !dice.roll().is_multiple_of(20),
                    1 => dice.roll().is_multiple_of(200),
                    _ => dice.roll().is_multiple_of(2),
                })
                .collect();
            let effects = lives.each_mut().map(|live| live.probe_all(|target| passes[target as usize]));
            let [one, two] = &effects;
            for (one, two) in one.iter().zip(two) {
                assert_eq!((&one.changes, one.mass_failure), (&two.changes, two.mass_failure), "step {step}");
            }
            lives.iter_mut().for_each(|live| _ = live.wait(0));
            let statuses = |live: &Live| -> Vec<_> {
                let status = |member| live.health.status(member, live.now().0).unwrap();
                let all = live.health.members().map(status);
                all.map(|it| (it.up, it.source, it.held, it.since, it.flaps, it.ttl_limit, it.progress)).collect()
            };
            assert_eq!(statuses(&lives[0]), statuses(&lives[1]), "step {step}");
            held += u32::from(lives[0].health.holding_since().is_some());
        }
        assert!(held > 50, "failures were held for {held} steps");
    }
}

#[test]
fn push_reports_count_like_any_other_probe() {
    let mut live = Live::of(&both(r#"["quick", "beat"]"#), FAILOVER);
    probe(&mut live, 0, "+");
    probe(&mut live, 1, "+");
    assert!(status(&live).up);
    live.seconds += 61;
    let (now, wall) = live.now();
    let effects = live.health.tick(now, wall);
    live.put(effects);
    let current = status(&live);
    assert!(!current.up && current.why.starts_with("1 of 2 probes down: beat (no report for 1m)"), "{}", current.why);
}
