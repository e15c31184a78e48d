//! The address of a server: `http://127.0.0.1:8053` or `https://gslb.example.com`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether to use TLS.
    pub secure: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// 8053 by default.
    pub port: u16,
}

/// The default port, that of the server.
const PORT: u16 = 8053;

/// The expected form of an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a server: write http://127.0.0.1:8053 or https://gslb.example.com:8053")]
pub struct InvalidAddress;

impl Address {
    /// Whether requests stay on this host.
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().map_or(self.host == "localhost", |address| address.to_canonical().is_loopback())
    }

    /// Host and port as in a URL and in a `Host` field.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidAddress)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidAddress),
        };
        let authority: hyper::http::uri::Authority =
            rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| InvalidAddress)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(InvalidAddress);
        }
        // The text after the host, which ends with a bracket if it has colons.
        let port = match authority.as_str().get(authority.host().len()..).unwrap_or_default() {
            "" => PORT,
            port => port.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or(InvalidAddress)?,
        };
        Ok(Self { secure, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, shown, loopback) in [
            ("http://127.0.0.1:8053", "http://127.0.0.1:8053", true),
            ("https://GSLB.example.com/", "https://gslb.example.com:8053", false),
            ("http://localhost", "http://localhost:8053", true),
            ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443", false),
            ("http://[::1]:80", "http://[::1]:80", true),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_loopback()), (shown, loopback));
        }
        for invalid in ["", "gslb", "127.0.0.1:8053", "ftp://a", "http://", "http://a/b", "http://u@a", "http://a:x"] {
            assert_eq!(invalid.parse::<Address>(), Err(InvalidAddress), "{invalid}");
        }
    }
}
