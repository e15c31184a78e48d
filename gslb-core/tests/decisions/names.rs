//! A service with several names gives the same answers for each.

use crate::site::site;
use crate::support::ask;

#[test]
fn every_name_of_a_service_is_steered_the_same() {
    let more = r#"names = ["example.com", "*.shop.example.com"]"#;
    let mut server = site(r#"{ failover = ["fra", "iad"] }"#, more);
    for expected in ["192.0.2.1", "192.0.2.2"] {
        for name in ["www.example.com", "EXAMPLE.com", "a.shop.example.com"] {
            assert_eq!(server.answers(&ask(name, 1)), [expected], "{name}");
        }
        server.set_pool("fra", false);
    }
    assert_eq!(server.ask(&ask("other.example.com", 1)).rcode, 3, "an unknown name does not exist");
    assert_eq!(server.answers(&ask("example.com", 2)), ["ns.example.net."], "the apex keeps its own records");
}
