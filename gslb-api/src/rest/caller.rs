//! Authenticates the caller of each request.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Level, enabled};

use super::problem::Problem;
use super::rate::{Allowed, ClientKey};
use super::state::RestState;
use crate::auth::{self, Outcome, Resource, Role};
use crate::change::{Refusal, Who};
use crate::clock::now;

/// Cost of an invalid token in its address's bucket, in requests.
const WRONG_TOKEN_COST: f64 = 10.0;
/// The header that overrides safety rules.
pub(super) const OVERRIDE_RULES: &str = "gslb-override-rules";

/// The caller of a request, as handlers see it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who.
    pub who: Who,
    /// Its address.
    pub from: Option<IpAddr>,
    role: Role,
}

impl Caller {
    /// Refuses a request that this caller's role does not allow.
    ///
    /// # Errors
    /// 403.
    pub(super) fn needs(&self, needed: Role) -> Result<(), Problem> {
        if self.role.allows(needed) {
            return Ok(());
        }
        let detail = format!("This needs the role {needed}; the token's role is {}.", self.role);
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", detail);
        Err(problem.with_roles(needed, self.role))
    }

    /// Refuses a request that this caller's scopes do not cover.
    ///
    /// # Errors
    /// 403.
    pub(super) fn may_change<'r>(&self, resources: impl IntoIterator<Item = &'r Resource>) -> Result<(), Problem> {
        let scopes = self.who.scopes();
        let outside = scopes.outside(resources);
        if outside.is_empty() { Ok(()) } else { Err(Refusal::OutOfScope { outside, scopes: scopes.texts() }.into()) }
    }

    /// The caller's role.
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// The client whose limits apply.
    pub(super) fn client_key(&self) -> ClientKey {
        if let Who::Token { id, .. } = &self.who { ClientKey::Token(id.clone()) } else { ClientKey::at(self.from) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Every request passes `admit` first.
        parts.extensions.get().cloned().ok_or_else(|| Refusal::Internal.into())
    }
}

/// The address of the connection, if it is known.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// Authenticates a request and attaches its [`Caller`], or refuses it. Each route checks what the caller may do.
pub(super) async fn admit(State(state): State<RestState>, mut request: Request, next: Next) -> Response {
    let from = peer(request.extensions());
    let header = request.headers().get(header::AUTHORIZATION).cloned();
    match caller(&state, header, from).await {
        Ok(caller) => {
            // For the log only.
            let of_answer = enabled!(Level::DEBUG).then(|| caller.clone());
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            if let Some(caller) = of_answer {
                response.extensions_mut().insert(caller);
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn caller(state: &RestState, header: Option<HeaderValue>, from: Option<IpAddr>) -> Result<Caller, Problem> {
    let (who, role) = authenticate(state, header, from).await?;
    let caller = Caller { who, from, role };
    rate(state, caller.client_key(), 1.0)?;
    Ok(caller)
}

async fn authenticate(
    state: &RestState,
    header: Option<HeaderValue>,
    from: Option<IpAddr>,
) -> Result<(Who, Role), Problem> {
    let api = &state.api;
    let Some(header) = header else {
        if api.options.loopback_without_token && from.is_some_and(|from| from.is_loopback()) {
            return Ok((Who::Loopback, Role::Admin));
        }
        rate(state, ClientKey::at(from), 1.0)?;
        return Err(unauthorized("Send a token: Authorization: Bearer gslb_...", "Bearer realm=\"gslb\""));
    };
    let outcome = auth::authenticate(&**api.control.store(), header.to_str().unwrap_or_default(), now()).await;
    match outcome.map_err(|error| Problem::unavailable(error.to_string()))? {
        Outcome::Granted { id, name, role, scopes } => Ok((Who::Token { id, name, role, scopes }, role)),
        refused => {
            rate(state, ClientKey::at(from), WRONG_TOKEN_COST)?;
            let detail = match refused {
                Outcome::Expired => "The token has expired.",
                _ => "The token is not known here.",
            };
            Err(unauthorized(detail, "Bearer realm=\"gslb\", error=\"invalid_token\""))
        }
    }
}

fn unauthorized(detail: &str, challenge: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).header(header::WWW_AUTHENTICATE, challenge)
}

fn rate(state: &RestState, client_key: ClientKey, cost: f64) -> Result<(), Problem> {
    match state.buckets.take(client_key, cost, Instant::now()) {
        Allowed::Now => Ok(()),
        Allowed::After(seconds) => {
            let detail = format!("Too many requests: the next one in {seconds} s.");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail);
            Err(problem.header(header::RETRY_AFTER, &seconds.to_string()))
        }
    }
}
