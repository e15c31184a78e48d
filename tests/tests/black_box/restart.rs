//! A start with damaged files: repaired ones are used, untrustworthy ones are not, and `--strict` fails.

use std::fs;
use std::process::Command;

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::dig;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

/// A certificate that was cut off.
const CUT_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVqgAwIBAgIU\n";

fn in_place(folder: &Folder, name: &str, make: impl Fn(&std::path::Path)) {
    let _ = fs::remove_file(folder.path(name));
    make(&folder.path(name));
}

fn pipe(folder: &Folder, name: &str) {
    in_place(folder, name, |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()));
}

fn sparse(path: &std::path::Path) {
    fs::File::create(path).unwrap().set_len(8 << 30).unwrap();
}

fn database() -> Vec<u8> {
    write(&Shape::default(), &[("193.0.6.0/24", flat("NL"))])
}

fn site() -> Folder {
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}{FILES}")),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &zone("first")),
        ("ca.pem", &certificate().0),
    ]);
    folder.write("world.mmdb", database());
    folder
}

/// The files that the configuration names besides.
const FILES: &str = "\
[geo]
databases = [\"world.mmdb\"]
[probes]
ca = \"ca.pem\"
[dnstap]
socket = \"dnstap.sock\"
";

/// A certificate that signs itself, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn answer(server: &Server) -> String {
    dig(server.address(), "www.example.com A").data().join(" ")
}

#[test]
fn a_repaired_row_is_read_and_no_longer_reported() {
    let folder = site();
    folder.serve().stop();
    folder.write("site.toml", "broken");
    folder.write("world.mmdb", "garbage");
    let server = folder.serve();
    folder.write("site.toml", document("192.0.2.2"));
    folder.write("world.mmdb", database());
    server.signal("HUP");
    gslb_tests::eventually("the repaired files are read", || answer(&server) == "192.0.2.2");
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
}

#[test]
fn repaired_authorities_are_trusted_without_a_restart() {
    let folder = site();
    let server = folder.serve();
    pipe(&folder, "ca.pem");
    gslb_tests::eventually("it is noticed", || server.get("/readyz").body.contains("degraded: probes.ca: "));
    assert_eq!(server.metric("gslb_degraded{what=\"probes.ca\"}"), 1);
    in_place(&folder, "ca.pem", |path| fs::write(path, certificate().0).unwrap());
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
    assert_eq!(server.metric("gslb_degraded{what=\"probes.ca\"}"), 0);
}

#[test]
fn without_a_certificate_dns_is_answered_and_a_repaired_one_is_used() {
    let folder = site();
    let tls = "[api]\ntls = { certificate = \"certificate.pem\", key = \"key.pem\" }";
    folder.write("gslb.toml", format!("{PROCESS}{FILES}").replace("[api]", tls));
    let (good, key) = certificate();
    folder.write("certificate.pem", &good);
    folder.write("key.pem", &key);
    folder.serve_store().stop();
    let damages: [fn(&Folder); 7] = [
        |folder| folder.write("certificate.pem", "garbage"),
        |folder| folder.write("certificate.pem", CUT_CERTIFICATE),
        |folder| folder.remove("certificate.pem"),
        |folder| pipe(folder, "certificate.pem"),
        |folder| folder.write("key.pem", certificate().1),
        |folder| folder.remove("key.pem"),
        |folder| in_place(folder, "key.pem", sparse),
    ];
    for damage in damages {
        damage(&folder);
        assert_eq!(folder.gslb("serve --strict --config gslb.toml").code, 1);
        let mut server = Server::start_dns(&mut folder.command("serve --config gslb.toml"), 1);
        assert_eq!(answer(&server), "192.0.2.1");
        for (name, content) in [("certificate.pem", &good), ("key.pem", &key)] {
            folder.write("good", content);
            fs::rename(folder.path("good"), folder.path(name)).unwrap();
        }
        server.signal("HUP");
        server.await_log("new connections use the certificate in this file");
        assert_eq!(server.stop().code, Some(0));
    }
    // The use of an earlier revision is reported.
    let server = folder.serve_store();
    folder.write("certificate.pem", "garbage");
    gslb_tests::eventually("it is noticed", || server.get("/readyz").body.contains("degraded: certificate: "));
    folder.write("certificate.pem", &good);
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
}

/// A document with a region that has clients only in a database that knows of France.
fn of_europe(address: &str) -> String {
    let regions = "[regions]\neurope.match = [\"continent:EU\"]\nnl.match = [\"country:NL\"]\n";
    let geo = "policy = { geo = { europe = \"here\", nl = \"here\", default = \"here\" } }";
    format!("{regions}{}", document(address).replace("policy = \"here\"", geo))
}

fn with_france() -> Vec<u8> {
    write(&Shape::default(), &[("193.0.6.0/24", flat("NL")), ("2.0.0.0/12", flat("FR"))])
}

#[test]
fn a_skipped_revision_is_served_once_the_databases_are_repaired() {
    let folder = site();
    folder.write("gslb.toml", format!("{PROCESS}{FILES}").replace("[geo]", "[geo]\nmax_moved = 1.0"));
    folder.write("world.mmdb", with_france());
    let server = folder.serve_store();
    folder.write("site.toml", of_europe("192.0.2.2"));
    assert_eq!(folder.ask(&server, "apply site.toml --yes --base latest").code, 0);
    server.stop();

    folder.write("world.mmdb", database());
    let server = folder.serve_store();
    let ready = server.get("/readyz").body;
    assert!(ready.contains("degraded: revision: serving revision 1 instead of 2"), "{ready}");
    assert_eq!((answer(&server), server.metric("gslb_reload_refused")), ("192.0.2.1".to_owned(), 1));
    server.signal("HUP");
    gslb_tests::eventually("it is tried again", || server.metric("gslb_reloads_total{result=\"published\"}") > 0);
    assert_eq!(answer(&server), "192.0.2.1", "nothing is repaired yet");

    folder.replace("world.mmdb", with_france());
    gslb_tests::eventually("the latest revision is in force", || answer(&server) == "192.0.2.2");
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
    assert_eq!((server.metric("gslb_document_revision"), server.metric("gslb_reload_refused")), (2, 0));
    let history = folder.ask(&server, "history");
    assert!(!history.out.contains(" 3 "), "no revision was made: {}", history.out);
}

#[test]
fn a_document_that_only_a_repaired_database_can_serve_is_tried_again() {
    let folder = site();
    folder.write("gslb.toml", format!("{PROCESS}{FILES}").replace("[geo]", "[geo]\nmax_moved = 1.0"));
    folder.serve().stop();
    folder.write("site.toml", of_europe("192.0.2.2"));
    let server = folder.serve();
    assert!(server.get("/readyz").body.contains("degraded: document: "));
    assert_eq!(answer(&server), "192.0.2.1");
    folder.replace("world.mmdb", with_france());
    gslb_tests::eventually("the document is in force", || answer(&server) == "192.0.2.2");
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));

    // And the other way round: a database is taken once the document goes with it.
    folder.replace("world.mmdb", database());
    gslb_tests::eventually("it is refused", || server.get("/readyz").body.contains("degraded: databases: "));
    folder.replace("site.toml", document("192.0.2.3"));
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
    assert_eq!(answer(&server), "192.0.2.3");
}

#[test]
fn a_damaged_store_is_not_modified_and_refuses_documents() {
    let folder = site();
    folder.serve_store().stop();
    let token = folder.token();
    folder.write("gslb-data/store.redb", "garbage");
    let server = folder.serve_store();
    let forced = folder.ask(&server, "force up pool/here --reason test");
    assert!(forced.code == 0 && forced.err.contains("NOT SAVED"), "an override holds at once: {forced:?}");
    folder.write("site.toml", document("192.0.2.2"));
    let applied = folder.ask(&server, "apply site.toml --yes --base latest");
    let token_made = folder.ask(&server, "token create somebody --role viewer");
    for refused in [applied, token_made] {
        assert!(refused.code != 0 && refused.err.contains("503"), "{refused:?}");
    }
    server.stop();
    assert_eq!(fs::read(folder.path("gslb-data/store.redb")).unwrap(), b"garbage");
    assert_eq!(folder.token(), token, "no other token was made");
}

#[test]
fn a_strict_start_fails_and_so_does_one_without_anything() {
    for name in ["site.toml", "world.mmdb", "gslb-data/store.redb", "ca.pem"] {
        let folder = site();
        folder.serve().stop();
        folder.write(name, "garbage");
        assert_eq!(folder.gslb("serve --strict --watch --config gslb.toml --document site.toml").code, 1);
    }
    let folder = site();
    folder.write("site.toml", "broken");
    assert_eq!(folder.gslb("serve --watch --config gslb.toml --document site.toml").code, 1);
}

#[test]
fn a_pipe_or_a_device_in_place_of_a_zone_blocks_neither_reload_nor_stop() {
    let folder = site();
    let mut server = folder.serve();
    for (place, kind) in [("example.com.zone", "a named pipe"), ("site.toml", "a named pipe")] {
        pipe(&folder, place);
        server.signal("HUP");
        assert!(server.await_log("not a regular file").contains(kind));
        assert_eq!(answer(&server), "192.0.2.1");
    }
    folder.remove("site.toml");
    folder.write("site.toml", document("192.0.2.2").replace("example.com.zone", "/dev/zero"));
    server.await_log("a character device");
    assert_eq!(server.stop().code, Some(0));
}
