//! How much the server logs, changed while it runs; gslb.toml holds again after a restart.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tracing::info;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::conditions::{IfMatch, KnownStates};
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::change::Refusal;
use crate::control::Resource;
use crate::document::Etag;
use crate::types::{Log, LogLevel, NoParameters, ReadConditions, WriteConditions};

/// The routes of the log level.
pub(super) fn routes() -> Routes {
    Routes::new("log").add(Access::Viewer, routes!(read)).add(Access::UnscopedOperator, routes!(put))
}

/// Show how much the server logs
#[utoipa::path(get, path = "/log", params(ReadConditions), responses(
    (status = 200, description = "The level", body = Log),
    (status = 304, description = "The client has it"),
))]
async fn read(State(api): State<Api>, _: AcceptsJson, _: Parameters<NoParameters>, known: KnownStates) -> Response {
    answer::tagged(&known, &Log { level: api.options.log.level() })
}

/// Log more or less, until the server restarts
#[utoipa::path(put, path = "/log", params(WriteConditions), request_body = Log, responses(
    (status = 200, description = "The level", body = Log),
))]
async fn put(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    IfMatch(condition): IfMatch,
    operation: Operation,
    JsonBody(Log { level }): JsonBody<Log>,
) -> Result<Response, Problem> {
    let report = || {
        let caller = &operation.caller;
        info!(
            who = caller.who.name(),
            from = caller.from.map(tracing::field::display),
            "the log level is {} now",
            level.name()
        );
    };
    let may = |before: LogLevel| {
        condition.check(Some(&Etag::of(&Log { level: before })))?;
        // A log that is about to fall silent says why.
        if level < LogLevel::Info {
            report();
        }
        Ok::<_, Refusal>(())
    };
    let before = api.options.log.change(level, may)?;
    if level >= LogLevel::Info {
        report();
    }
    let log = Log { level };
    let resource = Resource { before: Some(json!(Log { level: before })), after: Some(json!(log)) };
    operation.note(&api, resource).await;
    Ok(answer::with(answer::json(StatusCode::OK, &log), header::ETAG, &Etag::of(&log).to_string()))
}
