//! What the task that publishes is told and asked of endpoints, at any time.

use std::fmt;
use std::sync::Arc;

use super::Keeper;
use crate::control::InForce;

/// Words that wait to be heard, and that are heard at once; who comes later waits for a place.
pub const MAX_WORDS: usize = 4096;

/// Somebody looks at what is known, and at what it led to.
pub type Look = Box<dyn FnOnce(&Keeper, &Arc<InForce>) + Send>;

/// One thing said.
pub enum Word {
    /// A question.
    Look(Look),
}

impl fmt::Debug for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look(_) => out.write_str("Look"),
        }
    }
}
