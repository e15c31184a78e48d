//! Explain: the answer to a query, and every step that led to it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::explain::{self, Question, explain};
use gslb_core::health::Member;
use gslb_core::site::model::PoolId;
use gslb_core::steer::trace::Step;
use gslb_core::table::RoutingTable;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::parameters::Parameters;
use super::problem::Problem;
use super::revisions;
use super::routes::{Access, Routes};
use crate::Api;
use crate::control::blocking;
use crate::status::{self, Detail};
use crate::types::{ExplainRequest, Explanation, NoParameters};

/// Endpoints whose status is shown with an explanation.
const MAX_STATUSES: usize = 100;
/// The type of a query that says none: A.
const USUAL_TYPE: u16 = 1;

/// The route of explanations.
pub(super) fn routes() -> Routes {
    Routes::new("explain").add(Access::Viewer, routes!(post))
}

/// Show the answer to a query, and every step that led to it
#[utoipa::path(post, path = "/explain", request_body = ExplainRequest, responses(
    (status = 200, description = "The explanation", body = Explanation),
))]
async fn post(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    JsonBody(request): JsonBody<ExplainRequest>,
) -> Result<Response, Problem> {
    let question = Question {
        name: request.name.0,
        qtype: request.r#type.map_or(USUAL_TYPE, |rtype| rtype.0),
        client: request.client.map(|client| client.0),
        resolver: request.resolver.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let seed = request.seed.unwrap_or_else(chance);
    let active = api.control.active();
    let (table, revision) = match request.revision {
        Some(revision) if revision != active.revision => {
            let (header, document) = revisions::stored(&api, revision).await?;
            (api.control.table_of(document).await?, header.revision)
        }
        _ => (Arc::clone(&active.table), active.revision),
    };
    let settings = Arc::clone(&api.options.settings);
    let is_of_now = table.has_topology_of(&active.table);
    let explained = blocking(move || {
        let explanation = explain(&table, settings, question, seed);
        (explanation.to_data(&table), candidates(&explanation, &table))
    });
    let (explanation, candidates) = explained.await?;
    // Nothing is known of the endpoints of another revision.
    let candidates = if is_of_now { candidates } else { Vec::new() };
    let known = status::known(&api.control, &active, candidates.clone()).await?;
    let statuses = candidates.into_iter().filter_map(|member| status::endpoint(&known, member, Detail::Last));
    Ok(answer::json(StatusCode::OK, &Explanation { revision, explanation, statuses: statuses.collect() }))
}

/// The endpoints of the pools that an explanation came by, the first ones.
fn candidates(explanation: &explain::Explanation, table: &RoutingTable) -> Vec<Member> {
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

/// A random seed.
fn chance() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
