//! What the API says of itself: OpenAPI 3.1 from the code, and a page that shows it with nothing from elsewhere.

mod health;
mod operations;
mod schemas;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::Config;

use super::problem::Problem;
use crate::Api;

/// Where the description is.
const DESCRIPTION: &str = "/api/openapi.json";
/// What the page may load and run: what comes with it.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

static DESCRIBED: LazyLock<String> = LazyLock::new(|| description().to_json().unwrap_or_default());
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from(DESCRIPTION)));

/// The routes of the description and its page. They need no token: they say what is public anyway.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(DESCRIPTION, get(async || ([(header::CONTENT_TYPE, "application/json")], DESCRIBED.as_str())))
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
            let detail = "Internal error: the page could not be made.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", detail).into_response()
        }
    }
}

/// The whole description.
pub(super) fn description() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("gslb_ID_SECRET").build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas::all())
        .responses_from_iter(schemas::responses())
        .security_scheme("bearer", SecurityScheme::Http(bearer));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("gslb")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("What an operator may ask of a geo-aware DNS load balancer, and change.")),
        )
        .paths(operations::all())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>("bearer", [])]))
        .build()
}
