//! The description of the API: every path exists, and the page is self-contained.

use axum::http::StatusCode;

use crate::support::start;

/// Whether the response is endless.
fn endless(path: &str) -> bool {
    ["/api/v1/events", "/api/v1/tail"].contains(&path)
}

#[tokio::test]
async fn every_documented_operation_exists() {
    let api = start().await;
    let described = api.ask("GET", "/api/openapi.json", &[("authorization", "")], "").await;
    assert_eq!((described.status, &described.body["openapi"]), (StatusCode::OK, &"3.1.0".into()));
    let paths = described.body["paths"].as_object().unwrap();
    assert!(paths.len() >= 35, "{}", paths.len());
    for (path, item) in paths {
        let at = path
            .replace("{name}", "x")
            .replace("{id}", "x")
            .replace("{number}", "1")
            .replace("{pool}", "x")
            .replace("{endpoint}", "x");
        for method in item.as_object().unwrap().keys().filter(|method| !endless(&at) || *method != "get") {
            let method = method.to_uppercase();
            let admin = format!("Bearer {}", api.admin);
            let answer = api.ask(&method, &at, &[("authorization", &admin)], "").await;
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {at}");
            assert!(!answer.text.contains("There is nothing at"), "{method} {at}: {}", answer.text);
        }
        let none = api.ask("TRACE", &at, &[], "").await;
        assert!([StatusCode::METHOD_NOT_ALLOWED, StatusCode::FORBIDDEN].contains(&none.status), "{at} {}", none.status);
    }
}

#[tokio::test]
async fn a_policy_is_described_as_a_name_or_an_object_and_other_resources_as_objects() {
    let api = start().await;
    let described = api.ask("GET", "/api/openapi.json", &[("authorization", "")], "").await.body;
    for (collection, schema) in [("policies", "Policy"), ("pools", "Resource"), ("services", "Resource")] {
        let item = &described["paths"][format!("/api/v1/{collection}/{{name}}")];
        let json = "application/json";
        for content in [&item["put"]["requestBody"], &item["get"]["responses"]["200"]] {
            assert_eq!(content["content"][json]["schema"]["$ref"], format!("#/components/schemas/{schema}"), "{item}");
        }
        assert_ne!(described["components"]["schemas"][schema], serde_json::Value::Null);
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_hosts() {
    let api = start().await;
    let at = |path: &'static str| {
        let api = &api;
        async move { api.ask("GET", path, &[("authorization", "")], "").await }
    };
    assert_eq!(at("/api/docs").await.header("location"), "/api/docs/");
    let page = at("/api/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
    assert!(!page.text.contains("src=\"http") && !page.text.contains("href=\"http"), "{}", page.text);
    assert!(at("/api/docs/swagger-initializer.js").await.text.contains("/api/openapi.json"));
    assert_eq!(at("/api/docs/swagger-ui.css").await.status, StatusCode::OK);
    assert_eq!(at("/api/docs/none.js").await.status, StatusCode::NOT_FOUND);
}
