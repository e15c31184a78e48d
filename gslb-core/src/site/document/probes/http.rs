//! Reads the keys of `http` and `https` probes.

use std::sync::Arc;

use super::host;
use super::stream::text;
use crate::notation::{Entry, Fields, Item, Problems, shortened};
use crate::problem::Path;
use crate::site::model::{HttpProbe, MAX_PROBE_BODY, Method, TlsProbe};

/// Maximum octets of a path.
const MAX_PATH: usize = 2_048;
/// Maximum number of headers in a document's probe.
const MAX_HEADERS: usize = 16;
/// Maximum octets of a header's name, and of its value.
const MAX_HEADER: usize = 1_024;
const HEADERS: &str = r#"{ X-Probe = "1" }"#;
const METHODS: [(&str, Method); 2] = [("GET", Method::Get), ("HEAD", Method::Head)];

/// Headers for routing, framing and credentials, which a document may not set.
const RESERVED: [&str; 13] = [
    "host",
    "authorization",
    "proxy-authorization",
    "cookie",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn read(
    fields: &Fields<'_, '_>,
    port: Option<u16>,
    tls: Option<TlsProbe>,
    problems: &mut Problems,
) -> Option<HttpProbe> {
    let path = match fields.get("path") {
        Some(item) => request_path(&item, problems),
        None => Some("/".into()),
    };
    let method = fields.get("method").map_or(Some(Method::Get), |item| item.choice(&METHODS, problems));
    let host = host::read(fields, "host", problems);
    let headers = headers(fields, problems);
    let expect_status = statuses(fields, problems);
    let expect_body = text(fields, "expect_body", "\"ok\"", MAX_PROBE_BODY, problems);
    if let (Some(Method::Head), Some(item)) = (method, fields.get("expect_body")) {
        item.error(problems, "the response to HEAD has no body", "remove it, or write method = \"GET\"");
    }
    Some(HttpProbe { port: port?, tls, method: method?, path: path?, host, headers, expect_status, expect_body })
}

fn request_path(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Arc<str>> {
    let path = item.string("\"/healthz\"", problems)?;
    let sound = path.starts_with('/') && path.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#');
    if sound && path.len() <= MAX_PATH {
        return Some(path.into());
    }
    let help = "write a path that starts with / and has no spaces, such as \"/healthz\"";
    item.error(problems, format!("{} is not a request path", shortened(path)), help);
    None
}

fn headers(fields: &Fields<'_, '_>, problems: &mut Problems) -> Vec<(Arc<str>, Arc<str>)> {
    let Some(item) = fields.get("headers") else { return Vec::new() };
    let Some(table) = item.table(HEADERS, problems) else { return Vec::new() };
    if table.entries.len() > MAX_HEADERS {
        let message = format!("there are {} headers", table.entries.len());
        item.error(problems, message, format!("use at most {MAX_HEADERS}"));
    }
    table.entries.iter().filter_map(|entry| header(entry, &item.path, problems)).collect()
}

fn header(entry: &Entry, path: &Path<'_>, problems: &mut Problems) -> Option<(Arc<str>, Arc<str>)> {
    let item = Item::of(entry, path);
    let name = entry.key.to_ascii_lowercase();
    // A token (RFC 9110 §5.6.2).
    let in_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    let problem = if name.is_empty() || name.len() > MAX_HEADER || !name.bytes().all(in_token) {
        Some(("is not a header name", "write letters, digits and hyphens, such as X-Probe"))
    } else if RESERVED.contains(&&*name) {
        let help = "remove it; `host` sets the Host header, and a probe should not need credentials";
        Some(("cannot be set in a document", help))
    } else {
        None
    };
    if let Some((what, help)) = problem {
        problems.error(entry.at, &item.path, format!("{} {what}", shortened(&entry.key)), help);
        return None;
    }
    let value = item.string("\"1\"", problems)?;
    if value.len() > MAX_HEADER || !value.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) {
        let help = format!("write at most {MAX_HEADER} printable ASCII characters");
        item.error(problems, format!("{} is not a header value", shortened(value)), help);
        return None;
    }
    Some((name.into(), value.into()))
}

fn statuses(fields: &Fields<'_, '_>, problems: &mut Problems) -> Vec<(u16, u16)> {
    let Some(item) = fields.get("expect_status") else { return vec![(200, 299)] };
    let ranges = item.list(r#"["200-299"]"#, problems).unwrap_or_default();
    let read = |(index, node)| status_range(&Item { node, path: item.path.index(index) }, problems);
    ranges.iter().enumerate().filter_map(read).collect()
}

fn status_range(item: &Item<'_, '_>, problems: &mut Problems) -> Option<(u16, u16)> {
    let text = item.string("\"200\" or \"200-299\"", problems)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |digits: &str| {
        let plain = digits.len() == 3 && digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|status| plain && (100..=599).contains(status))
    };
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => return Some((first, last)),
        (Some(_), Some(_)) => {
            item.error(
                problems,
                format!("the range {text} ends before it starts"),
                format!("write \"{last}-{first}\""),
            );
        }
        _ => {
            let help = "write a status code from 100 to 599 such as \"200\", or a range such as \"200-299\"";
            item.error(problems, format!("{} is not a range of HTTP status codes", shortened(text)), help);
        }
    }
    None
}
