//! Metrics: the server, its documentation, and everything that queries them agree.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use gslb_tests::exposition::{Families, split};
use gslb_tests::program::run;
use gslb_tests::prometheus::Prometheus;
use gslb_tests::promql::{placeholders, read};
use serde_json::Value;

use crate::everything::Everything;
use crate::monitoring::{DASHBOARDS, DEPLOY, RULES, dashboard};

/// The families of the tables of docs/reference/metrics.md, with their labels: those of a row belong to each metric
/// that it names.
fn documented() -> Families {
    let mut families = Families::new();
    let text = fs::read_to_string(format!("{DEPLOY}/../docs/reference/metrics.md")).unwrap();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [names, labels, what] = cells[..] else { panic!("not three cells: {row}") };
        let mut labels: BTreeSet<String> =
            labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        if what.starts_with("histogram") {
            labels.insert("le".to_owned());
        }
        for name in names.split(", ").map(|name| name.trim_matches('`').to_owned()) {
            assert!(
                families.insert(name.clone(), labels.clone()).is_none(),
                "docs/reference/metrics.md has {name} twice"
            );
        }
    }
    families
}

#[test]
fn the_documentation_has_the_metrics_that_the_server_has() {
    let everything = Everything::serve();
    let (exposed, documented) = (everything.server.metrics().families, documented());
    let mut differences = Vec::new();
    for name in documented.keys().chain(exposed.keys()).collect::<BTreeSet<_>>() {
        match (documented.get(name), exposed.get(name)) {
            (Some(documented), Some(exposed)) if documented == exposed => {}
            (documented, exposed) => {
                differences.push(format!("{name}: documented {documented:?}, exposed {exposed:?}"))
            }
        }
    }
    assert!(differences.is_empty(), "docs/reference/metrics.md and a scrape differ:\n{}", differences.join("\n"));

    // Alerts recognize the bundled database by its name.
    let bundled = "gslb_geo_database_build_timestamp_seconds{database=\"country ipvAll\"}";
    assert!(everything.server.metrics().value(bundled).is_some(), "the bundled database has another name");

    everything.folder.write("scrape", everything.server.get("/metrics").body);
    let scrape = fs::File::open(everything.folder.path("scrape")).unwrap();
    let checked = run(Command::new("promtool").args(["check", "metrics"]).stdin(scrape));
    assert_eq!((checked.code, &*checked.err), (0, ""), "{}", checked.out);
}

/// References to missing metrics, each with its location.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    /// Checks an expression, and texts about its result, against `families`. Returns the labels of the result.
    fn look(&mut self, at: &str, expression: &str, texts: &[&str], families: &Families) -> BTreeSet<String> {
        let read = read(expression, families);
        self.0.extend(read.missing.iter().map(|missing| format!("{at}: {missing}: {expression}")));
        for label in texts.iter().flat_map(|text| placeholders(text)).filter(|label| !read.labels.contains(*label)) {
            self.0.push(format!("{at}: what is shown has no label {label}: {expression}"));
        }
        read.labels
    }
}

#[test]
fn dashboards_query_existing_metrics() {
    let (families, mut faults, mut looked) = (documented(), Faults::default(), 0);
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for panel in list(&dashboard["panels"]) {
            for target in list(&panel["targets"]) {
                let at = format!("{name}: {}", panel["title"]);
                let legend = target["legendFormat"].as_str().unwrap_or_default();
                faults.look(&at, target["expr"].as_str().unwrap(), &[legend], &families);
                looked += 1;
            }
        }
        for annotation in list(&dashboard["annotations"]["list"]) {
            let texts = [&annotation["titleFormat"], &annotation["textFormat"]].map(|text| text.as_str().unwrap_or(""));
            faults.look(&format!("annotations of {name}"), annotation["expr"].as_str().unwrap(), &texts, &families);
        }
        for variable in list(&dashboard["templating"]["list"]) {
            let Some(query) = variable["query"]["query"].as_str() else { continue };
            let parsed = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')?.rsplit_once(", "));
            let (selector, label) = parsed.unwrap_or_else(|| panic!("not label_values(metric, label): {query}"));
            let at = format!("variable {} of {name}", variable["name"]);
            faults.look(&at, selector, &[&format!("{{{{{label}}}}}")], &families);
        }
    }
    assert!(looked >= 70, "only {looked} expressions were found");
    assert!(faults.0.is_empty(), "{}", faults.0.join("\n"));
}

/// Labels that the cases of gslb.tests.yml give to targets, as people's own scrape configurations do.
const OF_TARGETS: [&str; 3] = ["namespace", "pod", "rack"];

#[test]
fn rules_and_their_tests_query_existing_metrics() {
    let (mut families, mut faults, mut looked) = (documented(), Faults::default(), 0);
    let files = RULES.map(|name| format!("{DEPLOY}/prometheus/{name}"));
    // Prometheus parses the YAML, and returns the parsed rules.
    let prometheus = Prometheus::start(&[], &[&files[0], &files[1]]);
    let exposed: Value = serde_json::from_str(&prometheus.get("/api/v1/rules", &[]).body).unwrap();
    let groups = exposed["data"]["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let (recorded, alerts): (Vec<&Value>, Vec<&Value>) = rules.partition(|rule| rule["type"] == "recording");
    for rule in recorded.into_iter().chain(alerts) {
        let (name, query) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        let annotations = rule["annotations"].as_object().into_iter().flat_map(|all| all.values());
        let texts: Vec<&str> = annotations.filter_map(Value::as_str).collect();
        let mut labels = faults.look(name, query, &texts, &families);
        if rule["type"] == "recording" {
            labels.remove("le");
            families.insert(name.to_owned(), labels);
        }
        looked += 1;
    }
    assert!(looked >= 30, "only {looked} rules were found");

    let tests = fs::read_to_string(format!("{DEPLOY}/prometheus/gslb.tests.yml")).unwrap();
    let series = tests.lines().filter_map(|line| line.split_once("series: '")?.1.split_once('\''));
    for (series, _) in series {
        let (name, labels) = split(series).unwrap();
        let exposed = faults.look("gslb.tests.yml", name, &[], &families);
        let own = labels.into_keys().filter(|label| !OF_TARGETS.contains(label));
        if own.map(str::to_owned).collect::<BTreeSet<_>>() != exposed {
            faults.0.push(format!("gslb.tests.yml: {series} has other labels than {exposed:?}"));
        }
    }
    assert!(faults.0.is_empty(), "{}", faults.0.join("\n"));
}

#[test]
fn zabbix_and_the_pages_name_existing_metrics() {
    let mut known: BTreeSet<String> = documented().into_keys().collect();
    // A recorded metric has a name of three parts.
    let rules = fs::read_to_string(format!("{DEPLOY}/prometheus/gslb.rules.yml")).unwrap();
    let recorded = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")?.split(':').nth(1));
    known.extend(recorded.map(str::to_owned));
    let mut unknown = Vec::new();
    for file in [
        "deploy/zabbix/gslb.yaml",
        "docs/runbooks.md",
        "docs/reference/document.md",
        "docs/reference/files.md",
        "docs/reference/metrics.md",
        "README.md",
    ] {
        let text = fs::read_to_string(format!("{DEPLOY}/../{file}")).unwrap();
        let is_of_name = |next: char| next.is_ascii_alphanumeric() || next == '_';
        let starts = text.match_indices("gslb_").map(|(at, _)| at);
        for at in starts.filter(|at| !text[..*at].ends_with(is_of_name)) {
            let name = text[at..].split(|next| !is_of_name(next)).next().unwrap_or_default();
            // `gslb_tcp_*` is all that begin so.
            let is_all = text[at + name.len()..].starts_with('*');
            let is_known =
                if is_all { known.iter().any(|known| known.starts_with(name)) } else { known.contains(name) };
            if !is_known {
                unknown.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(unknown.is_empty(), "there is no such metric:\n{}", unknown.join("\n"));
}
