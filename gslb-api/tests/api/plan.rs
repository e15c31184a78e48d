//! Plans, and the safety rules that hold for every change.

use axum::http::StatusCode;
use gslb_api::{Options, Source};
use serde_json::{Value, json};

use crate::support::{TestApi, site, start_with};

async fn with_safety(safety: Value) -> TestApi {
    let mut document = site();
    document["safety"] = safety;
    start_with(Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() }).await
}

fn drain(target: &str) -> String {
    json!({"targets": [target], "force": "drain", "reason": "r"}).to_string()
}

#[tokio::test]
async fn a_plan_lists_broken_rules_and_changes_nothing() {
    let api = with_safety(json!({"max_traffic_moved": "5%"})).await;
    let before = api.everything().await;
    let mut other = site();
    other["services"]["www.example.com"]["policy"] = json!("fra");
    other["policies"] = json!({});
    other["regions"] = json!({});
    let planned = api.ask("POST", "/api/v1/plan", &[], other.to_string()).await;
    assert_eq!(planned.status, StatusCode::OK, "{}", planned.text);
    assert_eq!((&planned.body["dry_run"], &planned.body["revision"]), (&json!(true), &json!(1)));
    assert_eq!(planned.body["breaks"][0]["rule"], "max_traffic_moved", "{}", planned.text);
    assert_eq!(api.everything().await, before);
    let refused = api.ask("PUT", "/api/v1/document", &[("if-match", "*")], other.to_string()).await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::CONFLICT, "unsafe"), "{}", refused.text);
    assert_eq!(api.everything().await, before);
    let stale = api.ask("POST", "/api/v1/plan", &[("if-match", "\"7\"")], site().to_string()).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn rules_are_overridden_by_an_admin_with_a_reason() {
    let api = with_safety(json!({"min_data_centers_up": 2})).await;
    let refused = api.ask("PUT", "/api/v1/overrides/a", &[], drain("data-center/fra")).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::CONFLICT, vec!["/safety/min_data_centers_up"]));
    // For any spelling of the flag in the query.
    for key in ["override_rules", "override%5Frules", "%6fverride_rules"] {
        let path = format!("/api/v1/overrides/a?{key}=fire");
        let refused = api.ask("PUT", &path, &[], drain("data-center/fra")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{key}: {}", refused.text);
    }
    let header = [("gslb-override-rules", "fire")];
    let by_operator = api.ask("PUT", "/api/v1/overrides/a", &header, drain("data-center/fra")).await;
    assert_eq!(by_operator.status, StatusCode::FORBIDDEN);
    let admin = format!("Bearer {}", api.admin);
    let headers = [("authorization", admin.as_str()), ("gslb-override-rules", "fire in the building")];
    let done = api.ask("PUT", "/api/v1/overrides/a", &headers, drain("data-center/fra")).await;
    assert_eq!(done.status, StatusCode::CREATED, "{}", done.text);
    let audit = api.get("/api/v1/audit").await.body;
    assert_eq!(audit["entries"][0]["override_rules"], "fire in the building");
    assert!(audit["entries"][0]["broke"][0].as_str().unwrap().starts_with("min_data_centers_up"));
    assert_eq!(audit["entries"][1]["outcome"], "refused");
    // A change that removes no further data center is not refused because others are down.
    let weight = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    let other = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], weight).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
}

#[tokio::test]
async fn no_service_is_left_without_endpoints() {
    let api = with_safety(json!({})).await;
    let refused = api.ask("PUT", "/api/v1/overrides/a", &[], drain("pool/*")).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::CONFLICT, vec!["/safety/require_endpoints"]));
    let allowed = with_safety(json!({"require_endpoints": false})).await;
    assert_eq!(allowed.ask("PUT", "/api/v1/overrides/a", &[], drain("pool/*")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_frozen_document_is_not_changed_and_overrides_are() {
    let api = with_safety(json!({"frozen": ["2020-01-01T00:00:00Z/2120-01-01T00:00:00Z"]})).await;
    let patch = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    let refused = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch.clone()).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::CONFLICT, vec!["/safety/frozen"]));
    // Nor can it be thawed by the change itself.
    let thaw = json!({"safety": null}).to_string();
    assert_eq!(api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], thaw).await.status, StatusCode::CONFLICT);
    assert_eq!(api.ask("PUT", "/api/v1/overrides/a", &[], drain("pool/fra")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_document_does_not_shrink_to_nothing() {
    let api = with_safety(json!({"require_endpoints": false})).await;
    let before = api.everything().await;
    let mut without_services = site();
    without_services["services"] = json!({});
    let mut without_zones = without_services.clone();
    without_zones["zones"] = json!({});
    let any = [("if-match", "*")];
    for document in [json!({}), without_services, without_zones] {
        let refused = api.ask("PUT", "/api/v1/document", &any, document.to_string()).await;
        assert_eq!(
            (refused.status, refused.pointers()),
            (StatusCode::CONFLICT, vec!["/safety/shrinking"]),
            "{document}"
        );
        let planned = api.ask("POST", "/api/v1/plan", &[], document.to_string()).await;
        assert_eq!(planned.body["breaks"][0]["rule"], "shrinking", "{}", planned.text);
    }
    assert_eq!(api.everything().await, before);
    for service in ["www.example.com", "api.example.com"] {
        let path = format!("/api/v1/services/{service}");
        let deleted = api.ask("DELETE", &path, &any, "").await;
        assert_eq!(deleted.status, StatusCode::OK, "who names a service means it: {}", deleted.text);
    }
}

#[tokio::test]
async fn a_truncated_zone_is_refused_from_any_source() {
    let api = with_safety(json!({})).await;
    let any = [("if-match", "*")];
    let hosts: String = (0..40).map(|number| format!("h{number} IN A 192.0.2.{number}\n")).collect();
    let long = json!({"records": format!("{}{hosts}", crate::support::ZONE)});
    let grown = api.ask("PUT", "/api/v1/zones/example.com", &any, long.to_string()).await;
    assert_eq!(grown.status, StatusCode::OK, "{}", grown.text);
    let before = api.everything().await;
    let revision = grown.body["revision"].clone();
    let cut = site();
    let refused = [
        api.ask("PUT", "/api/v1/zones/example.com", &any, cut["zones"]["example.com"].to_string()).await,
        api.ask("PATCH", "/api/v1/zones/example.com", &any, cut["zones"]["example.com"].to_string()).await,
        api.ask(
            "PUT",
            "/api/v1/document",
            &any,
            json!({"safety": {}, "zones": cut["zones"], "data_centers": cut["data_centers"],
            "pools": cut["pools"], "regions": cut["regions"], "policies": cut["policies"], "services": cut["services"]})
            .to_string(),
        )
        .await,
        api.ask("POST", "/api/v1/revisions/1/restore", &[("if-match", &format!("\"{revision}\""))], "").await,
    ];
    for answer in refused {
        assert_eq!(
            (answer.status, answer.pointers()),
            (StatusCode::CONFLICT, vec!["/safety/shrinking"]),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains("zone example.com. would shrink from 42 records in 42 record sets to 2 in 2"),
            "{}",
            answer.text
        );
    }
    assert_eq!(api.everything().await, before);
    let planned = api.ask("POST", "/api/v1/plan", &[], json!({"zones": cut["zones"]}).to_string()).await;
    assert!(planned.body["breaks"].to_string().contains("zone example.com."), "{}", planned.text);
}

#[tokio::test]
async fn clients_that_only_keeps_are_not_left_without_endpoints() {
    let mut document = site();
    document["services"]["www.example.com"]["policy"] =
        json!({"geo": {"office": {"only": "fra"}, "default": {"failover": ["iad", "fra"]}}});
    document["policies"] = json!({});
    let api =
        start_with(Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() }).await;
    let refused = api.ask("PUT", "/api/v1/overrides/a", &[], drain("data-center/fra")).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::CONFLICT, vec!["/safety/require_endpoints"]));
    assert!(refused.text.contains("www.example.com. (for clients that `only` keeps in fra)"), "{}", refused.text);
    let other = api.ask("PUT", "/api/v1/overrides/a", &[], drain("data-center/iad")).await;
    assert_eq!(other.status, StatusCode::CREATED, "office stays in fra: {}", other.text);
    // Ending an override, and a violation that existed before, are not refused.
    let admin = format!("Bearer {}", api.admin);
    let headers = [("authorization", admin.as_str()), ("gslb-override-rules", "fire")];
    assert_eq!(api.ask("DELETE", "/api/v1/overrides/a", &[("if-match", "*")], "").await.status, StatusCode::OK);
    let forced = api.ask("PUT", "/api/v1/overrides/b", &headers, drain("data-center/fra")).await;
    assert_eq!(forced.status, StatusCode::CREATED, "{}", forced.text);
    let weight = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    let patched = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], weight).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
}

/// The example site with a third data center, and with this policy for `www`.
async fn with_three_data_centers(policy: Value) -> TestApi {
    let mut document = site();
    document["data_centers"]["ams"] = json!({});
    document["pools"]["ams"] = json!({"data_center": "ams", "endpoints": {"ams-1": {"address": "192.0.2.20"}}});
    document["regions"]["lab"] = json!({"match": ["prefix:198.51.100.0/24"]});
    document["services"] = json!({"www.example.com": {"policy": policy, "types": ["A"]}});
    document["policies"] = json!({});
    start_with(Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() }).await
}

#[tokio::test]
async fn an_only_behind_a_partly_alive_candidate_is_judged_for_the_clients_that_reach_it() {
    let geo = json!({"geo": {"office": "fra", "default": "iad"}});
    let api = with_three_data_centers(json!({"failover": [geo, {"only": "ams"}]})).await;
    let put =
        async |id: &str, target: &str| api.ask("PUT", &format!("/api/v1/overrides/{id}"), &[], drain(target)).await;
    let ams = put("ams", "data-center/ams").await;
    assert_eq!(ams.status, StatusCode::CREATED, "no client reaches ams while fra and iad are up: {}", ams.text);
    let iad = put("iad", "data-center/iad").await;
    assert_eq!((iad.status, iad.pointers()), (StatusCode::CONFLICT, vec!["/safety/require_endpoints"]));
    assert!(iad.text.contains("www.example.com. (for clients that `only` keeps in ams)"), "{}", iad.text);

    // The same with an `only` that no client reaches.
    let behind = json!({"geo": {"office": {"only": "ams"}, "default": "fra"}});
    let api = with_three_data_centers(json!({"failover": [geo, behind]})).await;
    for (id, target) in [("ams", "data-center/ams"), ("iad", "data-center/iad")] {
        let answer = api.ask("PUT", &format!("/api/v1/overrides/{id}"), &[], drain(target)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{target}: {}", answer.text);
    }
}

#[tokio::test]
async fn each_only_of_a_service_is_looked_at() {
    let policy = json!({"geo": {"office": {"only": "fra"}, "lab": {"only": "iad"}, "default": "ams"}});
    let api = with_three_data_centers(policy).await;
    let admin = format!("Bearer {}", api.admin);
    let by_admin = [("authorization", admin.as_str()), ("gslb-override-rules", "fire")];
    let fra = api.ask("PUT", "/api/v1/overrides/fra", &by_admin, drain("data-center/fra")).await;
    assert_eq!(fra.status, StatusCode::CREATED, "{}", fra.text);
    let iad = api.ask("PUT", "/api/v1/overrides/iad", &[], drain("data-center/iad")).await;
    assert_eq!((iad.status, iad.pointers()), (StatusCode::CONFLICT, vec!["/safety/require_endpoints"]));
    assert!(iad.text.contains("www.example.com. (for clients that `only` keeps in iad)"), "{}", iad.text);
}

#[tokio::test]
async fn further_names_of_a_service_are_shown_and_found() {
    let mut document = site();
    document["services"]["www.example.com"]["names"] = json!(["shop.example.com"]);
    let source = Source::Store { first: Some(document.clone().into()) };
    let api = start_with(Options { source, ..Options::default() }).await;
    let status = api.get("/api/v1/status?service=shop.example.com").await;
    assert_eq!(status.body["services"]["www.example.com."]["names"], json!(["shop.example.com."]), "{}", status.text);
    document["services"]["www.example.com"]["policy"] = json!("fra");
    document["policies"] = json!({});
    document["regions"] = json!({});
    let planned = api.ask("POST", "/api/v1/plan", &[], document.to_string()).await;
    let changed = &planned.body["moves"]["changed"][0];
    assert_eq!((&changed["service"], &changed["names"]), (&json!("www.example.com."), &json!(["shop.example.com."])));
    let none = api.get("/api/v1/tail?service=none.example.com").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let headers = [("accept", "text/event-stream"), ("host", "localhost")];
    let bearer = format!("Bearer {}", api.viewer);
    let mut request = axum::http::Request::get("/api/v1/tail?service=shop.example.com").header("authorization", bearer);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let router = api.router.clone();
    let request = request.body(axum::body::Body::empty()).unwrap();
    assert_eq!(tower::ServiceExt::oneshot(router, request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_drill_respects_only() {
    let mut document = site();
    document["services"]["www.example.com"]["policy"] =
        json!({"geo": {"office": {"only": "fra"}, "default": {"failover": ["iad", "fra"]}}});
    document["services"]["www.example.com"]["when_all_down"] = json!("nodata");
    document["policies"] = json!({});
    let api =
        start_with(Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() }).await;
    let drill = async |name: &str| {
        let body = json!({"data_center": name}).to_string();
        api.ask("POST", "/api/v1/drill", &[], body).await.body
    };
    let fra = drill("fra").await;
    let failing = fra["failing"].as_array().unwrap();
    assert_eq!(failing.len(), 1, "{fra}");
    assert_eq!((&failing[0]["service"], &failing[0]["all"]), (&json!("www.example.com."), &json!(false)), "{fra}");
    assert_eq!(failing[0]["clients"][0]["region"], "office", "{fra}");
    assert_eq!(drill("iad").await["failing"], json!([]), "no clients are kept in iad");
}
