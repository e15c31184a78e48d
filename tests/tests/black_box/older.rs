//! A start with a revision that cannot be served any more: the latest one that can is, and says so.

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::dig;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;
use serde_json::Value;

use crate::change::json;
use crate::sites::zone;

fn document(address: &str, asia: &str) -> String {
    format!(
        "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[pools.here]
endpoints.one = {{ address = \"{address}\" }}
[regions]
europe.match = [\"continent:EU\"]
asia.match = [{asia}]
[services.\"www.example.com\"]
policy = {{ geo = {{ europe = \"here\", asia = \"here\", default = \"here\" }} }}
"
    )
}

/// A database with networks in Europe, and in another country.
fn database(country: &str) -> Vec<u8> {
    let networks = [("193.0.6.0/24", "NL"), ("1.0.0.0/9", country)];
    write(&Shape::default(), &networks.map(|(network, country)| (network, flat(country))))
}

fn answer(server: &Server) -> String {
    dig(server.address(), "www.example.com A").data().join(" ")
}

#[test]
fn the_latest_revision_that_can_be_served_is_and_writes_go_on_top() {
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\n")),
        ("site.toml", &document("192.0.2.1", "\"country:JP\", \"prefix:10.0.0.0/8\"")),
        ("example.com.zone", &zone("first")),
    ]);
    folder.write("world.mmdb", database("JP"));
    let server = folder.serve_store();
    // The first two can do without Japan, the third and the fourth cannot.
    for (address, asia) in
        [("192.0.2.2", "\"prefix:10.0.0.0/8\""), ("192.0.2.3", "\"country:JP\""), ("192.0.2.4", "\"country:JP\"")]
    {
        folder.write("site.toml", document(address, asia));
        assert_eq!(folder.ask(&server, "apply site.toml --yes --base latest").code, 0);
    }
    assert_eq!(answer(&server), "192.0.2.4");
    server.stop();

    folder.write("world.mmdb", database("FR"));
    let server = folder.serve_store();
    assert_eq!((answer(&server), server.metric("gslb_reload_refused")), ("192.0.2.2".to_owned(), 1));
    let revisions: Value = json(&folder, &server, "history");
    assert_eq!((&revisions["in_force"], &revisions["revisions"][0]["revision"]), (&2.into(), &4.into()));
    let patch = "patch pools here {\"endpoints\":{\"one\":{\"address\":\"192.0.2.5\"}}}";
    assert_eq!(json(&folder, &server, patch)["revision"], 5);
    assert_eq!(answer(&server), "192.0.2.5");
    server.stop_and(|log| {
        for part in
            ["revision 4 cannot be served, revision 3 is tried", "revision 3 cannot be served, revision 2 is tried"]
        {
            assert!(log.contains(part), "{part} is not in\n{log}");
        }
        assert!(
            log.contains("ERROR") && log.contains("asia") && log.contains("revision 2 is served, which is not"),
            "{log}"
        );
    });
    let server = folder.serve_store();
    assert_eq!((answer(&server), server.metric("gslb_reload_refused")), ("192.0.2.5".to_owned(), 0));
}

#[test]
fn where_no_revision_can_be_served_the_start_says_why() {
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\n")),
        ("site.toml", &document("192.0.2.1", "\"country:JP\"")),
        ("example.com.zone", &zone("first")),
    ]);
    folder.write("world.mmdb", database("JP"));
    folder.serve_store().stop();
    folder.write("world.mmdb", database("FR"));
    let ran = folder.gslb("serve --config gslb.toml");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no client ever comes to the branch of region `asia`"), "{}", ran.err);
}
