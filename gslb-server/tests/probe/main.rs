//! Probes against real servers on loopback: healthy, down and misbehaving ones.

mod dns;
mod exec;
mod grpc;
mod icmp;
mod origin;
mod reach;
mod schedule;
mod stream;
mod tls;
mod web;

use std::path::PathBuf;

use gslb::probe::{Prober, Rules, Settings};
use gslb_api::health::Observed;
use gslb_core::health::{Failure, Outcome, Targets};
use gslb_core::site::model::Site;
use tokio::sync::mpsc::Receiver;

/// A checked document.
fn site(document: &str) -> Site {
    let reading = gslb_core::site::document::read("site.toml", document, &mut |_, _| Err("".into()));
    reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems))
}

/// Probes may go to this host.
fn settings() -> Settings {
    let allow = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()).to_vec();
    Settings {
        rules: Rules { allow, ..Rules::default() },
        ca: None,
        supervisor: env!("CARGO_BIN_EXE_gslb").into(),
        concurrency: 100,
    }
}

/// A prober at work on a document.
fn start_probing(settings: Settings, document: &str) -> (Prober, Receiver<Observed>) {
    let (prober, reports) = Prober::start(settings).unwrap();
    let site = site(document);
    prober.take(&site, &Targets::of(&site));
    (prober, reports)
}

/// The outcome of one probe with these keys, of an endpoint at this address.
fn outcome_with(settings: Settings, probe: &str, endpoint: &str) -> Outcome {
    let document = format!("[probes]\nx = {{ {probe} }}\n[pools.p]\nprobe = \"x\"\nendpoints.e = {{ {endpoint} }}\n");
    let (_prober, mut reports) = start_probing(settings, &document);
    reports.blocking_recv().unwrap().outcome
}

/// The outcome of one probe with these keys, of 127.0.0.1.
fn outcome(probe: &str) -> Outcome {
    outcome_with(settings(), probe, "address = \"127.0.0.1\"")
}

/// The same for a failing one: the failure and its evidence.
fn failure(probe: &str) -> (Failure, String) {
    let outcome = outcome(probe);
    (outcome.result.expect_err("it should fail"), outcome.evidence.into())
}

/// The same for a passing one: its evidence.
fn pass(probe: &str) -> String {
    let outcome = outcome(probe);
    assert_eq!(outcome.result, Ok(()), "{}", outcome.evidence);
    outcome.evidence.into()
}

/// A file of this name in `folder`, with `text` in it.
fn write(folder: &std::path::Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
