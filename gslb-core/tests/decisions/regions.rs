//! Regions of prefixes: the longest prefix around the client decides, in IPv4 and IPv6.

use crate::site::{ZONE, site};
use crate::support::{self, Server, WORLD, ask};

#[test]
fn the_longest_prefix_decides_the_region() {
    let document = r#"
zones."example.com".file = "zone"
[pools]
wide.endpoints = { a = { address = "192.0.2.1" } }
narrow.endpoints = { a = { address = "192.0.2.2" } }
other.endpoints = { a = { address = "192.0.2.3" } }
[regions]
wide.match = ["prefix:10.0.0.0/8", "prefix:2001:db8::/32"]
narrow.match = ["prefix:10.1.0.0/16", "prefix:2001:db8:1::/48"]
[services."www.example.com"]
policy = { geo = { wide = "wide", narrow = "narrow", default = "other" } }
"#;
    let mut server = Server::new(support::table(document, ZONE, &*WORLD));
    for (client, answer, scope) in [
        ("10.0.0.0/24", "192.0.2.1", 16),
        ("10.1.2.0/24", "192.0.2.2", 16),
        ("10.255.255.0/24", "192.0.2.1", 9),
        ("11.0.0.0/24", "192.0.2.3", 8),
        ("2001:db8::/56", "192.0.2.1", 48),
        ("2001:db8:1:ff00::/56", "192.0.2.2", 48),
        ("2001:db8:8000::/56", "192.0.2.1", 33),
        ("2001:db9::/56", "192.0.2.3", 32),
    ] {
        let response = server.ask(&ask("www.example.com", 1).subnet(client));
        let answers: Vec<String> = response.sections[0].iter().map(support::rdata).collect();
        assert_eq!(answers, [answer], "{client}");
        assert_eq!(response.subnet.map(|subnet| subnet.2), Some(scope), "the scope of {client}");
    }
}

#[test]
fn a_matcher_that_no_database_covers_is_only_a_warning() {
    let document = r#"
zones."example.com".file = "zone"
[pools]
here.endpoints = { a = { address = "192.0.2.1" } }
other.endpoints = { a = { address = "192.0.2.2" } }
[regions]
mixed.match = ["asn:64500", "country:NL", "prefix:10.0.0.0/8"]
[services."www.example.com"]
policy = { geo = { mixed = "here", default = "other" } }
"#;
    let mut load = |_: &str, _: &str| Ok(("zone".into(), ZONE.as_bytes().to_vec()));
    let site = gslb_core::site::document::read("site.toml", document, &mut load).site.unwrap();
    let compiled = gslb_core::table::compile::compile(site, &*WORLD, &Default::default(), None);
    let warnings: Vec<(String, &str)> =
        compiled.problems.iter().map(|problem| (problem.path.to_string(), problem.message.as_str())).collect();
    let message = "`asn:64500` matches no client in the loaded geo databases";
    assert_eq!(warnings, [("regions.mixed.match".to_owned(), message)]);
    assert!(compiled.problems.iter().all(|problem| problem.severity == gslb_core::problem::Severity::Warning));
    let mut server = Server::new(gslb_core::table::RoutingTable::initial(compiled.topology.unwrap()));
    assert_eq!(server.answers(&ask("www.example.com", 1).subnet("193.0.6.0/24")), ["192.0.2.1"]);
}

#[test]
fn a_location_dependent_policy_also_works_nested() {
    for home in [r#"{ geo = { europe = "fra", default = "nrt" } }"#, r#"{ nearest = ["fra", "nrt"] }"#] {
        for policy in [
            r#"{ weighted = { home = 1, iad = 0 } }"#,
            r#"{ failover = ["home", "iad"] }"#,
            r#"{ only = "home" }"#,
            r#"{ geo = { japan = "home", default = { weighted = { home = 1, iad = 0 } } } }"#,
        ] {
            let mut server = site(&format!("{policy}\n[policies]\nhome = {home}\n"), "");
            for (client, answer) in [("193.0.6.0/24", "192.0.2.1"), ("133.11.0.0/16", "192.0.2.3")] {
                let question = ask("www.example.com", 1).subnet(client);
                assert_eq!(server.answers(&question), [answer], "{home} in {policy} for {client}");
            }
        }
    }
}
