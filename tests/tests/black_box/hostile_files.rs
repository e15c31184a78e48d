//! Files as from a hostile disk: they neither stop a reload, nor keep the process from ending, nor take its memory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use geoip::fixture::{Shape, flat, write};
use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

/// Maximum growth of the server's peak memory in octets.
const GROWTH: u64 = 64 << 20;

/// What replaces a file.
const HOSTILE: [fn(&Path); 5] = [
    |path| symlink("/dev/zero", path).unwrap(),
    |path| fs::File::create(path).unwrap().set_len(8 << 30).unwrap(),
    |path| fs::File::create(path).unwrap().set_len(900 << 20).unwrap(),
    |path| {
        fs::write(path, "$TTL 1h\n").unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(900 << 20).unwrap();
    },
    |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
];

fn site() -> Folder {
    let files = "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n[geo]\ndatabases = [\"world.mmdb\"]\n\
                 [probes]\nca = \"ca.pem\"\n";
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}{files}")),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &format!("{}$INCLUDE more.zone\n", zone("first"))),
        ("more.zone", "more 1h TXT more\n"),
        ("certificate.pem", &made.cert.pem()),
        ("ca.pem", &made.cert.pem()),
        ("key.pem", &made.signing_key.serialize_pem()),
    ]);
    folder.write("world.mmdb", write(&Shape::default(), &[("193.0.6.0/24", flat("NL"))]));
    folder
}

/// The most memory that the server has had so far, in octets.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn devices_and_pipes_in_place_of_files_take_no_memory_and_block_nothing() {
    let places = [
        ("example.com.zone", "document"),
        ("more.zone", "document"),
        ("site.toml", "document"),
        ("world.mmdb", "databases"),
        ("certificate.pem", "certificate"),
        ("key.pem", "certificate"),
        ("ca.pem", "probes.ca"),
    ];
    for hostile in HOSTILE {
        let folder = site();
        let server = folder.serve();
        let before = peak(&server);
        for (name, concern) in places {
            let good = fs::read(folder.path(name)).unwrap();
            fs::remove_file(folder.path(name)).unwrap();
            hostile(&folder.path(name));
            server.signal("HUP");
            let line = format!("degraded: {concern}: ");
            eventually("it is refused", || server.get("/readyz").body.contains(&line));
            assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{name}");
            fs::remove_file(folder.path(name)).unwrap();
            fs::write(folder.path(name), good).unwrap();
            server.signal("HUP");
            eventually("it is repaired", || !server.get("/readyz").body.contains("degraded"));
        }
        let grown = peak(&server).saturating_sub(before);
        assert!(grown < GROWTH, "{} MiB", grown >> 20);
        fs::remove_file(folder.path("site.toml")).unwrap();
        hostile(&folder.path("site.toml"));
        server.signal("HUP");
        assert_eq!(server.stop().code, Some(0), "also while it is being read");
    }
}

#[test]
fn includes_that_multiply_end_with_a_located_error() {
    let folder = site();
    let server = folder.serve();
    let before = peak(&server);
    for depth in 0..13 {
        folder.write(&format!("{depth}.zone"), format!("$INCLUDE {}.zone\n", depth + 1).repeat(60));
    }
    folder.write("13.zone", "more 1h TXT more\n");
    folder.write("more.zone", "$INCLUDE 0.zone\n");
    server.signal("HUP");
    eventually("it is refused", || server.get("/readyz").body.contains("the zone includes more than 10000 files"));
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    let grown = peak(&server).saturating_sub(before);
    assert!(grown < GROWTH, "{} MiB", grown >> 20);
    let checked = folder.gslb("check site.toml");
    assert!(checked.code == 1 && format!("{}{}", checked.out, checked.err).contains("12.zone:"), "{checked:?}");
    server.signal("HUP");
    assert_eq!(server.stop().code, Some(0), "also while they are being read");
}
