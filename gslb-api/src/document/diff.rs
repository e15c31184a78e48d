//! What two documents say differently, member by member.

use serde_json::{Map, Value};

pub use crate::types::Difference;

/// Most differences in a list; a document that is completely different needs no more.
pub const MAX_DIFFERENCES: usize = 1000;

/// Up to [`MAX_DIFFERENCES`] between `before` and `after`, in the order of `before`, then new members. Objects are
/// compared by member, other values as a whole.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut list = Vec::new();
    compare(&mut String::new(), before, after, &mut list);
    list
}

/// The same for two documents that differ in one entry at most: `name` in the table of the document that is called
/// `section`, which is `before` in the older one and `after` in the newer one.
pub fn differences_of_entry(
    section: &str,
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Vec<Difference> {
    let (mut list, mut pointer) = (Vec::new(), String::new());
    step(&mut pointer, section);
    step(&mut pointer, name);
    match (before, after) {
        (Some(before), Some(after)) => compare(&mut pointer, before, after, &mut list),
        (None, None) => {}
        (before, after) => note(&pointer, before, after, &mut list),
    }
    list
}

fn compare(pointer: &mut String, before: &Value, after: &Value, list: &mut Vec<Difference>) {
    if list.len() >= MAX_DIFFERENCES {
        return;
    }
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        members(pointer, before, after, list);
    } else if before != after {
        note(pointer, Some(before), Some(after), list);
    }
}

fn members(pointer: &mut String, before: &Map<String, Value>, after: &Map<String, Value>, list: &mut Vec<Difference>) {
    let length = pointer.len();
    for (name, old) in before {
        step(pointer, name);
        match after.get(name) {
            Some(new) => compare(pointer, old, new, list),
            None => note(pointer, Some(old), None, list),
        }
        pointer.truncate(length);
    }
    for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        step(pointer, name);
        note(pointer, None, Some(new), list);
        pointer.truncate(length);
    }
}

fn note(pointer: &str, before: Option<&Value>, after: Option<&Value>, list: &mut Vec<Difference>) {
    if list.len() < MAX_DIFFERENCES {
        list.push(Difference { pointer: pointer.to_owned(), before: before.cloned(), after: after.cloned() });
    }
}

/// Adds a member's name to a pointer (RFC 6901 §3).
fn step(pointer: &mut String, name: &str) {
    pointer.push('/');
    if name.contains(['~', '/']) {
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_listed_by_pointer() {
        let before = json!({"pools": {"a/b": {"min_up": 1}, "gone": {}}, "same": [1, 2]});
        let after = json!({"pools": {"a/b": {"min_up": 2}}, "same": [1, 2], "new~": true});
        let pointers: Vec<_> = differences(&before, &after).into_iter().map(|found| found.pointer).collect();
        assert_eq!(pointers, ["/pools/a~1b/min_up", "/pools/gone", "/new~0"]);
        assert!(differences(&after, &after).is_empty());
        let entry = |name| [&before, &after].map(|document| document.get("pools").and_then(|pools| pools.get(name)));
        for name in ["a/b", "gone", "never"] {
            let [old, new] = entry(name);
            let pointer = format!("/pools/{}", name.replace('/', "~1"));
            let whole = differences(&before, &after).into_iter().filter(|found| found.pointer.starts_with(&pointer));
            assert_eq!(differences_of_entry("pools", name, old, new), whole.collect::<Vec<_>>());
        }
    }
}
