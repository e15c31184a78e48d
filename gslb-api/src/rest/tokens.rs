//! Tokens: made, listed and revoked by admins. A secret is shown once.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use gslb_core::site::document::duration;
use serde_json::{Map, Value, json};

use super::body::{self, Media, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, query, write};
use crate::auth::{self, AccessError, Holder, MAX_SCOPES, Revoked, Role, Scope, Scopes};
use crate::change::Refusal;
use crate::clock::now;
use crate::control::Resource;
use crate::members;
use crate::store::Time;
use crate::{Api, clock};

/// The routes of tokens.
pub(super) fn routes() -> Router<Api> {
    let all = Router::new().route("/tokens", get(list).post(create)).route("/tokens/{id}", delete(revoke));
    all.route("/token", get(own))
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Name => Refusal::Body(vec![("/name".to_owned(), error.to_string())]).into(),
            AccessError::Scopes => Refusal::Body(vec![("/scopes".to_owned(), error.to_string())]).into(),
            other => Self::unavailable(other.to_string()),
        }
    }
}

fn told(holder: &Holder) -> Value {
    json!({
        "id": holder.id,
        "name": holder.name,
        "role": holder.role,
        "scopes": holder.scopes.texts(),
        "created": clock::show(holder.created),
        "expires": holder.expires.map(clock::show),
    })
}

async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let holders = auth::list(&**api.control.store()).await?;
    let all: Map<String, Value> = holders.iter().map(|holder| (holder.id.clone(), told(holder))).collect();
    Ok(answer::of_json(StatusCode::OK, &Value::Object(all)))
}

/// The token of this request, so that its holder knows whose name is on what they do.
async fn own(request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let caller = request.extensions().get::<Caller>().ok_or(Refusal::Fault)?;
    let value = json!({ "id": caller.who.id(), "name": caller.who.name(), "role": caller.role(), "scopes": caller.who.scopes().texts() });
    Ok(answer::of_json(StatusCode::OK, &value))
}

async fn create(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let now = now();
    let (name, role, scopes, expires) = asked(&sent, now)?;
    let token = auth::create_scoped(&**api.control.store(), &name, role, &scopes, now, expires).await?;
    let holder = Holder { id: token.id().to_owned(), name, role, scopes, created: now, expires };
    write::note(&api, &parts, Resource { before: None, after: Some(told(&holder)) }).await;
    let mut value = told(&holder);
    value.as_object_mut().map(|members| members.insert("token".to_owned(), token.reveal().into()));
    let response = answer::of_json(StatusCode::CREATED, &value);
    let response = answer::with(response, header::LOCATION, &format!("/api/v1/tokens/{}", holder.id));
    Ok(answer::with(response, header::CACHE_CONTROL, "no-store"))
}

async fn revoke(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, _) = request.into_parts();
    // What cannot be read can be revoked all the same.
    let before = auth::find(&**api.control.store(), &id).await.ok().flatten();
    match auth::revoke(&**api.control.store(), &id).await? {
        Revoked::Done => {
            write::note(&api, &parts, Resource { before: before.as_ref().map(told), after: None }).await;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Revoked::Unknown => Err(Problem::not_found(format!("There is no token {id:?}."))),
    }
}

/// Name, role, scopes and end of a token that is asked for.
fn asked(body: &Value, now: Time) -> Result<(String, Role, Scopes, Option<Time>), Refusal> {
    const KEYS: [&str; 4] = ["name", "role", "scopes", "expires_in"];
    let mut wrong: Vec<(String, String)> = Vec::new();
    let Some(members) = body.as_object() else {
        return Err(Refusal::Body(vec![(String::new(), "expected an object".to_owned())]));
    };
    wrong.extend(members::unknown(members, &KEYS, ""));
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let role = text("role").and_then(Role::from_name);
    if role.is_none() {
        let told = "expected \"reporter\", \"viewer\", \"operator\" or \"admin\"";
        wrong.push(("/role".to_owned(), told.to_owned()));
    }
    let scopes = scopes(members.get("scopes"), &mut wrong);
    let expires = text("expires_in").and_then(duration::parse).filter(|time| !time.is_zero());
    if members.contains_key("expires_in") && expires.is_none() {
        wrong.push((
            "/expires_in".to_owned(),
            "expected a duration such as \"30d\"; the units are ms, s, m, h and d".to_owned(),
        ));
    }
    match role {
        Some(role) if wrong.is_empty() => {
            Ok((text("name").unwrap_or_default().to_owned(), role, scopes, expires.map(|time| now.after(time))))
        }
        _ => Err(Refusal::Body(wrong)),
    }
}

/// The scopes that are asked for; without the member, none. What is there and means nothing must not become none.
fn scopes(sent: Option<&Value>, wrong: &mut Vec<(String, String)>) -> Scopes {
    let Some(sent) = sent else { return Scopes::default() };
    let Some(list) = sent.as_array().filter(|list| (1..=MAX_SCOPES).contains(&list.len())) else {
        let told = format!(
            "expected a list of 1 to {MAX_SCOPES} scopes such as \"pool/fra*\"; leave it out to restrict nothing"
        );
        wrong.push(("/scopes".to_owned(), told));
        return Scopes::default();
    };
    for (at, scope) in list.iter().enumerate() {
        if let Err(error) = scope.as_str().unwrap_or_default().parse::<Scope>() {
            wrong.push((format!("/scopes/{at}"), error.to_string()));
        }
    }
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    Scopes::parse(&texts).unwrap_or_default()
}
