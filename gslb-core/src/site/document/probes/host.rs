//! The keys that say which host a probe names: in a request, and in a certificate.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::item::{Fields, Item};
use super::super::problems::Problems;
use super::super::tree::shortened;
use crate::site::model::TlsProbe;

/// Most days that `certificate_days` may ask for.
const MAX_CERTIFICATE_DAYS: u32 = 3_650;
/// Most octets of a host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;
/// Most octets of a label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// The host of a request: a name or an address, without a port.
pub(super) fn read(fields: &Fields<'_, '_>, key: &str, problems: &mut Problems) -> Option<Arc<str>> {
    host(&fields.get(key)?, problems)
}

/// What is expected of the certificate.
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
    let help = "write a name such as \"www.example.com\", or an address; the port is the business of `port`";
    item.error(problems, format!("{} is not a host", shortened(text)), help);
    None
}

/// True for names as certificates and requests have them.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    // What ends in digits is an address that went wrong.
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= MAX_HOST && text.split('.').all(label) && !last.bytes().all(|octet| octet.is_ascii_digit())
}
