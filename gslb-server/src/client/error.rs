//! Why a request failed: the server cannot be reached, or it refused.

use std::{error, fmt, io};

use gslb_api::types::{Problem, ProblemDetail, Role};
use hyper::StatusCode;
use serde::Deserialize as _;

use super::TrustError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("cannot reach {address}: {cause}")]
    Unreachable {
        /// The server.
        address: String,
        /// The error.
        cause: String,
    },
    /// The answer ended early, is too long or is not HTTP.
    #[error("the answer cannot be used: {0}")]
    Broken(String),
    /// The server answered, and says no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The request cannot be written.
    #[error("this cannot be asked: {0}")]
    Unsendable(String),
    /// The token would be readable on the way.
    #[error("{0} is another host without TLS: the token could be read in transit; use https://")]
    Readable(String),
    /// What should be a token has characters that no token has.
    #[error("the token is invalid: tokens look like gslb_ID_SECRET")]
    Token,
    /// There are no trusted certificate authorities.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A system resource is missing.
    #[error("cannot start: {0}")]
    System(#[source] io::Error),
}

impl Error {
    /// What hyper says, with its causes.
    pub(super) fn broken(cause: &dyn error::Error) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Broken(text)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    /// Its status code.
    pub code: StatusCode,
    /// Why.
    pub problem: Problem,
    /// The whole document, for programs.
    pub document: serde_json::Value,
}

impl Refusal {
    /// Reads an answer that says no, whether it is a problem document or not.
    pub(super) fn read(code: StatusCode, body: &[u8]) -> Self {
        let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let mut problem = Problem::deserialize(&document).unwrap_or_default();
        if problem.title.is_empty() {
            problem.title = code.canonical_reason().unwrap_or("refused").to_owned();
        }
        Self { code, problem, document }
    }
}

impl Refusal {
    /// The same if the whole command needs `role`: naming a lesser one would only lead to the next refusal.
    pub(super) fn needing(mut self, role: Role) -> Self {
        if let (Some(needs), Some(has)) = (self.problem.needs, self.problem.role)
            && needs < role
        {
            self.problem.detail = format!("This needs the role {role}; the token's role is {has}.");
        }
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { title, detail, errors, .. } = &self.problem;
        write!(out, "{} ({})", title.trim_end_matches('.'), self.code.as_u16())?;
        if !detail.is_empty() {
            write!(out, ": {detail}")?;
        }
        if self.code == StatusCode::UNAUTHORIZED {
            write!(out, "\n    help: give a token in GSLB_TOKEN, or the file that has it with --token-file")?;
        }
        for ProblemDetail { pointer, detail, help } in errors {
            let place = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
            write!(out, "\n{place}{detail}")?;
            if !help.is_empty() {
                write!(out, "\n    help: {help}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_lists_all_errors() {
        let body = br#"{"type":"about:blank","title":"The document is not valid","status":422,
            "errors":[{"pointer":"/pools/fra","detail":"no endpoints","help":"add one"},{"detail":"and more"}]}"#;
        let message = Refusal::read(StatusCode::UNPROCESSABLE_ENTITY, body).to_string();
        assert_eq!(message, "The document is not valid (422)\n/pools/fra: no endpoints\n    help: add one\nand more");
    }

    #[test]
    fn the_first_refusal_names_the_role_for_the_whole_command() {
        let body = br#"{"title":"Forbidden","detail":"This needs the role viewer; the token's role is reporter.",
            "needs":"viewer","role":"reporter"}"#;
        let refused = |role: Role| Refusal::read(StatusCode::FORBIDDEN, body).needing(role).problem.detail;
        assert_eq!(refused(Role::Operator), "This needs the role operator; the token's role is reporter.");
        assert_eq!(refused(Role::Admin), "This needs the role admin; the token's role is reporter.");
        assert_eq!(refused(Role::Viewer), "This needs the role viewer; the token's role is reporter.");
        let other = Refusal::read(StatusCode::FORBIDDEN, br#"{"detail":"Out of scope."}"#).needing(Role::Admin);
        assert_eq!(other.problem.detail, "Out of scope.");
    }

    #[test]
    fn responses_without_a_problem_document_show_their_status() {
        for body in [&b""[..], b"<html>", b"[1]", b"{\"title\":7}"] {
            assert_eq!(Refusal::read(StatusCode::BAD_GATEWAY, body).to_string(), "Bad Gateway (502)");
        }
    }
}
