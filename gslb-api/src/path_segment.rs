//! Names as segments of URL paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `name` as one segment of a path (RFC 3986 §3.3).
pub fn escape(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}
