//! Bodies: of a kind that is taken, no longer than is taken, in the time that is taken.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::problem::Problem;
use crate::Api;
use crate::control::{Refusal, blocking};
use crate::document::{from_json, from_toml};

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

    /// The kind of body that `headers` announce, if it is among `taken`.
    ///
    /// # Errors
    /// 415, with what is taken.
    pub(super) fn of(headers: &HeaderMap, taken: &[Self]) -> Result<Self, Problem> {
        let told = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = told.split(';').next().unwrap_or_default().trim();
        let media = taken.iter().find(|media| media.name().eq_ignore_ascii_case(essence));
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        if let Some(media) = media.filter(|_| is_plain) {
            return Ok(*media);
        }
        let names: Vec<&str> = taken.iter().map(|media| media.name()).collect();
        let detail = format!("The Content-Type taken here is {}, without Content-Encoding.", names.join(" or "));
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail);
        Err(problem.header(header::ACCEPT, &names.join(", ")))
    }
}

/// Which bodies are meant to be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A resource.
    Resource,
    /// A whole document.
    Document,
}

/// The same body, which must be an object.
///
/// # Errors
/// 422.
pub(super) fn object(value: Value) -> Result<Value, Problem> {
    if value.is_object() {
        return Ok(value);
    }
    Err(Refusal::Body(vec![(String::new(), "expected an object".to_owned())]).into())
}

/// Reads a body of the kind `media`.
///
/// # Errors
/// 413, 408, and 400 for what is not of that kind.
pub(super) async fn read(api: &Api, body: Body, media: Media, size: Size) -> Result<Value, Problem> {
    let limits = &api.options.limits;
    let most = if size == Size::Document { limits.document_octets } else { limits.body_octets };
    let collected = timeout(limits.body_time, async {
        // Documents are long enough for a few of them to fill the memory.
        let _place = if size == Size::Document { api.documents.acquire().await.ok() } else { None };
        Limited::new(body, most).collect().await
    });
    let collected = collected.await;
    let octets = match collected {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("A body has at most {most} octets here.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
        }
        Ok(Err(error)) => return Err(Problem::bad_request(format!("The body did not arrive: {error}"))),
        Err(_) => {
            let detail = format!("The body took longer than {} s.", limits.body_time.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail));
        }
    };
    let value = match size {
        // All other requests would wait for a long one on this thread.
        Size::Document => blocking(move || parse(&octets, media)).await?,
        Size::Resource => parse(&octets, media),
    };
    value.map_err(|error| Problem::bad_request("The body cannot be read.").at("", error))
}

fn parse(octets: &[u8], media: Media) -> Result<Value, String> {
    match media {
        Media::Toml => std::str::from_utf8(octets).map_err(|_| "not UTF-8".to_owned()).and_then(from_toml),
        Media::Json | Media::MergePatch => from_json(octets),
    }
}
