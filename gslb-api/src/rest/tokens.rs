//! Tokens: made, listed and revoked by admins. A secret is shown once.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::auth::{self, AccessError, Holder, Revoked, Scopes};
use crate::change::Refusal;
use crate::clock::now;
use crate::control::Resource;
use crate::types::{ByName, NewToken, NoParameters, Timestamp, Token, TokenRequest};

/// The routes of tokens.
pub(super) fn routes() -> Routes {
    Routes::new("tokens").add(Access::Admin, routes!(list, create)).add(Access::Admin, routes!(revoke))
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

impl From<&Holder> for Token {
    fn from(holder: &Holder) -> Self {
        Self {
            id: holder.id.clone(),
            name: holder.name.clone(),
            role: holder.role,
            scopes: holder.scopes.texts(),
            created: Timestamp(holder.created),
            expires: holder.expires.map(Timestamp),
        }
    }
}

/// List all tokens by id, without their secrets
#[utoipa::path(get, path = "/tokens", responses(
    (status = 200, description = "The tokens", body = HashMap<String, Token>),
))]
async fn list(State(api): State<Api>, _: AcceptsJson, _: Parameters<NoParameters>) -> Result<Response, Problem> {
    let holders = auth::list(&**api.control.store()).await?;
    let all: ByName<Token> = holders.iter().map(|holder| (holder.id.clone(), holder.into())).collect();
    Ok(answer::json(StatusCode::OK, &all))
}

/// Make a token, whose secret is shown once
#[utoipa::path(post, path = "/tokens", request_body = TokenRequest, responses(
    (status = 201, description = "The token", body = NewToken),
))]
async fn create(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
    JsonBody(TokenRequest { name, role, scopes, expires_in }): JsonBody<TokenRequest>,
) -> Result<Response, Problem> {
    let now = now();
    let scopes = scopes.map_or_else(Scopes::default, |scopes| scopes.0.into_iter().collect());
    let expires = expires_in.map(|time| now.after(time.0));
    let token = auth::create_scoped(&**api.control.store(), &name, role, &scopes, now, expires).await?;
    let holder = Holder { id: token.id().to_owned(), name, role, scopes, created: now, expires };
    let shown = Token::from(&holder);
    operation.note(&api, Resource { before: None, after: Some(json!(shown)) }).await;
    let response = answer::json(StatusCode::CREATED, &NewToken { token: shown, secret: token.reveal() });
    let response = answer::with(response, header::LOCATION, &format!("/api/v1/tokens/{}", holder.id));
    Ok(answer::with(response, header::CACHE_CONTROL, "no-store"))
}

/// Revoke a token
#[utoipa::path(delete, path = "/tokens/{id}", params(("id" = String, Path)), responses(
    (status = 204, description = "It is revoked"),
))]
async fn revoke(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: Parameters<NoParameters>,
    operation: Operation,
) -> Result<Response, Problem> {
    // An unreadable token can still be revoked.
    let before = auth::find(&**api.control.store(), &id).await.ok().flatten();
    match auth::revoke(&**api.control.store(), &id).await? {
        Revoked::Done => {
            let before = before.map(|holder| json!(Token::from(&holder)));
            operation.note(&api, Resource { before, after: None }).await;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Revoked::Unknown => Err(Problem::not_found(format!("There is no token {id:?}."))),
    }
}
