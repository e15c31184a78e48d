//! The REST API: routes, and the layers common to all of them.

mod alertmanager;
mod answer;
mod audit;
mod body;
mod caller;
mod conditions;
mod documents;
mod drill;
mod events;
mod explain;
mod host;
mod latency;
mod log;
mod mass_failure;
mod measure;
mod observations;
mod openapi;
mod operation;
mod origin;
mod overrides;
mod parameters;
mod permits;
mod plan;
mod problem;
mod rate;
mod rendered;
mod resources;
mod restart;
mod revisions;
mod routes;
mod state;
mod status;
mod streaming;
mod tail;
mod thaw;
mod token;
mod tokens;
mod top;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{Extensions, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

use crate::Api;
use crate::document::Section;
use problem::Problem;
use routes::Routes;
use state::RestState;

pub use host::{is_allowed_host, unambiguous};
pub use mass_failure::ACCEPT_MASS_FAILURE;

/// The path that all of the API is below.
const BASE: &str = "/api/v1";

/// The routes below `/api`, to be merged with others or served alone. It has its own limits on callers, so create it
/// once. Requests should have an `axum::extract::ConnectInfo<SocketAddr>`; without it, no client counts as local.
pub fn router(api: Api) -> Router {
    let resources = [
        documents::routes(),
        revisions::routes(),
        overrides::routes(),
        plan::routes(),
        explain::routes(),
        events::routes(),
        status::routes(),
        mass_failure::routes(),
        drill::routes(),
        latency::routes(),
        observations::routes(),
        audit::routes(),
        tokens::routes(),
        token::routes(),
        alertmanager::routes(),
        log::routes(),
        top::routes(),
        tail::routes(),
        restart::routes(),
        thaw::routes(),
    ];
    let sections = Section::ALL.into_iter().map(resources::routes);
    let routes = sections.chain(resources).map(Routes::into_router);
    let (routes, operations) = routes.fold(OpenApiRouter::default(), OpenApiRouter::merge).split_for_parts();
    let description = openapi::base().nest(BASE, operations);
    let state = RestState::new(api.clone());
    let routes = routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(state.clone(), caller::admit));
    Router::new()
        .nest(BASE, routes)
        .merge(openapi::routes(&description))
        .layer(from_fn(origin::check))
        .layer(map_response(guarded))
        .layer(from_fn_with_state(api.clone(), host::check))
        .layer(from_fn_with_state(api, measure::measured))
        .with_state(state)
}

/// What every answer says to browsers and caches: it is not a page, and it is of this moment.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The original path of a request, before nested routers stripped their prefix.
fn path<'r>(extensions: &'r Extensions, uri: &'r Uri) -> &'r str {
    extensions.get::<OriginalUri>().map_or(uri, |OriginalUri(uri)| uri).path()
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::not_found(format!("There is nothing at {}.", uri.path()))
}

async fn not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("{} does not support {method}.", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
