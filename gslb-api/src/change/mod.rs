//! A change: who requests what, under which precondition, and the result.

pub(crate) mod active;
pub(crate) mod applied;
pub(crate) mod refusal;
pub(crate) mod request;

pub use active::Active;
pub use applied::Applied;
pub use refusal::Refusal;
pub use request::{Action, Change, Condition, Edit, Who};
