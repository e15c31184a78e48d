//! The sites that the suites serve.

use gslb_tests::folder::{Folder, PROCESS};

/// The folder of the example that the demo serves.
pub(crate) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/example");

/// A document with one service that has one address.
pub(crate) fn document(address: &str) -> String {
    format!(
        "[zones.\"example.com\"]
file = \"example.com.zone\"
[pools.here]
endpoints.one = {{ address = \"{address}\" }}
[services.\"www.example.com\"]
policy = \"here\"
"
    )
}

/// A small zone; `text` is in a TXT record at its apex.
pub(crate) fn zone(text: &str) -> String {
    format!(
        "$TTL 1h
@     IN SOA ns1 hostmaster 1 2h 15m 4w 5m
      IN NS  ns1
      IN TXT \"{text}\"
ns1   IN A   192.0.2.53
"
    )
}

/// A folder with [`document`], [`zone`] and these lines for the process besides the usual ones.
pub(crate) fn small(process: &str) -> Folder {
    Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}{process}")),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &zone("first")),
    ])
}
