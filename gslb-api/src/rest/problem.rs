//! Problem documents (RFC 9457) as answers: every refusal becomes one.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gslb_core::problem::{Problem as Found, Severity};

use crate::auth::Scope;
use crate::change::Refusal;
use crate::document::Etag;
use crate::safety::BrokenRule;
use crate::types::{self, AlertResult, ProblemDetail, Role};

/// `detail`, shortened to a readable length.
fn shortened(detail: ProblemDetail) -> ProblemDetail {
    let short = |text: String| match text.char_indices().nth(DETAIL_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    let ProblemDetail { pointer, detail, help } = detail;
    ProblemDetail { pointer: short(pointer), detail: short(detail), help: short(help) }
}

/// A failed request. Boxed, to keep successful results small.
#[derive(Debug)]
pub(super) struct Problem(Box<Answer>);

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: types::Problem,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the kind `kind`, which is stable across versions.
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let body = types::Problem {
            kind: format!("urn:problem-type:gslb:{kind}"),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            ..types::Problem::default()
        };
        Self(Box::new(Answer { status, body, headers: Vec::new() }))
    }

    /// The request makes no sense.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// Not found.
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
        let (pointer, detail) = (pointer.into(), detail.into());
        self.0.body.errors.push(ProblemDetail { pointer, detail, help: String::new() });
        self
    }

    /// The same, with all of these.
    #[must_use]
    pub(super) fn with(mut self, errors: impl IntoIterator<Item = ProblemDetail>) -> Self {
        self.0.body.errors.extend(errors);
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

    /// The same with this `detail`.
    pub(super) fn with_detail(mut self, detail: String) -> Self {
        self.0.body.detail = detail;
        self
    }

    /// The same with the result of each alert.
    pub(super) fn with_alerts(mut self, alerts: Vec<AlertResult>) -> Self {
        self.0.body.alerts = alerts;
        self
    }

    /// The same with the role that is needed, and the one that the token has.
    pub(super) fn with_roles(mut self, needed: Role, has: Role) -> Self {
        (self.0.body.needs, self.0.body.role) = (Some(needed), Some(has));
        self
    }

    /// The specific error.
    #[cfg(test)]
    pub(super) fn detail(&self) -> &str {
        &self.0.body.detail
    }

    fn current(self, etag: Option<&Etag>) -> Self {
        match etag {
            Some(etag) => self.header(header::ETAG, &etag.to_string()),
            None => self,
        }
    }
}

/// Most details in one response.
const MAX_DETAILS: usize = 101;
/// Maximum characters of a detail; names in it may be as long as a body.
const DETAIL_CHARACTERS: usize = 1000;

/// The first problems of a document as details; warnings only if there is no error.
pub(super) fn details(found: &[Found]) -> Vec<ProblemDetail> {
    let worst = found.iter().map(|problem| problem.severity).max().unwrap_or(Severity::Warning);
    bounded(found.iter().filter(|problem| problem.severity == worst).map(detail)).0
}

/// The first details, and how many there are besides.
fn bounded(details: impl IntoIterator<Item = ProblemDetail>) -> (Vec<ProblemDetail>, usize) {
    let mut details = details.into_iter();
    let first = details.by_ref().take(MAX_DETAILS).map(shortened).collect();
    (first, details.count())
}

fn detail(found: &Found) -> ProblemDetail {
    // Within the text of a zone, the line says more than the pointer to the text.
    let line = found.location.line;
    let detail = if line > 0 { format!("line {line}: {}", found.message) } else { found.message.clone() };
    ProblemDetail { pointer: found.path.pointer(), detail, help: found.help.clone() }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
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
                let by = details(&by).into_iter().map(|found| ProblemDetail { help: String::new(), ..found });
                Self::new(StatusCode::CONFLICT, "in-use", detail).with(by)
            }
            Refusal::Invalid(found) => {
                let detail = "The document that would come of it has errors. Nothing was changed.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong", detail).with(details(&found))
            }
            Refusal::Body(errors) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong", "The body has errors.");
                errors.into_iter().fold(problem, |problem, (pointer, detail)| problem.at(pointer, detail))
            }
            Refusal::OutOfScope { outside, scopes } => {
                let outside: Vec<String> = outside.into_iter().take(MAX_DETAILS).collect();
                let (what, has) = (outside.join(", "), scopes.join(" "));
                let detail = if outside.iter().all(|it| it.parse::<Scope>().is_ok()) {
                    format!("Out of the token's scope. This needs the scope {what}; the token has {has}.")
                } else {
                    format!("Out of the token's scope: {what}. This needs a token without scopes; this one has {has}.")
                };
                let mut problem = Self::new(StatusCode::FORBIDDEN, "forbidden", detail);
                (problem.0.body.outside, problem.0.body.scopes) = (outside, scopes);
                problem
            }
            Refusal::Unsafe(breaks) => broken(breaks),
            Refusal::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message),
            Refusal::Unavailable(_) | Refusal::Busy => Self::unavailable(message),
            Refusal::Internal => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", message),
        }
    }
}

fn broken(breaks: Vec<BrokenRule>) -> Problem {
    let detail =
        "Safety rules of the document forbid it. Nothing was changed. An admin may override them with a reason.";
    let at = |rule: &BrokenRule| (format!("/safety/{}", rule.rule), rule.detail.clone());
    let problem = Problem::new(StatusCode::CONFLICT, "unsafe", detail);
    let mut problem = breaks.iter().map(at).fold(problem, |problem, (pointer, detail)| problem.at(pointer, detail));
    problem.0.body.breaks = breaks;
    problem
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Answer { status, mut body, headers } = *self.0;
        let (errors, more) = bounded(std::mem::take(&mut body.errors));
        (body.errors, body.more_errors) = (errors, Some(more).filter(|more| *more > 0));
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        // Writing into memory cannot fail.
        let mut response = (status, content, serde_json::to_vec(&body).unwrap_or_default()).into_response();
        response.headers_mut().extend(headers);
        response
    }
}
