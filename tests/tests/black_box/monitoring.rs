//! Prometheus and Grafana: working rules, alerts with runbooks, and dashboards with data.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use gslb_tests::eventually;
use gslb_tests::program::run;
use gslb_tests::prometheus::Prometheus;
use serde_json::Value;

use crate::everything::Everything;

/// The files for operators.
pub(crate) const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
/// The rules for Prometheus: recording rules and alerts.
pub(crate) const RULES: [&str; 2] = ["gslb.rules.yml", "gslb.alerts.yml"];
pub(crate) const DASHBOARDS: [&str; 3] = ["traffic", "health", "control"];

/// A panel of a dashboard.
struct Panel {
    dashboard: &'static str,
    title: String,
    /// Expressions, as Grafana has them.
    expressions: Vec<String>,
}

pub(crate) fn dashboard(name: &str) -> Value {
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

pub(crate) fn promtool(arguments: &[&str]) {
    let ran = run(Command::new("promtool").args(arguments).current_dir(format!("{DEPLOY}/prometheus")));
    assert_eq!(ran.code, 0, "promtool {}: {}{}", arguments.join(" "), ran.out, ran.err);
}

#[test]
fn alerts_fire_for_their_reason_and_for_no_other() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "--lint-fatal", RULES[0], RULES[1]]);
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
fn every_panel_has_a_description_and_a_unit() {
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
    let everything = Everything::serve();
    let rules = RULES.map(|name| format!("{DEPLOY}/prometheus/{name}"));
    let prometheus = Prometheus::start(&[("gslb", &everything.server)], &[&rules[0], &rules[1]]);
    everything.traffic();
    // Rates of counters that start with the traffic need more traffic.
    for _ in 0..2 {
        let scraped = scrapes(&prometheus);
        eventually("some more scrapes", || scrapes(&prometheus) >= scraped + 3);
        everything.traffic();
    }
    let mut empty = Vec::new();
    eventually("every panel shows something", || {
        empty.clear();
        for panel in panels() {
            let filled = panel.expressions.iter().map(|expression| filled(expression, "gslb"));
            let nothing = filled.filter(|filled| ask(&prometheus, filled).is_empty());
            empty.extend(nothing.map(|filled| format!("{}: {}: {filled}", panel.dashboard, panel.title)));
        }
        empty.is_empty()
    });
    rules_are_well(&prometheus);

    // The counter of transitions starts with the first one, which still counts.
    for command in ["undrain pool/fra", "force down pool/fra --reason test --for 1h"] {
        let done = everything.folder.ask(&everything.server, command);
        assert_eq!(done.code, 0, "{command}: {}", done.err);
    }
    let flaps = panels().into_iter().find(|panel| panel.title == "Flaps").unwrap();
    eventually("the first turn counts as one", || {
        let shown = ask(&prometheus, &filled(&flaps.expressions[0], "gslb"));
        shown.iter().any(|sample| sample["metric"]["endpoint"] == "fra-1" && sample["value"][1] == "1")
    });
}

/// The number of scrapes that went well.
fn scrapes(prometheus: &Prometheus) -> u64 {
    let counted = ask(prometheus, "sum_over_time(up[5m])");
    counted.first().and_then(|sample| sample["value"][1].as_str()?.parse().ok()).unwrap_or(0)
}

/// The current result of `expression`.
fn ask(prometheus: &Prometheus, expression: &str) -> Vec<Value> {
    let page = prometheus.get("/api/v1/query", &[("query", expression)]);
    let answer: Value = serde_json::from_str(&page.body).unwrap_or_default();
    assert_eq!(answer["status"], "success", "{expression}: {}", page.body);
    answer["data"]["result"].as_array().cloned().unwrap_or_default()
}

/// No rule fails on the metrics of a real server: only those show ambiguous label matches.
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
