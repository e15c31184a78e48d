//! The log: as text or as JSON, and as much of it as is asked for while the server runs.

use gslb_tests::ask::{curl_with, dig};
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;
use serde_json::Value;

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
fn a_wrong_level_or_format_is_told_with_its_place() {
    let folder = small("[log]\nformat = \"xml\"\nlevel = \"loud\"\n");
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(ran.code, 1);
    for part in ["log.format: \"xml\" is no format", "log.level: \"loud\" is no level", "\"trace\""] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}
