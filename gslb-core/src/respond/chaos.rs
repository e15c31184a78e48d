//! Class CH queries about the server itself (RFC 4892), answered only if the operator configured it.

use super::Settings;
use crate::dns::wire::message::{Message, Section};
use crate::dns::wire::number::{Ede, Rcode, rtype};
use crate::dns::wire::qname::NameKey;
use crate::dns::wire::query::Query;

pub(super) fn answer(settings: &Settings, query: &Query, key: &NameKey, message: &mut Message<'_>) {
    let text = match key.suffix(0) {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => settings.version.as_deref(),
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => settings.hostname.as_deref(),
        _ => None,
    };
    let Some(text) = text.filter(|text| text.len() <= 255) else {
        message.fail(Rcode::Refused, Ede::Prohibited);
        return;
    };
    message.authoritative = true;
    if !matches!(query.qtype, rtype::TXT | rtype::ANY) {
        return;
    }
    let len = text.len() as u8;
    let before = message.len();
    // Owner as queried, TXT, CH, TTL 0, one character string.
    let head = [0xC0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, 0, len];
    if message.put(&head).and_then(|()| message.put(text)).is_err() {
        message.truncate(before);
        message.truncated = true;
        return;
    }
    message.patch(before + 10, u16::from(len) + 1);
    message.count(Section::Answer, 1);
}
