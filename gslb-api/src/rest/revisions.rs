//! Revisions: the history of the document.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson, Notation};
use super::body::{self, Work};
use super::conditions::{IfMatch, KnownStates};
use super::documents::{of_toml, rendered, written};
use super::operation::{ChangeOptions, Operation};
use super::parameters::Parameters;
use super::problem::Problem;
use super::rendered::Text;
use super::routes::{Access, Routes};
use super::state::RestState;
use crate::Api;
use crate::change::Edit;
use crate::control::blocking;
use crate::document::{Document, Etag, differences, to_toml};
use crate::revisions::{self, Header};
use crate::store::wait;
use crate::types::{
    ChangeParameters, ChangeResult, DiffParameters, NoParameters, Number, NumberedPage, ReadConditions, Revision,
    RevisionDiff, RevisionPage, RevisionWithDocument, Timestamp, WriteConditions,
};

/// The routes of revisions.
pub(super) fn routes() -> Routes {
    Routes::new("revisions")
        .add(Access::Viewer, routes!(list))
        .add(Access::Viewer, routes!(read))
        .add(Access::Viewer, routes!(diff))
        .add(Access::Operator, routes!(restore))
}

impl From<Header> for Revision {
    fn from(header: Header) -> Self {
        Self {
            revision: header.revision,
            author: header.author,
            author_name: header.author_name,
            time: Timestamp::from_millis(header.millis),
            message: header.message,
            restored: header.restored,
            commit: header.commit,
            octets: header.octets,
        }
    }
}

/// List revisions, the latest first
#[utoipa::path(get, path = "/revisions", params(NumberedPage), responses(
    (status = 200, description = "A page of revisions", body = RevisionPage),
))]
async fn list(
    State(api): State<Api>,
    _: AcceptsJson,
    Parameters(page): Parameters<NumberedPage>,
) -> Result<Response, Problem> {
    let listed = revisions::list(&**api.control.store(), page.after.map(Number::get), page.limit.get()).await;
    let (headers, more) = listed.map_err(|error| Problem::unavailable(error.to_string()))?;
    let last = headers.last().filter(|_| more);
    let next = last.map(|last| page.next("revisions", last.revision));
    let active = api.control.active().revision;
    let revisions = headers.into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &RevisionPage { in_force: active, revisions, next }))
}

/// Revision `number` with its document.
///
/// # Errors
/// 404, or 503.
pub(super) async fn stored(api: &Api, number: u64) -> Result<(Header, Document), Problem> {
    let store = Arc::clone(api.control.store());
    let read = blocking(move || wait(revisions::read(&*store, number))).await?;
    let found = read.map_err(|error| Problem::unavailable(error.to_string()))?;
    found.ok_or_else(|| Problem::not_found(format!("There is no revision {number}, or it was removed.")))
}

/// The number in a path.
fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("{text:?} is not the number of a revision.")))
}

/// Show a revision with its document
#[utoipa::path(get, path = "/revisions/{number}", params(("number" = u64, Path), ReadConditions), responses(
    (status = 200, description = "The revision; in TOML its document alone",
     content((RevisionWithDocument = "application/json"), (String = "application/toml"))),
    (status = 304, description = "The client has it"),
))]
async fn read(
    State(state): State<RestState>,
    Path(text): Path<String>,
    notation: Notation,
    _: Parameters<NoParameters>,
    known: KnownStates,
    request: Request,
) -> Result<Response, Problem> {
    let api = &state.api;
    let permit = body::permit(&state, &request.into_parts().0).await?;
    let (header, document) = stored(api, number(&text)?).await?;
    let etag = Etag::of_revision(header.revision);
    if notation == Notation::Toml {
        let text = match written(api, header.revision).await? {
            Some(text) => text,
            None => rendered(blocking(move || to_toml(&document.to_value())).await?)?,
        };
        return Ok(of_toml(text, &etag).map(|body| body::holding(body, permit)));
    }
    let octets = blocking(move || {
        let revision = RevisionWithDocument { revision: header.into(), document: document.to_json() };
        // Writing into memory cannot fail.
        serde_json::to_vec(&revision).unwrap_or_default()
    });
    let octets = octets.await?;
    let response = answer::written(&known, Text { etag, octets: octets.into() });
    // The place is given up when the answer has been taken: until then it is in memory.
    Ok(response.map(|body| body::holding(body, permit)))
}

/// Show what a revision changed
#[utoipa::path(get, path = "/revisions/{number}/diff", params(("number" = u64, Path), DiffParameters), responses(
    (status = 200, description = "The differences", body = RevisionDiff),
))]
async fn diff(
    State(state): State<RestState>,
    Path(text): Path<String>,
    _: AcceptsJson,
    Parameters(DiffParameters { from }): Parameters<DiffParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let api = &state.api;
    let to = number(&text)?;
    let from = from.map_or_else(|| to.saturating_sub(1), Number::get);
    let _permit = body::permit(&state, &request.into_parts().0).await?;
    let (_, after) = stored(api, to).await?;
    // Before the first revision there was an empty document.
    let before = if from == 0 { Document::default() } else { stored(api, from).await?.1 };
    let differences = blocking(move || differences(&before, &after)).await?;
    Ok(answer::json(StatusCode::OK, &RevisionDiff { from, to, differences }))
}

/// Put a revision's document in force again
#[utoipa::path(
    post, path = "/revisions/{number}/restore",
    params(("number" = u64, Path), ChangeParameters, WriteConditions),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
async fn restore(
    State(state): State<RestState>,
    Path(text): Path<String>,
    _: AcceptsJson,
    // Like any write to an existing resource, it names the state it replaces, so that no unseen change is undone.
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let api = &state.api;
    let permit = body::permit(&state, &request.into_parts().0).await?;
    let (header, document) = stored(api, number(&text)?).await?;
    let text = written(api, header.revision).await?.map(Into::into);
    let edit = Edit::Restored { revision: header.revision, document, text, condition };
    operation.run(api, options, edit, Work::of_ours(Some(permit))).await
}
