//! Problem documents (RFC 9457): why a request was not done, where, and what would be right.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gslb_core::problem::{Problem as Found, Severity};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::auth::Scope;
use crate::change::Refusal;
use crate::document::Etag;
use crate::safety::Broken;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Detail {
    /// Where it stands (RFC 6901): in the document; of a body that is no part of one, in the body.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
    /// What would be right.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub help: String,
}

impl Detail {
    /// The same, no longer than anybody reads.
    fn shortened(self) -> Self {
        let short = |text: String| match text.char_indices().nth(DETAIL_CHARACTERS) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        };
        Self { pointer: short(self.pointer), detail: short(self.detail), help: short(self.help) }
    }
}

/// A request that was not done. Boxed, so that what goes well does not carry room for it.
#[derive(Debug)]
pub(super) struct Problem(Box<Told>);

#[derive(Debug)]
struct Told {
    status: StatusCode,
    /// Names the kind of problem for programs.
    kind: &'static str,
    detail: String,
    errors: Vec<Detail>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the kind `kind`, a word that stays the same from version to version.
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let (errors, more, headers) = (Vec::new(), Map::new(), Vec::new());
        Self(Box::new(Told { status, kind, detail: detail.into(), errors, more, headers }))
    }

    /// The request makes no sense.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// There is no such thing.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// The store does not answer.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).header(header::RETRY_AFTER, "5")
    }

    /// The same, with this at this pointer.
    #[must_use]
    pub(super) fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(Detail { pointer: pointer.into(), detail: detail.into(), help: String::new() });
        self
    }

    /// The same, with all of these.
    #[must_use]
    pub(super) fn with(mut self, errors: impl IntoIterator<Item = Detail>) -> Self {
        self.0.errors.extend(errors);
        self
    }

    /// The same, with a header.
    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// The same, told in other words.
    pub(super) fn told(mut self, detail: String) -> Self {
        self.0.detail = detail;
        self
    }

    /// Adds a member of the problem's own kind.
    pub(super) fn member(mut self, name: &str, value: Value) -> Self {
        self.0.more.insert(name.to_owned(), value);
        self
    }

    fn current(self, etag: Option<&Etag>) -> Self {
        match etag {
            Some(etag) => self.header(header::ETAG, &etag.to_string()),
            None => self,
        }
    }
}

/// Details that one answer tells.
const MAX_DETAILS: usize = 101;
/// Characters of what one says; names in it may be as long as a body.
const DETAIL_CHARACTERS: usize = 1000;

/// Problems of a document as details, the first of them; warnings only where there is no error.
pub(super) fn details(found: &[Found]) -> Vec<Detail> {
    let worst = found.iter().map(|problem| problem.severity).max().unwrap_or(Severity::Warning);
    bounded(found.iter().filter(|problem| problem.severity == worst).map(detail)).0
}

/// The first details, and how many there are besides.
fn bounded(details: impl IntoIterator<Item = Detail>) -> (Vec<Detail>, usize) {
    let mut details = details.into_iter();
    let first = details.by_ref().take(MAX_DETAILS).map(Detail::shortened).collect();
    (first, details.count())
}

fn detail(found: &Found) -> Detail {
    // Within the text of a zone, the line says more than the pointer to the text.
    let line = found.location.line;
    let detail = if line > 0 { format!("line {line}: {}", found.message) } else { found.message.clone() };
    Detail { pointer: found.pointer(), detail, help: found.help.clone() }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let told = refusal.to_string();
        match refusal {
            Refusal::Unconditional { current } => {
                let detail = "It exists: say in If-Match which state of it is to be changed.";
                Self::new(StatusCode::PRECONDITION_REQUIRED, "if-match-required", detail).current(Some(&current))
            }
            Refusal::Stale { current } => {
                let detail = match current {
                    Some(_) => "It has changed since, or exists where it should not: read it again, then decide.",
                    None => "It does not exist.",
                };
                Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail).current(current.as_ref())
            }
            Refusal::NotFound { what, name } => Self::not_found(format!("There is no {what} {name:?}.")),
            Refusal::IsFile => {
                let detail = "The document is a file that the server watches: change the file. Overrides can be made.";
                Self::new(StatusCode::CONFLICT, "document-is-a-file", detail)
            }
            Refusal::InUse { what, name, by } => {
                let detail = format!("The {what} {name:?} is in use: change first what refers to it.");
                let by = details(&by).into_iter().map(|found| Detail { help: String::new(), ..found });
                Self::new(StatusCode::CONFLICT, "in-use", detail).with(by)
            }
            Refusal::Wrong(found) => {
                let detail = "The document that would come of it has errors. Nothing was changed.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong", detail).with(details(&found))
            }
            Refusal::Body(wrong) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong", "The body has errors.");
                wrong.into_iter().fold(problem, |problem, (pointer, detail)| problem.at(pointer, detail))
            }
            Refusal::OutOfScope { outside, scopes } => {
                let first: Vec<&str> = outside.iter().take(MAX_DETAILS).map(String::as_str).collect();
                let (what, has) = (first.join(", "), scopes.join(" "));
                let detail = if outside.iter().all(|it| it.parse::<Scope>().is_ok()) {
                    format!("Out of the token's scope. This needs the scope {what}; the token has {has}.")
                } else {
                    format!("Out of the token's scope: {what}. This needs a token without scopes; this one has {has}.")
                };
                let problem = Self::new(StatusCode::FORBIDDEN, "forbidden", detail);
                problem.member("outside", json!(first)).member("scopes", json!(scopes))
            }
            Refusal::Unsafe(breaks) => broken(&breaks),
            Refusal::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", told),
            Refusal::Unavailable(_) | Refusal::Busy => Self::unavailable(told),
            Refusal::Fault => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", told),
        }
    }
}

fn broken(breaks: &[Broken]) -> Problem {
    let detail =
        "Safety rules of the document forbid it. Nothing was changed. An admin may override them with a reason.";
    let problem = Problem::new(StatusCode::CONFLICT, "unsafe", detail).member("breaks", json!(breaks));
    let at = |rule: &Broken| (format!("/safety/{}", rule.rule), rule.detail.clone());
    breaks.iter().map(at).fold(problem, |problem, (pointer, detail)| problem.at(pointer, detail))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.0.status.canonical_reason().unwrap_or("Problem");
        let mut body = json!({
            "type": format!("urn:problem-type:gslb:{}", self.0.kind),
            "title": title,
            "status": self.0.status.as_u16(),
            "detail": self.0.detail,
        });
        if let Some(members) = body.as_object_mut() {
            let (errors, more) = bounded(self.0.errors);
            if !errors.is_empty() {
                members.insert("errors".to_owned(), json!(errors));
            }
            if more > 0 {
                members.insert("more_errors".to_owned(), more.into());
            }
            members.extend(self.0.more);
        }
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.0.status, content, body.to_string()).into_response();
        response.headers_mut().extend(self.0.headers);
        response
    }
}
