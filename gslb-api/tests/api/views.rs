//! Drained endpoints, and results of several probes, in every view of statuses.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::health::{observe, options, probed};
use crate::support::{TestApi, start_with};

async fn drain(api: &TestApi, target: &str) {
    let body = json!({"targets": [target], "force": "drain", "reason": "r"}).to_string();
    let answer = api.ask("PUT", "/api/v1/overrides/x", &[("if-none-match", "*")], body).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

fn count(all: u32, up: u32, drained: u32, down: u32) -> Value {
    json!({"all": all, "up": up, "drained": drained, "down": down})
}

#[tokio::test]
async fn a_drained_data_center_is_not_up_in_any_count() {
    let api = start_with(options(probed())).await;
    drain(&api, "data-center/fra").await;
    let status = api.get("/api/v1/status").await.body;
    let counts = &status["counts"];
    assert_eq!(counts["data_centers"], count(2, 1, 1, 0));
    assert_eq!((&counts["pools"], &counts["endpoints"]), (&count(2, 1, 1, 0), &count(3, 1, 2, 0)));
    assert_eq!(
        (&status["data_centers"]["fra"]["status"], &status["pools"]["fra"]["status"]),
        (&json!("drained"), &json!("drained"))
    );
    observe(&api, 0, false).await;
    observe(&api, 1, false).await;
    assert_eq!(api.get("/api/v1/status").await.body["counts"]["data_centers"], count(2, 1, 0, 1), "down is down");
}

#[tokio::test]
async fn a_drained_endpoint_has_that_status_in_each_view() {
    let api = start_with(options(probed())).await;
    drain(&api, "endpoint/fra/fra-1").await;
    let one = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!((&one["status"], &one["unforced"]["status"]), (&json!("drained"), &json!("up")), "{one}");
    for (status, names) in [("drained", vec!["fra-1"]), ("up", vec!["fra-2", "iad-1"]), ("down", vec![])] {
        let list = api.get(&format!("/api/v1/status?status={status}")).await.body;
        let listed: Vec<&str> =
            list["endpoints"].as_array().unwrap().iter().filter_map(|it| it["endpoint"].as_str()).collect();
        assert_eq!(listed, names, "{status}");
    }
    let explained = api.ask("POST", "/api/v1/explain", &[], json!({"name": "api.example.com"}).to_string()).await;
    assert_eq!(explained.body["statuses"][0]["status"], "drained", "{}", explained.text);
    let of_pool = api.get("/api/v1/status?pool=fra").await.body;
    let of_fra = &of_pool["pools"]["fra"];
    assert_eq!((&of_fra["endpoints_up"], &of_fra["endpoints_drained"]), (&json!(2), &json!(1)), "{of_fra}");
    assert_eq!(
        (&of_pool["pools"]["fra"]["status"], &of_pool["data_centers"]["fra"]["state"]),
        (&json!("up"), &json!("degraded"))
    );
    observe(&api, 0, false).await;
    assert_eq!(api.get("/api/v1/status/fra/fra-1").await.body["status"], "down", "what is down is not drained");
}

#[tokio::test]
async fn each_of_several_probes_is_shown_and_a_single_one_as_before() {
    let mut site = probed();
    site["probes"]["port"] = json!({"kind": "tcp", "port": 25, "rise": 1, "fall": 1});
    site["pools"]["fra"]["probe"] = json!(["web", "port"]);
    let api = start_with(options(site)).await;
    // Targets are numbered endpoint by endpoint.
    for (target, passed) in [(0, true), (1, false), (4, true)] {
        observe(&api, target, passed).await;
    }
    let one = api.get("/api/v1/status/fra/fra-1").await.body;
    assert_eq!(one["status"], "down", "{one}");
    assert!(one["why"].as_str().unwrap().starts_with("1 of 2 probes down: port (one failure: refused)"), "{one}");
    let probes: Vec<_> = one["probes"].as_array().unwrap().iter().map(|it| (&it["probe"], &it["status"])).collect();
    assert_eq!(probes, [(&json!("web"), &json!("up")), (&json!("port"), &json!("down"))]);
    assert_eq!(one["probes"][1]["last"]["failure"], "refused");
    assert_eq!(one["outcomes"][0]["failure"], "refused", "those of the probe that fails");
    let unknown = api.get("/api/v1/status/fra/fra-2").await.body;
    assert_eq!((&unknown["probes"][0]["status"], &unknown["source"]), (&Value::Null, &json!("initial")));
    let alone = api.get("/api/v1/status/iad/iad-1").await.body;
    assert!(alone.get("probes").is_none() && alone["outcomes"].is_array(), "{alone}");
    let body = json!([{"pool": "fra", "endpoint": "fra-1", "up": true}]).to_string();
    let refused = api.ask("POST", "/api/v1/observations", &[], body).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "none of its probes is of kind push");
}

#[tokio::test]
async fn a_post_reaches_the_probe_that_waits_for_it() {
    let mut site = probed();
    site["pools"]["fra"]["probe"] = json!(["web", "word"]);
    site["pools"]["fra"]["require"] = json!("any");
    let api = start_with(options(site)).await;
    let post = async |up: bool| {
        let body = json!([{"pool": "fra", "endpoint": "fra-1", "up": up, "reason": "maintenance"}]).to_string();
        let answer = api.ask("POST", "/api/v1/observations", &[], body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        api.get("/api/v1/status/fra/fra-1").await.body
    };
    observe(&api, 0, false).await;
    assert_eq!(post(true).await["status"], "up");
    let down = post(false).await;
    assert_eq!(down["status"], "down");
    assert!(
        down["why"].as_str().unwrap().starts_with("2 of 2 probes down: web (one failure: refused), word ("),
        "{down}"
    );
}
