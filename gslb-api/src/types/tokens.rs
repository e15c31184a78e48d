//! Tokens: made, listed and revoked.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, expect, parse, request};
use super::{Lifetime, Role, Timestamp};
use crate::auth::{MAX_SCOPES, Scope};

request! {
    /// A token to make.
    pub struct TokenRequest {
        /// Who it is for: 1 to 100 characters, without control characters.
        #[schema(min_length = 1, max_length = 100)]
        pub name: String,
        /// Its role.
        pub role: Role,
        /// Scopes of changes, for reporters and operators; unrestricted if omitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, value_type = Option<Vec<String>>, min_items = 1, max_items = 32, example = json!(["pool/fra*"]))]
        pub scopes: Option<ScopeList>,
        /// After what time it expires; never if left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub expires_in: Option<Lifetime>,
    }
}

/// The scopes of a token that has any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeList(#[serde(serialize_with = "texts")] pub Vec<Scope>);

fn texts<S: serde::Serializer>(scopes: &[Scope], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(scopes.iter().map(ToString::to_string))
}

impl FromBody for ScopeList {
    fn expected() -> String {
        format!("a list of 1 to {MAX_SCOPES} scopes such as \"pool/fra*\"; leave it out to restrict nothing")
    }

    // A list that means nothing must not become none, which restricts nothing.
    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(list) = value.as_array().filter(|list| (1..=MAX_SCOPES).contains(&list.len())) else {
            expect::<Self>(pointer, mistakes);
            return None;
        };
        let read = list.iter().enumerate().map(|(at, scope)| parse(scope, &format!("{pointer}/{at}"), mistakes));
        let scopes: Vec<Option<Scope>> = read.collect();
        scopes.into_iter().collect::<Option<Vec<Scope>>>().map(Self)
    }
}

impl FromBody for Scope {
    fn expected() -> String {
        "a scope such as \"pool/fra*\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Names it: the first part of it, between `gslb_` and the next `_`.
    pub id: String,
    /// Who it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Scopes of changes; everything that its role allows if the list is empty.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires; null if it never does.
    pub expires: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token without its secret.
    #[serde(flatten)]
    pub token: Token,
    /// The whole token, which is shown this once.
    #[serde(rename = "token")]
    #[schema(example = "gslb_ID_SECRET")]
    pub secret: String,
}

/// Whose token a request has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// The id of the token, or `loopback`.
    pub id: String,
    /// Who it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Scopes of changes; everything that its role allows if the list is empty.
    pub scopes: Vec<String>,
}
