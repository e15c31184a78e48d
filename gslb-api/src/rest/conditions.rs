//! Conditional requests (RFC 9110 §13): which state of a resource a request means.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::problem::Problem;
use crate::change::Condition;
use crate::document::Etag;

/// The condition of a request that changes something.
pub(super) struct IfMatch(pub Condition);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        of_write(&parts.headers).map(Self)
    }
}

/// What `If-Match` and `If-None-Match` of a write say.
fn of_write(headers: &HeaderMap) -> Result<Condition, Problem> {
    match (tags(headers, &header::IF_MATCH)?, tags(headers, &header::IF_NONE_MATCH)?) {
        (None, None) => Ok(Condition::MissingIfMatch),
        (Some(Tags::Any), None) => Ok(Condition::Any),
        // A weak tag never matches here (RFC 9110 §13.1.1).
        (Some(Tags::These(tags)), None) => {
            Ok(Condition::Matches(tags.into_iter().filter(|tag| !tag.weak).map(|tag| tag.opaque).collect()))
        }
        (None, Some(Tags::Any)) => Ok(Condition::Absent),
        (None, Some(Tags::These(_))) => Err(Problem::bad_request("If-None-Match of a write is * or nothing.")),
        (Some(_), Some(_)) => Err(Problem::bad_request("Send If-Match or If-None-Match, not both.")),
    }
}

/// The states that a reader has already, by `If-None-Match`.
pub(super) struct KnownStates(Option<Tags>);

impl KnownStates {
    /// Whether the state of `etag` is among them.
    pub(super) fn has(&self, etag: &Etag) -> bool {
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.iter().any(|tag| tag.opaque == etag.opaque()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KnownStates {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        tags(&parts.headers, &header::IF_NONE_MATCH).map(Self)
    }
}

enum Tags {
    Any,
    These(Vec<Tag>),
}

struct Tag {
    weak: bool,
    opaque: String,
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut list = Vec::new();
    let mut any = false;
    for value in headers.get_all(name) {
        let invalid =
            || Problem::bad_request(format!("{name} is * or a list of tags such as \"0a1b\", quotes included."));
        let text = value.to_str().map_err(|_| invalid())?.trim();
        if text == "*" {
            any = true;
            continue;
        }
        // Empty elements of a list mean nothing (RFC 9110 §5.6.1.2).
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            list.push(parse(tag).ok_or_else(invalid)?);
        }
        if list.is_empty() {
            return Err(invalid());
        }
    }
    Ok(if any {
        Some(Tags::Any)
    } else if list.is_empty() {
        None
    } else {
        Some(Tags::These(list))
    })
}

fn parse(tag: &str) -> Option<Tag> {
    let (weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |quoted| (true, quoted));
    let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // No tag of this server has a comma or quote, so a tag cut at one matches nothing.
    (!opaque.contains('"')).then(|| Tag { weak, opaque: opaque.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn conditions_follow_the_headers() {
        let of = |pairs: &[(HeaderName, &str)]| of_write(&headers(pairs)).ok();
        let matches = |tags: &[&str]| Condition::Matches(tags.iter().map(|&tag| tag.to_owned()).collect());
        assert_eq!(of(&[]), Some(Condition::MissingIfMatch));
        assert_eq!(of(&[(header::IF_MATCH, "*")]), Some(Condition::Any));
        assert_eq!(of(&[(header::IF_MATCH, "\"a\", W/\"b\" ,\"c\"")]), Some(matches(&["a", "c"])));
        assert_eq!(of(&[(header::IF_NONE_MATCH, "*")]), Some(Condition::Absent));
        assert_eq!(of(&[(header::IF_MATCH, ", \"a\",")]), Some(matches(&["a"])));
        assert_eq!(of(&[(header::IF_MATCH, "")]), None);
        assert_eq!(of(&[(header::IF_NONE_MATCH, "\"a\"")]), None);
        assert_eq!(of(&[(header::IF_MATCH, "a")]), None);
        assert_eq!(of(&[(header::IF_MATCH, "\"a\""), (header::IF_NONE_MATCH, "*")]), None);
    }
}
