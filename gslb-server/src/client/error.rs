//! Why a server did not do what it was asked: it cannot be reached, or it says no.

use std::{error, fmt, io};

use hyper::StatusCode;
use serde::Deserialize;

use super::TrustError;

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection.
    #[error("cannot reach {address}: {cause}")]
    Unreachable {
        /// The server.
        address: String,
        /// What is wrong.
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
    #[error("{0} is asked without TLS and is not this host: a token would be readable on the way; use https://")]
    Readable(String),
    /// What should be a token has characters that no token has.
    #[error("what was given as a token is none: it looks like gslb_ID_SECRET")]
    Token,
    /// Nobody's certificate can be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system lacks what a client needs.
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

/// A problem document (RFC 9457), as far as people need it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// Status code of the answer.
    #[serde(skip)]
    pub code: StatusCode,
    /// Names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, in words.
    pub title: String,
    /// What is wrong this time.
    pub detail: String,
    /// Each thing that is wrong.
    pub errors: Vec<Complaint>,
    /// The whole document, for programs.
    #[serde(skip)]
    pub document: serde_json::Value,
}

/// One thing that is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Complaint {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What.
    pub detail: String,
    /// What would be right.
    pub help: String,
}

impl Refusal {
    /// Reads an answer that says no, whether it is a problem document or not.
    pub(super) fn read(code: StatusCode, body: &[u8]) -> Self {
        let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let read = Self::deserialize(&document).unwrap_or_default();
        let title = Some(read.title).filter(|title| !title.is_empty());
        let title = title.unwrap_or_else(|| code.canonical_reason().unwrap_or("refused").to_owned());
        Self { code, title, document, ..read }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.title.trim_end_matches('.'), self.code.as_u16())?;
        if !self.detail.is_empty() {
            write!(out, ": {}", self.detail)?;
        }
        if self.code == StatusCode::UNAUTHORIZED {
            write!(out, "\n    help: give a token in GSLB_TOKEN, or the file that has it with --token-file")?;
        }
        for Complaint { pointer, detail, help } in &self.errors {
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
    fn a_problem_is_told_with_each_thing_that_is_wrong() {
        let body = br#"{"type":"about:blank","title":"The document is not valid","status":422,
            "errors":[{"pointer":"/pools/fra","detail":"no endpoints","help":"add one"},{"detail":"and more"}]}"#;
        let told = Refusal::read(StatusCode::UNPROCESSABLE_ENTITY, body).to_string();
        assert_eq!(told, "The document is not valid (422)\n/pools/fra: no endpoints\n    help: add one\nand more");
    }

    #[test]
    fn what_is_no_problem_document_is_told_by_its_status() {
        for body in [&b""[..], b"<html>", b"[1]", b"{\"title\":7}"] {
            assert_eq!(Refusal::read(StatusCode::BAD_GATEWAY, body).to_string(), "Bad Gateway (502)");
        }
    }
}
