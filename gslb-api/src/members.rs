//! Members of a body that it may not have: a name that is spelled wrong must not pass unseen.

use serde_json::{Map, Value};

/// The pointer (RFC 6901 §3) of every member that is not in `known`, with an error message. `at` points to the object
/// that has the `members`, and is empty for the whole body.
pub(crate) fn unknown<'m>(
    members: &'m Map<String, Value>,
    known: &'m [&str],
    at: &'m str,
) -> impl Iterator<Item = (String, String)> + 'm {
    members.keys().filter(|name| !known.contains(&name.as_str())).map(move |name| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        (pointer, format!("unknown member; known: {}", known.join(", ")))
    })
}
