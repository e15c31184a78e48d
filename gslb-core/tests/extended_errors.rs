//! Extended DNS Errors (RFC 8914): which responses have one, and that it never costs a record.

mod support;

use gslb_core::explain::response::Response;
use support::{Server, WORLD, ask};

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
pools.fra.endpoints.a.address = "192.0.2.1"
services."www.example.com" = { policy = "fra", when_all_down = "servfail" }
"#;
const ZONE: &str = "@ 60 IN SOA ns h 1 2 3 4 60\n@ 60 IN NS ns.example.net.\na 60 IN A 192.0.2.10\n\
                    out 60 IN CNAME www.example.org.\n";

fn server() -> Server {
    Server::new(support::table(DOCUMENT, ZONE, &*WORLD))
}

#[test]
fn errors_have_a_code_if_the_query_has_edns() {
    let mut server = server();
    server.set_pool("fra", false);
    let mut version = ask("version.bind", 16);
    version.qclass = 3;
    let mut hesiod = ask("a.example.com", 1);
    hesiod.qclass = 4;
    for (question, rcode, code) in [
        (ask("example.org", 1), 5, Some(20)),
        (hesiod, 5, Some(20)),
        (ask("example.com", 252), 5, Some(18)),
        (ask("example.com", 251), 5, Some(18)),
        (version, 5, Some(18)),
        (ask("www.example.com", 1), 2, Some(0)),
        (ask("a.example.com", 128), 1, Some(30)),
        (ask("none.example.com", 128), 1, Some(30)),
        (ask("a.example.com", 1), 0, None),
        (ask("none.example.com", 1), 3, None),
        (ask("a.example.com", 255), 0, None),
        (ask("out.example.com", 1), 0, None),
    ] {
        for question in [question.clone(), question.clone().tcp()] {
            let plain = server.ask(&question);
            assert_eq!((plain.rcode, plain.extended_error), (rcode, None), "{question:?}");
            let with_edns = server.ask(&question.clone().edns());
            assert_eq!((with_edns.rcode, with_edns.extended_error), (rcode, code), "{question:?}");
            let subnet = server.ask(&question.clone().subnet("193.0.6.0/24").option(3, b""));
            assert_eq!((subnet.rcode, subnet.extended_error), (rcode, code), "{question:?}");
        }
    }
}

#[test]
fn the_option_is_left_out_if_it_does_not_fit() {
    use gslb_core::respond::Settings;
    let long = format!("{0}.{0}.{0}.{1}.example.org", "a".repeat(63), "b".repeat(40));
    for nsid in 0..=128 {
        let settings = Settings { nsid: Some(vec![b'n'; nsid]), ..Settings::default() };
        let mut server = Server::with(support::table(DOCUMENT, ZONE, &*WORLD), settings);
        let question = ask(&long, 1).payload(512).option(3, b"").subnet("2001:db8:1:2::/64").option(10, &[1; 8]);
        let octets = server.raw(&question.octets()).unwrap();
        assert!(octets.len() <= 512);
        assert_eq!(Response::parse(&octets).unwrap().rcode, 5);
    }
}
