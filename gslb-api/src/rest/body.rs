//! Request bodies: limited in media type, size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use gslb_core::budget::Budget;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::caller::Caller;
use super::permits::Permit;
use super::problem::Problem;
use super::state::RestState;
use crate::Limits;
use crate::change::{Condition, Edit, Refusal};
use crate::control::blocking;
use crate::document::{Unread, document_from_json, document_from_toml, from_json};
use crate::types::{self, FromBody, Role};

/// The notation of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`
    Json,
    /// `application/merge-patch+json` (RFC 7396)
    MergePatch,
    /// `application/toml`
    Toml,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::Toml => "application/toml",
        }
    }

    /// The media type in `headers`, if it is one of `accepted`.
    ///
    /// # Errors
    /// 415, with the accepted types.
    fn of(headers: &HeaderMap, accepted: &[Self]) -> Result<Self, Problem> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let media = accepted.iter().find(|media| media.name().eq_ignore_ascii_case(essence));
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        if let Some(media) = media.filter(|_| is_plain) {
            return Ok(*media);
        }
        let names: Vec<&str> = accepted.iter().map(|media| media.name()).collect();
        let detail = format!("The Content-Type taken here is {}, without Content-Encoding.", names.join(" or "));
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail);
        Err(problem.header(header::ACCEPT, &names.join(", ")))
    }
}

/// The size class of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// A resource.
    Resource,
    /// A whole document.
    Document,
}

/// `body` as an object.
///
/// # Errors
/// 422.
pub(super) fn object(value: Value) -> Result<Value, Problem> {
    if value.is_object() {
        return Ok(value);
    }
    Err(no_object())
}

fn no_object() -> Problem {
    Refusal::Body(vec![(String::new(), "expected an object".to_owned())]).into()
}

/// A body that was read.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its value.
    pub value: Value,
    /// The resources for processing it.
    pub work: Work,
}

/// Resources for processing a body, released when it is done.
#[derive(Debug)]
pub(super) struct Work {
    /// The place of a whole document.
    pub permit: Option<Permit>,
    /// The remaining memory budget.
    pub budget: Budget,
}

impl Work {
    /// For a document that is or was active: it needs no more memory than it did then.
    pub(super) fn of_ours(permit: Option<Permit>) -> Self {
        Self { permit, budget: Budget::UNLIMITED }
    }
}

/// A body of type `T`.
pub(super) struct JsonBody<T>(pub T);

impl<T: FromBody> FromRequest<RestState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &RestState) -> Result<Self, Problem> {
        let sent = read(state, request, &[Media::Json]).await?.value;
        Ok(Self(types::read(&sent).map_err(Refusal::Body)?))
    }
}

/// Bodies of at least this many octets are processed one at a time.
const LARGE: usize = 1 << 20;

/// Reads the body of `request`: a resource, which must have one of the types `accepted`.
///
/// # Errors
/// 415; 413; 408; 400 if it is not of its type.
pub(super) async fn read(state: &RestState, request: Request, accepted: &[Media]) -> Result<Sent, Problem> {
    let Received { octets, mut work, .. } = received(state, request, accepted, Size::Resource).await?;
    let read = blocking(move || from_json(&octets, &mut work.budget).map(|value| Sent { value, work }));
    read.await?.map_err(unread)
}

/// Reads the body of `request`: a whole document or a merge patch of it, which must have one of the types `accepted`. It
/// replaces a document that meets `condition`.
///
/// # Errors
/// As [`read`]; 503 if no place is free; 422 if it is not an object.
pub(super) async fn read_edit(
    state: &RestState,
    request: Request,
    accepted: &[Media],
    condition: Condition,
) -> Result<(Edit, Work), Problem> {
    let Received { media, octets, mut work } = received(state, request, accepted, Size::Document).await?;
    let read = blocking(move || {
        let edit = match media {
            Media::Toml => {
                let text = std::str::from_utf8(&octets).map_err(|_| Unread::Invalid("not UTF-8".to_owned()))?;
                let document = document_from_toml(text, &mut work.budget)?;
                Edit::Document { document, text: Some(text.into()), condition }
            }
            Media::Json => {
                let document = document_from_json(&octets, &mut work.budget)?;
                Edit::Document { document, text: None, condition }
            }
            Media::MergePatch => Edit::Merge { patch: from_json(&octets, &mut work.budget)?, condition },
        };
        Ok((edit, work))
    });
    let (edit, work) = read.await?.map_err(unread)?;
    let is_object = match &edit {
        Edit::Document { document, .. } => document.is_object(),
        Edit::Merge { patch, .. } => patch.is_object(),
        _ => true,
    };
    if is_object { Ok((edit, work)) } else { Err(no_object()) }
}

/// The response to a body that cannot be read.
fn unread(unread: Unread) -> Problem {
    match unread {
        Unread::Invalid(error) => Problem::bad_request("The body cannot be read.").at("", error),
        Unread::TooMuch(error) => {
            let detail = "The body takes too much memory. Send fewer keys and values, or have the server watch files.";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).at("", error)
        }
    }
}

/// A body as it was sent.
struct Received {
    media: Media,
    octets: Bytes,
    /// The resources for processing it.
    work: Work,
}

/// Receives the body of `request`.
///
/// # Errors
/// 415; 413; 408; 503 if no place is free.
async fn received(state: &RestState, request: Request, accepted: &[Media], size: Size) -> Result<Received, Problem> {
    let (parts, body) = request.into_parts();
    let media = Media::of(&parts.headers, accepted)?;
    let limits = &state.api.options.limits;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Internal)?;
    let may_write = caller.role().allows(Role::Operator);
    let of_document = if may_write { limits.document_octets } else { limits.document_octets.min(limits.viewer_octets) };
    let most = match (size, media) {
        (Size::Document, Media::Toml) => limits.toml_octets.min(of_document),
        (Size::Document, _) => of_document,
        (Size::Resource, _) => limits.body_octets,
    };
    let budget = Budget::of(if may_write { limits.memory } else { limits.viewer_memory });
    let permit = if size == Size::Document { Some(permit(state, &parts).await?) } else { None };
    // The clock starts here: waiting for a place does not count as sending slowly.
    let octets = collected(limits, &parts.headers, body, most, media).await?;
    let permit = match permit {
        Some(permit) if octets.len() > LARGE => Some(permit.with(turn(state).await?)),
        other => other,
    };
    Ok(Received { media, octets, work: Work { permit, budget } })
}

/// Waits until no other large document is processed.
///
/// # Errors
/// 503.
async fn turn(state: &RestState) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = timeout(state.api.options.limits.patience, Arc::clone(&state.turn).acquire_owned()).await;
    let message = "Another large document is being processed, and only one can be at a time: try again.";
    turn.ok().and_then(Result::ok).ok_or_else(|| Problem::unavailable(message))
}

/// Waits for a place for a document.
///
/// # Errors
/// 503.
pub(super) async fn permit(state: &RestState, parts: &Parts) -> Result<Permit, Problem> {
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Internal)?;
    let permits = if caller.role().allows(Role::Operator) { &state.documents } else { &state.viewers_documents };
    let permit = permits.take(caller.client_key(), state.api.options.limits.patience).await;
    permit.ok_or_else(|| Problem::unavailable("Other documents are being processed: try again."))
}

/// `body`, which holds `permit` until it has been sent or dropped.
pub(super) fn holding(body: Body, permit: Permit) -> Body {
    let framed = move |frame| {
        let _held = &permit;
        frame
    };
    Body::new(body.map_frame(framed))
}

/// Octets of a body that must arrive before its Content-Length is trusted.
const ANNOUNCED: usize = 64 << 10;

/// Reads a body of at most `most` octets.
async fn collected(
    limits: &Limits,
    headers: &HeaderMap,
    body: Body,
    most: usize,
    media: Media,
) -> Result<Bytes, Problem> {
    let (begun, mut body) = (Instant::now(), Limited::new(body, most));
    let mut octets: Vec<u8> = Vec::new();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    loop {
        let rate = u32::try_from(octets.len() / limits.body_octets_per_second.max(1)).unwrap_or(u32::MAX);
        let allowed = (limits.body_grace + Duration::from_secs(1) * rate).min(limits.body_time);
        match timeout_at(begun + allowed, body.frame()).await {
            Ok(None) => return Ok(octets.into()),
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                // After the first octets, the announced length is reserved at once: growing step by step takes twice as
                // much.
                if octets.len() > ANNOUNCED && octets.capacity() < most.min(length.unwrap_or(0)) {
                    octets.reserve_exact(most.min(length.unwrap_or(0)) - octets.len());
                }
                octets.extend_from_slice(&data);
            }
            Ok(Some(Err(error))) if error.is::<LengthLimitError>() => {
                let more = if media == Media::Toml { " As JSON it may have more." } else { "" };
                let detail = format!("A body has at most {most} octets here.{more}");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
            }
            Ok(Some(Err(error))) => return Err(Problem::bad_request(format!("The body did not arrive: {error}"))),
            Err(_) => {
                let (least, most) = (limits.body_octets_per_second, limits.body_time.as_secs());
                let detail = format!("The body came too slowly: fewer than {least} octets a second, or over {most} s.");
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail));
            }
        }
    }
}
