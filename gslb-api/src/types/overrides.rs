//! Overrides: states forced by an operator, regardless of document and probes.

pub use gslb_core::live::overrides::Force;
use gslb_core::site::pattern::Pattern;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, expect, parse, request};
use super::{Lifetime, Text, Timestamp};

/// Most targets of one override.
const MAX_TARGETS: usize = 100;

request! {
    /// An override to set.
    pub struct OverrideRequest {
        /// Which endpoints: `data-center/NAME`, `pool/NAME` or `endpoint/POOL/NAME`, with `*` and `?`.
        #[schema(value_type = Vec<String>, min_items = 1, max_items = 100, example = json!(["data-center/fra"]))]
        pub targets: Targets,
        /// The forced state.
        pub force: Force,
        /// Why, for the audit log.
        pub reason: Text,
        /// Who is responsible; by default the name of the token.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub owner: Option<Text>,
        /// When it ends. Without an end it holds until it is removed.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub expires: Option<Timestamp>,
        /// The same, as a time from now.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub expires_in: Option<Lifetime>,
    }
}

/// 1 to 100 targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Targets(pub Vec<Pattern>);

impl FromBody for Targets {
    fn expected() -> String {
        format!("a list of 1 to {MAX_TARGETS}, such as [\"data-center/fra\"]")
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(list) = value.as_array().filter(|list| (1..=MAX_TARGETS).contains(&list.len())) else {
            expect::<Self>(pointer, mistakes);
            return None;
        };
        let read = list.iter().enumerate().map(|(at, target)| parse(target, &format!("{pointer}/{at}"), mistakes));
        let targets: Vec<Option<Pattern>> = read.collect();
        targets.into_iter().collect::<Option<Vec<Pattern>>>().map(Self)
    }
}

impl FromBody for Pattern {
    fn expected() -> String {
        "text such as \"pool/eu-*\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

impl FromBody for Force {
    fn expected() -> String {
        r#""up", "down", "drain" or {"weight": NUMBER}"#.to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        // `{"drain": null}` would be read as `"drain"`.
        let is_plain = value.is_string() || value.get("weight").is_some_and(Value::is_number);
        match Self::deserialize(value).ok().filter(|_| is_plain) {
            Some(Self::Weight(weight)) if weight > gslb_core::site::model::MAX_WEIGHT => {
                let message = format!("a weight is at most {}", gslb_core::site::model::MAX_WEIGHT);
                mistakes.push((format!("{pointer}/weight"), message));
                None
            }
            Some(force) => Some(force),
            None => {
                expect::<Self>(pointer, mistakes);
                None
            }
        }
    }
}

/// An override that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// Which endpoints.
    #[schema(value_type = Vec<String>)]
    pub targets: Vec<Pattern>,
    /// The forced state.
    pub force: Force,
    /// Why.
    pub reason: String,
    /// Who is responsible.
    pub owner: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; absent if it holds until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires: Option<Timestamp>,
    /// False while its last change is not saved; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub saved: Option<bool>,
}
