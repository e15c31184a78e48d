//! The `[dns.tls]` table: DNS over TLS (RFC 7858). And the files of a certificate, which `[api]` has too.

use std::net::SocketAddr;

use gslb_core::notation::{Fields, Problems};

use super::value::{count, other_address, path, table};
use crate::tls::TlsFiles;

/// The `[dns.tls]` table; without it there is no DNS over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsTls {
    /// `listen`: addresses with ports.
    pub listen: Vec<SocketAddr>,
    /// `certificate` and `key`: PEM files, beside the file unless absolute.
    pub files: TlsFiles,
    /// `connections`: most connections in total. Default 512.
    pub connections: usize,
}

impl DnsTls {
    /// Reads the table; `None` if it is absent or incomplete, which is reported as a problem. `taken` are the addresses
    /// of other listeners.
    pub(super) fn of(dns: &Fields<'_, '_>, taken: &[SocketAddr], problems: &mut Problems) -> Option<Self> {
        let tls = table(dns, "tls", &["listen", "certificate", "key", "connections"], problems)?;
        const LISTEN: &str = "[\"192.0.2.53:853\"]";
        let listen = tls.require("listen", LISTEN, problems);
        let listen = listen.and_then(|item| item.list_of(LISTEN, problems, other_address(taken)));
        let files = files(&tls, ["\"dot.pem\"", "\"dot.key\""], problems);
        let mut connections = 512;
        tls.set("connections", &mut connections, problems, count("a number of connections", 1..=65535));
        Some(Self { listen: listen?, files: files?, connections })
    }
}

/// The keys `certificate` and `key` of `table`, both required.
pub(super) fn files(table: &Fields<'_, '_>, examples: [&str; 2], problems: &mut Problems) -> Option<TlsFiles> {
    let mut file = |key, example| path(&table.require(key, example, problems)?, problems);
    let (certificate, key) = (file("certificate", examples[0]), file("key", examples[1]));
    Some(TlsFiles { certificate: certificate?, key: key? })
}
