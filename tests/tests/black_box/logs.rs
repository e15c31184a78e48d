//! The log: as text or as JSON, with a level that can change while the server runs.

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;

use gslb_tests::PATIENCE;
use gslb_tests::ask::{curl, curl_with, dig};
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;
use serde_json::Value;
use socket2::SockRef;

use crate::sites::{small, zone};

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

/// The members of the lines of `log` with this message.
fn lines(log: &str, message: &str) -> Vec<Value> {
    let all = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    all.filter(|line| line["message"] == message).collect()
}

#[test]
fn audit_lines_have_author_action_and_outcome() {
    let folder = small("[log]\nformat = \"json\"\nlevel = \"debug\"\n");
    let server = folder.serve_store();
    let forced = folder.ask(&server, "force up pool/here --reason repairs --for 1h");
    assert_eq!(forced.code, 0, "{}", forced.err);
    let bearer = format!("Authorization: Bearer {}", folder.token());
    let labels = serde_json::json!({"alertname": "DiskFull", "gslb_action": "explode", "gslb_pool": "here"});
    let alert = serde_json::json!({"status": "firing", "fingerprint": "aa11", "labels": labels});
    let body = serde_json::json!({ "alerts": [alert] }).to_string();
    let arguments = ["-H", &bearer, "-H", "Content-Type: application/json", "-d", &body];
    let url = format!("http://{}/api/v1/integrations/alertmanager", server.api);
    assert_eq!(curl_with(&arguments, &url).status, 422);
    let token = folder.token();
    server.stop_and(|log| {
        let [changed] = &lines(log, "changed")[..] else { panic!("{log}") };
        let (request, id) = (changed["request"].as_str().unwrap(), changed["override"].as_str().unwrap());
        assert!(request.contains("/api/v1/overrides") && !id.is_empty(), "{changed}");
        let who = (&changed["who"], &changed["from"], &changed["revision"]);
        assert_eq!(who, (&"first admin".into(), &"127.0.0.1".into(), &1.into()), "{changed}");
        assert!(changed["generation"].as_u64().unwrap() > 1, "{changed}");

        let [refused] = &lines(log, "an alert was refused")[..] else { panic!("{log}") };
        assert_eq!((&refused["level"], &refused["alertname"]), (&"WARN".into(), &"DiskFull".into()), "{refused}");
        assert_eq!(refused["why"], "/labels/gslb_action: expected drain, down or up");

        let requests = lines(log, "request");
        let notified = requests.iter().find(|line| line["status"] == 422).expect("each request has a line");
        assert_eq!(notified["route"], "/api/v1/integrations/alertmanager", "{notified}");
        assert_eq!((&notified["method"], &notified["who"]), (&"POST".into(), &"first admin".into()), "{notified}");
        assert!(notified["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{notified}");
        assert!(!lines(log, "the store has committed").is_empty() && !lines(log, "built a table").is_empty());
        assert!(!log.contains(token.trim()), "no secrets");
    });
}

#[test]
fn failed_probes_are_logged_at_debug_and_forbidden_ones_once() {
    let site = "[zones.\"example.com\"]\nfile = \"example.com.zone\"\n\
                [probes.up]\nkind = \"tcp\"\nport = 1\ninterval = \"200ms\"\ntimeout = \"150ms\"\n\
                [pools.a]\nprobe = \"up\"\nendpoints = { one = { address = \"127.0.0.1\" }, two = { address = \"127.0.0.2\" } }\n\
                [services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = \"a\"\n";
    let process = format!("{PROCESS}[probes]\nallow = [\"127.0.0.1/32\"]\n[log]\nlevel = \"debug\"\n");
    let folder = Folder::with(&[("site.toml", site), ("gslb.toml", &process), ("example.com.zone", &zone("first"))]);
    let mut server = folder.serve_store();
    for _ in 0..3 {
        let line = server.await_log("probe failed target=tcp 127.0.0.1:1 failure=\"refused\" ms=");
        assert!(line.contains("DEBUG"), "{line}");
    }
    server.stop_and(|log| {
        let cannot = log.lines().filter(|line| line.contains("WARN") && line.contains("127.0.0.2")).count();
        assert_eq!(cannot, 1, "{log}");
    });
}

#[test]
fn the_level_is_changed_while_the_server_runs() {
    let folder = small("");
    let mut server = folder.serve_store();
    set(&folder, &server, "error");
    server.await_log("the log level is error now");
    set(&folder, &server, "trace");
    server.await_log("the log level is trace now");
    set(&folder, &server, "warn");
    server.await_log("the log level is warn now");
    server.stop_and(|log| assert!(!log.contains("stopping"), "what is less than a warning is not logged: {log}"));
}

#[test]
fn an_unread_log_blocks_nothing() {
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

/// A process whose log is not read, killed when dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_invalid_level_or_format_is_reported_with_its_location() {
    let folder = small("[log]\nformat = \"xml\"\nlevel = \"loud\"\n");
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(ran.code, 1);
    for part in ["log.format: unknown value \"xml\"", "log.level: unknown value \"loud\"", "debug, trace"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}
