//! An API in this process, with a token of each role, without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use geoip::Database;
use gslb_api::auth::{self, Role};
use gslb_api::store::{MemoryStore, Store, Time};
use gslb_api::{Api, Options, Source, Started, router};
use gslb_core::table::Published;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The zone of the site.
pub(crate) const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";

/// An API and its tokens.
pub(crate) struct TestApi {
    pub(crate) api: Api,
    pub(crate) router: Router,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) published: Arc<Published>,
    pub(crate) reporter: String,
    pub(crate) viewer: String,
    pub(crate) operator: String,
    pub(crate) admin: String,
}

/// A response, with its body as JSON if it is JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The kind of a problem.
    pub(crate) fn kind(&self) -> &str {
        let kind = self.body.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.strip_prefix("urn:problem-type:gslb:").unwrap_or(kind)
    }

    /// The pointers of a problem.
    pub(crate) fn pointers(&self) -> Vec<&str> {
        let errors = self.body.get("errors").and_then(Value::as_array);
        errors.into_iter().flatten().filter_map(|error| error.get("pointer")?.as_str()).collect()
    }
}

/// Two data centers, two regions by prefix, a failover service and a geo service.
pub(crate) fn site() -> Value {
    json!({
        "zones": {"example.com": {"records": ZONE}},
        "data_centers": {"fra": {}, "iad": {}},
        "pools": {
            "fra": {"data_center": "fra", "endpoints": {
                "fra-1": {"address": "192.0.2.10", "weight": 10}, "fra-2": {"address": "192.0.2.11", "weight": 10}}},
            "iad": {"data_center": "iad", "endpoints": {"iad-1": {"address": "198.51.100.10"}}}
        },
        "regions": {"office": {"match": ["prefix:203.0.113.0/24"]}},
        "policies": {"by-place": {"geo": {"office": "fra", "default": {"failover": ["iad", "fra"]}}}},
        "services": {
            "www.example.com": {"policy": "by-place", "types": ["A"]},
            "api.example.com": {"policy": {"failover": ["fra", "iad"]}, "types": ["A"]}
        }
    })
}

/// Options of a first start with the site.
pub(crate) fn with_site() -> Options {
    Options { source: Source::Store { first: Some(site().into()) }, ..Options::default() }
}

pub(crate) async fn start() -> TestApi {
    start_with(with_site()).await
}

pub(crate) async fn start_with(options: Options) -> TestApi {
    start_on(Arc::new(MemoryStore::new()), options).await
}

pub(crate) async fn start_on(store: Arc<dyn Store>, options: Options) -> TestApi {
    started(store, Vec::new(), options).await
}

/// The same with geo databases.
pub(crate) async fn start_with_databases(options: Options, databases: Vec<Arc<Database>>) -> TestApi {
    started(Arc::new(MemoryStore::new()), databases, options).await
}

async fn started(store: Arc<dyn Store>, databases: Vec<Arc<Database>>, options: Options) -> TestApi {
    let Started { api, published, .. } = Api::start(Arc::clone(&store), databases, options).await.unwrap();
    let mut tokens = Vec::new();
    for role in Role::ALL {
        let token = auth::create(&*store, &format!("{role}'s"), role, Time::from_millis(0), None).await.unwrap();
        tokens.push(token.reveal());
    }
    let [reporter, viewer, operator, admin] = tokens.try_into().unwrap();
    let router = router(api.clone());
    TestApi { api, router, store, published, reporter, viewer, operator, admin }
}

impl TestApi {
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let octets = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&octets).into_owned();
        let body = serde_json::from_slice(&octets).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    /// Sends a request as an operator; `headers` are added, or replace the usual ones.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.operator);
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut all = vec![("host", "localhost"), ("authorization", bearer.as_str()), ("content-type", content)];
        all.retain(|(name, _)| headers.iter().all(|(other, _)| other != name));
        all.extend_from_slice(headers);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Everything that a change could have changed.
    pub(crate) async fn everything(&self) -> (Value, Value, u64) {
        let revisions = self.get("/api/v1/revisions").await.body;
        let overrides = self.get("/api/v1/overrides").await.body;
        (revisions, overrides, self.published.load().generation())
    }
}
