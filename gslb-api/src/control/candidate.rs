//! From a requested change to a new active state: edit, parse, compile, compare, and check the safety rules. Nothing
//! here waits or writes, so a dry run takes the same path as a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use geoip::Database;
use gslb_core::budget::Budget;
use gslb_core::diff;
use gslb_core::latency::Latencies;
use gslb_core::live::overrides as core;
use gslb_core::live::states::{States, carried_states};
use gslb_core::problem::{Problem, ProblemKind, Severity};
use gslb_core::site::document as reading;
use gslb_core::table::{RoutingTable, Topology, compile};
use serde_json::{Value, json};

use super::scoped;
use crate::auth::Scopes;
use crate::change::{Action, Edit};
use crate::change::{Active, Applied, Refusal};
use crate::document::{Document, Etag, Section, differences, differences_of_entry, merge};
use crate::overrides::{self, Override};
use crate::safety::{self, Touched};
use crate::store::Time;
use crate::thaw::{self, Thaw};
use crate::traffic::sample::Sample;
use crate::types;

/// The new active state, and its effects.
#[derive(Debug)]
pub struct Candidate {
    /// The new state; its revision is still that of the base.
    pub next: Active,
    /// True if the document differs.
    pub is_new_document: bool,
    /// The resource before.
    pub before: Option<Value>,
    /// The resource after.
    pub after: Option<Value>,
    /// Its effects.
    pub done: Applied,
}

/// Which effects of a candidate to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Compute moves only if a safety rule needs them.
    Rules,
    /// Always compute moves: the caller needs them.
    Moves,
}

/// Which effects to compute, and how much memory that may take beyond that of the active state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How far.
    pub depth: Depth,
    /// How much memory.
    pub budget: Budget,
}

/// Computes the result of applying `edit` to the active state at `now`. `states` are those of endpoints without
/// overrides, `sample` is of recent answers, and `scopes` limits what may be changed. Takes as long as compiling, so
/// call it where blocking is allowed.
///
/// # Errors
/// [`Refusal`]; broken safety rules are not errors here; they are in [`Applied::breaks`].
pub fn prepare(
    base: &Active,
    states: &States,
    edit: Edit,
    now: Time,
    effort: Effort,
    sample: &Sample,
    scopes: &Scopes,
) -> Result<Candidate, Refusal> {
    let (touched, Effort { depth, mut budget }) = (edit.touched(), effort);
    // First, so that no other error reveals anything outside the token's scopes.
    scoped::check_edit(base, &edit, scopes)?;
    let mut edited = edited(base, edit, now)?;
    scoped::check(base, edited.document.as_ref(), edited.overrides.as_deref(), scopes)?;
    // A different order is a different text, with another tag.
    edited.document.take_if(|document| *document == base.document);
    if edited.document.is_none() && touched == Touched::Document {
        (edited.after, edited.etag) = (edited.before.clone(), Some(Etag::of_revision(base.revision)));
    }
    let touched = if edited.document.is_none() { Touched::Overrides } else { touched };
    let touched = if frees(base, &edited) { Touched::Ended } else { touched };
    let all = edited.overrides.as_ref().map_or_else(|| Arc::clone(&base.overrides), Arc::clone);
    let (table, mut warnings) = match &edited.document {
        Some(document) => {
            budget.add(base.table.topology().building_memory());
            let with = (&*base.databases, &base.table.topology().latencies);
            let built = compiled(&mut budget, document, with, &base.table, states, &all);
            built.map_err(|problems| refused(problems, &edited))?
        }
        None => {
            let states = core::apply(all.values(), &base.table.topology().site, states);
            (base.table.with_states(&states), Vec::new())
        }
    };
    warnings.extend(suspicions(base, &table, &all, &edited)?);
    let asks = depth == Depth::Moves || safety::needs_moves(&base.table.topology().site.safety);
    let moves = asks.then(|| diff::compare(&base.table, &table, &sample.of(&base.table)));
    let thaw = edited.thaw.unwrap_or_else(|| base.thaw.clone());
    let mut breaks = safety::broken(&base.table, &table, moves.as_ref(), touched, now);
    if thaw.as_ref().is_some_and(|thaw| thaw.holds(now)) {
        breaks.retain(|broken| broken.rule != safety::FROZEN);
    }
    let etag = match (&edited.after, &edited.etag) {
        (_, Some(etag)) => Some(etag.clone()),
        (after, None) => after.as_ref().map(Etag::of),
    };
    // After compiling, which takes the most memory: the list may be as long as the document.
    let changes = match (&edited.entry, &edited.document) {
        (Some((section, name)), Some(_)) => {
            differences_of_entry(section.key(), name, edited.before.as_ref(), edited.after.as_ref())
        }
        (None, Some(document)) => differences(&base.document, document),
        (_, None) => Vec::new(),
    };
    let document = edited.document;
    let (revision, generation) = (base.revision, table.generation());
    let created = edited.before.is_none() && edited.after.is_some();
    let is_new_document = document.is_some();
    let next = Active {
        revision,
        document: document.unwrap_or_else(|| base.document.clone()),
        overrides: all,
        thaw,
        databases: Arc::clone(&base.databases),
        table: Arc::new(table),
    };
    let done = Applied { revision, generation, etag, created, changes, moves, breaks, warnings, not_saved: None };
    Ok(Candidate { next, is_new_document, before: edited.before, after: edited.after, done })
}

/// Reads and compiles `document` after `base`, with these databases and latencies. Takes over `states` for endpoints
/// that stay, with the overrides `all` on top.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn compiled(
    budget: &mut Budget,
    document: &Document,
    (databases, latencies): (&[Arc<Database>], &Arc<Latencies>),
    base: &RoutingTable,
    states: &States,
    all: &BTreeMap<String, Override>,
) -> Result<(RoutingTable, Vec<Problem>), Vec<Problem>> {
    let before = base.topology();
    let (topology, problems) = topology_within(budget, document, databases, latencies, Some(before))?;
    // In one expression, so that both lists do not exist while the table is made.
    let states = core::apply(all.values(), &topology.site, &carried_states(&before.site, states, &topology.site));
    Ok((base.next(topology, &states), problems))
}

/// Reads and compiles a document.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn topology_within(
    budget: &mut Budget,
    document: &Document,
    databases: &[Arc<Database>],
    latencies: &Arc<Latencies>,
    previous: Option<&Topology>,
) -> Result<(Topology, Vec<Problem>), Vec<Problem>> {
    let read = reading::read_json_text(budget, "document", document.text(), &mut reading::no_files);
    let Some(site) = read.site else { return Err(read.problems) };
    let compiled = compile::compile_within(budget, site, databases, latencies, previous);
    let problems = [read.problems, compiled.problems].concat();
    match compiled.topology {
        Some(topology) => Ok((topology, problems)),
        None => Err(problems),
    }
}

/// An edited document, and what the edit changed.
struct Edited {
    /// The whole document, if it differs.
    document: Option<Document>,
    /// All overrides, if they differ.
    overrides: Option<Arc<BTreeMap<String, Override>>>,
    /// The thaw, if it differs.
    thaw: Option<Option<Thaw>>,
    before: Option<Value>,
    after: Option<Value>,
    etag: Option<Etag>,
    /// The only entry of the document that may have changed; `None` if any may have.
    entry: Option<(Section, String)>,
}

fn edited(base: &Active, edit: Edit, now: Time) -> Result<Edited, Refusal> {
    let whole = |document: Document| Edited {
        document: Some(document),
        overrides: None,
        thaw: None,
        before: Some(serde_json::json!({ "revision": base.revision })),
        after: Some(serde_json::json!({ "revision": base.revision + 1 })),
        etag: Some(Etag::of_revision(base.revision + 1)),
        entry: None,
    };
    let current = Etag::of_revision(base.revision);
    match edit {
        Edit::Document { document, condition, .. } | Edit::Restored { document, condition, .. } => {
            condition.check(Some(&current))?;
            Ok(whole(document))
        }
        Edit::Merge { patch, condition } => {
            condition.check(Some(&current))?;
            let mut document = base.document.to_value();
            merge(&mut document, patch);
            Ok(whole(document.into()))
        }
        Edit::Resource { section, name, action, condition } => {
            let before = base.document.entry(section, &name);
            if before.is_none() && !matches!(action, Action::Put(_)) {
                return Err(Refusal::NotFound { what: section.singular(), name });
            }
            condition.check(before.map(|before| Etag::of_octets(before.as_bytes())).as_ref())?;
            Ok(resource(base, section, name, action))
        }
        Edit::Override { id, body, condition } => overrides_with(base, id, body, &condition),
        Edit::Thaw(next) => {
            let shown = |thaw: &Option<Thaw>| thaw::holding(thaw.as_ref(), now).map(|thaw| json!(thaw));
            let (before, after) = (shown(&base.thaw), shown(&next));
            let thaw = Some(next);
            Ok(Edited { document: None, overrides: None, thaw, before, after, etag: None, entry: None })
        }
    }
}

fn resource(base: &Active, section: Section, name: String, action: Action) -> Edited {
    let before = base.document.entry(section, &name).and_then(|before| serde_json::from_str(before).ok());
    let after = match action {
        Action::Put(value) => Some(value),
        Action::Merge(patch) => {
            let mut value: Value = before.clone().unwrap_or_default();
            merge(&mut value, patch);
            Some(value)
        }
        Action::Delete => None,
    };
    let document = Some(base.document.with_entry(section, &name, after.as_ref()));
    let entry = Some((section, name));
    Edited { document, overrides: None, thaw: None, before, after, etag: None, entry }
}

fn overrides_with(
    base: &Active,
    id: String,
    body: Option<Box<Override>>,
    condition: &crate::change::Condition,
) -> Result<Edited, Refusal> {
    let shown = |entry: &Override| json!(types::Override::from(entry));
    let before = base.overrides.get(&id).map(shown);
    if before.is_none() && body.is_none() {
        return Err(Refusal::NotFound { what: "override", name: id });
    }
    condition.check(before.as_ref().map(Etag::of::<Value>).as_ref())?;
    let after = body.as_deref().map(shown);
    let mut all = (*base.overrides).clone();
    match body {
        Some(body) => {
            overrides::check(&body, &base.table, &all)?;
            all.insert(id, *body);
        }
        None => drop(all.remove(&id)),
    }
    Ok(Edited { document: None, overrides: Some(Arc::new(all)), thaw: None, before, after, etag: None, entry: None })
}

/// Whether all that is done is the end of an override that kept clients away, and nothing takes its place.
fn frees(base: &Active, edited: &Edited) -> bool {
    let Some(all) = &edited.overrides else { return false };
    let site = &base.table.topology().site;
    let ended: Vec<&Override> = base.overrides.values().filter(|entry| !all.contains_key(&*entry.id)).collect();
    all.len() < base.overrides.len() && ended.iter().all(|ended| core::frees(ended, all.values(), site))
}

/// Warnings about overrides after the change: those that no longer match anything, and a new one that is
/// hidden.
///
/// # Errors
/// [`Refusal::InUse`]: an override names the deleted entry.
fn suspicions(
    base: &Active,
    table: &RoutingTable,
    all: &BTreeMap<String, Override>,
    edited: &Edited,
) -> Result<Vec<Problem>, Refusal> {
    let (before, after) = (&base.table.topology().site, &table.topology().site);
    let is_deleted = edited.entry.as_ref().filter(|_| edited.after.is_none());
    let severity = if is_deleted.is_some() { Severity::Error } else { Severity::Warning };
    let is_new = edited.document.is_some();
    let idle = if is_new { overrides::warnings::idle(all, before, after, severity) } else { Vec::new() };
    match is_deleted {
        Some((section, name)) if !idle.is_empty() => {
            Err(Refusal::InUse { what: section.singular(), name: name.clone(), by: idle })
        }
        _ if edited.overrides.is_some() => Ok(overrides::warnings::hidden(&base.overrides, all, after)),
        _ => Ok(idle),
    }
}

/// Why a document was refused: where something was deleted from a good one, errors are what referred to it.
fn refused(problems: Vec<Problem>, edited: &Edited) -> Refusal {
    match &edited.entry {
        Some((section, name)) if edited.after.is_none() => {
            let name = name.clone();
            let by = problems.into_iter().filter(|problem| problem.severity == Severity::Error).map(|problem| {
                // The base still has it.
                match &problem.kind {
                    ProblemKind::UnknownName(unknown) if **unknown == *name => {
                        Problem { message: format!("it refers to {} `{name}`", section.singular()), ..problem }
                    }
                    _ => problem,
                }
            });
            let by = by.collect();
            Refusal::InUse { what: section.singular(), name, by }
        }
        _ => Refusal::Invalid(problems),
    }
}
