//! Which host a request is for: a page that a browser has from elsewhere must not reach us under its own name.

use std::net::Ipv6Addr;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::Api;

/// Lets a request for one of our names pass.
pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    // HTTP/2 has the host in the URI.
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(header);
    match host {
        Some(host) if is_ours(host, &api.options.hosts) => next.run(request).await,
        Some(host) => {
            let detail = format!("This server is not {host:?}. Its names are in `hosts` of its configuration.");
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail).into_response()
        }
        None => Problem::bad_request("A request names its host (RFC 9112 §3.2).").into_response(),
    }
}

/// Whether a request for `host` is for this server, whose `names` these are.
///
/// An address, which no name can be rebound to; `localhost`; or a name from the configuration. Ports do not matter.
pub fn is_ours(host: &str, names: &[String]) -> bool {
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
    fn only_addresses_and_known_names_are_ours() {
        let names = ["gslb.example.com".to_owned()];
        for ours in ["127.0.0.1", "192.0.2.1:8053", "[::1]:8053", "localhost:1", "LocalHost", "gslb.example.com.:443"] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example", "[evil]", "[::1", "", "x.gslb.example.com"] {
            assert!(!is_ours(other, &names), "{other}");
        }
    }
}
