//! The seven collections of the document, and the resources in them.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value};

use super::body::{self, Media, Sent, Size, Work};
use super::problem::Problem;
use super::{answer, conditions, query, write};
use crate::Api;
use crate::change::{Action, Edit};
use crate::document::{Etag, Section};

/// The routes of `section`.
pub(super) fn routes(section: Section) -> Router<Api> {
    let list = move |State(api): State<Api>, request: Request| async move { list(&api, section, request).await };
    let read = move |State(api): State<Api>, Path(name): Path<String>, request: Request| async move {
        read(&api, section, &name, &request)
    };
    let put = move |State(api): State<Api>, Path(name): Path<String>, request: Request| async move {
        change(&api, section, name, Kind::Put, request).await
    };
    let patch = move |State(api): State<Api>, Path(name): Path<String>, request: Request| async move {
        change(&api, section, name, Kind::Merge, request).await
    };
    let delete = move |State(api): State<Api>, Path(name): Path<String>, request: Request| async move {
        change(&api, section, name, Kind::Delete, request).await
    };
    let collection = format!("/{}", section.segment());
    Router::new()
        .route(&format!("{collection}/{{name}}"), get(read).put(put).patch(patch).delete(delete))
        .route(&collection, get(list))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Put,
    Merge,
    Delete,
}

async fn list(api: &Api, section: Section, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let named: query::Named = query::of(request.uri())?;
    let in_force = api.control.in_force();
    if named.limit.is_none() && named.after.is_none() {
        return answer::written(request.headers(), api.rendered.part(&in_force, Some(section)).await?);
    }
    let none = Map::new();
    let entries = section.entries(&in_force.document).unwrap_or(&none);
    let limit = query::page(named.limit)?;
    let skipped = match &named.after {
        None => 0,
        Some(after) => entries.keys().position(|name| name == after).map(|at| at + 1).ok_or_else(|| {
            Problem::bad_request(format!("There is no {} {after:?} to go on from.", section.singular()))
        })?,
    };
    let page: Map<String, Value> =
        entries.iter().skip(skipped).take(limit).map(|(name, value)| (name.clone(), value.clone())).collect();
    let last = page.keys().next_back().cloned().filter(|_| skipped + page.len() < entries.len());
    let value = Value::Object(page);
    let response = answer::tagged(request.headers(), &Etag::of(&value), &value)?;
    Ok(match last {
        Some(last) => {
            let after = super::escape(&last);
            let next = format!("</api/v1/{}?limit={limit}&after={after}>; rel=\"next\"", section.segment());
            answer::with(response, header::LINK, &next)
        }
        None => response,
    })
}

fn read(api: &Api, section: Section, name: &str, request: &Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let in_force = api.control.in_force();
    let Some(value) = section.entry(&in_force.document, name) else {
        return Err(Problem::not_found(format!("There is no {} {name:?}.", section.singular())));
    };
    answer::tagged(request.headers(), &Etag::of(value), value)
}

async fn change(api: &Api, section: Section, name: String, kind: Kind, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let (parts, octets) = request.into_parts();
    let taken = if kind == Kind::Merge { Media::MergePatch } else { Media::Json };
    let condition = conditions::of_write(&parts.headers)?;
    let (action, work) = if kind == Kind::Delete {
        (Action::Delete, Work::of_ours(None))
    } else {
        let media = Media::of(&parts.headers, &[taken])?;
        let Sent { value, work, .. } = body::read(api, &parts, octets, media, Size::Resource).await?;
        // A policy may be another one's name.
        let is_name = section == Section::Policies && kind == Kind::Put && value.is_string();
        let value = if is_name { value } else { body::object(value)? };
        (if kind == Kind::Merge { Action::Merge(value) } else { Action::Put(value) }, work)
    };
    write::run(api, &parts, Edit::Resource { section, name, action, condition }, work).await
}
