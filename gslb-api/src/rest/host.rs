//! Which host a request is for: a page of another site in a browser must not reach the API under its own name.

use std::net::Ipv6Addr;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::Api;

/// Lets a request for one of our names pass.
pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    if let Err(why) = unambiguous(&request) {
        return Problem::bad_request(why).into_response();
    }
    // HTTP/2 has the host in the URI.
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(header);
    match host {
        Some(host) if is_allowed_host(host, &api.options.hosts) => next.run(request).await,
        Some(host) => {
            let detail = format!("{host:?} is not a name of this server. Add it to `hosts` in [api] to allow it.");
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail).into_response()
        }
        None => Problem::bad_request("A request names its host (RFC 9112 §3.2).").into_response(),
    }
}

/// Whether a request names its host exactly once. With several, a proxy in front may have used another
/// one.
///
/// # Errors
/// A detail for a problem of status 400 (RFC 9112 §3.2).
pub fn unambiguous<B>(request: &axum::http::Request<B>) -> Result<(), &'static str> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (first, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err("A request has one Host field (RFC 9112 §3.2); this one has more.");
    }
    let Some(field) = first else { return Ok(()) };
    let Ok(field) = field.to_str().map(str::trim) else { return Err("The Host field is not a host.") };
    if field.is_empty() && request.version() == Version::HTTP_11 && request.uri().authority().is_none() {
        return Err("The Host field is empty: a request names its host (RFC 9112 §3.2).");
    }
    if field.contains([',', ' ', '@', '/']) {
        return Err("The Host field is a host, and a port where there is one (RFC 9110 §7.2).");
    }
    match request.uri().authority() {
        Some(target) if !is_same_host(target.as_str(), field, request.uri().scheme_str()) => {
            Err("The Host field names another host than the request's target does.")
        }
        _ => Ok(()),
    }
}

/// Whether two hosts with or without a port are the same, for this scheme.
fn is_same_host(host: &str, other: &str, scheme: Option<&str>) -> bool {
    let default = if scheme == Some("https") { ":443" } else { ":80" };
    let plain = |host: &str| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
    plain(host) == plain(other)
}

/// Whether a request for `host` is for this server, whose `names` these are.
///
/// An address, which no name can be rebound to; `localhost`; or a name from the configuration. Ports do not matter.
pub fn is_allowed_host(host: &str, names: &[String]) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split_once(']').is_some_and(|(v6, _)| v6.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name).trim_end_matches('.');
    let is_v4 = name.parse::<std::net::Ipv4Addr>().is_ok();
    is_v4 || name.eq_ignore_ascii_case("localhost") || names.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host() {
        let is_allowed = |uri: &str, hosts: &[&str]| {
            let request = axum::http::Request::get(uri);
            let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
            unambiguous(&request.body(()).unwrap()).is_ok()
        };
        assert!(is_allowed("/livez", &["localhost:8053"]) && is_allowed("/livez", &[]));
        assert!(is_allowed("http://LOCALHOST:80/livez", &["localhost"]));
        for (uri, hosts) in [
            ("/livez", &["localhost", "evil.example"][..]),
            ("/livez", &["localhost", "localhost"]),
            ("/livez", &[""]),
            ("/livez", &["localhost, evil.example"]),
            ("/livez", &["user@localhost"]),
            ("http://localhost/livez", &["evil.example"]),
            ("http://localhost:8053/livez", &["localhost"]),
        ] {
            assert!(!is_allowed(uri, hosts), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn only_addresses_and_configured_names_are_allowed_hosts() {
        let names = ["gslb.example.com".to_owned()];
        for ours in ["127.0.0.1", "192.0.2.1:8053", "[::1]:8053", "localhost:1", "LocalHost", "gslb.example.com.:443"] {
            assert!(is_allowed_host(ours, &names), "{ours}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example", "[evil]", "[::1", "", "x.gslb.example.com"] {
            assert!(!is_allowed_host(other, &names), "{other}");
        }
    }
}
