//! The description of the API: OpenAPI 3.1 from the handlers and their types, and a self-contained page that shows
//! it.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_swagger_ui::Config;

use super::problem::Problem;
use super::state::RestState;
use crate::types;

/// The path of the description.
const DESCRIPTION: &str = "/api/openapi.json";
/// The page may load and run only what comes with it.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
/// The name of the security scheme.
pub(super) const BEARER: &str = "bearer";
/// The name of the response that every operation may give.
pub(super) const PROBLEM: &str = "Problem";

static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from(DESCRIPTION)));

/// The routes of `description` and its page. They need no token: their content is public.
pub(super) fn routes(description: &OpenApi) -> Router<RestState> {
    let json: Arc<str> = description.to_json().unwrap_or_default().into();
    let description = move || {
        let json = String::from(&*json);
        async move { ([(header::CONTENT_TYPE, "application/json")], json) }
    };
    Router::new()
        .route(DESCRIPTION, get(description))
        .route("/api/docs", get(async || Redirect::permanent("/api/docs/")))
        .route("/api/docs/", get(async || file("index.html")))
        .route("/api/docs/{*file}", get(async |Path(name): Path<String>| file(&name)))
}

fn file(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::clone(&PAGE)) {
        Ok(Some(file)) => {
            let headers = [(header::CONTENT_TYPE, file.content_type), (header::CONTENT_SECURITY_POLICY, POLICY.into())];
            (headers, file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::not_found(format!("The page has no file {name:?}.")).into_response(),
        Err(_) => {
            let detail = "Internal error: the page could not be rendered.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", detail).into_response()
        }
    }
}

/// The parts of the description other than operations.
pub(super) fn base() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("gslb_ID_SECRET").build();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(types::Problem::name()))).build();
    let problem = ResponseBuilder::new().description("Why it was not done (RFC 9457).");
    let problem = problem.content("application/problem+json", content).build();
    let mut schemas = vec![(types::Problem::name().into_owned(), types::Problem::schema())];
    types::Problem::schemas(&mut schemas);
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .response(PROBLEM, problem)
        .security_scheme(BEARER, SecurityScheme::Http(bearer));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("gslb")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Read, plan and change what a geo-aware DNS load balancer serves.")),
        )
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, [])]))
        .build()
}
