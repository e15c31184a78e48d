//! The REST API: paths to handlers, and what holds for all of them.

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
mod measure;
mod observations;
mod openapi;
mod origin;
mod overrides;
mod parameters;
pub(crate) mod places;
mod plan;
mod problem;
mod query;
pub(crate) mod rate;
pub(crate) mod rendered;
mod resources;
mod status;
mod streaming;
mod tail;
mod thaw;
mod tokens;
mod top;
mod write;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{Extensions, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;

use crate::Api;
use crate::document::Section;
use problem::Problem;

pub use caller::role_needed;
pub use host::{is_ours, unambiguous};
pub use status::LIFT_MASS_FAILURE;

/// The path that all of the API is below.
const BASE: &str = "/api/v1";

/// The routes below `/api`, to be merged with others or served alone. Where connections are known by their address,
/// requests have an `axum::extract::ConnectInfo<SocketAddr>`; without it nobody counts as being on this host.
pub fn router(api: Api) -> Router {
    let sections = Section::ALL.into_iter().map(resources::routes);
    let routes = sections.fold(Router::new(), Router::merge);
    let routes = routes
        .merge(documents::routes())
        .merge(overrides::routes())
        .merge(plan::routes())
        .merge(explain::routes())
        .merge(events::routes())
        .merge(status::routes())
        .merge(drill::routes())
        .merge(latency::routes())
        .merge(observations::routes())
        .merge(audit::routes())
        .merge(tokens::routes())
        .merge(alertmanager::routes())
        .merge(log::routes())
        .merge(top::routes())
        .merge(tail::routes())
        .merge(thaw::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(api.clone(), caller::admit));
    Router::new()
        .nest(BASE, routes)
        .merge(openapi::routes())
        .layer(from_fn(origin::check))
        .layer(map_response(guarded))
        .layer(from_fn_with_state(api.clone(), host::check))
        .layer(from_fn_with_state(api.clone(), measure::measured))
        .with_state(api)
}

/// What every answer says to browsers and caches: it is not a page, and it is of this moment.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The path of a request as it came, before nested routers took off what is theirs.
fn path<'r>(extensions: &'r Extensions, uri: &'r Uri) -> &'r str {
    extensions.get::<OriginalUri>().map_or(uri, |OriginalUri(uri)| uri).path()
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::not_found(format!("There is nothing at {}.", uri.path()))
}

async fn not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("{} does not take {method}.", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// `text` as a value in a query (RFC 3986 §2.1).
fn escape(text: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
    let escaped = |octet: u8| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    text.bytes().map(escaped).collect()
}
