//! The whole server, killed at random moments under writes: acknowledged changes exist, and are answered.

use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::http::Http;
use gslb_tests::server::Server;
use serde_json::Value;

use crate::sites::zone;

/// How often the server is killed where `GSLB_TEST_KILLS` does not say otherwise.
const KILLS: u64 = 20;
/// Pools, each with its own writer, and one service.
const WRITERS: usize = 3;
/// A kill comes at most so long after the start, or after the first write that is acknowledged.
const LONGEST_LIFE: Duration = Duration::from_millis(150);

/// A writer's record of its pool.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    /// The number that was last acknowledged.
    acknowledged: u32,
    /// How many were.
    times: u64,
    /// The last number that was sent, whether or not it arrived.
    sent: u32,
    /// The greatest acknowledged revision.
    revision: u64,
}

/// The address that encodes a number.
fn address(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

fn folder() -> Folder {
    let mut document = String::from("[zones.\"example.com\"]\nfile = \"example.com.zone\"\n");
    for writer in 0..WRITERS {
        document += &format!(
            "[pools.p{writer}]\nendpoints.one = {{ address = \"{}\" }}\n\
             [services.\"s{writer}.example.com\"]\npolicy = \"p{writer}\"\n",
            address(0)
        );
    }
    Folder::with(&[("gslb.toml", PROCESS), ("site.toml", &document), ("example.com.zone", &zone("first"))])
}

/// Writes one number after another until the server dies.
fn write(server: &Server, token: &str, writer: usize, written: &Mutex<Written>) {
    let Ok(mut http) = Http::connect(server.api, token) else { return };
    let path = format!("/api/v1/pools/p{writer}");
    let headers = ["if-match: *", "content-type: application/merge-patch+json"];
    loop {
        let number = {
            let mut written = written.lock().unwrap();
            written.sent += 1;
            written.sent
        };
        let body = format!("{{\"endpoints\": {{\"one\": {{\"address\": \"{}\"}}}}}}", address(number));
        let Ok(reply) = http.send_patiently("PATCH", &path, &headers, &body) else { return };
        assert_eq!(reply.status, 200, "{}", reply.body);
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let mut written = written.lock().unwrap();
        written.acknowledged = number;
        written.times += 1;
        written.revision = body["revision"].as_u64().unwrap();
    }
}

/// Checks that everything acknowledged is in the document, and that the answers match it.
fn inspect(server: &Server, token: &str, writers: &[Mutex<Written>]) {
    let mut http = Http::connect(server.api, token).unwrap();
    let document: Value = serde_json::from_str(&http.send("GET", "/api/v1/document", &[], "").unwrap().body).unwrap();
    let revisions = http.send("GET", "/api/v1/revisions?limit=1", &[], "").unwrap();
    let revisions: Value = serde_json::from_str(&revisions.body).unwrap();
    let active = revisions["in_force"].as_u64().unwrap();
    assert_eq!(revisions["revisions"][0]["revision"], active, "what is served is the latest revision");
    for (writer, written) in writers.iter().enumerate() {
        let mut written = written.lock().unwrap();
        assert!(active >= written.revision, "revision {} was acknowledged, {active} is served", written.revision);
        let there = document["pools"][format!("p{writer}")]["endpoints"]["one"]["address"].as_str().unwrap();
        // A change sent but not acknowledged may have been applied.
        let possible = [written.acknowledged, written.sent].map(address);
        assert!(possible.iter().any(|possible| possible == there), "{there} is none of {possible:?}");
        assert_eq!(dig(server.address(), &format!("s{writer}.example.com A")).data(), [there]);
        if there == possible[1] {
            written.acknowledged = written.sent;
        }
    }
}

#[test]
fn acknowledged_changes_survive_kills_at_random_moments() {
    let kills = std::env::var("GSLB_TEST_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let folder = folder();
    let writers: [Mutex<Written>; WRITERS] = Default::default();
    let mut server = folder.serve_store();
    let token = folder.token();
    // Not random enough for anything but this.
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..kills {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let before = acknowledged(&writers);
        thread::scope(|scope| {
            for (writer, written) in writers.iter().enumerate() {
                let (server, token) = (&server, &token);
                scope.spawn(move || write(server, token, writer, written));
            }
            // A busy machine may not get to any write in that time. Every other kill waits for one; the rest may come
            // before.
            if kill % 2 == 0 {
                eventually("something is acknowledged", || acknowledged(&writers) > before);
            }
            thread::sleep(Duration::from_micros(chance % LONGEST_LIFE.as_micros() as u64));
            server.signal("KILL");
        });
        assert_eq!(server.end().code, None);
        if kill % 5 == 4 {
            kill_at_start(&folder, Duration::from_micros(chance % 400_000));
        }
        server = folder.serve_store();
        inspect(&server, &token, &writers);
    }
    println!("{kills} kills, {} acknowledged writes", acknowledged(&writers));
}

/// How many writes were acknowledged so far.
fn acknowledged(writers: &[Mutex<Written>]) -> u64 {
    writers.iter().map(|written| written.lock().unwrap().times).sum()
}

/// Starts a server and kills it after `life`.
fn kill_at_start(folder: &Folder, life: Duration) {
    let mut command: Command = folder.command("serve --config gslb.toml");
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
}
