//! Query parameters that several routes take. Unknown ones are refused: a misspelled `dry_run` must not become a write.

use serde::Deserialize;
use utoipa::IntoParams;

/// Most entries of a page.
const LARGEST_PAGE: usize = 1000;
/// Entries of a page by default.
const USUAL_PAGE: usize = 100;
/// The greatest number of a revision or an entry: what every reader of JSON can hold (RFC 8259 §6).
const GREATEST: u64 = (1 << 53) - 1;

/// How many entries a page may have: 1 to 1000, 100 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PageSize(usize);

impl PageSize {
    /// Maximum entries.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(USUAL_PAGE)
    }
}

impl TryFrom<String> for PageSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let size = text.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
        size.map(Self).ok_or_else(|| format!("expected a whole number from 1 to {LARGEST_PAGE}, not {text:?}"))
    }
}

/// The number of a revision or an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Number(u64);

impl Number {
    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number <= GREATEST);
        number.map(Self).ok_or_else(|| format!("expected a whole number from 0 to {GREATEST}, not {text:?}"))
    }
}

/// No parameters at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// Which page of a numbered list, which begins with the latest.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberedPage {
    /// Most entries, 1 to 1000; 100 by default.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    pub limit: PageSize,
    /// The number of the last entry that the client has: those before it follow.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9007199254740991i64)]
    pub after: Option<Number>,
}

impl NumberedPage {
    /// The path of the page after this one of the collection `name`, whose entries end with `last`.
    pub fn next(&self, name: &str, last: u64) -> String {
        format!("/api/v1/{name}?limit={}&after={last}", self.limit.get())
    }
}

/// Which page of a collection, in the order of the document.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NamedPage {
    /// Most entries, 1 to 1000; all by default.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub limit: Option<PageSize>,
    /// The name of the last entry that the client has: those after it follow.
    pub after: Option<String>,
}

/// How something is changed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeParameters {
    /// Works everything out and changes nothing.
    #[serde(default)]
    #[param(required = false)]
    pub dry_run: bool,
    /// Why, for the history: up to 500 characters.
    #[serde(default)]
    #[param(required = false, max_length = 500)]
    pub message: String,
    /// Why the safety rules do not hold this time; needs the role admin. The header `Gslb-Override-Rules` says the
    /// same.
    #[param(min_length = 1, max_length = 500)]
    pub override_rules: Option<String>,
}
