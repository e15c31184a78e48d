//! Orders of latencies in the store: accepted ones survive a restart, and damaged or foreign ones are ignored.

use std::sync::Arc;

use gslb_api::store::{Commit, MemoryStore, Store};
use gslb_api::{Options, Source};
use serde_json::{Value, json};

use super::support::{TestApi, site, start_on};

fn options() -> Options {
    let mut site = site();
    site["data_centers"] = json!({
        "fra": {"location": {"country": "DE"}}, "iad": {"location": {"country": "US"}}, "sin": {"location": {"country": "SG"}},
    });
    site["regions"]["office"] = json!({"match": ["prefix:203.0.0.0/16"]});
    site["vantages"] = json!({"fra-1": {"location": {"country": "DE"}}, "iad-1": {"location": {"country": "US"}}});
    site["services"]["api.example.com"]["policy"] = json!({"latency": ["fra", "iad"]});
    let source = Source::Store { first: Some(site.into()) };
    Options { node: "fra-1".to_owned(), source, ..Options::default() }
}

/// The answer for a client in the office.
async fn answer(api: &TestApi) -> String {
    let body = json!({"name": "api.example.com", "client": "203.0.113.7"}).to_string();
    let explained = api.ask("POST", "/api/v1/explain", &[], body).await;
    let record = explained.body["explanation"]["answer"]["answer"][0].as_str().unwrap_or(&explained.text);
    record.split_whitespace().last().unwrap_or_default().to_owned()
}

async fn accepted(api: &TestApi) -> Value {
    api.get("/api/v1/latency").await.body["accepted"].clone()
}

#[tokio::test]
async fn the_first_table_after_a_restart_uses_the_saved_orders() {
    let order = json!([{"data_center": "iad", "ms": 20}, {"data_center": "fra", "ms": 50}]);
    let record = |by: &str, name: &str| json!({"by": by, "name": name, "order": order}).to_string().into_bytes();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let nothing = start_on(Arc::clone(&store), options()).await;
    let first = answer(&nothing).await;
    assert!(first.starts_with("192.0.2."), "the first while there are no measurements, not {first}");
    let observed = gslb_api::store::Time::from(std::time::SystemTime::now()).millis().to_string();
    let commit = Commit::new()
        .put("latency-observed", observed.into_bytes())
        .put("latency/region/office", record("region", "office"))
        .put("latency/vantage/fra-1", record("vantage", "fra-1"));
    store.commit(commit).await.unwrap();
    let again = start_on(store, options()).await;
    assert_eq!(answer(&again).await, "198.51.100.10");
    let clients = json!([{"area": "region", "name": "office", "order": order}]);
    assert_eq!(accepted(&again).await, json!({"vantages": {"fra-1": order}, "clients": clients}));
}

#[tokio::test]
async fn damaged_and_foreign_orders_are_ignored() {
    let order = |names: &[&str]| -> Vec<Value> { names.iter().map(|it| json!({"data_center": it, "ms": 5})).collect() };
    let own = json!({"by": "vantage", "name": "fra-1", "order": order(&["gone", "iad", "fra"])});
    let values = [
        ("latency/vantage/fra-1", own.to_string()),
        ("latency/vantage/iad-1", json!({"by": "vantage", "name": "iad-1", "order": order(&["fra"])}).to_string()),
        ("latency/region/gone", json!({"by": "region", "name": "gone", "order": order(&["fra"])}).to_string()),
        ("latency/country/DE", own.to_string()),
        ("latency/country/FR", "{\"by\": \"country\"".to_owned()),
        ("latency/x", "\u{0}".to_owned()),
        ("latency-observed", "soon".to_owned()),
    ];
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let commit = values.iter().fold(Commit::new(), |commit, (key, value)| commit.put(*key, value.as_bytes()));
    store.commit(commit).await.unwrap();
    let api = start_on(store, options()).await;
    let accepted = accepted(&api).await;
    let names: Vec<&String> = accepted["vantages"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["fra-1"], "{accepted}");
    assert_eq!(
        accepted["clients"].as_array().unwrap().iter().filter(|it| it["name"] != "gone").count(),
        0,
        "{accepted}"
    );
}
