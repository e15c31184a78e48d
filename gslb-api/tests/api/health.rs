//! Statuses from probes and reports: in force at once, shown with their evidence, and the same after a restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use gslb_api::health::{HealthEvent, Observed};
use gslb_api::store::{EmbeddedStore, Store};
use gslb_api::{Options, Source};
use gslb_core::health::{Failure, Outcome, Targets};
use gslb_core::site::model::PoolId;
use serde_json::{Value, json};

use crate::support::{TestApi, start, start_on, start_with};

/// The usual site with probes that change status at the first outcome, and a push pool.
pub(crate) fn probed() -> Value {
    let mut site = crate::support::site();
    site["probes"] = json!({
        "web": {"kind": "http", "port": 8080, "rise": 1, "fall": 1},
        "word": {"kind": "push", "ttl": "1h", "rise": 1, "fall": 1}
    });
    site["safety"] = json!({"mass_failure": "off"});
    site["pools"]["fra"]["probe"] = json!("web");
    site["pools"]["iad"]["probe"] = json!("word");
    site
}

pub(crate) fn options(site: Value) -> Options {
    Options { source: Source::Store { first: Some(site.into()) }, node: "here".to_owned(), ..Options::default() }
}

/// Reports that the `number`th target has passed or failed its probe, and waits until that is applied.
pub(crate) async fn observe(api: &TestApi, number: usize, passed: bool) {
    let targets = Targets::of(&api.published.load().topology().site);
    let target = Arc::clone(targets.iter().nth(number).unwrap().0);
    let result = if passed { Ok(()) } else { Err(Failure::Refused) };
    let outcome = Outcome::new(result, Duration::from_millis(3), if passed { "status 200" } else { "refused" });
    let word = HealthEvent::Observed(Observed { target, outcome, at: Instant::now() });
    api.api.health_events().send(word).await.unwrap();
    // Events are applied in order.
    api.get("/api/v1/status").await;
}

fn is_up(api: &TestApi, pool: u32, endpoint: u32) -> bool {
    api.published.load().state(PoolId(pool), endpoint).unwrap().up
}

/// Waits until the store has this many statuses.
async fn saved(store: &dyn Store, count: usize) -> Vec<Value> {
    let found = async {
        loop {
            let page = store.range("health/", None, 1000, gslb_api::store::Order::Ascending).await.unwrap();
            if page.entries.len() >= count {
                return page.entries.iter().map(|it| serde_json::from_slice(&it.versioned.value).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("nothing was saved")
}

#[tokio::test]
async fn a_verdict_takes_effect_and_is_shown_with_its_evidence() {
    let api = start_with(options(probed())).await;
    let before = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&before["status"], &before["source"]), (&json!("up"), &json!("initial")), "{before}");
    observe(&api, 1, true).await;
    let other = api.get("/api/v1/status/fra/fra-2").await.body;
    assert_eq!((&other["source"], &other["why"]), (&json!("verdict"), &json!("one success: status 200")), "{other}");
    observe(&api, 0, false).await;
    assert!(!is_up(&api, 0, 0) && is_up(&api, 0, 1));
    let one = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!(
        (&one["status"], &one["source"], &one["target"]),
        (&json!("down"), &json!("verdict"), &json!("192.0.2.10"))
    );
    assert_eq!(one["outcomes"][0]["failure"], "refused");
    assert_eq!(one["progress"], json!({"result": "fail", "count": 1, "needed": 1}));
    assert!(one["why"].as_str().unwrap().contains("refused") && one["since"].is_string(), "{one}");
    let list = api.get("/api/v1/status?status=down").await.body;
    assert_eq!(list["counts"]["endpoints"], json!({"all": 3, "up": 2, "drained": 0, "down": 1}));
    assert_eq!(list["endpoints"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["pools"]["fra"]["endpoints_up"], 1);
    assert_eq!(list["services"]["www.example.com."]["status"], "up", "{list}");
    let explained = api.ask("POST", "/api/v1/explain", &[], json!({"name": "api.example.com"}).to_string()).await.body;
    let of = explained["statuses"].as_array().unwrap().iter().find(|it| it["endpoint"] == "fra-1").unwrap();
    assert_eq!(of["source"], "verdict", "explain shows why: {explained}");
}

#[tokio::test]
async fn a_pool_or_data_center_is_listed_with_the_services_that_depend_on_it() {
    let mut site = crate::support::site();
    site["services"]["office.example.com"] = json!({"policy": "fra", "types": ["A"]});
    let api = start_with(Options { source: Source::Store { first: Some(site.into()) }, ..Options::default() }).await;
    for (query, services) in [
        ("", vec!["www.example.com.", "api.example.com.", "office.example.com."]),
        ("?pool=fra", vec!["office.example.com."]),
        ("?data_center=fra", vec!["office.example.com."]),
        ("?pool=iad", vec![]),
        ("?pool=iad&service=www.example.com", vec!["www.example.com."]),
    ] {
        let status = api.get(&format!("/api/v1/status{query}")).await.body;
        let named: Vec<&String> = status["services"].as_object().unwrap().keys().collect();
        assert_eq!(named, services, "{query}");
    }
}

#[tokio::test]
async fn query_errors_name_the_parameter() {
    let api = start_with(options(probed())).await;
    for (path, status) in [
        (
            "/api/v1/status?limits=7",
            "unknown parameter `limits`, expected one of `of`, `pool`, `data_center`, `service`, ",
        ),
        ("/api/v1/status?limit=x", "limit: expected a whole number from 1 to 1000, not \"x\"."),
        ("/api/v1/status?status=well", "status: unknown variant `well`, expected one of `up`, `drained`, `down`."),
        ("/api/v1/top", "missing parameter `by`."),
        (
            "/api/v1/tail?services=a",
            "unknown parameter `services`, expected one of `service`, `client`, `data_center`.",
        ),
        ("/api/v1/tail?client=a", "client: expected a network such as \"203.0.113.0/24\" or \"2001:db8::/48\"."),
        ("/api/v1/latency?x=1", "unknown parameter `x`, there are no parameters"),
    ] {
        let answer = api.get(path).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == StatusCode::BAD_REQUEST && detail.contains(status), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_override_hides_the_verdict_until_it_ends() {
    let api = start_with(options(probed())).await;
    let body = json!({"targets": ["endpoint/fra/fra-1"], "force": "up", "reason": "it lies"}).to_string();
    api.ask("PUT", "/api/v1/overrides/x", &[], body).await;
    observe(&api, 0, false).await;
    assert!(is_up(&api, 0, 0));
    let one = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&one["status"], &one["source"], &one["override"]), (&json!("up"), &json!("forced"), &json!("x")));
    assert_eq!(one["unforced"], json!({"status": "down", "source": "verdict"}));
    api.ask("DELETE", "/api/v1/overrides/x", &[("if-match", "*")], "").await;
    assert!(!is_up(&api, 0, 0), "the verdict was not lost");
    // A dry run is foreseen from the verdict, too.
    let body = json!({"targets": ["pool/iad"], "force": "down", "reason": "r"}).to_string();
    let dry = api.ask("PUT", "/api/v1/overrides/y?dry_run=true", &[], body).await;
    assert_eq!(dry.status, StatusCode::OK, "{}", dry.text);
    assert!(!is_up(&api, 0, 0));
}

#[tokio::test]
async fn statuses_are_events_that_can_be_read_again() {
    let api = start_with(options(probed())).await;
    let before = api.store.revision().await.unwrap();
    observe(&api, 0, false).await;
    saved(&*api.store, 1).await;
    let mut body = crate::events::stream(&api, Some(&before.to_string())).await;
    let event = crate::events::next(&mut body).await;
    assert!(event.contains(r#""kind":"status""#) && event.contains(r#""endpoint":"fra-1""#), "{event}");
    assert!(event.contains(r#""status":"down""#), "{event}");
}

#[tokio::test]
async fn a_restart_answers_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let api = start_on(Arc::clone(&store), options(probed())).await;
    observe(&api, 0, false).await;
    observe(&api, 1, true).await;
    let kept = saved(&*store, 2).await;
    assert_eq!(kept[0]["up"], false, "{kept:?}");
    drop(api);
    // The same store, as a process that starts again finds it.
    let again = start_on(store, options(probed())).await;
    assert!(!is_up(&again, 0, 0) && is_up(&again, 0, 1), "no answer ever names it");
    let one = again.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&one["source"], &one["since"].is_string()), (&json!("saved"), &true), "{one}");
    // Endpoints removed from the document are removed from the store.
    let site = json!({"pools": {"fra": {"endpoints": {"fra-1": null}}}}).to_string();
    let patched = again.ask("PATCH", "/api/v1/document", &[("if-match", "*")], site).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    let gone = async {
        while again.store.read("health/fra/fra-1").await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is never removed");
    assert!(again.store.read("health/fra/fra-2").await.unwrap().is_some());
}

#[tokio::test]
async fn a_value_is_matched_whole_or_not_at_all() {
    let api = start_with(options(probed())).await;
    let post = |list: Value| {
        let api = &api;
        async move { api.ask("POST", "/api/v1/observations", &[], list.to_string()).await }
    };
    let down = json!({"pool": "iad", "endpoint": "iad-1", "up": false, "reason": "maintenance"});
    let refused = post(json!([
        down,
        {"pool": "fra", "endpoint": "fra-1", "up": false},
        {"client": "192.0.2.0/24", "data_center": "nrt", "ms": 5},
        {"client": "203.0.113.0/24", "data_center": "fra", "ms": -1},
    ]))
    .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(refused.pointers(), ["/1", "/2", "/3"], "{}", refused.text);
    assert!(is_up(&api, 1, 0), "nothing of it was taken");
    let invalid = post(json!([{"pool": "iad", "up": "no", "x": 1}, 7])).await;
    assert_eq!(invalid.pointers(), ["/0/x", "/0/endpoint", "/0/up", "/1"], "{}", invalid.text);
    let taken = post(json!([down, {"client": "203.0.113.0/24", "data_center": "fra", "ms": 12.5}])).await;
    assert_eq!(
        (taken.status, &taken.body),
        (StatusCode::OK, &json!({"statuses": 1, "latencies": 1})),
        "{}",
        taken.text
    );
    assert!(!is_up(&api, 1, 0), "in force when it is answered");
    assert!(api.get("/api/v1/status/iad/iad-1").await.text.contains("maintenance"));
    assert_eq!(post(Value::Array(vec![down; 1001])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_endpoint_with_manual_resume_is_resumed() {
    let mut site = probed();
    site["pools"]["fra"]["resume"] = json!("manual");
    let api = start_with(options(site)).await;
    let mut events = crate::events::stream(&api, None).await;
    let resume = || async { api.ask("POST", "/api/v1/status/fra/fra-1/resume", &[], "").await };
    assert_eq!(resume().await.status, StatusCode::CONFLICT);
    observe(&api, 0, false).await;
    assert!(crate::events::next(&mut events).await.contains("one failure: refused"));
    observe(&api, 0, true).await;
    assert!(!is_up(&api, 0, 0));
    let waits = "recovered, waiting for `gslb resume fra/fra-1`; before: one failure: refused";
    let status = crate::events::next(&mut events).await;
    assert!(status.contains(waits) && status.contains("\"recovered\":"), "a separate event: {status}");
    let status = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&status["held"]["by"], &status["why"]), (&json!("manual"), &json!(waits)), "{status}");
    assert!(status["held"]["since"].is_string(), "{status}");
    observe(&api, 1, false).await;
    let explained = api.ask("POST", "/api/v1/explain", &[], json!({"name": "api.example.com"}).to_string()).await;
    let line = "fra: passed over, down: 0 up, 1 needed; fra-1 recovered, waiting for `gslb resume fra/fra-1`";
    assert!(explained.body["explanation"]["text"].as_str().unwrap().contains(line), "{}", explained.text);
    assert!(explained.body["statuses"].to_string().contains(waits), "{}", explained.text);
    let resumed = resume().await;
    assert_eq!((resumed.status, is_up(&api, 0, 0)), (StatusCode::OK, true), "{}", resumed.text);
    assert!(api.get("/api/v1/audit").await.text.contains("/status/fra/fra-1/resume"), "and who gave it is known");
    let unknown = api.ask("POST", "/api/v1/status/fra/none/resume", &[], "").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

/// All endpoints of a site pass and then fail, enough at once for a mass failure. Returns their number.
async fn start_in_mass_failure() -> (TestApi, usize) {
    let mut site = probed();
    let endpoint = |number: u32| (format!("many-{number}"), json!({"address": format!("192.0.2.{number}")}));
    let endpoints: serde_json::Map<String, Value> = (100..110).map(endpoint).collect();
    site["pools"]["many"] = json!({"probe": "web", "endpoints": endpoints});
    site["services"]["many.example.com"] = json!({"policy": "many"});
    site["safety"] = json!({"mass_failure": {"hold": "1h", "longest": "2h"}, "require_endpoints": false});
    // All of them fail before the first one would go down.
    site["probes"]["web"]["fall"] = json!(2);
    site["probes"]["word"]["fall"] = json!(2);
    let api = start_with(options(site)).await;
    let count = Targets::of(&api.published.load().topology().site).len();
    for passed in [true, false, false] {
        for target in 0..count {
            observe(&api, target, passed).await;
        }
    }
    (api, count)
}

/// Waits until the store has a mass failure, or none.
async fn assert_mass_failure(api: &TestApi, held: bool) {
    let status = async {
        while api.store.read("mass-failure").await.unwrap().is_some() != held {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), status).await.expect("the store is not updated");
}

#[tokio::test]
async fn a_document_that_ends_a_mass_failure_reports_it_and_the_endpoints_that_go_down() {
    let (api, count) = start_in_mass_failure().await;
    assert_mass_failure(&api, true).await;
    let before = saved(&*api.store, count).await;
    assert!(before.iter().all(|status| status["up"] == true), "{before:?}");
    let off = json!({"safety": {"mass_failure": "off"}}).to_string();
    let patched = api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], off).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    assert!(!is_up(&api, 0, 0));
    assert_mass_failure(&api, false).await;
    let all_down = async {
        while saved(&*api.store, count).await.iter().any(|status| status["up"] == true) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_down).await.expect("no event has the change by the document");
}

#[tokio::test]
async fn unprobeable_endpoints_are_reported_with_a_reason() {
    let api = start_with(options(probed())).await;
    let target = Arc::clone(Targets::of(&api.published.load().topology().site).iter().next().unwrap().0);
    let outcome = Outcome::new(Err(Failure::System), Duration::ZERO, "no route to it");
    let word = HealthEvent::Observed(Observed { target, outcome, at: Instant::now() });
    api.api.health_events().send(word).await.unwrap();
    let status = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&status["status"], &status["unable"]), (&json!("up"), &json!("no route to it")), "{status}");
    assert_eq!(status["why"], "cannot be probed: no route to it");
    assert_eq!(status["outcomes"][0]["result"], "unable");
}

#[tokio::test]
async fn too_many_failures_at_once_change_nothing_until_they_are_accepted() {
    let (api, count) = start_in_mass_failure().await;
    let status = api.get("/api/v1/status").await.body;
    let up = status["counts"]["endpoints"]["up"].as_u64().unwrap();
    assert!(status["mass_failure"].is_object() && up == count as u64, "all stay up: {status}");
    let accepted = api.ask("POST", gslb_api::ACCEPT_MASS_FAILURE, &[], "").await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text);
    let status = api.get("/api/v1/status").await.body;
    assert!(
        status["mass_failure"].is_null() && status["counts"]["endpoints"]["up"] == 0,
        "all are accepted as down: {status}"
    );
    assert_eq!(api.ask("POST", gslb_api::ACCEPT_MASS_FAILURE, &[], "").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn pages_of_statuses_join_without_a_gap() {
    let api = start_with(options(probed())).await;
    let mut names = Vec::new();
    let mut next = "/api/v1/status?of=endpoints&limit=2".to_owned();
    loop {
        let page = api.get(&next).await.body;
        let endpoints = page["endpoints"].as_array().unwrap();
        names.extend(endpoints.iter().map(|it| it["endpoint"].as_str().unwrap().to_owned()));
        match page["next"]["endpoints"].as_str() {
            Some(link) => next = link.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["fra-1", "fra-2", "iad-1"]);
    assert_eq!(api.get("/api/v1/status?service=none.example.com").await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.get("/api/v1/status?status=sideways").await.status, StatusCode::BAD_REQUEST);
    let of_service = api.get("/api/v1/status?service=api.example.com&pool=iad").await.body;
    assert_eq!(of_service["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(of_service["services"].as_object().unwrap().len(), 1);
    let latency = api.get("/api/v1/latency").await.body;
    assert_eq!((&latency["node"], &latency["is_vantage"]), (&json!("here"), &json!(false)));
}

#[tokio::test]
async fn a_drill_predicts_and_changes_nothing() {
    let mut site = probed();
    site["services"]["only.example.com"] = json!({"policy": "fra", "types": ["A"]});
    let api = start_with(options(site)).await;
    let before = api.everything().await;
    let drill = api.ask("POST", "/api/v1/drill", &[], json!({"data_center": "fra"}).to_string()).await;
    assert_eq!(drill.status, StatusCode::OK, "{}", drill.text);
    assert_eq!(drill.body["services"], 3, "{}", drill.text);
    assert_eq!(entries(&drill.body["failing"], "gets"), [json!(["only.example.com.", ["A"], "dead-endpoint", true])]);
    let left = [json!(["api.example.com.", ["A"], "iad", true]), json!(["www.example.com.", ["A"], "iad", true])];
    assert_eq!(entries(&drill.body["one_left"], "left"), left);
    let witnesses = drill.body["witnesses"].as_array().unwrap();
    assert!(
        witnesses.iter().any(|it| it["name"] == "api.example.com." && it["answers"][0] == "192.0.2.10"),
        "{}",
        drill.text
    );
    assert_eq!(api.everything().await, before);
    let unknown = api.ask("POST", "/api/v1/drill", &[], json!({"data_center": "x"}).to_string()).await;
    assert_eq!((unknown.status, unknown.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/data_center"]));
}

/// The entries of a drill: service, types, the remaining location, and whether they cover all of its clients.
fn entries(list: &Value, left: &str) -> Vec<Value> {
    let entry = |it: &Value| json!([it["service"], it["types"], it[left], it["all"]]);
    let mut entries: Vec<Value> = list.as_array().unwrap().iter().map(entry).collect();
    entries.sort_by_key(ToString::to_string);
    entries
}

#[tokio::test]
async fn a_drill_names_clients_without_a_working_endpoint() {
    let mut site = probed();
    site["services"] = json!({
        "fixed.example.com": {"policy": {"geo": {"office": "iad", "default": "fra"}}, "types": ["A"]},
        "silent.example.com": {
            "policy": {"geo": {"office": {"failover": ["iad", "fra"]}, "default": "fra"}}, "types": ["A"],
            "when_all_down": "servfail",
        },
    });
    let api = start_with(options(site)).await;
    let drill = api.ask("POST", "/api/v1/drill", &[], json!({"data_center": "fra"}).to_string()).await;
    let failing = [
        json!(["fixed.example.com.", ["A"], "dead-endpoint", false]),
        json!(["silent.example.com.", ["A"], "serv-fail", false]),
    ];
    assert_eq!(entries(&drill.body["failing"], "gets"), failing, "{}", drill.text);
    let fixed = &drill.body["failing"][0];
    assert_eq!(fixed["clients"][0]["region"], Value::Null, "{}", drill.text);
    assert!(fixed["clients"].as_array().unwrap().iter().all(|it| it["region"] != "office"), "{}", drill.text);
    assert!(fixed["v4"]["share"].as_f64() > Some(0.9) && fixed["traffic"].is_null(), "{}", drill.text);
    // The office has one location left; others have more.
    let one_left = &drill.body["one_left"];
    assert_eq!(entries(one_left, "left").len(), 2, "{}", drill.text);
    let regions =
        |it: &Value| it["clients"].as_array().unwrap().iter().map(|it| it["region"].clone()).collect::<Vec<_>>();
    assert!(
        one_left.as_array().unwrap().iter().all(|it| it["left"] == "iad" && regions(it) == ["office"]),
        "{}",
        drill.text
    );
}

#[tokio::test]
async fn a_drill_checks_each_type_and_repeats_queries_for_draws() {
    let mut site = probed();
    site["pools"]["fra"]["endpoints"]["six"] = json!({"address": "2001:db8::1"});
    let both = json!(["A", "AAAA"]);
    site["services"]["six.example.com"] = json!({"policy": {"failover": ["fra", "iad"]}, "types": both});
    site["services"]["drawn.example.com"] = json!({"policy": {"weighted": {"fra": 50, "iad": 50}}, "types": ["A"]});
    site["services"]["rarely.example.com"] = json!({"policy": {"weighted": {"fra": 1, "iad": 99}}, "types": ["A"]});
    site["services"]["hashed.example.com"] = json!({"policy": {"hash": ["fra", "iad"]}, "types": ["A"]});
    let api = start_with(options(site)).await;
    let drill = api.ask("POST", "/api/v1/drill", &[], json!({"data_center": "fra"}).to_string()).await;
    let failing = entries(&drill.body["failing"], "gets");
    let nothing = json!(["six.example.com.", ["AAAA"], "no-data", true]);
    assert_eq!(failing, [nothing], "clients with IPv6 alone would have nothing: {}", drill.text);
    let questions = |service: &str, rtype: &str| {
        let witnesses = drill.body["witnesses"].as_array().unwrap();
        let witness = witnesses.iter().find(|it| it["service"] == service && it["type"] == rtype)?;
        witness["questions"].as_u64()
    };
    assert_eq!((questions("six.example.com.", "A"), questions("rarely.example.com.", "A")), (Some(1), None));
    assert!(questions("drawn.example.com.", "A") > Some(10), "{}", drill.text);
    assert!(questions("hashed.example.com.", "A") < Some(10), "each client has its own: {}", drill.text);
    assert!(questions("hashed.example.com.", "A").is_some(), "{}", drill.text);
}

#[tokio::test]
async fn unknown_names_are_not_ok() {
    let api = start().await;
    for path in ["/api/v1/status?pool=nix", "/api/v1/status?data_center=nix", "/api/v1/status?service=nix.example.com"]
    {
        assert_eq!(api.get(path).await.status, axum::http::StatusCode::NOT_FOUND, "{path}");
    }
    let body = serde_json::json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    api.ask("PUT", "/api/v1/overrides/x", &[], body).await;
    assert_eq!(api.get("/api/v1/status?pool=fra").await.body["overrides"], 1, "what is overridden is not hidden");
}
