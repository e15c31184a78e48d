//! What Prometheus and Grafana are given: rules that hold, alerts with runbooks, and dashboards that show something.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

use gslb_tests::ask::{curl_with, dig, kdig};
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::program::run;
use gslb_tests::prometheus::{Prometheus, serve_exposition};
use gslb_tests::server::Server;
use serde_json::Value;

use crate::change::{folder, two};

/// What is handed to operators.
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
/// Every metric of gslb, in one sample each at least, for the panels that a server at rest cannot fill.
const EVERY_METRIC: &str = include_str!("contract.prom");
const DASHBOARDS: [&str; 3] = ["traffic", "health", "control"];

/// Panels that a server under plain traffic may leave empty, and why.
const MAY_BE_EMPTY: [(&str, &str); 6] = [
    ("Flaps", "no endpoint of the site has turned"),
    ("Fallbacks by service", "no service of the site falls back"),
    ("Latency by vantage", "the site has no vantages"),
    ("Certificates of endpoints", "no endpoint of the site is probed over TLS"),
    ("API certificate", "the server's API has no TLS"),
    ("Query stream", "the server has no query stream"),
];

/// A panel as it stands in a dashboard.
struct Panel {
    dashboard: &'static str,
    title: String,
    /// Expressions, as Grafana has them.
    expressions: Vec<String>,
}

fn dashboard(name: &str) -> Value {
    let text = fs::read_to_string(format!("{DEPLOY}/grafana/dashboards/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels() -> Vec<Panel> {
    let mut panels = Vec::new();
    for name in DASHBOARDS {
        for panel in dashboard(name)["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let targets = panel["targets"].as_array().unwrap();
            let expressions = targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
            panels.push(Panel { dashboard: name, title: panel["title"].as_str().unwrap().to_owned(), expressions });
        }
    }
    panels
}

/// An expression as Grafana would send it, for one job.
fn filled(expression: &str, job: &str) -> String {
    let filled = expression.replace("$job", job).replace("$instance", ".*").replace("$service", ".*");
    filled.replace("$__rate_interval", "1m")
}

fn promtool(arguments: &[&str]) {
    let ran = run(Command::new("promtool").args(arguments).current_dir(format!("{DEPLOY}/prometheus")));
    assert_eq!(ran.code, 0, "promtool {}: {}{}", arguments.join(" "), ran.out, ran.err);
}

#[test]
fn alerts_fire_for_their_reason_and_for_no_other() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "--lint-fatal", "gslb.rules.yml", "gslb.alerts.yml"]);
    promtool(&["test", "rules", "gslb.tests.yml"]);
}

#[test]
fn every_alert_is_tested_and_has_a_runbook() {
    let read = |path: &str| fs::read_to_string(format!("{DEPLOY}/{path}")).unwrap();
    let (alerts, tests) = (read("prometheus/gslb.alerts.yml"), read("prometheus/gslb.tests.yml"));
    let after = |text: &str, mark: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(mark)).map(str::to_owned).collect()
    };
    let names = after(&alerts, "- alert: ");
    assert!(names.len() >= 20, "{names:?}");
    let runbooks = after(&read("../docs/runbooks.md"), "## ");
    assert_eq!(names, runbooks, "alerts, and sections of docs/runbooks.md");
    let links = after(&alerts, "runbook_url: docs/runbooks.md#");
    assert_eq!(links, names.iter().map(|name| name.to_lowercase()).collect(), "each alert links to its section");
    for name in names {
        let fires = [format!("alertname=\"{name}\""), format!("alertname: {name}\n")];
        assert!(fires.iter().any(|fires| tests.contains(fires)), "no case of gslb.tests.yml has {name} fire");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let variables: Vec<&str> =
            dashboard["templating"]["list"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(variables, ["datasource", "job", "instance", "service"], "{name}");
        let mut titles = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let title = panel["title"].as_str().unwrap();
            assert!(titles.insert(title), "{name} has two panels {title:?}");
            for (what, said) in [
                ("title", &panel["title"]),
                ("description", &panel["description"]),
                ("unit", &panel["fieldConfig"]["defaults"]["unit"]),
                ("datasource", &panel["datasource"]["uid"]),
            ] {
                assert!(said.as_str().is_some_and(|said| !said.is_empty()), "{name}: {title:?} has no {what}");
            }
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title:?}");
        }
    }
}

#[test]
fn every_panel_shows_something_of_a_server_under_traffic() {
    let (folder, _probed) = probed();
    let server = folder.serve_store();
    let every = serve_exposition(EVERY_METRIC);
    let rules = ["gslb.rules.yml", "gslb.alerts.yml"].map(|name| format!("{DEPLOY}/prometheus/{name}"));
    let prometheus = Prometheus::start(&[("gslb", server.api), ("every", every)], &[&rules[0], &rules[1]]);
    assert_eq!(folder.ask(&server, "drain pool/fra --reason test --for 1h").code, 0);
    traffic(&server, &folder.token());
    let scraped = scrapes(&prometheus);
    eventually("some more scrapes", || scrapes(&prometheus) >= scraped + 3);
    // For rates of what was first counted by the traffic above, there has to be more.
    traffic(&server, &folder.token());
    let scraped = scrapes(&prometheus);
    eventually("some more scrapes", || scrapes(&prometheus) >= scraped + 3);

    let mut empty = Vec::new();
    for (job, may_be_empty) in [("every", &[][..]), ("gslb", &MAY_BE_EMPTY[..])] {
        for panel in panels() {
            for expression in &panel.expressions {
                let filled = filled(expression, job);
                let is_empty = ask(&prometheus, &filled).is_empty();
                if is_empty && may_be_empty.iter().all(|(title, _)| *title != panel.title) {
                    empty.push(format!("{job}: {}: {}: {filled}", panel.dashboard, panel.title));
                }
            }
        }
    }
    assert!(empty.is_empty(), "nothing is shown by\n{}", empty.join("\n"));
    for (title, reason) in MAY_BE_EMPTY {
        assert!(panels().iter().any(|panel| panel.title == title), "no panel {title:?}, of which {reason}");
    }
    rules_are_well(&prometheus);
}

/// A site whose endpoints are probed, and what takes the connections of the probes.
fn probed() -> (Folder, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = format!("[probes.web]\nkind = \"tcp\"\nport = {port}\ninterval = \"200ms\"\n");
    let probed = |text: String, pool: &str| {
        let (named, address) = (format!("{pool} = {{ data_center"), format!("{pool}-1 = {{ address"));
        let text = text.replace(&named, &format!("{pool} = {{ probe = \"web\", data_center"));
        text.replace(&address, &format!("{pool}-1 = {{ probe_address = \"127.0.0.1\", address"))
    };
    let folder = folder("");
    folder.write("site.toml", probed(probed(two("\"iad\", \"fra\"", &probe), "fra"), "iad"));
    folder.write("gslb.toml", format!("{PROCESS}[probes]\nallow = [\"127.0.0.0/8\"]\n"));
    (folder, listener)
}

/// Queries of many kinds, and requests of the API.
fn traffic(server: &Server, token: &str) {
    for question in [
        "www.example.com A +subnet=193.0.6.0/24",
        "www.example.com AAAA +subnet=2001:db8::/32",
        "www.example.com A +tcp",
        "none.example.com A",
        "example.com TXT",
        "example.org A",
    ] {
        for _ in 0..5 {
            dig(server.address(), question);
        }
    }
    kdig(server.address(), "www.example.com A");
    let bearer = format!("Authorization: Bearer {token}");
    for path in ["/api/v1/pools", "/api/v1/pools/fra", "/api/v1/pools/none"] {
        curl_with(&["-H", &bearer], &format!("http://{}{path}", server.api));
    }
}

/// The least number of scrapes of a job that went well.
fn scrapes(prometheus: &Prometheus) -> u64 {
    let counted = ask(prometheus, "min(sum_over_time(up[5m])) and count(up == 1) == 2");
    counted.first().and_then(|sample| sample["value"][1].as_str()?.parse().ok()).unwrap_or(0)
}

/// The samples that `expression` comes to now.
fn ask(prometheus: &Prometheus, expression: &str) -> Vec<Value> {
    let page = prometheus.get("/api/v1/query", &[("query", expression)]);
    let answer: Value = serde_json::from_str(&page.body).unwrap_or_default();
    assert_eq!(answer["status"], "success", "{expression}: {}", page.body);
    answer["data"]["result"].as_array().cloned().unwrap_or_default()
}

/// No rule fails on what a real server exports: labels that match twice are only seen there.
fn rules_are_well(prometheus: &Prometheus) {
    let page = prometheus.get("/api/v1/rules", &[]);
    let answer: Value = serde_json::from_str(&page.body).unwrap();
    let groups = answer["data"]["groups"].as_array().unwrap();
    let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() >= 30, "{}", rules.len());
    for rule in rules {
        assert_ne!(rule["health"], "err", "{}: {}", rule["name"], rule["lastError"]);
    }
}
