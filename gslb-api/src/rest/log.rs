//! How much this server logs, changed while it runs; gslb.toml holds again when it restarts.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use tracing::field::display;
use tracing::info;

use super::body::{self, Media, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, conditions, query, write};
use crate::change::Refusal;
use crate::control::Resource;
use crate::document::Etag;
use crate::members;
use crate::{Api, LogLevel};

/// The route of the log's level.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/log", get(read).put(put))
}

fn told(level: LogLevel) -> Value {
    json!({ "level": level.name() })
}

async fn read(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let value = told(api.options.log.level());
    answer::tagged(request.headers(), &Etag::of(&value), &value)
}

async fn put(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let condition = conditions::of_write(&parts.headers)?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let level = asked(&sent)?;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let tell = || {
        let from = caller.from.map(display);
        info!(who = caller.who.name(), from, "the log's level is {} from now on", level.name());
    };
    let may = |before: LogLevel| {
        condition.check(Some(&Etag::of(&told(before))))?;
        // A log that is about to fall silent says why.
        if level < LogLevel::Info {
            tell();
        }
        Ok::<_, Refusal>(())
    };
    let before = api.options.log.change(level, may)?;
    if level >= LogLevel::Info {
        tell();
    }
    let value = told(level);
    write::note(&api, &parts, Resource { before: Some(told(before)), after: Some(value.clone()) }).await;
    let response = answer::of_json(StatusCode::OK, &value);
    Ok(answer::with(response, header::ETAG, &Etag::of(&value).to_string()))
}

fn asked(body: &Value) -> Result<LogLevel, Refusal> {
    let mut wrong: Vec<_> =
        body.as_object().into_iter().flat_map(|members| members::unknown(members, &["level"], "")).collect();
    let level = body.get("level").and_then(Value::as_str).and_then(LogLevel::from_name);
    if level.is_none() {
        let names: Vec<&str> = LogLevel::ALL.into_iter().map(LogLevel::name).collect();
        wrong.push(("/level".to_owned(), format!("expected one of {}", names.join(", "))));
    }
    match level {
        Some(level) if wrong.is_empty() => Ok(level),
        _ => Err(Refusal::Body(wrong)),
    }
}
