//! The result of a change.

use gslb_core::diff::Comparison;
use gslb_core::problem::Problem;

use super::Active;
use crate::document::{Difference, Etag};
use crate::safety::BrokenRule;

/// The result of a change that was applied, or of its dry run.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Revision of the active document; of a dry run, the revision it is based on.
    pub revision: u64,
    /// Generation of the active table.
    pub generation: u64,
    /// Tag of the resource; `None` if it was deleted.
    pub etag: Option<Etag>,
    /// True if the resource is new.
    pub created: bool,
    /// Differences in the document.
    pub changes: Vec<Difference>,
    /// Which clients get other answers; `None` if nothing needed the comparison.
    pub moves: Option<Comparison>,
    /// Safety rules that it breaks; of an applied change, the rules that were overridden.
    pub breaks: Vec<BrokenRule>,
    /// Warnings about the document.
    pub warnings: Vec<Problem>,
    /// Why the change is in force but not saved; `None` if it is saved.
    pub not_saved: Option<String>,
}

impl Applied {
    /// A change that changes nothing.
    pub fn unchanged(active: &Active) -> Self {
        Self {
            revision: active.revision,
            generation: active.table.generation(),
            etag: None,
            created: false,
            changes: Vec::new(),
            moves: None,
            breaks: Vec::new(),
            warnings: Vec::new(),
            not_saved: None,
        }
    }
}
