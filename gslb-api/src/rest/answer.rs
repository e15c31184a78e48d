//! Answers that many routes give: JSON with a tag, and what a change came to.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::conditions;
use super::problem::{Problem, details};
use super::rendered::Text;
use crate::change::Done;
use crate::document::Etag;

/// JSON.
pub(super) fn of_json(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// JSON of the state that `etag` names, or 304 where the reader has it.
///
/// # Errors
/// As for [`conditions::is_known`].
pub(super) fn tagged(headers: &HeaderMap, etag: &Etag, value: &Value) -> Result<Response, Problem> {
    let response = if conditions::is_known(headers, etag)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        of_json(StatusCode::OK, value)
    };
    Ok(with(response, header::ETAG, &etag.to_string()))
}

/// The same, of what has been written already.
///
/// # Errors
/// As for [`conditions::is_known`].
pub(super) fn written(headers: &HeaderMap, text: Text) -> Result<Response, Problem> {
    let response = if conditions::is_known(headers, &text.etag)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], text.octets).into_response()
    };
    Ok(with(response, header::ETAG, &text.etag.to_string()))
}

/// The same response with a header.
pub(super) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether a reader takes any of `media`.
///
/// # Errors
/// 406, with what there is.
pub(super) fn accepts(headers: &HeaderMap, media: &[&'static str]) -> Result<&'static str, Problem> {
    let first = media.first().copied().unwrap_or_default();
    let mut best: Option<(f32, &'static str)> = None;
    let mut said = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            said = true;
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
        None if !said => Ok(first),
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

/// What a change came to, or would come to.
pub(super) fn of_done(done: &Done, dry_run: bool) -> Response {
    let status = if done.created && !dry_run { StatusCode::CREATED } else { StatusCode::OK };
    let response = of_json(status, &told(done, dry_run));
    match &done.etag {
        Some(etag) if !dry_run => with(response, header::ETAG, &etag.to_string()),
        _ => response,
    }
}

/// The body of that answer.
pub(super) fn told(done: &Done, dry_run: bool) -> Value {
    let mut told = json!({
        "dry_run": dry_run,
        "revision": done.revision,
        "generation": done.generation,
        "changes": done.changes,
        "moves": done.moves,
        "breaks": done.breaks,
        "warnings": details(&done.warnings),
        "saved": done.not_saved.is_none(),
    });
    if let (Some(why), Some(members)) = (&done.not_saved, told.as_object_mut()) {
        members.insert("not_saved".to_owned(), why.as_str().into());
    }
    told
}
