//! Mass failures: the prober is suspected first, so statuses are held.

use gslb_core::health::{Effects, Ended, Failure, Held, MassFailureChange, Saved, Source};

use crate::live::Live;

/// Ten pools with one endpoint each, all in one answer.
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

pub(crate) fn ten_text(rise: u32) -> String {
    let pools: String = (0..10)
        .map(|n| format!("[pools.p{n}]\nprobe = \"quick\"\nendpoints.x.address = \"198.51.100.{n}\"\n", n = n + 1))
        .collect();
    format!(
        "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nrise = {rise}\n\
         fall = 2\n{pools}[services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ all = [{}] }}\n",
        (1..=10).map(|n| format!("\"p{n}\"")).collect::<Vec<_>>().join(", ")
    )
}

fn changes(effects: &[Effects]) -> Vec<MassFailureChange> {
    effects.iter().filter_map(|effects| effects.mass_failure).collect()
}

#[test]
fn if_our_own_network_fails_no_answer_changes() {
    let mut live = ten();
    live.probe_all(|_| false);
    let effects = live.probe_all(|_| false);
    assert_eq!(
        changes(&effects),
        [MassFailureChange::Began { failing: 10, hosts: 10, failing_places: 10, places: 10 }]
    );
    assert!(effects.iter().all(|effects| effects.transitions.is_empty()));
    for _ in 0..298 {
        live.probe_all(|_| false);
        live.wait(0);
        assert_eq!(live.answers().len(), 10, "no target answers");
    }
    // The network recovers, for some a little later than for others.
    for second in 0..20 {
        live.probe_all(|target| target < second * 3);
        assert_eq!(live.answers().len(), 10);
    }
    assert_eq!(live.health.holding_since(), None);
    assert!(live.health.members().all(|it| live.health.status(it, live.now().0).unwrap().held.is_none()));
}

#[test]
fn a_held_endpoint_shows_why_it_fails() {
    let mut live = ten();
    (0..3).for_each(|_| _ = live.probe_all_as(|_| Err(Failure::Refused)));
    let status = live.status("p1", "x");
    assert_eq!((status.up, status.held), (true, Some(Held::MassFailure)));
    assert_eq!(&*status.why, "would be down: 3 failures in a row, the last one: connection refused");
    // A probe that cannot run does not change the reason.
    live.probe_all_as(|_| Err(Failure::System));
    assert_eq!(live.status("p1", "x").why, status.why);
    live.probe_all(|_| true);
    let status = live.status("p1", "x");
    assert!(status.held.is_none() && !status.why.contains("would be down"), "{status:?}");
}

#[test]
fn after_longest_without_any_answer_failures_take_effect() {
    let mut live = ten();
    (0..301).for_each(|_| _ = live.probe_all(|_| false));
    assert_eq!(live.answers().len(), 10);
    let effects = live.probe_all(|_| false);
    assert_eq!(changes(&effects), [MassFailureChange::Ended(Ended::Unanswered)]);
    assert_eq!(effects.iter().map(|effects| effects.transitions.len()).sum::<usize>(), 10);
    assert!(!live.status("p1", "x").up, "the hold is over");
}

#[test]
fn a_held_endpoint_does_not_go_down_while_it_recovers() {
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
    assert!(live.health.holding_since().is_none());
}

#[test]
fn a_mass_failure_takes_effect_if_it_lasts_while_others_answer() {
    let mut live = ten();
    for _ in 0..11 {
        live.probe_all(|target| target < 4);
        assert_eq!(live.answers().len(), 10);
    }
    let mut effects = live.probe_all(|target| target < 4);
    effects.extend(live.probe_all(|target| target < 4));
    assert_eq!(live.answers().len(), 4, "ten seconds after something answered");
    assert_eq!(changes(&effects), [MassFailureChange::Ended(Ended::Confirmed)]);
    live.probe_all(|target| target < 3);
    live.probe_all(|target| target < 3);
    assert_eq!(live.answers().len(), 3, "one more failure is not a mass failure");
    live.probe_all(|_| true);
    assert_eq!(live.answers().len(), 10);
}

#[test]
fn refused_connections_prove_the_network_too() {
    let mut live = ten();
    let refused = |_| Err(Failure::Refused);
    (0..11).for_each(|_| _ = live.probe_all_as(refused));
    assert!(live.status("p1", "x").up);
    (0..2).for_each(|_| _ = live.probe_all_as(refused));
    assert!(live.health.members().all(|it| !live.health.status(it, live.now().0).unwrap().up));
}

/// Failover between two pools of four endpoints.
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
fn flapping_in_the_surviving_data_center_does_not_restore_the_dead_one() {
    let mut live = two_data_centers();
    (0..2).for_each(|_| _ = live.probe_all(|target| target >= 4));
    let is_of_b = |live: &mut Live| live.answers().iter().all(|answer| answer.contains(".1") && answer.len() > 12);
    assert!(is_of_b(&mut live), "half of the hosts is not a mass failure");
    for second in 0..300 {
        live.probe_all(|target| target > 4 || target == 4 && second % 6 >= 3);
        assert!(is_of_b(&mut live), "second {second}: {:?}", live.answers());
        assert!((0..4).all(|n| !live.status("a", &format!("e{}", n + 1)).up));
    }
    assert_eq!(live.health.holding_since(), None);
}

#[test]
fn endpoints_that_went_down_first_are_restored_only_if_nothing_answered_since() {
    for (answers, back) in [(false, 10), (true, 5)] {
        let mut live = ten();
        for target in 0..5 {
            (0..2).for_each(|_| _ = live.outcome_of(target, Err(Failure::Timeout)));
        }
        assert_eq!(live.answers().len(), 5);
        if answers {
            live.outcome(9, true);
        }
        live.outcome_of(5, Err(Failure::Timeout));
        let effects = live.outcome_of(5, Err(Failure::Timeout));
        assert!(effects.mass_failure.is_some());
        assert_eq!(live.answers().len(), back, "something has answered since: {answers}");
        let (now, wall) = live.now();
        let effects = live.health.accept_failures(now, wall).unwrap();
        live.put(effects);
        assert_eq!(live.answers().len(), 4, "an operator accepted the failures");
        assert!(live.health.accept_failures(now, wall).is_none());
    }
}

#[test]
fn a_server_in_many_pools_counts_once() {
    let pools: String = (1..5)
        .map(|n| format!("[pools.p{n}]\nprobe = \"quick\"\nendpoints.main.address = \"198.51.100.1\"\n"))
        .collect();
    let others = "[pools.o]\nprobe = \"web\"\nendpoints = { a = { address = \"198.51.100.2\" }, b = { address = \
                  \"198.51.100.3\" }, c = { address = \"198.51.100.4\" } }\n";
    let mut live = Live::of(&format!("{pools}{others}"), r#"policy = { failover = ["p1", "a"] }"#);
    live.probe_all(|_| true);
    live.probe("p1", "main", "--");
    assert_eq!((live.answers(), live.health.holding_since()), (vec!["192.0.2.1".to_owned()], None));
}

#[test]
fn first_verdicts_are_not_held_and_a_held_endpoint_keeps_its_reason() {
    let mut live = ten();
    let text = "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\n\
                fall = 2\n[pools.p]\nprobe = \"quick\"\nendpoints = { a = { address = \"198.51.100.1\" }, b = { address = \
                \"198.51.100.2\" }, c = { address = \"198.51.100.3\" }, d = { address = \"198.51.100.4\" }, e = { address = \
                \"198.51.100.5\" } }\n";
    let mut fresh = Live::with(text, &Saved::default());
    (0..2).for_each(|_| _ = fresh.probe_all(|target| target == 4));
    assert!(!fresh.status("p", "a").up, "it was never seen up");
    // After a restart the status is a saved one.
    let why = live.status("p1", "x").why;
    let saved = live.saved();
    live = ten_of(1, &saved);
    assert_eq!(live.status("p1", "x").source, Source::Saved);
    (0..3).for_each(|_| _ = live.probe_all(|_| false));
    let status = live.status("p1", "x");
    assert_eq!((status.up, status.source, status.held), (true, Source::Saved, Some(Held::MassFailure)));
    assert!(status.why.starts_with("would be down: 3 failures in a row"), "{}", status.why);
    let kept = live.saved().statuses.into_iter().find(|(key, _)| &*key.pool == "p1").unwrap().1;
    assert_eq!(kept.why, *why, "the reason why it is up is kept");
}

#[test]
fn a_probe_that_cannot_run_is_reported_once_and_does_not_change_the_status() {
    let mut live = ten();
    let effects = live.probe_all_as(|_| Err(Failure::System));
    assert_eq!(effects.iter().map(|effects| effects.abilities.len()).sum::<usize>(), 10);
    let effects = live.probe_all_as(|_| Err(Failure::System));
    assert!(effects.iter().all(Effects::is_empty));
    assert_eq!((live.answers().len(), live.ttl(), live.health.failing()), (10, 30, (0, 10)));
    assert_eq!(live.status("p1", "x").unable.as_deref(), Some("the probe could not run"));
    let unable: Vec<_> = live.health.unable().map(|(_, failure)| failure).collect();
    assert_eq!(unable, [Failure::System; 10]);
    let effects = live.probe_all(|_| true);
    assert!(effects.iter().all(|effects| effects.abilities.iter().all(|it| it.unable.is_none())));
    assert_eq!((live.status("p1", "x").unable, live.health.unable().count()), (None, 0));
}

#[test]
fn removing_the_rule_ends_the_hold_and_reports_the_transitions() {
    let mut live = ten();
    (0..3).for_each(|_| _ = live.probe_all(|_| false));
    assert!(live.health.holding_since().is_some());
    let text = ten_text(1);
    let effects = live.take_up(&text.replace("fall = 2", "fall = 1"));
    assert!(
        effects.transitions.is_empty() && live.health.holding_since().is_some(),
        "a new document alone does not end a hold"
    );
    let effects = live.take_up(&format!("{text}\n[safety]\nmass_failure = \"off\"\n"));
    assert_eq!(effects.mass_failure, Some(MassFailureChange::Ended(Ended::RuleRemoved)));
    assert_eq!(effects.transitions.len(), 10);
}

#[test]
fn failure_counts_stay_correct_under_random_outcomes() {
    let mut live = ten();
    let mut dice = gslb_core::steer::draw::Dice::new(5);
    let mut began = 0;
    for step in 0..20_000 {
        let roll = dice.roll();
        let target = (roll >> 8) as u32 % 10;
        // Alternate between periods with and without trouble.
        let trouble = step / 500 % 2 == 0;
        let (now, wall) = live.now();
        match roll % 64 {
            0 => _ = live.wait(roll >> 20 & 15),
            1 => {
                let effects = live.health.accept_failures(now, wall).unwrap_or_default();
                live.put(effects);
            }
            2 => {
                (live.health, _) = live.health.for_site(&live.server.table.topology().site, now, wall);
                live.server.table = live.server.table.with_states(&live.health.states());
            }
            3..8 => live.seconds += 1,
            _ => {
                let effects = live.outcome(target, (roll >> 32) % 10 >= if trouble { 8 } else { 2 });
                began += u32::from(matches!(effects.mass_failure, Some(MassFailureChange::Began { .. })));
            }
        }
        let (now, wall) = live.now();
        let (recounted, effects) = live.health.for_site(&live.server.table.topology().site, now, wall);
        assert_eq!(live.health.failing(), recounted.failing(), "step {step}");
        assert!(effects.transitions.is_empty() && effects.mass_failure.is_none(), "step {step}: {effects:?}");
    }
    assert!(began > 20, "{began}");
}

/// One pool per data center with these numbers of hosts, and one service per list of pools.
fn in_data_centers(sizes: &[u8], services: &[&[usize]]) -> Live {
    let quoted = |pools: &[usize]| pools.iter().map(|pool| format!("\"p{pool}\"")).collect::<Vec<_>>().join(", ");
    let mut text = "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \
                    \"1s\"\nfall = 2\n"
        .to_owned();
    for (number, size) in sizes.iter().enumerate() {
        let endpoints: Vec<String> =
            (1..=*size).map(|n| format!("e{n} = {{ address = \"198.51.{number}.{n}\" }}")).collect();
        text += &format!(
            "[data_centers.d{number}]\n[pools.p{number}]\ndata_center = \"d{number}\"\nprobe = \"quick\"\nendpoints = {{ \
             {} }}\n",
            endpoints.join(", ")
        );
    }
    for (number, pools) in services.iter().enumerate() {
        let name = if number == 0 { "www".to_owned() } else { format!("s{number}") };
        text += &format!(
            "[services.\"{name}.example.com\"]\ntypes = [\"A\"]\npolicy = {{ failover = [{}] }}\n",
            quoted(pools)
        );
    }
    let mut live = Live::with(&text, &Saved::default());
    (0..2).for_each(|_| _ = live.probe_all(|_| true));
    live
}

#[test]
fn a_dead_data_center_with_most_of_the_hosts_is_not_a_mass_failure() {
    for sizes in [&[6, 4][..], &[9, 1], &[60, 1], &[6, 2, 2]] {
        let mut live = in_data_centers(sizes, &[&[0, 1]]);
        let dead = u32::from(sizes[0]);
        live.probe_all(|target| target >= dead);
        let effects = live.probe_all(|target| target >= dead);
        assert_eq!(changes(&effects), [], "{sizes:?}");
        assert!(live.answers().iter().all(|it| it.starts_with("198.51.1.")), "{sizes:?}: {:?}", live.answers());
    }
}

#[test]
fn one_more_failing_host_does_not_turn_a_dead_data_center_into_a_mass_failure() {
    let mut live = in_data_centers(&[6, 4], &[&[0, 1]]);
    live.probe_all(|target| target > 6);
    live.probe_all(|target| target > 6);
    assert_eq!(live.health.holding_since(), None);
    assert!(!live.status("p0", "e1").up && !live.status("p1", "e1").up);
}

#[test]
fn failures_in_most_data_centers_are_held() {
    let mut live = in_data_centers(&[6, 4], &[&[0, 1]]);
    live.probe_all(|_| false);
    let effects = live.probe_all(|_| false);
    assert_eq!(changes(&effects), [MassFailureChange::Began { failing: 10, hosts: 10, failing_places: 2, places: 2 }]);
    assert!(live.status("p0", "e1").up);
}

#[test]
fn one_tenants_mass_failure_does_not_delay_the_failover_of_another() {
    // The first service has pools in three data centers, the second has one host each in two of them and in a fourth.
    let text = |own: &str| {
        let pool = |name: &str, data_center: &str, first: u8, count: u8| {
            let endpoints: Vec<String> = (first..first + count)
                .map(|n| format!("e{} = {{ address = \"198.51.100.{n}\" }}", n - first + 1))
                .collect();
            format!("[pools.{name}]\n{data_center}probe = \"quick\"\nendpoints = {{ {} }}\n", endpoints.join(", "))
        };
        let pools: String = [("a1", 1, 5), ("a2", 10, 5), ("a3", 20, 5), ("b1", 30, 1), ("b2", 40, 1)]
            .map(|(name, first, count)| {
                let place = format!("data_center = \"d{}\"\n", &name[1..]);
                pool(name, if own.is_empty() { &place } else { "" }, first, count)
            })
            .concat();
        format!(
            "zones.\"example.com\".file = \"zone\"\n[data_centers]\nd1 = {{}}\nd2 = {{}}\nd3 = {{}}\n[probes.quick]\nkind = \
             \"tcp\"\nport = 443\ninterval = \"1s\"\nfall = 2\n{pools}[services.\"a.example.com\"]\ntypes = \
             [\"A\"]\npolicy = {{ failover = [\"a1\", \"a2\", \"a3\"] }}\n[services.\"www.example.com\"]\ntypes = \
             [\"A\"]\npolicy = {{ failover = [\"b1\", \"b2\"] }}\n"
        )
    };
    for own in ["", "hosts"] {
        let mut live = Live::with(&text(own), &Saved::default());
        (0..2).for_each(|_| _ = live.probe_all(|_| true));
        // All hosts of the first tenant fail, and so does the first pool of the second: targets 15 and 16 are b1 and
        // b2.
        (0..3).for_each(|_| _ = live.probe_all(|target| target > 14));
        assert!(live.health.holding_since().is_some(), "{own}");
        live.probe_all(|target| target == 16);
        live.probe_all(|target| target == 16);
        assert_eq!(live.answers(), ["198.51.100.40"], "{own}");
        assert!(live.status("a1", "e1").up, "the other tenant's statuses are still held");
        // If nothing answers at all, all answers stay.
        let mut live = Live::with(&text(own), &Saved::default());
        (0..2).for_each(|_| _ = live.probe_all(|_| true));
        (0..9).for_each(|_| _ = live.probe_all(|_| false));
        assert_eq!(live.answers(), ["198.51.100.30"], "{own}");
    }
}

#[test]
fn during_a_mass_failure_the_ttl_has_a_minimum() {
    let mut live = ten();
    (0..2).for_each(|_| _ = live.probe_all(|_| false));
    for second in 0..290 {
        live.probe_all(|_| false);
        assert_eq!(live.ttl(), 10, "second {second}");
    }
}

#[test]
fn without_any_answer_since_the_hold_began_no_service_is_exempt() {
    // Eleven hosts of one service fail, and one of another, whose other host has not been probed since.
    let pools: String = (1..=13)
        .map(|n| format!("[pools.p{n}]\nprobe = \"quick\"\nendpoints.x.address = \"198.51.100.{n}\"\n"))
        .collect();
    let all: Vec<String> = (1..=11).map(|n| format!("\"p{n}\"")).collect();
    let text = format!(
        "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nfall = \
         2\n{pools}[services.\"a.example.com\"]\ntypes = [\"A\"]\npolicy = {{ all = [{}] }}\n[services.\"www.example.com\"]\ntypes \
         = [\"A\"]\npolicy = {{ failover = [\"p12\", \"p13\"] }}\n",
        all.join(", ")
    );
    let mut live = Live::with(&text, &Saved::default());
    (0..2).for_each(|_| _ = live.probe_all(|_| true));
    let fail = |live: &mut Live| {
        live.seconds += 1;
        (0..12).for_each(|target| _ = live.outcome_of(target, Err(Failure::Timeout)));
    };
    (0..4).for_each(|_| fail(&mut live));
    assert!(live.health.holding_since().is_some());
    assert_eq!(live.answers(), ["198.51.100.12"], "nothing shows that the path works");
    live.seconds += 1;
    live.outcome_of(12, Ok(()));
    fail(&mut live);
    assert_eq!(live.answers(), ["198.51.100.13"], "its other host has answered");
}
