//! What two documents say differently, member by member.

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::Document;
use super::members::{Members, name_of};

pub use crate::types::Difference;

/// Most differences in a list; a document that is completely different needs no more.
pub const MAX_DIFFERENCES: usize = 1000;

/// Up to [`MAX_DIFFERENCES`] between `before` and `after`, in the order of `before`, then new members. Objects are
/// compared by member, other values as a whole.
pub fn differences(before: &Document, after: &Document) -> Vec<Difference> {
    let mut list = Vec::new();
    if before != after {
        members(&mut String::new(), &before.members(), &after.members(), &mut list);
    }
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
    // Writing a value as JSON into memory cannot fail.
    let [before, after] = [before, after].map(|value| value.and_then(|value| to_raw_value(value).ok()));
    match (&before, &after) {
        (Some(before), Some(after)) => compare(&mut pointer, before, after, &mut list),
        (None, None) => {}
        (before, after) => note(&pointer, before.as_deref(), after.as_deref(), &mut list),
    }
    list
}

fn compare(pointer: &mut String, before: &RawValue, after: &RawValue, list: &mut Vec<Difference>) {
    if list.len() >= MAX_DIFFERENCES || before.get() == after.get() {
        return;
    }
    match (Members::of(before), Members::of(after)) {
        (Some(before), Some(after)) => members(pointer, &before, &after, list),
        _ if is_same(before, after) => {}
        _ => note(pointer, Some(before), Some(after), list),
    }
}

/// Whether two values are equal regardless of the order of members.
fn is_same(one: &RawValue, other: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    one.get().len() == other.get().len() && value(one) == value(other)
}

fn members(pointer: &mut String, before: &Members<'_>, after: &Members<'_>, list: &mut Vec<Difference>) {
    let length = pointer.len();
    // Mostly both have the same keys in the same order.
    let alike = before.0.iter().zip(&after.0).take_while(|(old, new)| old.0.get() == new.0.get());
    let mut count = 0;
    for ((key, old), (_, new)) in alike {
        count += 1;
        if old.get() != new.get() {
            step(pointer, &name_of(key.get()));
            compare(pointer, old, new, list);
            pointer.truncate(length);
        }
    }
    let rest = |members: &Members<'_>| members.0.get(count..).unwrap_or_default().len();
    if rest(before) + rest(after) == 0 {
        return;
    }
    let (old, new) = (before.by_key(), after.by_key());
    for (key, held) in before.0.iter().skip(count) {
        step(pointer, &name_of(key.get()));
        match new.get(key.get()) {
            Some(new) => compare(pointer, held, new, list),
            None => note(pointer, Some(held), None, list),
        }
        pointer.truncate(length);
    }
    for (key, value) in after.0.iter().skip(count).filter(|(key, _)| !old.contains_key(key.get())) {
        step(pointer, &name_of(key.get()));
        note(pointer, None, Some(value), list);
        pointer.truncate(length);
    }
}

fn note(pointer: &str, before: Option<&RawValue>, after: Option<&RawValue>, list: &mut Vec<Difference>) {
    if list.len() < MAX_DIFFERENCES {
        let [before, after] = [before, after].map(|value| value.map(Into::into));
        list.push(Difference { pointer: pointer.to_owned(), before, after });
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
        let before = json!({"pools": {"a/b": {"min_up": 1}, "gone": {}}, "same": [1, {"a": 1, "b": 2}]});
        let after = json!({"pools": {"a/b": {"min_up": 2}}, "same": [1, {"b": 2, "a": 1}], "new~": true});
        let differences = |before: &Value, after: &Value| differences(&before.clone().into(), &after.clone().into());
        let pointers: Vec<_> = differences(&before, &after).into_iter().map(|found| found.pointer).collect();
        assert_eq!(pointers, ["/pools/a~1b/min_up", "/pools/gone", "/new~0"]);
        assert!(differences(&after, &after).is_empty());
        let entry = |name| [&before, &after].map(|document| document.get("pools").and_then(|pools| pools.get(name)));
        for name in ["a/b", "gone", "never"] {
            let [old, new] = entry(name);
            let pointer = format!("/pools/{}", name.replace('/', "~1"));
            let whole = differences(&before, &after).into_iter().filter(|found| found.pointer.starts_with(&pointer));
            let [direct, whole] = [differences_of_entry("pools", name, old, new), whole.collect()];
            assert_eq!(json!(direct), json!(whole));
        }
    }
}
