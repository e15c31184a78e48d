//! Statuses with their evidence, and returning an endpoint to service.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::dns::name::Name;
use gslb_core::health::Member;
use gslb_core::site::model::{PoolId, Service};
use serde_json::json;
use tokio::sync::oneshot;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::change::{Active, Refusal};
use crate::clock::now;
use crate::control::{Resource, blocking};
use crate::health::{HealthEvent, Resumed, member};
use crate::path_segment::escape;
use crate::status::{self, Detail, Filter, Reach};
use crate::thaw;
use crate::types::{
    ByName, DataCenterStatus, Degradation, EndpointStatus, MassFailure, NextPages, NoParameters, PoolStatus,
    ResumedEndpoint, ServiceStatus, Status, StatusCollection, StatusPage, StatusParameters, Timestamp,
};
use crate::{Api, auth};

/// The routes of statuses.
pub(super) fn routes() -> Routes {
    Routes::new("status")
        .add(Access::Viewer, routes!(list))
        .add(Access::Viewer, routes!(read))
        .add(Access::Operator, routes!(resume))
}

/// Show what is up, since when and why
#[utoipa::path(get, path = "/status", params(StatusParameters), responses(
    (status = 200, description = "A page of each collection", body = StatusPage),
))]
async fn list(
    State(api): State<Api>,
    _: AcceptsJson,
    Parameters(parameters): Parameters<StatusParameters>,
) -> Result<Response, Problem> {
    if parameters.after.is_some() && parameters.of.is_none() {
        return Err(Problem::bad_request("after needs of, the collection to continue."));
    }
    let base = api.control.active();
    let gathered = {
        let base = Arc::clone(&base);
        blocking(move || Gathered::of(&base, &parameters)).await??
    };
    let known = status::known(&api.control, &base, gathered.members.clone()).await?;
    let degraded = api.degraded().into_iter();
    let degraded = degraded.map(|(concern, why)| Degradation { what: concern.word().to_owned(), why }).collect();
    let page = blocking(move || {
        let one = |member: &Member| status::endpoint(&known, *member, Detail::Last);
        let (active, now) = (&known.active, now());
        let page = StatusPage {
            time: Timestamp(now),
            revision: active.revision,
            generation: active.table.generation(),
            mass_failure: known.mass_failure_for.map(|time| MassFailure { seconds: time.as_secs() }),
            degraded,
            overrides: active.overrides.len(),
            thaw: thaw::holding(active.thaw.as_ref(), now),
            counts: status::counts(&active.table),
            data_centers: gathered.data_centers,
            pools: gathered.pools,
            services: gathered.services,
            endpoints: gathered.members.iter().filter_map(one).collect(),
            next: gathered.next,
        };
        answer::json(StatusCode::OK, &page)
    });
    Ok(page.await?)
}

/// A page without the evidence.
struct Gathered {
    members: Vec<Member>,
    data_centers: ByName<DataCenterStatus>,
    pools: ByName<PoolStatus>,
    services: ByName<ServiceStatus>,
    /// Where each collection continues.
    next: NextPages,
}

impl Gathered {
    fn of(base: &Active, parameters: &StatusParameters) -> Result<Self, Problem> {
        let limit = parameters.limit.get();
        let (table, site) = (&base.table, &base.table.topology().site);
        let mut reach = Reach::default();
        let service = parameters.service.as_deref().map(|name| named(base, name)).transpose()?;
        known("pool", parameters.pool.as_deref(), site.pools.iter().map(|pool| &*pool.name))?;
        known("data center", parameters.data_center.as_deref(), site.data_centers.iter().map(|it| &*it.name))?;
        let filter = Filter {
            pool: parameters.pool.clone(),
            data_center: parameters.data_center.clone(),
            pools: service.map(|service| reach.of(site, service).clone()),
            status: parameters.status,
        };
        let wants = |of: StatusCollection| parameters.of.is_none_or(|it| it == of);
        let mut next = NextPages::default();
        let mut members = if wants(StatusCollection::Endpoints) { filter.members(table) } else { Vec::new() };
        let label = |member: &Member| {
            let pool = site.pools.get(member.pool.0 as usize);
            let endpoint = pool.and_then(|pool| pool.endpoints.get(member.endpoint as usize));
            pool.zip(endpoint).map_or_else(String::new, |(pool, endpoint)| format!("{}/{}", pool.name, endpoint.name))
        };
        let after = |of: StatusCollection| parameters.after.as_deref().filter(|_| parameters.of == Some(of));
        if let Some(after) = after(StatusCollection::Endpoints) {
            let known = after.split_once('/').and_then(|(pool, endpoint)| member(site, pool, endpoint));
            let known = known
                .ok_or_else(|| Problem::bad_request(format!("There is no endpoint {after:?} to continue after.")))?;
            members.retain(|member| (member.pool, member.endpoint) > (known.pool, known.endpoint));
        }
        if members.len() > limit {
            members.truncate(limit);
            next.endpoints =
                members.last().map(|last| next_page(parameters, StatusCollection::Endpoints, &label(last)));
        }
        let pools = (0..).map(PoolId).zip(status::pools(base)).filter(|_| wants(StatusCollection::Pools));
        let pools = pools.filter(|(id, _)| filter.has(site, *id)).map(|(_, pool)| pool);
        let (pools, more) = paged(pools, after(StatusCollection::Pools), limit);
        next.pools = more.map(|last| next_page(parameters, StatusCollection::Pools, &last));
        let chosen = site.services.iter().filter(|_| wants(StatusCollection::Services));
        let services = chosen.filter_map(|it| {
            // Services that may answer from others too do not depend on this pool or data center alone.
            let is_chosen = match service {
                Some(service) => service.name == it.name,
                None => reach.of(site, it).iter().all(|id| filter.has(site, *id)),
            };
            is_chosen.then(|| (it.name.to_string(), status::service(table, it, &mut reach)))
        });
        let (services, more) = paged(services, after(StatusCollection::Services), limit);
        next.services = more.map(|last| next_page(parameters, StatusCollection::Services, &last));
        let data_centers = status::data_centers(base);
        let data_centers =
            data_centers.filter(|(name, _)| parameters.data_center.as_deref().is_none_or(|it| it == name));
        Ok(Self { members, data_centers: data_centers.collect(), pools, services, next })
    }
}

/// Where the collection `of` continues after the entry `after`.
fn next_page(parameters: &StatusParameters, of: StatusCollection, after: &str) -> String {
    let (of, limit) = (of.name(), parameters.limit.get());
    let mut next = format!("/api/v1/status?of={of}&limit={limit}&after={}", escape(after));
    let given = [
        ("pool", parameters.pool.as_deref()),
        ("data_center", parameters.data_center.as_deref()),
        ("service", parameters.service.as_deref()),
        ("status", parameters.status.map(Status::name)),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            next.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    next
}

/// Up to `limit` entries after `after`, and the name of the last one if there are more.
fn paged<T>(
    entries: impl Iterator<Item = (String, T)>,
    after: Option<&str>,
    limit: usize,
) -> (ByName<T>, Option<String>) {
    let mut is_behind = after.is_none();
    let mut behind = entries.filter(|(name, _)| {
        let taken = is_behind;
        if after == Some(name) {
            is_behind = true;
        }
        taken
    });
    let page: Vec<(String, T)> = behind.by_ref().take(limit).collect();
    let last = page.last().map(|(name, _)| name.clone()).filter(|_| behind.next().is_some());
    (page.into_iter().collect(), last)
}

/// Refuses a name that is not among `all`: if it were misspelled, nothing of it would be down.
fn known<'n>(what: &str, name: Option<&str>, mut all: impl Iterator<Item = &'n str>) -> Result<(), Problem> {
    match name {
        Some(name) if !all.any(|known| known == name) => {
            Err(Problem::not_found(format!("There is no {what} {name:?}.")))
        }
        _ => Ok(()),
    }
}

/// The service of this name.
fn named<'b>(base: &'b Active, text: &str) -> Result<&'b Service, Problem> {
    let name = Name::parse(text.as_bytes(), &Name::root()).ok();
    let found = name.and_then(|name| base.table.topology().site.service_of(&name));
    found.ok_or_else(|| Problem::not_found(format!("There is no service {text:?}.")))
}

/// Show one endpoint with all of its evidence
#[utoipa::path(
    get, path = "/status/{pool}/{endpoint}", params(("pool" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, description = "The endpoint", body = EndpointStatus))
)]
async fn read(
    State(api): State<Api>,
    Path((pool, endpoint)): Path<(String, String)>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    let base = api.control.active();
    let unknown = || Problem::not_found(format!("There is no endpoint {pool}/{endpoint}."));
    let member = member(&base.table.topology().site, &pool, &endpoint).ok_or_else(unknown)?;
    let known = status::known(&api.control, &base, vec![member]).await?;
    let shown = status::endpoint(&known, member, Detail::All).ok_or_else(unknown)?;
    Ok(answer::json(StatusCode::OK, &shown))
}

/// Return a held endpoint to service
#[utoipa::path(
    post, path = "/status/{pool}/{endpoint}/resume", params(("pool" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, description = "It is up", body = ResumedEndpoint))
)]
async fn resume(
    State(api): State<Api>,
    Path((pool, endpoint)): Path<(String, String)>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
) -> Result<Response, Problem> {
    operation.caller.may_change(&[auth::Resource::endpoint(&pool, &endpoint)])?;
    let (reply, resumed) = oneshot::channel();
    let word = HealthEvent::Resume(pool.clone(), endpoint.clone(), reply);
    api.control.health_events().send(word).await.map_err(|_| Refusal::Internal)?;
    match resumed.await.map_err(|_| Refusal::Internal)? {
        Resumed::Done => {
            let after = ResumedEndpoint { pool, endpoint, status: Status::Up };
            operation.note(&api, Resource { before: None, after: Some(json!(after)) }).await;
            Ok(answer::json(StatusCode::OK, &after))
        }
        Resumed::NotHeld => {
            let detail =
                format!("Neither hold_down nor resume keeps {pool}/{endpoint} down: there is nothing to resume.");
            Err(Problem::new(StatusCode::CONFLICT, "not-held", detail))
        }
        Resumed::Unknown => Err(Problem::not_found(format!("There is no endpoint {pool}/{endpoint}."))),
    }
}
