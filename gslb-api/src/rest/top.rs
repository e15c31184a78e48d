//! Rankings of what was answered lately, from the sample.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use gslb_core::table::{RoutingTable, Topology};
use serde_json::{Value, json};

use super::answer;
use super::problem::Problem;
use super::query::{self, By};
use crate::Api;
use crate::control::blocking;
use crate::traffic::sample::{RegionFinder, SampledAnswer};

/// The route of rankings.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/top", get(top))
}

async fn top(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let query::Top { by, limit } = query::of(request.uri())?;
    let limit = query::page(limit)?;
    let (sample, table) = (api.options.sample.clone(), Arc::clone(&api.control.in_force().table));
    let ranking = blocking(move || ranking(sample.read(), &table, by, limit)).await?;
    Ok(answer::of_json(StatusCode::OK, &ranking))
}

/// The first `limit` of a ranking, and what all answers of the sample stand for.
fn ranking(answers: Vec<(SampledAnswer, u64)>, table: &RoutingTable, by: By, limit: usize) -> Value {
    let total: u64 = answers.iter().map(|(_, weight)| weight).sum();
    let mut counts: HashMap<Option<String>, u64> = HashMap::new();
    let name = namer(table.topology(), by);
    for (answer, weight) in &answers {
        *counts.entry(name(answer)).or_default() += weight;
    }
    let mut ranked: Vec<(Option<String>, u64)> = counts.into_iter().collect();
    ranked.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let share = |count: u64| count as f64 / total.max(1) as f64;
    let shown =
        |(name, count): &(Option<String>, u64)| json!({ "name": name, "answers": count, "share": share(*count) });
    let top: Vec<Value> = ranked.iter().take(limit).map(shown).collect();
    json!({ "by": by, "answers": total, "top": top, "more": ranked.len().saturating_sub(limit) })
}

/// Tells what an answer counts for; nothing for clients in no region, and for answers from no data center.
type Namer<'t> = Box<dyn Fn(&SampledAnswer) -> Option<String> + 't>;

fn namer(topology: &Topology, by: By) -> Namer<'_> {
    let site = &topology.site;
    match by {
        By::Service => Box::new(|answer| Some(answer.service.to_written())),
        By::Prefix => Box::new(|answer| Some(answer.client.to_string())),
        By::Region => {
            let finder = RegionFinder::new(topology);
            Box::new(move |answer| Some(finder.region(topology, answer.client.network())?.to_string()))
        }
        By::DataCenter => {
            let name = |id: gslb_core::site::model::DataCenterId| site.data_centers.get(id.0 as usize);
            let of_pool =
                site.pools.iter().filter_map(move |pool| Some((&*pool.name, &*name(pool.data_center?)?.name)));
            let known: HashMap<&str, &str> = of_pool.collect();
            let of = move |answer: &SampledAnswer| known.get(answer.pool.as_deref()?).copied();
            Box::new(move |answer| of(answer).map(str::to_owned))
        }
    }
}
