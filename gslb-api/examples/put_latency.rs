//! How long a change of one pool takes in a document of many services, from request to published table: the share of
//! each percentile, with the bundled database and a store on the disk. `put_latency [SERVICES] [CHANGES] [DIRECTORY]`

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use gslb_api::access::{self, Role};
use gslb_api::store::{EmbeddedStore, Store, Time};
use gslb_api::{Api, Options, Source, router};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";

fn document(services: usize) -> Value {
    let service = |number: usize| (format!("s{number}.example.com"), json!({ "policy": "by-continent" }));
    json!({
        "zones": { "example.com": { "records": ZONE } },
        "data_centers": { "fra": {}, "iad": {} },
        "pools": {
            "fra": { "data_center": "fra", "endpoints": { "fra-1": { "address": "192.0.2.10" } } },
            "iad": { "data_center": "iad", "endpoints": { "iad-1": { "address": "198.51.100.10" } } },
        },
        "regions": { "europe": { "match": ["continent:EU"] } },
        "policies": { "by-continent": { "geo": { "europe": "fra", "default": "iad" } } },
        "services": (0..services).map(service).collect::<Map<String, Value>>(),
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let services = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let changes: u32 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let directory = arguments.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&directory)?);
    let options = Options { source: Source::Store { first: Some(document(services)) }, ..Options::default() };
    let begun = Instant::now();
    let started = Api::start(Arc::clone(&store), vec![Arc::new(geoip::bundled())], options).await?;
    println!("{services} services started in {:?}", begun.elapsed());
    let token = access::create(&*store, "measure", Role::Operator, Time::from_millis(0), None).await?.reveal();
    let mut took = Vec::new();
    for change in 0..changes {
        let body = json!({ "endpoints": { "fra-1": { "weight": change + 2 } } }).to_string();
        let request = Request::patch("/api/v1/pools/fra").header("host", "localhost").header("if-match", "*");
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/merge-patch+json").body(Body::from(body))?;
        let begun = Instant::now();
        let response = router(started.api.clone()).oneshot(request).await?;
        took.push(begun.elapsed());
        assert_eq!(response.status(), 200);
    }
    took.sort_unstable();
    for percent in [50, 90, 99] {
        println!("p{percent} {:?}", took.get(took.len() * percent / 100).copied().unwrap_or_default());
    }
    Ok(())
}
