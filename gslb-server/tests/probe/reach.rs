//! The guard of probes is checked when they connect, and can be queried beforehand.

use gslb::probe::{Rules, Settings};
use gslb_core::health::{Failure, Targets};

use crate::origin::Origin;
use crate::{outcome_with, settings, site, start_probing};

fn strict() -> Settings {
    Settings { rules: Rules::default(), ..settings() }
}

#[test]
fn an_address_that_is_not_allowed_is_not_connected_to() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let kinds = [
        format!("kind = \"http\", port = {}", origin.port()),
        format!("kind = \"https\", port = {}", origin.port()),
        format!("kind = \"tcp\", port = {}", origin.port()),
        format!("kind = \"grpc\", port = {}", origin.port()),
        format!("kind = \"dns\", name = \"x\", port = {}", origin.port()),
        format!("kind = \"dns\", name = \"x\", transport = \"tcp\", port = {}", origin.port()),
        "kind = \"icmp\"".to_owned(),
    ];
    for probe in kinds {
        // As an address, and as a name that leads there.
        for endpoint in ["address = \"127.0.0.1\"", "cname = \"localhost.\""] {
            let outcome = outcome_with(strict(), &probe, endpoint);
            assert_eq!(outcome.result, Err(Failure::Forbidden), "{probe} {endpoint}: {}", outcome.evidence);
            assert!(outcome.evidence.contains("add it to `probes.allow` in gslb.toml"), "{}", outcome.evidence);
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn metadata_services_are_not_reached_by_any_name_for_them() {
    for endpoint in [
        "address = \"169.254.169.254\"",
        "address = \"64:ff9b::a9fe:a9fe\"",
        "address = \"192.0.2.1\", probe_address = \"fd00:ec2::254\"",
        "cname = \"169.254.169.254.\"",
        "cname = \"2852039166.\"",
        "cname = \"0xa9fea9fe.\"",
    ] {
        let outcome = outcome_with(settings(), "kind = \"http\"", endpoint);
        // Some resolvers do not take numbers for names, which is as good.
        assert!(matches!(outcome.result, Err(Failure::Forbidden | Failure::Resolve)), "{endpoint}: {outcome:?}");
    }
}

#[test]
fn ports_are_those_that_are_allowed() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let mut settings = settings();
    settings.rules.ports = vec![1..=1];
    let probe = format!("kind = \"http\", port = {}", origin.port());
    assert_eq!(outcome_with(settings.clone(), &probe, "address = \"127.0.0.1\"").result, Err(Failure::Forbidden));
    assert_eq!(origin.connections(), 0);
    settings.rules.ports.push(origin.port()..=origin.port());
    assert_eq!(outcome_with(settings, &probe, "address = \"127.0.0.1\"").result, Ok(()));
}

#[test]
fn forbidden_programs_are_reported_before_they_run() {
    let document = "[probes]\nweb.kind = \"http\"\nrun = { kind = \"exec\", command = [\"/bin/true\"] }\nbeat.kind = \"push\"\n\
        [pools]\n\
        a = { probe = \"web\", endpoints = { x = { address = \"169.254.1.1\" }, y = { address = \"10.0.0.1\" }, z = { cname = \"x.example.\" } } }\n\
        b = { probe = \"run\", endpoints.x.address = \"10.0.0.1\" }\n\
        c = { probe = \"beat\", endpoints.x.address = \"127.0.0.1\" }";
    let (prober, _reports) = start_probing(strict(), "");
    let targets = Targets::of(&site(document));
    let refusals: Vec<Option<String>> = targets.iter().map(|(target, _)| prober.guard().check(target).err()).collect();
    let begins = |at: usize, text: &str| refusals[at].as_deref().is_some_and(|refusals| refusals.starts_with(text));
    assert!(begins(0, "probes may not connect to 169.254.1.1: it is link-local"), "{refusals:?}");
    assert!(refusals[1].is_none() && refusals[2].is_none() && refusals[4].is_none(), "{refusals:?}");
    assert!(begins(3, "probes may not run /bin/true"), "{refusals:?}");
}
