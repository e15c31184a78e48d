//! Responses that routes share: JSON with an entity tag, results of changes, and content negotiation.

use std::io;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::conditions::KnownStates;
use super::problem::{Problem, details};
use super::rendered::Text;
use crate::change::Applied;
use crate::document::Etag;
use crate::types::ChangeResult;

const JSON: &str = "application/json";
const TOML: &str = "application/toml";

/// `body` as JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Writing into memory cannot fail, and no body has keys that are not text.
    octets(status, serde_json::to_vec(body).unwrap_or_default().into())
}

/// The result of a change as JSON. It may be as long as a document, so it is serialized with no spare capacity.
pub(super) fn change_result(status: StatusCode, result: &ChangeResult) -> Response {
    let mut length = Length(0);
    // Counting and writing into memory cannot fail.
    let _ = serde_json::to_writer(&mut length, result);
    let mut body = Vec::with_capacity(length.0);
    let _ = serde_json::to_writer(&mut body, result);
    octets(status, body.into())
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// JSON that is already serialized.
fn octets(status: StatusCode, octets: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], octets).into_response()
}

/// `body` as JSON with its tag, or 304 if the client has it.
pub(super) fn tagged(known: &KnownStates, body: &impl Serialize) -> Response {
    let octets: Bytes = serde_json::to_vec(body).unwrap_or_default().into();
    written(known, Text { etag: Etag::of_octets(&octets), octets })
}

/// The same for serialized JSON.
pub(super) fn written(known: &KnownStates, text: Text) -> Response {
    let response = if known.has(&text.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        octets(StatusCode::OK, text.octets)
    };
    with(response, header::ETAG, &text.etag.to_string())
}

/// `response` with a header.
pub(super) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The client accepts JSON.
pub(super) struct AcceptsJson;

impl<S: Send + Sync> FromRequestParts<S> for AcceptsJson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        accepts(&parts.headers, &[JSON]).map(|_| Self)
    }
}

/// The client accepts server-sent events.
pub(super) struct AcceptsEvents;

impl<S: Send + Sync> FromRequestParts<S> for AcceptsEvents {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        accepts(&parts.headers, &["text/event-stream"]).map(|_| Self)
    }
}

/// A document format that the client accepts; JSON if it accepts both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Json,
    Toml,
}

impl<S: Send + Sync> FromRequestParts<S> for Notation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let media = accepts(&parts.headers, &[JSON, TOML])?;
        Ok(if media == TOML { Self::Toml } else { Self::Json })
    }
}

/// The first of `media` that the client accepts.
///
/// # Errors
/// 406, with the available types.
fn accepts(headers: &HeaderMap, media: &[&'static str]) -> Result<&'static str, Problem> {
    let first = media.first().copied().unwrap_or_default();
    let mut best: Option<(f32, &'static str)> = None;
    let mut message = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            message = true;
            let (range, quality) = quality(range);
            let fits = |name: &&&'static str| {
                let kind = name.split('/').next().unwrap_or_default();
                range == "*/*" || range.eq_ignore_ascii_case(name) || range.eq_ignore_ascii_case(&format!("{kind}/*"))
            };
            if let Some(name) = media.iter().find(fits).filter(|_| quality > 0.0)
                && best.is_none_or(|(so_far, _)| quality > so_far)
            {
                best = Some((quality, name));
            }
        }
    }
    match best {
        Some((_, name)) => Ok(name),
        None if !message => Ok(first),
        None => {
            let detail = format!("There is only {} here.", media.join(" and "));
            Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail))
        }
    }
}

/// A media range and its weight (RFC 9110 §12.4.2).
fn quality(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.parse().ok());
    (name, weight.unwrap_or(0.0))
}

/// The result of a change, or of a dry run.
pub(super) fn changed(done: Applied, dry_run: bool) -> Response {
    let status = if done.created && !dry_run { StatusCode::CREATED } else { StatusCode::OK };
    let etag = done.etag.clone().filter(|_| !dry_run);
    let response = change_result(status, &result(done, dry_run));
    match etag {
        Some(etag) => with(response, header::ETAG, &etag.to_string()),
        None => response,
    }
}

/// The body of that response.
pub(super) fn result(done: Applied, dry_run: bool) -> ChangeResult {
    ChangeResult {
        dry_run,
        revision: done.revision,
        generation: done.generation,
        changes: done.changes,
        moves: done.moves,
        breaks: done.breaks,
        warnings: details(&done.warnings),
        saved: done.not_saved.is_none(),
        not_saved: done.not_saved,
    }
}
