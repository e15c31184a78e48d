//! The whole document, and what became of it: revisions.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::body::{self, Media, Sent, Size, Work};
use super::problem::Problem;
use super::rendered::Text;
use super::{answer, conditions, query, write};
use crate::Api;
use crate::change::Edit;
use crate::clock;
use crate::control::blocking;
use crate::document::{Etag, differences, to_toml};
use crate::revisions::{self, Header};
use crate::store::{Time, wait};

/// The routes of the document and its revisions.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/document", get(read).put(replace).patch(patch))
        .route("/revisions", get(list))
        .route("/revisions/{number}", get(revision))
        .route("/revisions/{number}/diff", get(diff))
        .route("/revisions/{number}/restore", post(restore))
}

async fn read(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let media = answer::accepts(request.headers(), &["application/json", "application/toml"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let in_force = api.control.in_force();
    let etag = Etag::of_revision(in_force.revision);
    if media == "application/json" || conditions::is_known(request.headers(), &etag)? {
        return answer::written(request.headers(), api.rendered.part(&in_force, None).await?);
    }
    let text = match written(&api, in_force.revision).await? {
        Some(text) => text,
        None => {
            let document = Arc::clone(&in_force.document);
            rendered(blocking(move || to_toml(&document)).await?)?
        }
    };
    Ok(of_toml(text, &etag))
}

/// The text of revision `number` as its author wrote it; none where that was not in TOML. What cannot be read is none too:
/// the document itself is there.
async fn written(api: &Api, number: u64) -> Result<Option<String>, Problem> {
    let store = Arc::clone(api.control.store());
    let read = blocking(move || wait(revisions::text::read(&*store, number))).await?;
    Ok(read.unwrap_or_default())
}

fn rendered(text: Result<String, String>) -> Result<String, Problem> {
    text.map_err(|error| Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", error))
}

fn of_toml(text: String, etag: &Etag) -> Response {
    let response = ([(header::CONTENT_TYPE, "application/toml")], text).into_response();
    answer::with(response, header::ETAG, &etag.to_string())
}

async fn replace(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    change(&api, request, &[Media::Json, Media::Toml]).await
}

async fn patch(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    change(&api, request, &[Media::MergePatch]).await
}

async fn change(api: &Api, request: Request, taken: &[Media]) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, taken)?;
    let condition = conditions::of_write(&parts.headers)?;
    let Sent { value, text, work } = body::read(api, &parts, octets, media, Size::Document).await?;
    let value = body::object(value)?;
    let edit = if media == Media::MergePatch {
        Edit::Merge { patch: value, condition }
    } else {
        Edit::Document { document: value.into(), text, condition }
    };
    write::run(api, &parts, edit, work).await
}

/// A revision as the API tells it, without its document.
fn told(header: &Header) -> Value {
    json!({
        "revision": header.revision,
        "author": header.author,
        "author_name": header.author_name,
        "time": clock::show(Time::from_millis(header.millis)),
        "message": header.message,
        "restored": header.restored,
        "commit": header.commit,
        "octets": header.octets,
    })
}

async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let numbered: query::Numbered = query::of(request.uri())?;
    let limit = query::page(numbered.limit)?;
    let listed = revisions::list(&**api.control.store(), query::number(numbered.after)?, limit).await;
    let (headers, more) = listed.map_err(|error| Problem::unavailable(error.to_string()))?;
    let last = headers.last().filter(|_| more).map(|header| header.revision);
    let next = last.map(|last| format!("/api/v1/revisions?limit={limit}&after={last}"));
    let list: Vec<Value> = headers.iter().map(told).collect();
    let in_force = api.control.in_force().revision;
    Ok(answer::of_json(StatusCode::OK, &json!({ "in_force": in_force, "revisions": list, "next": next })))
}

/// Revision `number` with its document.
pub(super) async fn stored(api: &Api, number: u64) -> Result<(Header, Value), Problem> {
    let store = Arc::clone(api.control.store());
    let read = blocking(move || wait(revisions::read(&*store, number))).await?;
    let found = read.map_err(|error| Problem::unavailable(error.to_string()))?;
    found.ok_or_else(|| Problem::not_found(format!("Revision {number} never was, or is not kept any more.")))
}

/// The number that a path names.
fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("{text:?} is not the number of a revision.")))
}

async fn revision(State(api): State<Api>, Path(text): Path<String>, request: Request) -> Result<Response, Problem> {
    let media = answer::accepts(request.headers(), &["application/json", "application/toml"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, _) = request.into_parts();
    let place = body::place(&api, &parts).await?;
    let (header, document) = stored(&api, number(&text)?).await?;
    let etag = Etag::of_revision(header.revision);
    if media == "application/toml" {
        let text = match written(&api, header.revision).await? {
            Some(text) => text,
            None => rendered(blocking(move || to_toml(&document)).await?)?,
        };
        return Ok(of_toml(text, &etag).map(|body| body::holding(body, place)));
    }
    let mut value = told(&header);
    value.as_object_mut().map(|members| members.insert("document".to_owned(), document));
    let octets = blocking(move || value.to_string().into_bytes()).await?;
    let response = answer::written(&parts.headers, Text { etag, octets: octets.into() })?;
    // The place is given up when the answer has been taken: until then it is in memory.
    Ok(response.map(|body| body::holding(body, place)))
}

async fn diff(State(api): State<Api>, Path(text): Path<String>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let asked: query::Diff = query::of(request.uri())?;
    let to = number(&text)?;
    let from = query::number(asked.from)?.unwrap_or_else(|| to.saturating_sub(1));
    let (parts, _) = request.into_parts();
    let _place = body::place(&api, &parts).await?;
    let (_, after) = stored(&api, to).await?;
    // Before the first revision there was an empty document.
    let before = if from == 0 { json!({}) } else { stored(&api, from).await?.1 };
    let differences = blocking(move || differences(&before, &after)).await?;
    Ok(answer::of_json(StatusCode::OK, &json!({ "from": from, "to": to, "differences": differences })))
}

async fn restore(State(api): State<Api>, Path(text): Path<String>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let (parts, _) = request.into_parts();
    // As any write to what exists it says which state it replaces: nobody undoes what they have not seen.
    let condition = conditions::of_write(&parts.headers)?;
    let place = body::place(&api, &parts).await?;
    let (header, document) = stored(&api, number(&text)?).await?;
    let text = written(&api, header.revision).await?.map(Into::into);
    let edit = Edit::Restored { revision: header.revision, document: document.into(), text, condition };
    write::run(&api, &parts, edit, Work::of_ours(Some(place))).await
}
