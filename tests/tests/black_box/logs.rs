//! The log: as text or as JSON, and as much of it as is asked for while the server runs.

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;

use gslb_tests::PATIENCE;
use gslb_tests::ask::{curl, curl_with, dig};
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;
use serde_json::Value;
use socket2::SockRef;

use crate::sites::small;

fn set(folder: &Folder, server: &Server, level: &str) {
    let bearer = format!("Authorization: Bearer {}", folder.token());
    let body = format!("{{\"level\":\"{level}\"}}");
    let arguments =
        ["-X", "PUT", "-H", &bearer, "-H", "Content-Type: application/json", "-H", "If-Match: *", "-d", &body];
    let answer = curl_with(&arguments, &format!("http://{}/api/v1/log", server.api));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_log_in_json_has_an_object_in_each_line() {
    let folder = small("[log]\nformat = \"json\"\n");
    let server = folder.serve_store();
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    server.stop_and(|log| {
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(lines.len() >= 5, "{log}");
        for line in &lines {
            assert_eq!(line["level"], "INFO", "{line}");
            assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
        }
        assert!(!log.contains("www.example.com"), "traffic is not logged: {log}");
    });
}

#[test]
fn the_level_is_changed_while_the_server_runs() {
    let folder = small("");
    let mut server = folder.serve_store();
    set(&folder, &server, "error");
    server.await_log("the log's level is error");
    set(&folder, &server, "trace");
    server.await_log("the log's level is trace");
    set(&folder, &server, "warn");
    server.await_log("the log's level is warn");
    server.stop_and(|log| assert!(!log.contains("stopping"), "what is less than a warning is not logged: {log}"));
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let folder = small("");
    // As small as the system allows: a few lines fill it.
    let (ours, theirs) = UnixStream::pair().unwrap();
    SockRef::from(&theirs).set_send_buffer_size(1).unwrap();
    let mut command = folder.command("serve --config gslb.toml --document site.toml");
    let mut server = Unread(command.stderr(OwnedFd::from(theirs)).spawn().unwrap());
    drop(command);
    let mut log = BufReader::new(&ours).lines().map(|line| line.unwrap());
    let mut address = |part: &str| {
        let line = log.find(|line| line.contains(part)).expect(part);
        line.split(part).nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    let (dns, api) = (address("answering DNS on "), address("answering HTTP on "));
    let bearer = format!("Authorization: Bearer {}", folder.token());
    for number in 2..200 {
        let body = format!("{{\"endpoints\":{{\"one\":{{\"address\":\"192.0.2.{number}\"}}}}}}");
        let arguments = [
            "--max-time",
            &PATIENCE.as_secs().to_string(),
            "-X",
            "PATCH",
            "-H",
            &bearer,
            "-H",
            "Content-Type: application/merge-patch+json",
            "-H",
            "If-Match: *",
            "-d",
            &body,
        ];
        assert_eq!(curl_with(&arguments, &format!("{api}/api/v1/pools/here")).status, 200, "{body}");
    }
    assert_eq!(dig(dns.parse().unwrap(), "www.example.com A").data(), ["192.0.2.199"]);
    assert_eq!(curl(&format!("{api}/readyz")).status, 200);
    server.0.kill().unwrap();
}

/// A process whose log nobody reads, killed when dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_wrong_level_or_format_is_told_with_its_place() {
    let folder = small("[log]\nformat = \"xml\"\nlevel = \"loud\"\n");
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(ran.code, 1);
    for part in ["log.format: \"xml\" is no format", "log.level: \"loud\" is no level", "\"trace\""] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}
