//! What is up: statuses with their evidence, and what an operator may say to them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use gslb_core::dns::name::Name;
use gslb_core::health::Member;
use gslb_core::site::model::{PoolId, Service};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use utoipa::IntoParams;

use super::caller::Caller;
use super::problem::Problem;
use super::{answer, escape, query, write};
use crate::change::{InForce, Refusal};
use crate::clock;
use crate::clock::now;
use crate::control::{Resource, blocking};
use crate::health::{Resumed, Word, member};
use crate::status::{self, Detail, Filter, Is, Reach};
use crate::thaw;
use crate::{Api, auth};

/// The path by which an operator believes the failures of a mass failure.
pub const LIFT_MASS_FAILURE: &str = "/api/v1/mass-failure/lift";

/// The routes of statuses.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/status", get(list))
        .route("/status/{pool}/{endpoint}", get(read))
        .route("/status/{pool}/{endpoint}/resume", post(resume))
        .route(LIFT_MASS_FAILURE.trim_start_matches(super::BASE), post(lift))
}

/// Which collection is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Of {
    /// Endpoints.
    Endpoints,
    /// Pools.
    Pools,
    /// Services.
    Services,
}

/// The query of statuses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only `endpoints`, `pools` or `services`; all of them where it is not said.
    #[param(value_type = Option<String>, pattern = "^(endpoints|pools|services)$")]
    pub of: Option<Of>,
    /// Endpoints of this pool only, this pool, and the services that may answer from no other.
    pub pool: Option<String>,
    /// Endpoints and pools of this data center only, and the services that may answer from no other.
    pub data_center: Option<String>,
    /// Endpoints of the pools that this service may answer from only, and this service, whatever else it uses.
    pub service: Option<String>,
    /// Endpoints that are `up`, that are `down`, or that are `drained`, only.
    #[param(pattern = "^(up|down|drained)$")]
    pub status: Option<String>,
    /// Most entries of each collection, 1 to 1000; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// With `of`: the last entry that is known, for endpoints as POOL/ENDPOINT; those behind it follow.
    pub after: Option<String>,
}

async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let asked: Asked = query::of(request.uri())?;
    let limit = query::page(asked.limit)?;
    if asked.after.is_some() && asked.of.is_none() {
        return Err(Problem::bad_request("after goes on with one collection: say which in of."));
    }
    let base = api.control.in_force();
    let gathered = {
        let base = Arc::clone(&base);
        blocking(move || Gathered::of(&base, &asked, limit)).await??
    };
    let known = status::known(&api.control, &base, gathered.members.clone()).await?;
    let degraded: Vec<Value> =
        api.degraded().into_iter().map(|(concern, why)| json!({ "what": concern.word(), "why": why })).collect();
    let told = blocking(move || {
        let one = |member: &Member| status::endpoint(&known, *member, Detail::Last);
        let endpoints: Vec<Value> = gathered.members.iter().filter_map(one).collect();
        let mut told = json!({
            "time": clock::show(now()),
            "revision": known.in_force.revision,
            "generation": known.in_force.table.generation(),
            "mass_failure": known.doubted.map(|time| json!({ "seconds": time.as_secs() })),
            "degraded": degraded,
            "overrides": known.in_force.overrides.len(),
            "thaw": thaw::to_json(known.in_force.thaw.as_ref(), now()),
            "counts": status::counts(&known.in_force.table),
            "data_centers": gathered.data_centers,
            "pools": gathered.pools,
            "services": gathered.services,
            "endpoints": endpoints,
        });
        told["next"] = Value::Object(gathered.next);
        told
    });
    Ok(answer::of_json(StatusCode::OK, &told.await?))
}

/// What a page has, but for the evidence.
struct Gathered {
    members: Vec<Member>,
    data_centers: Map<String, Value>,
    pools: Map<String, Value>,
    services: Map<String, Value>,
    /// Where each collection goes on.
    next: Map<String, Value>,
}

impl Gathered {
    fn of(base: &InForce, asked: &Asked, limit: usize) -> Result<Self, Problem> {
        let (table, site) = (&base.table, &base.table.topology().site);
        let mut reach = Reach::default();
        let service = asked.service.as_deref().map(|name| named(base, name)).transpose()?;
        known("pool", asked.pool.as_deref(), site.pools.iter().map(|pool| &*pool.name))?;
        known("data center", asked.data_center.as_deref(), site.data_centers.iter().map(|it| &*it.name))?;
        let is = match asked.status.as_deref() {
            None => None,
            Some(word) => {
                let known = Is::ALL.into_iter().find(|(known, _)| *known == word);
                let (_, is) = known.ok_or_else(|| Problem::bad_request("status is up, down or drained."))?;
                Some(is)
            }
        };
        let filter = Filter {
            pool: asked.pool.clone(),
            data_center: asked.data_center.clone(),
            pools: service.map(|service| reach.of(site, service).clone()),
            is,
        };
        let wants = |of: Of| asked.of.is_none_or(|it| it == of);
        let mut next = Map::new();
        let mut page = |of: &str, after: Option<String>| {
            if let Some(after) = after {
                next.insert(of.to_owned(), asked.next(of, &after, limit).into());
            }
        };
        let mut members = if wants(Of::Endpoints) { filter.members(table) } else { Vec::new() };
        let label = |member: &Member| {
            let pool = site.pools.get(member.pool.0 as usize);
            let endpoint = pool.and_then(|pool| pool.endpoints.get(member.endpoint as usize));
            pool.zip(endpoint).map_or_else(String::new, |(pool, endpoint)| format!("{}/{}", pool.name, endpoint.name))
        };
        let after = |of: Of| asked.after.as_deref().filter(|_| asked.of == Some(of));
        if let Some(after) = after(Of::Endpoints) {
            let known = after.split_once('/').and_then(|(pool, endpoint)| member(site, pool, endpoint));
            let known =
                known.ok_or_else(|| Problem::bad_request(format!("There is no endpoint {after:?} to go on from.")))?;
            members.retain(|member| (member.pool, member.endpoint) > (known.pool, known.endpoint));
        }
        if members.len() > limit {
            members.truncate(limit);
            page("endpoints", members.last().map(label));
        }
        let pools = (0..).map(PoolId).zip(status::pools(base)).filter(|_| wants(Of::Pools));
        let pools = pools.filter(|(id, _)| filter.has(site, *id)).map(|(_, pool)| pool);
        let (pools, more) = paged(pools, after(Of::Pools), limit);
        page("pools", more);
        let chosen = site.services.iter().filter(|_| wants(Of::Services));
        let services = chosen.filter_map(|it| {
            // One that may answer from elsewhere, too, is no matter of this pool or data center alone.
            let is_meant = match service {
                Some(service) => service.name == it.name,
                None => reach.of(site, it).iter().all(|id| filter.has(site, *id)),
            };
            is_meant.then(|| (it.name.to_string(), status::service(table, it, &mut reach)))
        });
        let (services, more) = paged(services, after(Of::Services), limit);
        page("services", more);
        let data_centers = status::data_centers(base).into_iter();
        let data_centers = data_centers.filter(|(name, _)| asked.data_center.as_deref().is_none_or(|it| it == name));
        Ok(Self { members, data_centers: data_centers.collect(), pools, services, next })
    }
}

impl Asked {
    /// Where the collection `of` goes on after the entry `after`.
    fn next(&self, of: &str, after: &str, limit: usize) -> String {
        let mut next = format!("/api/v1/status?of={of}&limit={limit}&after={}", escape(after));
        let said = [
            ("pool", &self.pool),
            ("data_center", &self.data_center),
            ("service", &self.service),
            ("status", &self.status),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                next.push_str(&format!("&{name}={}", escape(value)));
            }
        }
        next
    }
}

/// Up to `limit` entries behind `after`, and the name of the last one where there are more.
fn paged(
    entries: impl Iterator<Item = (String, Value)>,
    after: Option<&str>,
    limit: usize,
) -> (Map<String, Value>, Option<String>) {
    let mut is_behind = after.is_none();
    let mut behind = entries.filter(|(name, _)| {
        let taken = is_behind;
        if after == Some(name) {
            is_behind = true;
        }
        taken
    });
    let page: Vec<(String, Value)> = behind.by_ref().take(limit).collect();
    let last = page.last().map(|(name, _)| name.clone()).filter(|_| behind.next().is_some());
    (page.into_iter().collect(), last)
}

/// Refuses a name that is not among `all`: what is misspelt would otherwise be nothing that is down.
fn known<'n>(what: &str, name: Option<&str>, mut all: impl Iterator<Item = &'n str>) -> Result<(), Problem> {
    match name {
        Some(name) if !all.any(|known| known == name) => {
            Err(Problem::not_found(format!("There is no {what} {name:?}.")))
        }
        _ => Ok(()),
    }
}

/// The service of this name.
fn named<'b>(base: &'b InForce, text: &str) -> Result<&'b Service, Problem> {
    let name = Name::parse(text.as_bytes(), &Name::root()).ok();
    let found = name.and_then(|name| base.table.topology().site.service_of(&name));
    found.ok_or_else(|| Problem::not_found(format!("There is no service {text:?}.")))
}

async fn read(
    State(api): State<Api>,
    Path((pool, endpoint)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let base = api.control.in_force();
    let unknown = || Problem::not_found(format!("There is no endpoint {pool}/{endpoint}."));
    let member = member(&base.table.topology().site, &pool, &endpoint).ok_or_else(unknown)?;
    let known = status::known(&api.control, &base, vec![member]).await?;
    let told = status::endpoint(&known, member, Detail::All).ok_or_else(unknown)?;
    Ok(answer::of_json(StatusCode::OK, &told))
}

async fn resume(
    State(api): State<Api>,
    Path((pool, endpoint)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, _) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    caller.may_change(&[auth::Resource::endpoint(&pool, &endpoint)])?;
    let (asker, resumed) = oneshot::channel();
    let word = Word::Resume(pool.clone(), endpoint.clone(), asker);
    api.control.words().send(word).await.map_err(|_| Refusal::Fault)?;
    match resumed.await.map_err(|_| Refusal::Fault)? {
        Resumed::Done => {
            let after = json!({ "pool": pool, "endpoint": endpoint, "status": "up" });
            write::note(&api, &parts, Resource { before: None, after: Some(after.clone()) }).await;
            Ok(answer::of_json(StatusCode::OK, &after))
        }
        Resumed::NotHeld => {
            let detail =
                format!("Neither hold_down nor resume keeps {pool}/{endpoint} down: there is nothing to resume.");
            Err(Problem::new(StatusCode::CONFLICT, "not-held", detail))
        }
        Resumed::Unknown => Err(Problem::not_found(format!("There is no endpoint {pool}/{endpoint}."))),
    }
}

async fn lift(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, _) = request.into_parts();
    let (asker, lifted) = oneshot::channel();
    api.control.words().send(Word::Lift(asker)).await.map_err(|_| Refusal::Fault)?;
    if lifted.await.map_err(|_| Refusal::Fault)? {
        let after = json!({ "mass_failure": null });
        write::note(&api, &parts, Resource { before: None, after: Some(after.clone()) }).await;
        return Ok(answer::of_json(StatusCode::OK, &after));
    }
    let detail = "There is no mass failure, so there are no failures to believe: what has failed is down already.";
    Err(Problem::new(StatusCode::CONFLICT, "not-held", detail))
}
