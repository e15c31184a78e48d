//! The control task, the only writer of the active state.
//!
//! A change is prepared off the runtime's threads (edited, read, compiled, compared, checked against the safety
//! rules), committed to the store, published, and only then answered. Changes run one at a time, each on top of
//! the previous one, so the active state never goes back to something older.

mod backlog;
mod candidate;
mod first_table;
mod handle;
mod node;
mod origin;
mod scoped;
mod start;
mod start_error;
mod task;

pub use backlog::Unsaved;
pub use candidate::{Candidate, prepare};
pub use first_table::Unservable;
pub use handle::Control;
pub use origin::Origin;
pub(crate) use start::{Running, start};
pub use start_error::StartError;
pub(crate) use task::{RESTARTED, Resource, Resumption, blocking};
