//! The control task: the only one that changes what is in force.
//!
//! A change is prepared off the runtime's threads (edited, read, compiled, compared, checked against the safety
//! rules), committed to the store, published, and only then answered. One change at a time does so, each on top of
//! the one before; what is in force is never replaced by something older.

mod backlog;
mod candidate;
mod first_table;
mod handle;
mod node;
mod origin;
mod publishing;
mod saving;
mod scoped;
mod settle;
mod start;
mod start_error;
mod task;

pub use backlog::Unsaved;
pub use candidate::{Candidate, prepare};
pub use first_table::Unservable;
pub use handle::Control;
pub use origin::Origin;
pub(crate) use start::{Begun, start};
pub use start_error::StartError;
pub(crate) use task::{Resource, blocking};
