//! From which page a request comes: one of another site's, open in a browser on this host, must not change anything.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A browser's information about the page that sent a request (W3C Fetch Metadata).
const SITE: &str = "sec-fetch-site";

/// Admits requests that only read, or were not sent by a page of another site. Browsers let pages send some requests
/// without a preflight, and if no token is needed, nothing else would stop them.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if reads || !is_foreign(request.headers(), host.as_deref()) {
        return next.run(request).await;
    }
    let detail = "A page of another site sent this. Nothing was changed.";
    Problem::new(StatusCode::FORBIDDEN, "cross-site", detail).into_response()
}

/// Whether a page of another server sent it; `host` is that of the URI, if it has one.
fn is_foreign(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = headers.get(SITE).and_then(|site| site.to_str().ok()).unwrap_or("none");
    // `none` is a person who typed the address, `same-origin` our own page.
    let is_allowed_host = matches!(site, "none" | "same-origin");
    let Some(origin) = headers.get(header::ORIGIN) else { return !is_allowed_host };
    let host = host.or(text(header::HOST)).unwrap_or_default();
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    !is_allowed_host || !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_own_pages_and_programs_are_allowed() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_foreign(&headers.collect(), None)
        };
        let host = ("host", "localhost:8053");
        for ours in [
            vec![host],
            vec![host, (SITE, "none")],
            vec![host, (SITE, "same-origin"), ("origin", "http://localhost:8053")],
            vec![host, ("origin", "https://LOCALHOST:8053")],
        ] {
            assert!(!foreign(&ours), "{ours:?}");
        }
        for other in [
            vec![host, ("origin", "http://evil.example")],
            vec![host, ("origin", "http://localhost:3000")],
            vec![host, ("origin", "null")],
            vec![host, (SITE, "cross-site")],
            vec![host, (SITE, "same-site")],
            vec![host, (SITE, "same-site"), ("origin", "http://localhost:8053")],
        ] {
            assert!(foreign(&other), "{other:?}");
        }
    }
}
