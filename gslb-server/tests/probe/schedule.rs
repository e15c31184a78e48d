//! Scheduling: no probe waits for another, concurrency is limited, and a new document does not disturb remaining
//! probes.

use std::thread;

use gslb::probe::Settings;
use gslb_core::health::Targets;

use crate::origin::{Origin, hang};
use crate::{settings, site, start_probing};

/// A document with a pool per path, each probed at this port.
fn document(port: u16, interval: &str, paths: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for path in paths {
        text += &format!(
            "[probes.{path}]\nkind = \"http\"\nport = {port}\npath = \"/{path}\"\ninterval = \"{interval}\"\n\
             [pools.p-{path}]\nprobe = \"{path}\"\nendpoints.e.address = \"127.0.0.1\"\n"
        );
    }
    text
}

#[test]
fn a_probe_that_hangs_delays_no_other() {
    let (mute, good) = (Origin::new(hang), Origin::saying("HTTP/1.1 200 OK\r\n\r\n"));
    let text = format!(
        "{}[probes.mute]\nkind = \"http\"\nport = {}\ninterval = \"1h\"\ntimeout = \"1h\"\n[pools.mute]\nprobe = \"mute\"\nendpoints.e.address = \"127.0.0.1\"\n",
        document(good.port(), "100ms", ["good".to_owned()]),
        mute.port()
    );
    let (prober, mut reports) = start_probing(settings(), &text);
    let mut passed = 0;
    while passed < 5 {
        passed += usize::from(reports.blocking_recv().unwrap().outcome.passed());
    }
    let pulse = prober.pulse();
    assert!(!pulse.stalled && pulse.last_result.is_some());
    assert_eq!((prober.counts().targets(), prober.counts().by_probe().len()), (2, 2));
    assert!(prober.counts().lateness.totals().cumulative.last() >= Some(&5));
}

#[test]
fn concurrent_probes_are_limited() {
    let mute = Origin::new(hang);
    let paths = (0..200).map(|number| format!("n{number}"));
    let text = document(mute.port(), "20s\"\ntimeout = \"20s", paths);
    let (prober, _reports) = start_probing(Settings { concurrency: 3, ..settings() }, &text);
    while prober.counts().waiting() < 5 || mute.connections() < 3 {
        thread::yield_now();
    }
    assert_eq!((prober.counts().running(), mute.connections()), (3, 3));
}

#[test]
fn a_new_document_starts_new_probes_and_stops_removed_ones() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let path = |report: &gslb_api::health::Observed| report.target.to_string().rsplit('/').next().unwrap().to_owned();
    let with = |paths: &[&str]| site(&document(origin.port(), "100ms", paths.iter().map(|path| (*path).to_owned())));
    let (prober, mut reports) =
        start_probing(settings(), &document(origin.port(), "100ms", ["a", "b"].map(str::to_owned)));
    let mut until = |wanted: &str| while path(&reports.blocking_recv().unwrap()) != wanted {};
    until("b");
    until("a");
    let before = prober.counts().by_probe()[0].1.passed();
    let next = with(&["a", "c"]);
    prober.take(&next, &Targets::of(&next));
    until("c");
    until("a");
    let counts = prober.counts().by_probe();
    let names: Vec<&str> = counts.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a", "c"]);
    assert!(counts[0].1.passed() > before, "remaining probes keep counting");
    // One of b may have been under way; no other follows.
    let of_b = (0..20).filter(|_| path(&reports.blocking_recv().unwrap()) == "b").count();
    assert!(of_b <= 1, "{of_b}");
    let none = site("");
    prober.take(&none, &Targets::of(&none));
    while prober.counts().targets() > 0 {
        thread::yield_now();
    }
    assert!(!prober.pulse().stalled, "nothing is expected where nothing is probed");
}

#[test]
fn a_task_may_be_the_last_to_have_a_prober() {
    let (prober, _reports) = super::Prober::start(super::settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move { drop(prober) });
}
