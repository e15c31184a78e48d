//! The query parameters, parsed into the type of a route.

use std::error::Error as _;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The query of a request. Unknown parameters are refused if `T` does not allow them.
pub(super) struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Problem::bad_request(explained(&rejection))),
        }
    }
}

/// An error message with the name of the parameter.
fn explained(rejection: &QueryRejection) -> String {
    // The rejection itself says first that the query cannot be read.
    let cause = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
    format!("The query cannot be read: {}.", describe_shares(&cause))
}

/// Rewrites serde's messages about fields of a structure for parameters.
fn describe_shares(cause: &str) -> String {
    for what in ["unknown", "missing", "duplicate"] {
        let message = format!("{what} field `");
        // The message starts with the name of the parameter again.
        let behind =
            cause.strip_prefix(&message).or_else(|| cause.split_once(&format!(": {message}")).map(|(_, rest)| rest));
        if let Some(rest) = behind {
            return format!("{what} parameter `{}", rest.replace("there are no fields", "there are no parameters"));
        }
    }
    cause.to_owned()
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, Uri};

    use super::*;
    use crate::types::{ChangeParameters, NoParameters, RankingKey, RankingParameters};

    async fn read<T: DeserializeOwned>(query: &str) -> Result<T, String> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let read = Parameters::<T>::from_request_parts(&mut parts, &()).await;
        read.map(|Parameters(read)| read).map_err(|problem| problem.detail().to_owned())
    }

    #[tokio::test]
    async fn parameters_are_parsed_by_type() {
        let ranking: RankingParameters = read("by=data-center&limit=7").await.unwrap();
        assert_eq!((ranking.by, ranking.limit.get()), (RankingKey::DataCenter, 7));
        let change: ChangeParameters = read("dry_run=true&message=a%2Fb+c").await.unwrap();
        assert_eq!((change.dry_run, &*change.message, change.override_rules), (true, "a/b c", None));
        assert_eq!(read::<RankingParameters>("by=region").await.unwrap().limit.get(), 100);
        assert!(read::<NoParameters>("").await.is_ok());
    }

    #[tokio::test]
    async fn errors_name_the_parameter() {
        for (query, expected) in [
            ("by=region&expire=1", "unknown parameter `expire`, expected `by` or `limit`."),
            ("by=pool", "by: unknown variant `pool`, expected one of `service`, `region`, `data-center`, `prefix`."),
            ("by=region&limit=-1", "limit: expected a whole number from 1 to 1000, not \"-1\"."),
            ("by=region&limit=", "limit: expected a whole number from 1 to 1000, not \"\"."),
            ("limit=1", "missing parameter `by`."),
            ("by=region&limit=1&limit=2", "duplicate parameter `limit`."),
        ] {
            let error = read::<RankingParameters>(query).await.unwrap_err();
            assert!(error.starts_with("The query cannot be read: ") && error.ends_with(expected), "{query}: {error}");
        }
        let error = read::<ChangeParameters>("dry_run=yes").await.unwrap_err();
        assert!(error.contains("dry_run: ") && error.contains("`true` or `false`"), "{error}");
        let error = read::<NoParameters>("limit=1").await.unwrap_err();
        assert!(error.contains("unknown parameter `limit`, there are no"), "{error}");
    }
}
