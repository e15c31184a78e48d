//! What a change came to.

use gslb_core::diff::Comparison;
use gslb_core::problem::Problem;

use super::Active;
use crate::document::{Difference, Etag};
use crate::safety::BrokenRule;

/// A change that was done, or foreseen.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The revision of the document that is in force now; of a change that was only foreseen, the one it is based on.
    pub revision: u64,
    /// The generation of the table that answers now.
    pub generation: u64,
    /// The tag of the resource; none where it is gone.
    pub etag: Option<Etag>,
    /// True where the resource was not there before.
    pub created: bool,
    /// What the document says differently.
    pub changes: Vec<Difference>,
    /// Whose answers move; none where that was not worked out, since nothing asked for it.
    pub moves: Option<Comparison>,
    /// Safety rules that it breaks: for a change that was done, those that were overridden.
    pub breaks: Vec<BrokenRule>,
    /// What is doubtful about the document.
    pub warnings: Vec<Problem>,
    /// Why it is in force and not saved, where it is so.
    pub not_saved: Option<String>,
}

impl Applied {
    /// Nothing was to do.
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
