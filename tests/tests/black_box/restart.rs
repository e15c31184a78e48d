//! Stop, damage, start: DNS is answered from the best that there is, and the server says what it does without.

use std::fs;
use std::process::Command;

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::dig;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

/// What can be damaged: what it is called in `degraded`, and how.
type Damage = (&'static str, fn(&Folder));

const DOCUMENT: [Damage; 8] = [
    ("document", |folder| folder.write("site.toml", &document("192.0.2.9")[..60])),
    ("document", |folder| folder.write("site.toml", "")),
    ("document", |folder| folder.remove("site.toml")),
    ("document", |folder| in_place(folder, "site.toml", |path| fs::create_dir(path).unwrap())),
    ("document", |folder| pipe(folder, "site.toml")),
    ("document", |folder| folder.remove("example.com.zone")),
    ("document", |folder| folder.write("example.com.zone", "broken")),
    ("document", |folder| in_place(folder, "example.com.zone", sparse)),
];
const DATABASES: [Damage; 4] = [
    ("databases", |folder| folder.write("world.mmdb", "garbage")),
    ("databases", |folder| folder.write("world.mmdb", &database()[..100])),
    ("databases", |folder| folder.remove("world.mmdb")),
    ("databases", |folder| pipe(folder, "world.mmdb")),
];
const STORE: [Damage; 4] = [
    ("store", |folder| folder.write("gslb-data/store.redb", "garbage")),
    ("store", |folder| folder.write("gslb-data/store.redb", "")),
    ("store", |folder| folder.remove("gslb-data/store.redb")),
    ("store", |folder| in_place(folder, "gslb-data/store.redb", |path| fs::create_dir(path).unwrap())),
];

fn in_place(folder: &Folder, name: &str, make: impl Fn(&std::path::Path)) {
    folder.remove(name);
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
        ("gslb.toml", &format!("{PROCESS}[geo]\ndatabases = [\"world.mmdb\"]\n")),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &zone("first")),
    ]);
    folder.write("world.mmdb", database());
    folder
}

fn answer(server: &Server) -> String {
    dig(server.address(), "www.example.com A").data().join(" ")
}

/// Starts as `serve` does after each of `damages`, and looks whether it answers and says why it is degraded.
fn survives(serve: fn(&Folder) -> Server, damages: &[Damage]) {
    let folder = site();
    serve(&folder).stop();
    survives_again(&folder, serve, damages);
}

/// The same in a folder in which a server has run.
fn survives_again(folder: &Folder, serve: fn(&Folder) -> Server, damages: &[Damage]) {
    damages.iter().for_each(|(_, damage)| damage(folder));
    let server = serve(folder);
    let damaged: Vec<&str> = damages.iter().map(|(what, _)| *what).collect();
    assert_eq!(answer(&server), "192.0.2.1", "{damaged:?}: {}", server.get("/readyz").body);
    let (ready, status) = (server.get("/readyz").body, folder.ask(&server, "status"));
    assert_eq!(status.code, 0, "the token of before is good: {}", status.err);
    for (what, _) in damages {
        assert!(ready.contains(&format!("degraded: {what}: ")), "{what}: {ready}");
        assert!(status.out.contains(&format!("DEGRADED, {what}: ")), "{what}: {}", status.out);
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn with_watch_each_damage_and_each_pair_is_survived() {
    for (at, first) in DOCUMENT.iter().enumerate() {
        survives(Folder::serve, &[*first]);
        survives(Folder::serve, &[*first, DATABASES[at % DATABASES.len()]]);
        survives(Folder::serve, &[*first, STORE[at % STORE.len()]]);
    }
}

#[test]
fn without_watch_each_damage_and_each_pair_is_survived() {
    for (database, store) in DATABASES.into_iter().zip(STORE) {
        survives(Folder::serve_store, &[database]);
        survives(Folder::serve_store, &[store]);
        survives(Folder::serve_store, &[database, store]);
        let folder = site();
        folder.serve_store().stop();
        survives_again(&folder, |folder| folder.start("serve --config gslb.toml"), &[database, store]);
    }
}

#[test]
fn what_is_repaired_is_read_and_the_reason_is_over() {
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
fn a_damaged_store_is_left_as_it_is_and_takes_no_changes() {
    let folder = site();
    folder.serve_store().stop();
    let token = folder.token();
    folder.write("gslb-data/store.redb", "garbage");
    let server = folder.serve_store();
    let forced = folder.ask(&server, "force up pool/here --reason test");
    assert!(forced.code != 0 && forced.err.contains("503"), "{}", forced.err);
    server.stop();
    assert_eq!(fs::read(folder.path("gslb-data/store.redb")).unwrap(), b"garbage");
    assert_eq!(folder.token(), token, "no other token was made");
}

#[test]
fn a_strict_start_fails_and_so_does_one_without_anything() {
    for (_, damage) in [DOCUMENT[0], DATABASES[0], STORE[0]] {
        let folder = site();
        folder.serve().stop();
        damage(&folder);
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
    for (place, told) in [("example.com.zone", "a named pipe"), ("site.toml", "a named pipe")] {
        pipe(&folder, place);
        server.signal("HUP");
        assert!(server.await_log("not a regular file").contains(told));
        assert_eq!(answer(&server), "192.0.2.1");
    }
    folder.remove("site.toml");
    folder.write("site.toml", document("192.0.2.2").replace("example.com.zone", "/dev/zero"));
    server.await_log("a character device");
    assert_eq!(server.stop().code, Some(0));
}
