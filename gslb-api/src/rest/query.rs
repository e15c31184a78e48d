//! What the query of a request may say. What it must not say is refused: a misspelt `dry_run` must not become a write.

use axum::http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::OVERRIDE_RULES;
use super::parameters;
use super::problem::Problem;

/// Entries of a page where nobody says otherwise.
const PAGE: usize = 100;
/// Most entries of a page.
pub(super) const MAX_PAGE: usize = 1000;
/// Greatest number of a revision or an entry: what every reader of JSON can hold (RFC 8259 §6).
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Characters of a message, and of a reason.
const TEXT_CHARACTERS: usize = 500;

/// The query of a write.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Write {
    /// Works everything out, and changes nothing.
    #[serde(default)]
    #[param(required = false)]
    pub dry_run: bool,
    /// Why, for the history: up to 500 characters.
    #[serde(default)]
    #[param(required = false, max_length = 500)]
    pub message: String,
    /// Why the safety rules do not hold this time; needs the role admin. The header `Gslb-Override-Rules` says the same.
    #[param(min_length = 1, max_length = 500)]
    pub override_rules: Option<String>,
}

/// The query of a numbered list, which begins with the latest.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Numbered {
    /// Most entries, 1 to 1000; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// The number of the last entry that is known: those before it follow.
    #[param(minimum = 0, maximum = 9007199254740991i64)]
    pub after: Option<u64>,
}

/// The query of a collection, in the order of the document.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Named {
    /// Most entries, 1 to 1000; all where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// The name of the last entry that is known: those behind it follow.
    pub after: Option<String>,
}

/// What a ranking is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    /// The service that decided.
    Service,
    /// The region that the client is in.
    Region,
    /// The data center of the answer.
    DataCenter,
    /// The client's network, as the resolver told it.
    Prefix,
}

/// The query of a ranking.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Top {
    /// What is ranked.
    #[param(inline)]
    pub by: By,
    /// Most entries, 1 to 1000; 100 where it is not said.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Which answers are watched.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Tail {
    /// Those that this service decided.
    pub service: Option<String>,
    /// Those to clients who may be in this network, or have this address: who is known by a network that it overlaps.
    pub client: Option<String>,
    /// Those that name an endpoint in this data center.
    pub data_center: Option<String>,
}

/// The query of a comparison of revisions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Diff {
    /// The older revision; the one before where it is not said.
    #[param(minimum = 0, maximum = 9007199254740991i64)]
    pub from: Option<u64>,
}

/// No query at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The query of `uri`.
///
/// # Errors
/// 400.
pub(super) fn of<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    parameters::read(uri.query().unwrap_or_default()).map_err(|wrong| Problem::bad_request(wrong.to_string()))
}

/// The query of a write, with what its headers add.
///
/// # Errors
/// 400.
pub(super) fn of_write(uri: &Uri, headers: &HeaderMap) -> Result<Write, Problem> {
    let mut write: Write = of(uri)?;
    if let Some(reason) = headers.get(OVERRIDE_RULES) {
        let reason = reason.to_str().map_err(|_| Problem::bad_request("Gslb-Override-Rules is not text."))?;
        write.override_rules = Some(reason.to_owned());
    }
    let is_told = |text: &str| text.chars().count() <= TEXT_CHARACTERS && !text.chars().any(char::is_control);
    if write.override_rules.as_deref().is_some_and(|reason| reason.trim().is_empty() || !is_told(reason)) {
        let told = format!("A reason for overriding the rules has 1 to {TEXT_CHARACTERS} characters, none of control.");
        return Err(Problem::bad_request(told));
    }
    if is_told(&write.message) {
        return Ok(write);
    }
    Err(Problem::bad_request(format!("A message has up to {TEXT_CHARACTERS} characters, none of control.")))
}

/// The number of a revision or an entry.
///
/// # Errors
/// 400 where it is greater than any can be.
pub(super) fn number(number: Option<u64>) -> Result<Option<u64>, Problem> {
    match number {
        Some(number) if number > MAX_NUMBER => Err(Problem::bad_request(format!("A number is at most {MAX_NUMBER}."))),
        number => Ok(number),
    }
}

/// How many entries a page is to have, of those for which `limit` was said.
///
/// # Errors
/// 400 where that is none, or too many.
pub(super) fn page(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE) {
        limit if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("limit is 1 to {MAX_PAGE}."))),
    }
}
