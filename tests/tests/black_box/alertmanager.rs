//! A real Alertmanager with the example's configuration: firing alerts force, resolved ones end.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use gslb_tests::ask::curl_with;
use gslb_tests::daemon::Daemon;
use gslb_tests::eventually;
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;
use serde_json::json;

use crate::change::{answers, folder};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/alertmanager.yml");

/// Starts Alertmanager in `folder` with the example's configuration, but for the addresses, and quicker.
fn alertmanager(folder: &Folder, server: &Server) -> Daemon {
    let token = folder.ask(server, "token create alertmanager --role operator");
    assert_eq!(token.code, 0, "{}", token.err);
    folder.write("gslb.token", token.out.trim());
    let example = fs::read_to_string(EXAMPLE).unwrap();
    let mut config = example.clone();
    for (theirs, ours) in [
        ("127.0.0.1:8053", server.api.to_string()),
        ("/etc/prometheus/gslb.token", folder.path("gslb.token").display().to_string()),
        ("group_interval: 30s", "group_interval: 1s".to_owned()),
    ] {
        assert!(config.contains(theirs), "{theirs} is not in the example");
        config = config.replace(theirs, &ours);
    }
    folder.write("alertmanager.yml", config);
    let mut command = Command::new("alertmanager");
    command.arg(format!("--config.file={}", folder.path("alertmanager.yml").display()));
    command.arg(format!("--storage.path={}", folder.path("alertmanager").display()));
    command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
    Daemon::start(&mut command)
}

/// Sends Alertmanager an alert, as Prometheus does; with `ends` it is resolved.
fn post_alert(alertmanager: SocketAddr, labels: &serde_json::Value, ends: Option<&str>) {
    let mut alert = json!({ "labels": labels, "annotations": {"summary": "the power of fra fails"} });
    if let Some(ends) = ends {
        alert["endsAt"] = ends.into();
    }
    let body = json!([alert]).to_string();
    let arguments = ["-H", "Content-Type: application/json", "-d", &body];
    let response = curl_with(&arguments, &format!("http://{alertmanager}/api/v2/alerts"));
    assert_eq!(response.status, 200, "{}", response.body);
}

#[test]
fn an_alert_moves_clients_while_it_fires() {
    let folder = folder("");
    let server = folder.serve_store();
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    let alertmanager = alertmanager(&folder, &server);
    let labels = json!({"alertname": "PowerFails", "gslb_action": "drain", "gslb_data_center": "fra"});
    let unconcerned = json!({"alertname": "DiskFull", "gslb_pool": "iad"});
    post_alert(alertmanager.address, &unconcerned, None);
    post_alert(alertmanager.address, &labels, None);
    eventually("Europe goes to another data center", || answers(&server) == ["192.0.2.2", "192.0.2.2"]);
    let overrides = folder.ask(&server, "overrides").out;
    assert!(overrides.contains("the power of fra fails") && overrides.contains("alertmanager"), "{overrides}");
    assert!(!overrides.contains("DiskFull"), "{overrides}");

    post_alert(alertmanager.address, &labels, Some("2020-01-01T00:00:00Z"));
    eventually("Europe is back", || answers(&server) == ["192.0.2.1", "192.0.2.2"]);
    assert!(!folder.ask(&server, "overrides").out.contains("power"));
    let audit = folder.ask(&server, "audit").out;
    assert!(audit.contains("POST integrations/alertmanager"), "{audit}");
}
