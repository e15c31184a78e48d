//! Geo databases while they are used: a better one is taken up, and a bad one changes nothing.

use geoip::fixture::{Shape, flat, write};
use gslb_tests::answer::Answer;
use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::zone;

const DOCUMENT: &str = "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[pools]
eu.endpoints.one = { address = \"192.0.2.1\" }
as.endpoints.one = { address = \"192.0.2.2\" }
other.endpoints.one = { address = \"192.0.2.3\" }
[regions]
europe.match = [\"continent:EU\"]
asia.match = [\"continent:AS\"]
[services.\"www.example.com\"]
policy = { geo = { europe = \"eu\", asia = \"as\", default = \"other\" } }
";

/// A network whose country the databases differ on, a small part of all that they know.
const CLIENT: &str = "193.0.6.0/24";

/// A database with [`CLIENT`] in one country, and half of the rest in another.
fn database(client: &str, half: &str) -> Vec<u8> {
    let rest = [("1.0.0.0/9", "JP"), ("1.128.0.0/9", "FR"), ("2.0.0.0/8", half), ("2001:67c::/32", "NL")];
    let networks = rest.into_iter().chain([(CLIENT, client)]);
    write(&Shape::default(), &networks.map(|(network, country)| (network, flat(country))).collect::<Vec<_>>())
}

/// A site with a database, `world.mmdb`.
fn site(database: &[u8]) -> Folder {
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\n")),
        ("site.toml", DOCUMENT),
        ("example.com.zone", &zone("first")),
    ]);
    folder.write("world.mmdb", database);
    folder
}

fn ask(server: &Server) -> Answer {
    dig(server.address(), &format!("www.example.com A +subnet={CLIENT}"))
}

/// A database whose tree leads back to its root.
fn hostile() -> Vec<u8> {
    let mut octets = database("JP", "FR");
    octets[..6].fill(0);
    octets
}

#[test]
fn answers_follow_a_database_that_is_replaced() {
    let folder = site(&database("NL", "FR"));
    let server = folder.serve();
    assert_eq!((ask(&server).data(), ask(&server).scope()), (vec!["192.0.2.1"], 24));
    for (country, address) in [("JP", "192.0.2.2"), ("US", "192.0.2.3"), ("NL", "192.0.2.1")] {
        let before = server.generation();
        folder.replace("world.mmdb", database(country, "FR"));
        eventually("the database is read again", || server.generation() > before);
        assert_eq!(ask(&server).data(), [address], "{country}");
    }
}

#[test]
fn the_old_database_serves_while_the_new_one_is_invalid() {
    let folder = site(&database("NL", "FR"));
    let mut server = folder.serve();
    let good = database("JP", "FR");
    let bad: [(&[u8], &str); 5] = [
        (&good[..good.len() / 2], "world.mmdb: is not a MaxMind DB file that can be read: "),
        (b"", "world.mmdb: is not a MaxMind DB file that can be read: "),
        (&hostile(), "world.mmdb: has a damaged search tree: node "),
        (&write(&Shape::default(), &[]), "world.mmdb: holds no records"),
        (
            &database("JP", "US"),
            "world.mmdb: 50.0 % of IPv4 and 0.0 % of IPv6 would change location, more than max_moved = 0.2",
        ),
    ];
    for (octets, problems) in bad {
        folder.replace("world.mmdb", octets);
        let line = server.await_log("reload failed, ");
        assert!(line.contains("reload failed, still serving generation 1: ") && line.contains(problems), "{line}");
        assert_eq!((ask(&server).data(), server.generation()), (vec!["192.0.2.1"], 1));
    }
    folder.remove("world.mmdb");
    server.await_log("reload failed, still serving generation 1: world.mmdb: cannot be read: ");
    assert_eq!((ask(&server).data(), server.generation()), (vec!["192.0.2.1"], 1));
    folder.replace("world.mmdb", good);
    eventually("the good database is read", || server.generation() == 2);
    assert_eq!(ask(&server).data(), ["192.0.2.2"]);
}

#[test]
fn how_much_may_move_is_the_operators_choice() {
    let folder = site(&database("NL", "FR"));
    folder.write("gslb.toml", format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\nmax_moved = 0.6\n"));
    let server = folder.serve();
    folder.replace("world.mmdb", database("JP", "US"));
    eventually("the database is read again", || server.generation() == 2);
    assert_eq!(ask(&server).data(), ["192.0.2.2"]);
    assert_eq!(dig(server.address(), "www.example.com A +subnet=2.0.0.0/24").data(), ["192.0.2.3"]);
}

#[test]
fn commands_and_a_strict_start_refuse_a_bad_database() {
    let good = database("NL", "FR");
    for octets in [&good[..good.len() / 2], b"", &hostile()] {
        let folder = site(octets);
        for arguments in [
            "serve --strict --config gslb.toml --document site.toml",
            "check --config gslb.toml site.toml",
            "explain www.example.com --config gslb.toml --document site.toml",
        ] {
            let ran = folder.gslb(arguments);
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments}: {}", ran.err);
            assert!(ran.err.starts_with("gslb: world.mmdb: ") && ran.err.lines().count() == 1, "{}", ran.err);
        }
    }
}

#[test]
fn a_named_database_is_used_by_check_and_explain() {
    let folder = site(&database("JP", "FR"));
    assert_eq!(folder.gslb("check --config gslb.toml site.toml").code, 0);
    let ran = folder.gslb("explain www.example.com --config gslb.toml --document site.toml --client 193.0.6.0/24");
    assert!(ran.out.contains("country JP") && ran.out.ends_with("\tA\t192.0.2.2\n"), "{}{}", ran.out, ran.err);
}
