//! Tokens with scopes change what their scopes cover, and nothing else.

use axum::http::StatusCode;
use gslb_api::auth::{self, Role, Scopes};
use gslb_api::store::Time;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, site, start};

/// A client whose token has `scopes`.
struct Scoped {
    api: TestApi,
    bearer: String,
}

impl Scoped {
    async fn new(role: Role, scopes: &[&str]) -> Self {
        let api = start().await;
        let scopes = Scopes::parse(scopes).unwrap();
        let token = auth::create_scoped(&*api.store, "ci", role, &scopes, Time::from_millis(0), None).await.unwrap();
        Self { bearer: format!("Bearer {}", token.reveal()), api }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.bearer.as_str()), ("if-match", "*")];
        self.api.ask(method, &format!("/api/v1/{path}"), &headers, body.to_string()).await
    }

    async fn drain(&self, id: &str, targets: &[&str]) -> Answer {
        let body = json!({"targets": targets, "force": "drain", "reason": "r"});
        let headers = [("authorization", self.bearer.as_str())];
        self.api.ask("PUT", &format!("/api/v1/overrides/{id}"), &headers, body.to_string()).await
    }
}

/// It is refused, and names the resources out of scope.
fn is_outside(answer: &Answer, what: &[&str]) {
    assert_eq!((answer.status, answer.kind()), (StatusCode::FORBIDDEN, "forbidden"), "{}", answer.text);
    assert_eq!(answer.body["outside"], json!(what), "{}", answer.text);
}

#[tokio::test]
async fn overrides_have_all_of_their_targets_in_scope() {
    let scoped = Scoped::new(Role::Operator, &["pool/fra*"]).await;
    let before = scoped.api.everything().await;
    for (targets, outside) in [
        (vec!["pool/iad"], vec!["pool/iad"]),
        (vec!["pool/fra", "pool/*"], vec!["pool/*"]),
        (vec!["data-center/fra"], vec!["data-center/fra"]),
        (vec!["endpoint/*/fra-1"], vec!["endpoint/*/fra-1"]),
    ] {
        is_outside(&scoped.drain("x", &targets).await, &outside);
    }
    let refused = scoped.drain("x", &["pool/iad"]).await;
    assert!(refused.text.contains("pool/iad") && refused.text.contains("pool/fra*"), "{}", refused.text);
    assert_eq!(scoped.api.everything().await, before);
    for (id, target) in [("a", "pool/fra"), ("b", "pool/fr?"), ("c", "endpoint/fra/*")] {
        let done = scoped.drain(id, &[target]).await;
        // `pool/fr?` also matches pools other than fra.
        let expected = if id == "b" { StatusCode::FORBIDDEN } else { StatusCode::CREATED };
        assert_eq!(done.status, expected, "{target}: {}", done.text);
    }
    assert_eq!(scoped.ask("DELETE", "overrides/a", &json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn overrides_of_others_are_neither_ended_nor_replaced() {
    let scoped = Scoped::new(Role::Operator, &["pool/fra"]).await;
    let body = json!({"targets": ["pool/iad"], "force": "drain", "reason": "r"}).to_string();
    assert_eq!(scoped.api.ask("PUT", "/api/v1/overrides/x", &[], body).await.status, StatusCode::CREATED);
    is_outside(&scoped.ask("DELETE", "overrides/x", &json!({})).await, &["pool/iad"]);
    let replaced = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"});
    is_outside(&scoped.ask("PUT", "overrides/x", &replaced).await, &["pool/iad"]);
    // A token learns no state outside its scopes, not even with a dry run.
    is_outside(&scoped.drain("x", &["pool/fra"]).await, &["pool/iad"]);
    is_outside(&scoped.ask("DELETE", "overrides/x?dry_run=true", &json!({})).await, &["pool/iad"]);
}

#[tokio::test]
async fn scopes_apply_to_every_way_of_changing_an_entry() {
    let scoped = Scoped::new(Role::Operator, &["pool/fra", "service/api.example.com"]).await;
    let patch = json!({"min_up": 1});
    assert_eq!(scoped.ask("PATCH", "pools/fra", &patch).await.status, StatusCode::OK);
    is_outside(&scoped.ask("PATCH", "pools/iad", &patch).await, &["pool/iad"]);
    is_outside(&scoped.ask("DELETE", "services/www.example.com", &json!({})).await, &["service/www.example.com"]);
    let names = json!({"names": ["bank.example.com"]});
    is_outside(&scoped.ask("PATCH", "services/api.example.com", &names).await, &["service/bank.example.com"]);

    let whole = json!({"pools": {"fra": {"min_up": 2}, "iad": {"min_up": 1}}});
    is_outside(&scoped.ask("PATCH", "document", &whole).await, &["pool/iad"]);
    let rules = json!({"safety": {"require_endpoints": true}});
    is_outside(&scoped.ask("PATCH", "document", &rules).await, &["`safety` of the document"]);
    assert_eq!(scoped.ask("PATCH", "document", &json!({"pools": {"fra": {"min_up": 2}}})).await.status, StatusCode::OK);
    let mut other = site();
    other["regions"]["office"]["match"] = json!(["prefix:198.51.100.0/24"]);
    let refused = scoped.ask("PUT", "document", &other).await;
    is_outside(&refused, &["region/office"]);
    assert_eq!(scoped.ask("POST", "revisions/1/restore", &json!({})).await.status, StatusCode::OK, "of pool/fra alone");

    let audit = scoped.api.get("/api/v1/audit").await.body;
    let last = &audit["entries"][0];
    assert_eq!((&last["role"], &last["scopes"]), (&json!("operator"), &json!(["pool/fra", "service/api.example.com"])));
}

#[tokio::test]
async fn resources_without_a_scope_need_an_unscoped_token() {
    let scoped = Scoped::new(Role::Operator, &["pool/*", "endpoint/*/*", "service/*"]).await;
    is_outside(&scoped.ask("PUT", "log", &json!({"level": "debug"})).await, &["PUT /api/v1/log"]);
    is_outside(&scoped.ask("POST", "mass-failure/lift", &json!({})).await, &["POST /api/v1/mass-failure/lift"]);
    assert_eq!(scoped.ask("GET", "pools", &json!({})).await.status, StatusCode::OK);
    assert_eq!(scoped.ask("POST", "explain", &json!({"name": "www.example.com"})).await.status, StatusCode::OK);
    let resumed = scoped.ask("POST", "status/fra/fra-1/resume", &json!({})).await;
    assert_eq!(resumed.status, StatusCode::CONFLICT, "in scope, and nothing waits: {}", resumed.text);
    let own = scoped.ask("GET", "token", &json!({})).await.body;
    assert_eq!((&own["role"], &own["scopes"][0]), (&json!("operator"), &json!("pool/*")));
}

#[tokio::test]
async fn a_reporter_may_only_post_observations() {
    let scoped = Scoped::new(Role::Reporter, &["pool/fra", "data-center/fra"]).await;
    let seen = |pool: &str| json!([{"pool": pool, "endpoint": "x", "up": false}]);
    is_outside(&scoped.ask("POST", "observations", &seen("iad")).await, &["endpoint/iad/x"]);
    let taken = scoped.ask("POST", "observations", &seen("fra")).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY, "in scope, and no such endpoint: {}", taken.text);
    let latency = |place: &str| json!([{"client": "203.0.113.0/24", "data_center": place, "ms": 3}]);
    is_outside(&scoped.ask("POST", "observations", &latency("iad")).await, &["data-center/iad"]);
    assert_eq!(scoped.ask("POST", "observations", &latency("fra")).await.status, StatusCode::OK);
    for (method, path) in
        [("GET", "pools"), ("GET", "status"), ("PUT", "overrides/x"), ("POST", "plan"), ("GET", "tokens")]
    {
        let refused = scoped.ask(method, path, &json!({})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}: {}", refused.text);
    }
    assert_eq!(scoped.ask("GET", "token", &json!({})).await.body["role"], "reporter");
}

#[tokio::test]
async fn scopes_are_given_when_a_token_is_created() {
    let api = start().await;
    let admin = format!("Bearer {}", api.admin);
    let make =
        async |body: Value| api.ask("POST", "/api/v1/tokens", &[("authorization", &*admin)], body.to_string()).await;
    let made = make(json!({"name": "ci", "role": "operator", "scopes": ["pool/fra*"]})).await;
    assert_eq!((made.status, &made.body["scopes"]), (StatusCode::CREATED, &json!(["pool/fra*"])), "{}", made.text);
    for (scopes, pointer) in [
        (json!([]), "/scopes"),
        (json!("pool/fra"), "/scopes"),
        (json!(["pool/fra", "pools/x"]), "/scopes/1"),
        (json!([5]), "/scopes/0"),
        (json!(null), "/scopes"),
    ] {
        let refused = make(json!({"name": "ci", "role": "operator", "scopes": scopes})).await;
        assert_eq!(refused.pointers(), [pointer], "{scopes}: {}", refused.text);
    }
    let refused = make(json!({"name": "ci", "role": "admin", "scopes": ["pool/fra"]})).await;
    assert_eq!(refused.pointers(), ["/scopes"], "{}", refused.text);
}
