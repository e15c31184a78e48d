//! The server process: bind the sockets, start the parts, wait for signals, and stop in order.

pub mod activation;
mod alone;
mod bind;
mod certificates;
mod cookie_secrets;
pub mod handover;
pub mod notify;
pub mod origins;
pub mod prober_feed;
mod restarting;
mod retiring;
mod running;
mod runtime;
mod self_check;
pub mod signals;
pub mod site_source;
pub mod sockets;
mod start;
pub mod store;

pub use bind::{Bound, ServeError, check_certificate, check_inherited, check_ports_free};
pub use restarting::Restarting;
pub use running::{Ended, Running};
pub use runtime::control_runtime;
pub use self_check::{CheckError, self_check};
pub use start::Provided;
