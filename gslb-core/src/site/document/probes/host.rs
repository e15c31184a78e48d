//! Reads the keys for a probe's host, in requests and in certificates.

use std::net::IpAddr;
use std::sync::Arc;

use crate::notation::{Fields, Item, Problems, shortened};
use crate::site::model::TlsProbe;

/// Maximum value of `certificate_days`.
const MAX_CERTIFICATE_DAYS: u32 = 3_650;
/// Maximum octets of a host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;
/// Maximum octets of a label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// The host of a request: a name or an address, without port.
pub(super) fn read(fields: &Fields<'_, '_>, key: &str, problems: &mut Problems) -> Option<Arc<str>> {
    host(&fields.get(key)?, problems)
}

/// The requirements for the certificate.
pub(super) fn certificate(fields: &Fields<'_, '_>, problems: &mut Problems) -> TlsProbe {
    let days = fields.get("certificate_days");
    TlsProbe {
        server_name: read(fields, "server_name", problems),
        verify: fields.get("verify").and_then(|item| item.boolean(problems)).unwrap_or(true),
        certificate_days: days.and_then(|item| item.integer("a number of days", 0..=MAX_CERTIFICATE_DAYS, problems)),
    }
}

fn host(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Arc<str>> {
    let text = item.string("\"www.example.com\"", problems)?;
    if text.parse::<IpAddr>().is_ok() || is_name(text) {
        return Some(text.to_ascii_lowercase().into());
    }
    let help = "write a name such as \"www.example.com\", or an address; set the port with `port`";
    item.error(problems, format!("{} is not a host name or address", shortened(text)), help);
    None
}

/// True for names as used in certificates and requests.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    // A last label of digits only is a malformed address.
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= MAX_HOST && text.split('.').all(label) && !last.bytes().all(|octet| octet.is_ascii_digit())
}
