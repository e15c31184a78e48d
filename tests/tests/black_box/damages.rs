//! Stop, damage, start: each damage of a file, one by one and in pairs. DNS is answered, the server reports what is
//! degraded, and it stops on request.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::{Page, curl_with, dig};
use gslb_tests::folder::{CERTIFICATE, Folder, PROCESS};
use gslb_tests::server::Server;

use crate::rows;
use crate::sites::{document, zone};

/// The damaged part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Rows of the store, before its file is.
    Rows,
    Document,
    Databases,
    Authorities,
    Certificate,
    /// Files that a start can do without, so that it says nothing.
    Unused,
    Store,
}

/// How it is damaged.
type Damage = (Part, &'static str, fn(&Folder, &str));

const DAMAGES: [Damage; 45] = [
    (Part::Document, "site.toml", cut),
    (Part::Document, "site.toml", empty),
    (Part::Document, "site.toml", missing),
    (Part::Document, "site.toml", directory),
    (Part::Document, "site.toml", pipe),
    (Part::Document, "example.com.zone", missing),
    (Part::Document, "example.com.zone", garbage),
    (Part::Document, "example.com.zone", pipe),
    (Part::Document, "example.com.zone", sparse),
    (Part::Databases, "world.mmdb", garbage),
    (Part::Databases, "world.mmdb", cut),
    (Part::Databases, "world.mmdb", missing),
    (Part::Databases, "world.mmdb", directory),
    (Part::Databases, "world.mmdb", pipe),
    (Part::Authorities, "ca.pem", garbage),
    (Part::Authorities, "ca.pem", cut),
    (Part::Authorities, "ca.pem", missing),
    (Part::Authorities, "ca.pem", directory),
    (Part::Authorities, "ca.pem", pipe),
    (Part::Authorities, "ca.pem", sparse),
    (Part::Certificate, CERTIFICATE, garbage),
    (Part::Certificate, CERTIFICATE, cut),
    (Part::Certificate, CERTIFICATE, missing),
    (Part::Certificate, CERTIFICATE, pipe),
    (Part::Certificate, "key.pem", missing),
    (Part::Certificate, "key.pem", directory),
    (Part::Certificate, "key.pem", sparse),
    (Part::Unused, "dnstap.sock", garbage),
    (Part::Unused, "gslb-data/admin.token", missing),
    (Part::Unused, "gslb-data/admin.token", garbage),
    (Part::Unused, "gslb-data/admin.token", directory),
    (Part::Unused, "gslb-data/admin.token", pipe),
    (Part::Unused, "gslb-data/store.highest", garbage),
    (Part::Unused, "gslb-data/store.id", directory),
    (Part::Unused, "gslb-data/store.lock", missing),
    (Part::Rows, "overrides/held", row),
    (Part::Rows, "document", row),
    (Part::Rows, "revisions/00000000000000000001", row),
    (Part::Rows, "audit/00000000000000000001", row),
    (Part::Store, "gslb-data/store.redb", garbage),
    (Part::Store, "gslb-data/store.redb", cut),
    (Part::Store, "gslb-data/store.redb", empty),
    (Part::Store, "gslb-data/store.redb", missing),
    (Part::Store, "gslb-data/store.redb", directory),
    (Part::Store, "gslb-data/store.redb", pipe),
];

/// The copy that makes damage of the store's file survivable, which costs nothing while that is sound.
const COPY: [Damage; 3] = [
    (Part::Unused, "gslb-data/store.last-good", garbage),
    (Part::Unused, "gslb-data/store.last-good", directory),
    (Part::Unused, "gslb-data/store.last-good", pipe),
];

/// How many servers run at a time.
const AT_A_TIME: usize = 4;

fn in_place(folder: &Folder, name: &str, make: impl Fn(&Path)) {
    let _ = fs::remove_file(folder.path(name));
    make(&folder.path(name));
}

fn garbage(folder: &Folder, name: &str) {
    in_place(folder, name, |path| fs::write(path, "garbage").unwrap());
}

fn cut(folder: &Folder, name: &str) {
    let whole = fs::read(folder.path(name)).unwrap();
    folder.write(name, &whole[..whole.len() / 2]);
}

fn empty(folder: &Folder, name: &str) {
    folder.write(name, "");
}

fn missing(folder: &Folder, name: &str) {
    folder.remove(name);
}

fn directory(folder: &Folder, name: &str) {
    in_place(folder, name, |path| fs::create_dir(path).unwrap());
}

fn pipe(folder: &Folder, name: &str) {
    in_place(folder, name, |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()));
}

fn sparse(folder: &Folder, name: &str) {
    in_place(folder, name, |path| fs::File::create(path).unwrap().set_len(8 << 30).unwrap());
}

fn row(folder: &Folder, key: &str) {
    rows::write(folder, key, b"garbage");
}

/// A folder in which a server has run that had an override, and its admin token.
fn stopped() -> (Folder, String) {
    let files = "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n[geo]\ndatabases = [\"world.mmdb\"]\n\
                 [probes]\nca = \"ca.pem\"\n[dnstap]\nsocket = \"dnstap.sock\"\n";
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}{files}")),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &zone("first")),
        ("ca.pem", &made.cert.pem()),
        (CERTIFICATE, &made.cert.pem()),
        ("key.pem", &made.signing_key.serialize_pem()),
    ]);
    folder.write("world.mmdb", write(&Shape::default(), &[("193.0.6.0/24", flat("NL"))]));
    let server = folder.serve_store();
    let output = folder.ask(&server, "force up pool/here --id held --reason test");
    assert_eq!(output.code, 0, "{}", output.err);
    server.stop();
    let token = folder.token();
    (folder, token)
}

fn copy(of: &Folder) -> Folder {
    let folder = Folder::with(&[]);
    let copied = Command::new("cp").arg("-a").arg(of.path(".")).arg(folder.path(".")).status();
    assert!(copied.unwrap().success());
    folder
}

/// The degraded parts that a server must report after `damages`.
fn reasons(damages: &[Damage], is_watched: bool) -> Vec<&'static str> {
    let is_damaged = |part: Part| damages.iter().any(|(of, _, _)| *of == part);
    let problems = [
        ("document", is_damaged(Part::Document) && is_watched),
        ("databases", is_damaged(Part::Databases)),
        ("probes.ca", is_damaged(Part::Authorities)),
        ("store", is_damaged(Part::Store)),
        // Of a file that is damaged whole, no row is read.
        ("rows", is_damaged(Part::Rows) && !is_damaged(Part::Store)),
    ];
    problems.into_iter().filter(|(_, is_shown)| *is_shown).map(|(what, _)| what).collect()
}

fn get(server: &Server, token: &str, path: &str) -> Page {
    curl_with(&["--insecure", "--header", &format!("Authorization: Bearer {token}")], &server.url(path))
}

/// Damages a copy of `sound`, starts a server, and checks its answers.
fn survives(sound: &Folder, token: &str, damages: &[Damage], is_watched: bool) {
    let (folder, named) = (copy(sound), format!("{damages:?}, watched: {is_watched}"));
    damages.iter().for_each(|(_, name, damage)| damage(&folder, name));
    let watch = if is_watched { " --watch" } else { "" };
    let mut command = folder.command(&format!("serve --config gslb.toml --document site.toml{watch}"));
    let has_api = damages.iter().all(|(part, _, _)| *part != Part::Certificate);
    let server = if has_api { Server::start(&mut command) } else { Server::start_dns(&mut command, 1) };
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{named}");
    if has_api {
        let ready = get(&server, token, "/readyz").body;
        let problems: Vec<&str> = ready.lines().filter_map(|line| line.strip_prefix("degraded: ")).collect();
        let what: Vec<&str> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
        let mut expected = reasons(damages, is_watched);
        expected.sort_unstable();
        let mut sorted = what.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{named}: {ready}");
        let overrides = get(&server, token, "/api/v1/overrides");
        assert!(overrides.status == 200 && overrides.body.contains("\"held\""), "{named}: {overrides:?}");
    }
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{named}: {}", ended.log);
}

#[test]
fn each_damage_and_each_pair_is_survived_with_watch_and_without() {
    let mut cases: Vec<(Vec<Damage>, bool)> = Vec::new();
    cases.extend(COPY.map(|damage| (vec![damage], false)));
    let parts: Vec<Vec<Damage>> = DAMAGES.chunk_by(|a, b| a.0 == b.0).map(<[Damage]>::to_vec).collect();
    for (at, first) in parts.iter().enumerate() {
        cases.extend(first.iter().flat_map(|damage| [true, false].map(|is_watched| (vec![*damage], is_watched))));
        for second in &parts[at + 1..] {
            // Each damage of the one part goes with some of the other.
            for number in 0..first.len().max(second.len()) {
                let mut pair = vec![first[number % first.len()], second[number % second.len()]];
                // Rows can be damaged only in a file that is sound until then.
                pair.sort_by_key(|(part, _, _)| *part);
                cases.push((pair, number % 2 == 0));
            }
        }
    }
    let (sound, token) = stopped();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((damages, is_watched)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    survives(&sound, &token, damages, *is_watched);
                }
            });
        }
    });
}
