//! What two documents say differently, member by member.

use serde::Serialize;
use serde_json::{Map, Value};

/// Most differences that are told; a document that is another one altogether is not worth more.
pub const MAX_DIFFERENCES: usize = 1000;

/// A value that two documents have differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What the older one has; absent where it has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What the newer one has; absent where it has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Up to [`MAX_DIFFERENCES`] between `before` and `after`, in the order of `before`, then what is new. Objects are
/// looked into, all other values are told whole.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut list = Vec::new();
    compare(&mut String::new(), before, after, &mut list);
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
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_stand_at_their_pointers() {
        let before = json!({"pools": {"a/b": {"min_up": 1}, "gone": {}}, "same": [1, 2]});
        let after = json!({"pools": {"a/b": {"min_up": 2}}, "same": [1, 2], "new~": true});
        let told: Vec<_> = differences(&before, &after).into_iter().map(|found| found.pointer).collect();
        assert_eq!(told, ["/pools/a~1b/min_up", "/pools/gone", "/new~0"]);
        assert!(differences(&after, &after).is_empty());
    }
}
