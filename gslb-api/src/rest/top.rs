//! Rankings of recent answers, from the sample.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::table::{RoutingTable, Topology};
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::control::blocking;
use crate::traffic::sample::{RegionFinder, SampledAnswer};
use crate::types::{Ranked, Ranking, RankingKey, RankingParameters};

/// The route of rankings.
pub(super) fn routes() -> Routes {
    Routes::new("top").add(Access::Viewer, routes!(list))
}

/// Rank the answers of the last ten minutes, from a sample
#[utoipa::path(get, path = "/top", params(RankingParameters), responses(
    (status = 200, description = "The ranking", body = Ranking),
))]
async fn list(
    State(api): State<Api>,
    _: AcceptsJson,
    Parameters(RankingParameters { by, limit }): Parameters<RankingParameters>,
) -> Result<Response, Problem> {
    let (sample, table) = (api.options.sample.clone(), Arc::clone(&api.control.active().table));
    let ranking = blocking(move || ranking(sample.read(), &table, by, limit.get())).await?;
    Ok(answer::json(StatusCode::OK, &ranking))
}

/// The first `limit` entries of a ranking, and the number of answers that the sample represents.
fn ranking(answers: Vec<(SampledAnswer, u64)>, table: &RoutingTable, by: RankingKey, limit: usize) -> Ranking {
    let total: u64 = answers.iter().map(|(_, weight)| weight).sum();
    let mut counts: HashMap<Option<String>, u64> = HashMap::new();
    let name = namer(table.topology(), by);
    for (answer, weight) in &answers {
        *counts.entry(name(answer)).or_default() += weight;
    }
    let mut ranked: Vec<(Option<String>, u64)> = counts.into_iter().collect();
    ranked.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let more = ranked.len().saturating_sub(limit);
    let share = |count: u64| count as f64 / total.max(1) as f64;
    let shown = |(name, answers)| Ranked { name, answers, share: share(answers) };
    Ranking { by, answers: total, top: ranked.into_iter().take(limit).map(shown).collect(), more }
}

/// The key of an answer in the ranking; `None` for clients outside all regions, and for answers without a data center.
type Namer<'t> = Box<dyn Fn(&SampledAnswer) -> Option<String> + 't>;

fn namer(topology: &Topology, by: RankingKey) -> Namer<'_> {
    let site = &topology.site;
    match by {
        RankingKey::Service => Box::new(|answer| Some(answer.service.to_written())),
        RankingKey::Prefix => Box::new(|answer| Some(answer.client.to_string())),
        RankingKey::Region => {
            let finder = RegionFinder::new(topology);
            Box::new(move |answer| Some(finder.region(topology, answer.client.network())?.to_string()))
        }
        RankingKey::DataCenter => {
            let name = |id: gslb_core::site::model::DataCenterId| site.data_centers.get(id.0 as usize);
            let of_pool =
                site.pools.iter().filter_map(move |pool| Some((&*pool.name, &*name(pool.data_center?)?.name)));
            let known: HashMap<&str, &str> = of_pool.collect();
            let of = move |answer: &SampledAnswer| known.get(answer.pool.as_deref()?).copied();
            Box::new(move |answer| of(answer).map(str::to_owned))
        }
    }
}
