//! Explain: the answer to a query, and every step that led to it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use gslb_core::dns::name::Name;
use gslb_core::dns::rdata::type_from_text;
use gslb_core::explain::{Explanation, Question, explain};
use gslb_core::health::Member;
use gslb_core::site::model::PoolId;
use gslb_core::steer::trace::Step;
use gslb_core::table::RoutingTable;
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::body::{self, Media, Size};
use super::problem::Problem;
use super::{answer, documents, query};
use crate::Api;
use crate::change::Refusal;
use crate::control::blocking;
use crate::members;
use crate::status::{self, Detail};

const KEYS: [&str; 6] = ["name", "type", "client", "resolver", "revision", "seed"];

/// Endpoints of which the status is told with an explanation.
const MAX_STATUSES: usize = 100;

/// The route of explanations.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/explain", post(answer_explained))
}

/// What is to be explained.
struct Asked {
    question: Question,
    revision: Option<u64>,
    seed: u64,
}

async fn answer_explained(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let Asked { question, revision, seed } = asked(&sent)?;
    let in_force = api.control.in_force();
    let (table, revision) = match revision {
        Some(revision) if revision != in_force.revision => {
            let (header, document) = documents::stored(&api, revision).await?;
            (api.control.table_of(document).await?, header.revision)
        }
        _ => (Arc::clone(&in_force.table), in_force.revision),
    };
    let settings = Arc::clone(&api.options.settings);
    let is_of_now = table.has_topology_of(&in_force.table);
    let told = blocking(move || {
        let explanation = explain(&table, settings, question, seed);
        let candidates = candidates(&explanation, &table);
        (json!({ "revision": revision, "explanation": explanation.to_data(&table) }), candidates)
    });
    let (mut told, candidates) = told.await?;
    // Of another revision's endpoints nothing is known.
    let candidates = if is_of_now { candidates } else { Vec::new() };
    let known = status::known(&api.control, &in_force, candidates.clone()).await?;
    let statuses = candidates.into_iter().filter_map(|member| status::endpoint(&known, member, Detail::Last));
    told["statuses"] = statuses.collect();
    Ok(answer::of_json(StatusCode::OK, &told))
}

/// The endpoints of the pools that an explanation came by, the first ones.
fn candidates(explanation: &Explanation, table: &RoutingTable) -> Vec<Member> {
    let mut pools: Vec<PoolId> = Vec::new();
    for step in &explanation.steps {
        let (Step::Taken(pool) | Step::PassedOver(pool, _)) = step else { continue };
        if !pools.contains(pool) {
            pools.push(*pool);
        }
    }
    let site = &table.topology().site;
    let count = |pool: PoolId| site.pools.get(pool.0 as usize).map_or(0, |pool| pool.endpoints.len() as u32);
    let members = pools.into_iter().flat_map(|pool| (0..count(pool)).map(move |endpoint| Member { pool, endpoint }));
    members.take(MAX_STATUSES).collect()
}

fn asked(body: &Value) -> Result<Asked, Refusal> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    let none = Map::new();
    let members = body.as_object().unwrap_or_else(|| {
        wrong.push((String::new(), "expected an object".to_owned()));
        &none
    });
    wrong.extend(members::unknown(members, &KEYS, ""));
    let mut note = |name: &str, told: &str| wrong.push((format!("/{name}"), told.to_owned()));
    let text = |name: &str| members.get(name).map(|value| value.as_str().unwrap_or_default());
    let name = text("name").and_then(|text| Name::parse(text.as_bytes(), &Name::root()).ok());
    if name.is_none() {
        note("name", "expected a domain name such as \"www.example.com\"");
    }
    let qtype = type_from_text(text("type").unwrap_or("A"));
    if qtype.is_none() {
        note("type", "expected a record type such as \"AAAA\" or \"TYPE65280\"");
    }
    let client = text("client").map(network);
    if client == Some(None) {
        note("client", "expected a network such as \"203.0.113.0/24\" or \"2001:db8::/48\"");
    }
    let resolver: Option<Result<IpAddr, _>> = text("resolver").map(str::parse);
    if matches!(resolver, Some(Err(_))) {
        note("resolver", "expected an address such as \"198.51.100.53\"");
    }
    let number = |name: &str| members.get(name).map(Value::as_u64);
    let (revision, seed) = (number("revision"), number("seed"));
    if revision == Some(None) {
        note("revision", "expected the number of a revision");
    }
    if seed == Some(None) {
        note("seed", "expected a number of up to 64 bits");
    }
    match (name, qtype) {
        (Some(name), Some(qtype)) if wrong.is_empty() => {
            let resolver = resolver.and_then(Result::ok).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            let question = Question { name, qtype, client: client.flatten(), resolver };
            Ok(Asked { question, revision: revision.flatten(), seed: seed.flatten().unwrap_or_else(chance) })
        }
        _ => Err(Refusal::Body(wrong)),
    }
}

/// A prefix, or an address.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.ok().map(|network| network.trunc())
}

/// A seed that nobody chose.
fn chance() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
