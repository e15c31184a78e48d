//! The running server, composed: bind all, start all, wait, and stop in order.

mod bind;
mod running;
mod runtime;
mod start;

pub use bind::{Bound, ServeError, see_free};
pub use running::Running;
pub use runtime::control_runtime;
pub use start::Hooks;
