//! A start with a database that lacks a region of the document: the latest revision is still served.

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::dig;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

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
fn a_region_unknown_to_all_databases_is_empty_and_blocks_nothing() {
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\nmax_moved = 1.0\n")),
        ("site.toml", &document("192.0.2.1", "\"country:JP\"")),
        ("example.com.zone", &zone("first")),
    ]);
    folder.write("world.mmdb", database("JP"));
    let server = folder.serve_store();
    folder.write("site.toml", document("192.0.2.2", "\"country:JP\""));
    assert_eq!(folder.ask(&server, "apply site.toml --yes --base latest").code, 0);

    // At a reload,
    folder.replace("world.mmdb", database("FR"));
    gslb_tests::eventually("the database is read again", || server.generation() == 3);
    assert_eq!((answer(&server), server.metric("gslb_reload_refused")), ("192.0.2.2".to_owned(), 0));
    server.stop_and(|log| assert!(log.contains("no client can reach the branch of region `asia`"), "{log}"));
    // and at a start.
    let server = folder.serve_store();
    assert_eq!((answer(&server), server.metric("gslb_reload_refused")), ("192.0.2.2".to_owned(), 0));
    assert_eq!(json(&folder, &server, "history")["in_force"], 2);
    assert_eq!(folder.ask(&server, "force up pool/here --reason test").code, 0, "and changes are accepted");
}
