//! From a change that is asked for to what would be in force: edited, read, compiled, compared, and held against the
//! safety rules. Nothing here waits or writes, so that a change can be foreseen as it would be done.

use std::collections::BTreeMap;
use std::sync::Arc;

use geoip::Database;
use gslb_core::document as reading;
use gslb_core::plan;
use gslb_core::problem::{Problem, Severity};
use gslb_core::table::{RoutingTable, compile};
use serde_json::Value;

use super::change::{Action, Edit};
use super::{Done, InForce, Refusal};
use crate::document::{Etag, Section, differences, merge};
use crate::overrides::{self, Override};
use crate::safety::{self, Touched};
use crate::store::Time;

/// What would be in force, and what that means.
#[derive(Debug)]
pub struct Candidate {
    /// All of it; the revision is still the one that it is based on.
    pub next: InForce,
    /// True where the document is another one.
    pub is_new_document: bool,
    /// The resource before.
    pub before: Option<Value>,
    /// The resource after.
    pub after: Option<Value>,
    /// What it comes to.
    pub done: Done,
}

/// How far a candidate is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whose answers move is worked out where a safety rule asks for it.
    Rules,
    /// It is worked out in any case: somebody wants to know.
    Moves,
}

/// Works out what `edit` of what is in force at `now` comes to. Takes as long as compiling: a runtime does it where it
/// may block.
///
/// # Errors
/// [`Refusal`]; broken safety rules are not among them, but told in [`Done::breaks`].
pub fn prepare(base: &InForce, edit: Edit, now: Time, depth: Depth) -> Result<Candidate, Refusal> {
    let touched = edit.touched();
    let mut edited = edited(base, edit)?;
    let document = edited.document.take().filter(|document| !is_same(document, &base.document)).map(Arc::new);
    if document.is_none() && touched == Touched::Document {
        (edited.after, edited.etag) = (edited.before.clone(), Some(Etag::of_revision(base.revision)));
    }
    let touched = if document.is_none() { Touched::Overrides } else { touched };
    let all = edited.overrides.map_or_else(|| Arc::clone(&base.overrides), Arc::new);
    let (table, warnings) = match &document {
        Some(document) => build(document, base, &all).map_err(|wrong| refused(wrong, edited.deleted))?,
        None => (overrides::in_force(&base.table, &all), Vec::new()),
    };
    let asks = depth == Depth::Moves || safety::asks_for_moves(&base.table.topology().site.safety);
    let moves = asks.then(|| plan::compare(&base.table, &table, &[]));
    let breaks = safety::broken(&base.table, &table, moves.as_ref(), touched, now);
    let etag = match (&edited.after, &edited.etag) {
        (_, Some(etag)) => Some(etag.clone()),
        (after, None) => after.as_ref().map(Etag::of),
    };
    let changes = document.as_ref().map_or_else(Vec::new, |document| differences(&base.document, document));
    let (revision, generation) = (base.revision, table.generation());
    let created = edited.before.is_none() && edited.after.is_some();
    let is_new_document = document.is_some();
    let next = InForce {
        revision,
        document: document.unwrap_or_else(|| Arc::clone(&base.document)),
        overrides: all,
        databases: Arc::clone(&base.databases),
        table: Arc::new(table),
    };
    let done = Done { revision, generation, etag, created, changes, moves, breaks, warnings };
    Ok(Candidate { next, is_new_document, before: edited.before, after: edited.after, done })
}

/// Reads and compiles `document`, with the overrides `all` on top.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn build(
    document: &Value,
    base: &InForce,
    all: &BTreeMap<String, Override>,
) -> Result<(RoutingTable, Vec<Problem>), Vec<Problem>> {
    compiled(document, &base.databases, Some(&base.table), all)
}

/// The same, with these databases, and after another table or none.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn compiled(
    document: &Value,
    databases: &[Arc<Database>],
    previous: Option<&RoutingTable>,
    all: &BTreeMap<String, Override>,
) -> Result<(RoutingTable, Vec<Problem>), Vec<Problem>> {
    let read = reading::read_json("document", document, &mut reading::no_files);
    let Some(site) = read.site else { return Err(read.problems) };
    let compiled = compile::compile(site, databases, previous);
    let problems = [read.problems, compiled.problems].concat();
    match compiled.table {
        Some(table) => Ok((overrides::on_new(table, all), problems)),
        None => Err(problems),
    }
}

/// Whether two documents are the same to the letter: what is equal but for its order is another text, with other tags.
fn is_same(document: &Value, other: &Value) -> bool {
    document == other && Etag::of(document) == Etag::of(other)
}

/// A change that has been made to the text, and what it changed.
struct Edited {
    /// The whole document, where it is another one.
    document: Option<Value>,
    /// All overrides, where they are others.
    overrides: Option<BTreeMap<String, Override>>,
    before: Option<Value>,
    after: Option<Value>,
    etag: Option<Etag>,
    /// What was deleted from the document.
    deleted: Option<(Section, String)>,
}

fn edited(base: &InForce, edit: Edit) -> Result<Edited, Refusal> {
    let whole = |document: Value| Edited {
        document: Some(document),
        overrides: None,
        before: Some(serde_json::json!({ "revision": base.revision })),
        after: Some(serde_json::json!({ "revision": base.revision + 1 })),
        etag: Some(Etag::of_revision(base.revision + 1)),
        deleted: None,
    };
    let current = Etag::of_revision(base.revision);
    match edit {
        Edit::Document { document, condition } | Edit::Restored { document, condition, .. } => {
            condition.check(Some(&current))?;
            Ok(whole(document))
        }
        Edit::Merge { patch, condition } => {
            condition.check(Some(&current))?;
            let mut document = (*base.document).clone();
            merge(&mut document, patch);
            Ok(whole(document))
        }
        Edit::Resource { section, name, action, condition } => {
            let before = section.entry(&base.document, &name);
            if before.is_none() && !matches!(action, Action::Put(_)) {
                return Err(Refusal::NotFound { what: section.singular(), name });
            }
            condition.check(before.map(Etag::of).as_ref())?;
            Ok(resource(base, section, name, action))
        }
        Edit::Override { id, body, condition } => overrides_with(base, id, body, &condition),
    }
}

fn resource(base: &InForce, section: Section, name: String, action: Action) -> Edited {
    let mut document = (*base.document).clone();
    let before = section.entry(&document, &name).cloned();
    let after = match action {
        Action::Put(value) => Some(value),
        Action::Merge(patch) => {
            let mut value = before.clone().unwrap_or_default();
            merge(&mut value, patch);
            Some(value)
        }
        Action::Delete => None,
    };
    let deleted = after.is_none().then(|| (section, name.clone()));
    match &after {
        Some(value) => section.put(&mut document, &name, value.clone()),
        None => drop(section.remove(&mut document, &name)),
    }
    Edited { document: Some(document), overrides: None, before, after, etag: None, deleted }
}

fn overrides_with(
    base: &InForce,
    id: String,
    body: Option<Box<Override>>,
    condition: &super::Condition,
) -> Result<Edited, Refusal> {
    let before = base.overrides.get(&id).map(overrides::to_json);
    if before.is_none() && body.is_none() {
        return Err(Refusal::NotFound { what: "override", name: id });
    }
    condition.check(before.as_ref().map(Etag::of).as_ref())?;
    let after = body.as_deref().map(overrides::to_json);
    let mut all = (*base.overrides).clone();
    match body {
        Some(body) => {
            overrides::check(&body, &base.table, &all)?;
            all.insert(id, *body);
        }
        None => drop(all.remove(&id)),
    }
    Ok(Edited { document: None, overrides: Some(all), before, after, etag: None, deleted: None })
}

/// Why a document was refused: where something was deleted from a good one, errors are what referred to it.
fn refused(wrong: Vec<Problem>, deleted: Option<(Section, String)>) -> Refusal {
    match deleted {
        Some((section, name)) => {
            let by = wrong.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
            Refusal::InUse { what: section.singular(), name, by }
        }
        None => Refusal::Wrong(wrong),
    }
}
