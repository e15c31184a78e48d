//! Who asks: every request is let in here or not at all.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Level, enabled};

use super::problem::Problem;
use super::rate::{Allowed, Asker};
use crate::Api;
use crate::auth::{self, Outcome, Resource, Role};
use crate::change::{Refusal, Who};
use crate::clock::now;
use crate::document::Section;

/// What a wrong token costs of an address' bucket, compared to a request.
const WRONG_TOKEN_COST: f64 = 10.0;
/// The header that overrides safety rules.
pub(super) const OVERRIDE_RULES: &str = "gslb-override-rules";

/// Who sent a request, as the handlers see it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who.
    pub who: Who,
    /// From which address.
    pub from: Option<IpAddr>,
    role: Role,
}

impl Caller {
    /// Refuses what this caller's role does not allow.
    ///
    /// # Errors
    /// 403.
    pub(super) fn needs(&self, needed: Role) -> Result<(), Problem> {
        if self.role.allows(needed) {
            return Ok(());
        }
        let detail = format!("This needs the role {needed}; the token's role is {}.", self.role);
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", detail);
        Err(problem.member("needs", needed.name().into()).member("role", self.role.name().into()))
    }

    /// Refuses what this caller's scopes do not cover.
    ///
    /// # Errors
    /// 403.
    pub(super) fn may_change<'r>(&self, resources: impl IntoIterator<Item = &'r Resource>) -> Result<(), Problem> {
        let scopes = self.who.scopes();
        let outside = scopes.outside(resources);
        if outside.is_empty() { Ok(()) } else { Err(Refusal::OutOfScope { outside, scopes: scopes.texts() }.into()) }
    }

    /// What the caller may do.
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Whose share of what is shared they use.
    pub(super) fn asker(&self) -> Asker {
        if let Who::Token { id, .. } = &self.who { Asker::Token(id.clone()) } else { Asker::at(self.from) }
    }
}

/// A path below `/api/v1`, with or without the prefix that a nested router takes off.
fn below(path: &str) -> &str {
    path.strip_prefix(super::BASE).unwrap_or(path).trim_start_matches('/')
}

/// The role that a request needs; none where any token will do. Whatever is not known here needs no less than an operator.
pub fn role_needed(method: &Method, path: &str) -> Option<Role> {
    let below = below(path);
    let reads = matches!(*method, Method::GET | Method::HEAD) || matches!(below, "plan" | "explain" | "drill");
    if below == "token" {
        None
    } else if below == "observations" {
        Some(Role::Reporter)
    } else if below == "tokens" || below.starts_with("tokens/") || (below == "thaw" && !reads) {
        Some(Role::Admin)
    } else if reads {
        Some(Role::Viewer)
    } else {
        Some(Role::Operator)
    }
}

/// Whether a request is to break safety rules.
fn overrides_rules(request: &Request) -> bool {
    let names = || request.uri().query().into_iter().flat_map(|query| query.split('&'));
    let is_it = |pair: &str| pair.split('=').next() == Some("override_rules");
    request.headers().contains_key(OVERRIDE_RULES) || names().any(is_it)
}

/// Whether what answers a request that changes something asks for the scopes of its token. A token with scopes may not send
/// any other.
fn asks_for_scopes(path: &str) -> bool {
    let segments: Vec<&str> = below(path).split('/').collect();
    match *segments {
        ["overrides", _] | ["document"] | ["observations"] | ["integrations", "alertmanager"] => true,
        ["revisions", _, "restore"] | ["status", _, _, "resume"] => true,
        [collection, _] => Section::ALL.iter().any(|section| section.segment() == collection),
        _ => false,
    }
}

/// The address that a request came from, where connections are known by theirs.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// Lets a request in, with its [`Caller`], or answers why not.
pub(super) async fn admit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let from = peer(request.extensions());
    let needed = match role_needed(request.method(), request.uri().path()) {
        // Said at once: who gets the role operator for it would be refused again.
        Some(Role::Operator) if overrides_rules(&request) => Some(Role::Admin),
        needed => needed,
    };
    let header = request.headers().get(header::AUTHORIZATION).cloned();
    let admitted = match caller(&api, header, from, needed).await {
        Ok(caller) if needed > Some(Role::Viewer) && !asks_for_scopes(request.uri().path()) => {
            let what = format!("{} {}", request.method(), super::path(request.extensions(), request.uri()));
            caller.may_change(&[Resource::unscoped(what)]).map(|()| caller)
        }
        caller => caller,
    };
    match admitted {
        Ok(caller) => {
            // Only the log asks the answer whose it is.
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

async fn caller(
    api: &Api,
    header: Option<HeaderValue>,
    from: Option<IpAddr>,
    needed: Option<Role>,
) -> Result<Caller, Problem> {
    let (who, role) = recognise(api, header, from).await?;
    let caller = Caller { who, from, role };
    rate(api, caller.asker(), 1.0)?;
    if let Some(needed) = needed {
        caller.needs(needed)?;
    }
    Ok(caller)
}

async fn recognise(api: &Api, header: Option<HeaderValue>, from: Option<IpAddr>) -> Result<(Who, Role), Problem> {
    let Some(header) = header else {
        if api.options.loopback_without_token && from.is_some_and(|from| from.is_loopback()) {
            return Ok((Who::Loopback, Role::Admin));
        }
        rate(api, Asker::at(from), 1.0)?;
        return Err(unauthorized("Send a token: Authorization: Bearer gslb_...", "Bearer realm=\"gslb\""));
    };
    let outcome = auth::authenticate(&**api.control.store(), header.to_str().unwrap_or_default(), now()).await;
    match outcome.map_err(|error| Problem::unavailable(error.to_string()))? {
        Outcome::Granted { id, name, role, scopes } => Ok((Who::Token { id, name, role, scopes }, role)),
        refused => {
            rate(api, Asker::at(from), WRONG_TOKEN_COST)?;
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

fn rate(api: &Api, asker: Asker, cost: f64) -> Result<(), Problem> {
    match api.buckets.take(asker, cost, Instant::now()) {
        Allowed::Now => Ok(()),
        Allowed::After(seconds) => {
            let detail = format!("Too many requests: the next one in {seconds} s.");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail);
            Err(problem.header(header::RETRY_AFTER, &seconds.to_string()))
        }
    }
}
