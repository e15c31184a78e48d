//! A change: who requests what, under which precondition, and the result.

pub(crate) mod active;
pub(crate) mod applied;
pub(crate) mod change;
pub(crate) mod refusal;

pub use active::Active;
pub use applied::Applied;
pub use change::{Action, Change, Condition, Edit, Who};
pub use refusal::Refusal;
