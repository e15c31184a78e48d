//! Request bodies, read from JSON: every mistake is reported at once, each with its place.
//!
//! serde stops at the first mistake; the author of a request wants to see them all.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::members;

/// Errors in a body: a JSON pointer (RFC 6901) and a message for each.
pub type Mistakes = Vec<(String, String)>;

/// A request body, or a part of one.
pub trait FromBody: Sized {
    /// The expected value, to end a sentence: `a duration such as "30m"`.
    fn expected() -> String;

    /// Reads `value` at `pointer`. `None` if it is invalid; `mistakes` then has the error.
    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self>;

    /// The value of a missing member; `None` if the member is required.
    fn if_missing() -> Option<Self> {
        None
    }
}

/// Reads a whole body.
///
/// # Errors
/// Every mistake in it.
pub fn read<T: FromBody>(body: &Value) -> Result<T, Mistakes> {
    let mut mistakes = Mistakes::new();
    match T::from_body(body, "", &mut mistakes) {
        Some(read) if mistakes.is_empty() => Ok(read),
        _ => Err(mistakes),
    }
}

/// Notes that something else is expected at `pointer`.
pub(super) fn expect<T: FromBody>(pointer: &str, mistakes: &mut Mistakes) {
    mistakes.push((pointer.to_owned(), format!("expected {}", T::expected())));
}

/// The members of an object that may have those of these names only.
pub(super) fn members<'v>(
    value: &'v Value,
    known: &[&str],
    pointer: &str,
    mistakes: &mut Mistakes,
) -> Option<&'v Map<String, Value>> {
    let Some(members) = value.as_object() else {
        mistakes.push((pointer.to_owned(), "expected an object".to_owned()));
        return None;
    };
    mistakes.extend(members::unknown(members, known, pointer));
    Some(members)
}

/// The member `name` of the object at `pointer`.
pub(super) fn member<T: FromBody>(
    members: &Map<String, Value>,
    name: &str,
    pointer: &str,
    mistakes: &mut Mistakes,
) -> Option<T> {
    let pointer = format!("{pointer}/{name}");
    if let Some(value) = members.get(name) {
        return T::from_body(value, &pointer, mistakes);
    }
    let missing = T::if_missing();
    if missing.is_none() {
        expect::<T>(&pointer, mistakes);
    }
    missing
}

/// Parses text. Its own error is the message.
pub(super) fn parse<T>(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<T>
where
    T: FromBody + FromStr<Err: Display>,
{
    let Some(text) = value.as_str() else {
        expect::<T>(pointer, mistakes);
        return None;
    };
    text.parse().map_err(|error: T::Err| mistakes.push((pointer.to_owned(), error.to_string()))).ok()
}

/// Reads a value with serde. Its errors are not shown: they do not name the expected value.
pub(super) fn deserialize<T>(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<T>
where
    T: FromBody + DeserializeOwned,
{
    let read = T::deserialize(value).ok();
    if read.is_none() {
        expect::<T>(pointer, mistakes);
    }
    read
}

impl<T: FromBody> FromBody for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        T::from_body(value, pointer, mistakes).map(Some)
    }

    fn if_missing() -> Option<Self> {
        Some(None)
    }
}

/// Defines the type of a request body: an object that has these members and no others.
macro_rules! request {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$of_field:meta])* pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $type,)+
        }

        impl $crate::types::request::FromBody for $name {
            fn expected() -> String {
                "an object".to_owned()
            }

            fn from_body(
                value: &serde_json::Value,
                pointer: &str,
                mistakes: &mut $crate::types::request::Mistakes,
            ) -> Option<Self> {
                use $crate::types::request::{member, members, name};
                let known = [$(name(stringify!($field))),+];
                let members = members(value, &known, pointer, mistakes)?;
                $(let $field: Option<$type> = member(members, name(stringify!($field)), pointer, mistakes);)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}

pub(super) use request;

/// The name of a member whose field is called `field`, which may be a keyword of Rust.
pub(super) fn name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

impl FromBody for String {
    fn expected() -> String {
        "text".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}

impl FromBody for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}

impl FromBody for u64 {
    fn expected() -> String {
        "a whole number of up to 64 bits".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}

impl FromBody for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{OverrideRequest, ThawRequest, TokenRequest};
    use super::*;

    fn pointers<T: FromBody + std::fmt::Debug>(body: &Value) -> Vec<String> {
        read::<T>(body).unwrap_err().into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let body = json!({
            "targets": ["pool/eu-*", "rack/1", 5], "force": {"weight": "x"}, "reason": "", "own/er": 1,
            "expires": "tomorrow",
        });
        let expected = ["/own~1er", "/targets/1", "/targets/2", "/force", "/reason", "/expires"];
        assert_eq!(pointers::<OverrideRequest>(&body), expected);
        assert_eq!(pointers::<TokenRequest>(&json!({"x": 1})), ["/x", "/name", "/role"]);
        assert_eq!(pointers::<ThawRequest>(&json!([])), [""]);
    }

    #[test]
    fn a_member_may_be_called_like_a_keyword() {
        let request: ThawRequest = read(&json!({"reason": "r", "for": "1h"})).unwrap();
        assert_eq!(serde_json::to_value(request).unwrap(), json!({"reason": "r", "for": "1h"}));
    }
}
