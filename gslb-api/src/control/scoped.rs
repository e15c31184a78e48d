//! Checks that a change stays within the scopes of its token.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::auth::{Resource, Scopes};
use crate::change::{Active, Edit, Refusal};
use crate::document::{Document, Members, Section, name_of};
use crate::overrides::Override;

/// Refuses an `edit` of a resource that is out of scope.
///
/// # Errors
/// [`Refusal::OutOfScope`].
pub(super) fn check_edit(base: &Active, edit: &Edit, scopes: &Scopes) -> Result<(), Refusal> {
    if scopes.is_everything() {
        return Ok(());
    }
    let resources = match edit {
        Edit::Resource { section, name, .. } => vec![Resource::entry(*section, name)],
        Edit::Override { id, body, .. } => {
            let both = body.as_deref().into_iter().chain(base.overrides.get(id));
            both.flat_map(targets).collect()
        }
        Edit::Thaw(_) => vec![Resource::unscoped("a thaw")],
        // The comparison of the documents shows what these change.
        Edit::Document { .. } | Edit::Merge { .. } | Edit::Restored { .. } => Vec::new(),
    };
    within(scopes, &resources)
}

/// Refuses `document` and `overrides` (`None` if unchanged) if anything out of scope would change.
///
/// # Errors
/// [`Refusal::OutOfScope`].
pub(super) fn check(
    base: &Active,
    document: Option<&Document>,
    overrides: Option<&BTreeMap<String, Override>>,
    scopes: &Scopes,
) -> Result<(), Refusal> {
    if scopes.is_everything() {
        return Ok(());
    }
    let mut changed = Vec::new();
    if let Some(document) = document {
        changed.extend(of_document(&base.document, document));
    }
    if let Some(all) = overrides {
        changed.extend(of_overrides(&base.overrides, all));
    }
    within(scopes, &changed)
}

fn within(scopes: &Scopes, changed: &[Resource]) -> Result<(), Refusal> {
    let outside = scopes.outside(changed);
    if outside.is_empty() { Ok(()) } else { Err(Refusal::OutOfScope { outside, scopes: scopes.texts() }) }
}

fn targets(of: &Override) -> impl Iterator<Item = Resource> + '_ {
    of.targets.iter().map(Resource::target)
}

/// Targets of the overrides that differ.
fn of_overrides(before: &BTreeMap<String, Override>, after: &BTreeMap<String, Override>) -> Vec<Resource> {
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = ids.into_iter().map(|id| (before.get(id), after.get(id))).filter(|(before, after)| before != after);
    differ.flat_map(|(before, after)| before.into_iter().chain(after).flat_map(targets)).collect()
}

/// Resources that differ between two documents.
fn of_document(before: &Document, after: &Document) -> Vec<Resource> {
    let (before, after) = (before.members(), after.members());
    let keys: BTreeSet<&str> = before.0.iter().chain(&after.0).map(|(key, _)| key.get()).collect();
    keys.iter().flat_map(|key| of_member(&name_of(key), before.get(key), after.get(key))).collect()
}

/// Resources that differ in the member `key` of a document.
fn of_member(key: &str, before: Option<&RawValue>, after: Option<&RawValue>) -> Vec<Resource> {
    if is_same(before, after) {
        return Vec::new();
    }
    let whole = || vec![Resource::unscoped(format!("`{key}` of the document"))];
    let Some(section) = Section::ALL.into_iter().find(|section| section.key() == key) else { return whole() };
    let (Some(first), Some(second)) = (entries(before), entries(after)) else { return whole() };
    let (before, after) = (first.by_key(), second.by_key());
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let pair = |name: &str| (before.get(name).copied(), after.get(name).copied());
    let differ = names.into_iter().map(|name| (name, pair(name))).filter(|(_, (one, other))| !is_same(*one, *other));
    let mut changed: Vec<Resource> =
        differ.flat_map(|(name, (before, after))| of_entry(section, &name_of(name), before, after)).collect();
    let kept_before = first.0.iter().map(|(name, _)| name.get()).filter(|name| after.contains_key(name));
    let kept_after = second.0.iter().map(|(name, _)| name.get()).filter(|name| before.contains_key(name));
    if !kept_before.eq(kept_after) {
        changed.push(Resource::unscoped(format!("the order of `{key}` in the document")));
    }
    changed
}

/// The entries of a section; `None` if it is not a table.
fn entries(section: Option<&RawValue>) -> Option<Members<'_>> {
    section.map_or_else(|| Some(Members::default()), Members::of)
}

/// Whether two values are equal, including the order of members.
fn is_same(one: Option<&RawValue>, other: Option<&RawValue>) -> bool {
    one.map(RawValue::get) == other.map(RawValue::get)
}

/// The resources of a changed entry: itself, and all names of a service.
fn of_entry(section: Section, name: &str, before: Option<&RawValue>, after: Option<&RawValue>) -> Vec<Resource> {
    let mut changed = vec![Resource::entry(section, name)];
    if section == Section::Services {
        for value in [before, after].into_iter().flatten() {
            let value: Value = serde_json::from_str(value.get()).unwrap_or_default();
            let names = value.get("names").and_then(Value::as_array).into_iter().flatten();
            changed.extend(names.filter_map(Value::as_str).map(|name| Resource::entry(section, name)));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(before: &Value, after: &Value) -> Vec<String> {
        of_document(&before.clone().into(), &after.clone().into()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_document_is_compared_entry_by_entry() {
        let before = json!({"pools": {"a": {"x": 1}, "b": {}}, "services": {"www.x": {"names": ["x"]}}, "safety": {}});
        assert!(changed(&before, &before).is_empty());
        let mut after = before.clone();
        after["pools"]["a"]["x"] = json!(2);
        after["pools"]["c"] = json!({});
        assert_eq!(changed(&before, &after), ["pool/a", "pool/c"]);
        let mut after = before.clone();
        after["services"]["www.x"]["names"] = json!(["y"]);
        assert_eq!(changed(&before, &after), ["service/www.x", "service/x", "service/y"], "names added and removed");
        let mut after = before.clone();
        after["safety"] = json!({"require_endpoints": true});
        after["pools"] = json!({"b": {}, "a": {"x": 1}});
        assert_eq!(changed(&before, &after), ["the order of `pools` in the document", "`safety` of the document"]);
        assert_eq!(
            changed(&before, &json!({"pools": 1, "services": before["services"], "safety": {}})),
            ["`pools` of the document"]
        );
    }
}
