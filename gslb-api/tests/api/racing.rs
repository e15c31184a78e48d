//! Documents, overrides and verdicts that come all at once: none is lost, and no table goes back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gslb_api::health::{HealthEvent, Observed};
use gslb_core::health::{Failure, Member, Outcome, Targets};
use gslb_core::site::model::PoolId;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::health::options;
use crate::support::{TestApi, start_with};

const POOLS: u32 = 8;
const ENDPOINTS: u32 = 3;

fn site() -> Value {
    let mut site = crate::support::site();
    site["probes"] = json!({"web": {"kind": "http", "port": 80, "rise": 1, "fall": 1}});
    site["safety"] = json!({"mass_failure": "off", "require_endpoints": false});
    for pool in 0..POOLS {
        let endpoint = |at: u32| (format!("e{at}"), json!({"address": format!("192.0.2.{}", pool * 16 + at)}));
        let endpoints: serde_json::Map<String, Value> = (0..ENDPOINTS).map(endpoint).collect();
        site["pools"][format!("p{pool}")] = json!({"probe": "web", "endpoints": endpoints});
    }
    site
}

fn number_of(api: &TestApi, pool: &str) -> u32 {
    let table = api.published.load();
    table.topology().site.pools.iter().position(|it| *it.name == *pool).unwrap() as u32
}

/// Sends outcomes as they come; what each endpoint's last one was.
async fn verdicts(api: &TestApi, steps: &[(u32, u32, bool)]) -> HashMap<(u32, u32), bool> {
    let mut last = HashMap::new();
    for &(pool, endpoint, passed) in steps {
        // A document may have given the pools other numbers.
        let id = PoolId(number_of(api, &format!("p{pool}")));
        let targets = Targets::of(&api.published.load().topology().site);
        let target =
            targets.of_endpoint(Member { pool: id, endpoint }).first().and_then(|number| targets.get(*number)).cloned();
        let Some(target) = target else { continue };
        let result = if passed { Ok(()) } else { Err(Failure::Timeout) };
        let outcome = Outcome::new(result, Duration::from_millis(1), "");
        api.api
            .health_events()
            .send(HealthEvent::Observed(Observed { target, outcome, at: Instant::now() }))
            .await
            .unwrap();
        last.insert((pool, endpoint), passed);
        tokio::task::yield_now().await;
    }
    last
}

/// Changes weights, and moves pools about by adding and removing one in front of them.
async fn documents(api: &TestApi, weights: &[u32]) {
    for (at, weight) in weights.iter().enumerate() {
        let added = if at % 2 == 0 { json!({"endpoints": {"x": {"address": "198.51.100.77"}}}) } else { Value::Null };
        let pool = format!("p{}", at as u32 % POOLS);
        let patch = json!({"pools": {"a-new": added, pool: {"endpoints": {"e0": {"weight": weight}}}}}).to_string();
        let done = api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], patch).await;
        assert!(done.status.is_success(), "{}", done.text);
    }
}

async fn overrides(api: &TestApi, forced: &[(u32, bool)]) -> HashMap<u32, bool> {
    let mut last = HashMap::new();
    for &(pool, up) in forced {
        let body = json!({"targets": [format!("endpoint/p{pool}/e1")], "force": if up { "up" } else { "down" }, "reason": "r"});
        let path = format!("/api/v1/overrides/o{pool}");
        let condition = if last.contains_key(&pool) { ("if-match", "*") } else { ("if-none-match", "*") };
        let done = api.ask("PUT", &path, &[condition], body.to_string()).await;
        assert!(done.status.is_success(), "{}", done.text);
        last.insert(pool, up);
    }
    last
}

/// Looks at the published table all the time: its generation never falls.
async fn watch(api: &TestApi, ended: Arc<AtomicBool>) {
    let mut latest = 0;
    while !ended.load(Ordering::Relaxed) {
        let generation = api.published.load().generation();
        assert!(generation >= latest, "{generation} after {latest}");
        latest = generation;
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

async fn race(steps: Vec<(u32, u32, bool)>, weights: Vec<u32>, forced: Vec<(u32, bool)>) {
    let api = start_with(options(site())).await;
    let ended = Arc::new(AtomicBool::new(false));
    let all = async {
        let done = tokio::join!(verdicts(&api, &steps), documents(&api, &weights), overrides(&api, &forced));
        ended.store(true, Ordering::Relaxed);
        done
    };
    let ((last, (), forces), ()) = tokio::join!(all, watch(&api, Arc::clone(&ended)));
    api.get("/api/v1/status").await;
    let table = api.published.load();
    for pool in 0..POOLS {
        let id = PoolId(number_of(&api, &format!("p{pool}")));
        for endpoint in 0..ENDPOINTS {
            let up = last.get(&(pool, endpoint)).copied().unwrap_or(true);
            let up = if endpoint == 1 { forces.get(&pool).copied().unwrap_or(up) } else { up };
            assert_eq!(table.state(id, endpoint).unwrap().up, up, "p{pool}/e{endpoint}");
        }
    }
    let of = |at: usize| weights.iter().enumerate().rev().find(|(it, _)| it % POOLS as usize == at).map(|(_, it)| *it);
    for pool in 0..POOLS {
        let weight = of(pool as usize).unwrap_or(1);
        assert_eq!(table.state(PoolId(number_of(&api, &format!("p{pool}"))), 0).unwrap().weight, weight);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_change_is_in_force_at_the_end(
        steps in prop::collection::vec((0..POOLS, 0..ENDPOINTS, any::<bool>()), 1..400),
        weights in prop::collection::vec(1u32..1000, 1..12),
        forced in prop::collection::vec((0..POOLS, any::<bool>()), 1..12),
    ) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
            .block_on(race(steps, weights, forced));
    }
}
