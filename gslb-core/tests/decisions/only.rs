//! `only` never falls through: its clients get its own pools, or the service's `when_all_down` answer.

use crate::site::{answers, site};
use crate::support::{Server, ask};

/// Clients in Europe stay in `fra` and `v4-only`; everyone else gets `iad`, then `nrt`.
const KEPT: &str =
    r#"{ geo = { europe = { only = { failover = ["fra", "v4-only"] } }, default = { failover = ["iad", "nrt"] } } }"#;

/// Half of the clients always stay in `fra`.
const DRAW: &str = r#"{ failover = ["kept-draw", "nrt"] }
[policies]
kept = { only = "fra" }
kept-draw = { weighted = { kept = 1, iad = 1 } }
"#;

fn european(server: &mut Server, qtype: u16) -> Vec<String> {
    server.answers(&ask("www.example.com", qtype).subnet("193.0.6.0/24"))
}

#[test]
fn while_something_below_is_up_only_has_no_effect() {
    let mut server = site(KEPT, "");
    assert_eq!(european(&mut server, 1), ["192.0.2.1"]);
    server.set_pool("fra", false);
    assert_eq!(european(&mut server, 1), ["192.0.2.51"]);
    assert_eq!(server.answers(&ask("www.example.com", 1).subnet("8.8.8.0/24")), ["192.0.2.2"]);
}

#[test]
fn when_all_below_is_down_when_all_down_applies_to_it_alone() {
    for (more, expected) in [
        ("", vec!["192.0.2.1"]),
        ("when_all_down = \"last-up\"", vec!["192.0.2.51"]),
        ("when_all_down = \"nodata\"", vec![]),
        ("when_all_down = \"servfail\"", vec![]),
    ] {
        let mut server = site(KEPT, more);
        server.set_pool("fra", false);
        server.set_pool("v4-only", false);
        assert_eq!(european(&mut server, 1), expected, "{more}");
        let rcode = server.ask(&ask("www.example.com", 1).subnet("193.0.6.0/24")).rcode;
        assert_eq!(rcode, if more.contains("servfail") { 2 } else { 0 }, "{more}");
        // Pools outside Europe that went down later do not matter.
        server.set_pool("iad", false);
        server.set_pool("nrt", false);
        assert_eq!(european(&mut server, 1), expected, "{more}");
    }
}

#[test]
fn a_missing_address_family_does_not_leave_the_only() {
    let mut server = site(r#"{ geo = { europe = { only = "v4-only" }, default = "iad" } }"#, "");
    assert_eq!(european(&mut server, 28), Vec::<String>::new());
    assert_eq!(european(&mut server, 1), ["192.0.2.51"]);
    assert_eq!(server.answers(&ask("www.example.com", 28).subnet("8.8.8.0/24")), ["2001:db8::2"]);
}

#[test]
fn a_drained_pool_below_keeps_its_clients() {
    let mut server = site(r#"{ failover = [{ only = "fra" }, "iad"] }"#, "");
    server.set("fra", "a", true, Some(0));
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
}

#[test]
fn the_innermost_only_on_the_path_decides() {
    let policy = r#"{ failover = ["nrt", { only = { failover = [{ only = "fra" }, "iad"] } }, "three"] }"#;
    let mut server = site(policy, "");
    assert_eq!(answers(&mut server), ["192.0.2.3"]);
    server.set_pool("nrt", false);
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.1"], "neither iad nor three");
}

#[test]
fn a_draw_that_selects_an_only_stays_there_while_it_is_down() {
    for sticky in ["", "sticky = {}\n"] {
        let more = format!("{sticky}when_all_down = \"nodata\"");
        let mut server = site(DRAW, &more);
        server.set_pool("fra", false);
        let (mut kept, mut other) = (0, 0);
        for client in 0..400 {
            let question = ask("www.example.com", 1).subnet(&format!("10.{}.{}.0/24", client / 200, client % 200));
            match server.answers(&question).as_slice() {
                [] => kept += 1,
                [answer] if answer == "192.0.2.2" => other += 1,
                answer => panic!("{answer:?}"),
            }
        }
        assert!((150..=250).contains(&kept) && kept + other == 400, "{sticky}: {kept} {other}");
        server.set_pool("iad", false);
        assert_eq!(answers(&mut server), Vec::<String>::new(), "nothing else is drawn, and nrt is never tried");
    }
}

#[test]
fn the_nearest_pool_below_an_only_depends_on_the_client() {
    let mut server = site(r#"{ failover = [{ only = { nearest = ["iad", "fra", "nrt"] } }, "three"] }"#, "");
    for (client, near) in [("193.0.6.0/24", "192.0.2.1"), ("8.8.8.0/24", "192.0.2.2"), ("133.11.0.0/16", "192.0.2.3")] {
        assert_eq!(server.answers(&ask("www.example.com", 1).subnet(client)), [near], "{client}");
    }
}
