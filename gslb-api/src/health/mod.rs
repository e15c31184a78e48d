//! What is known of endpoints, from probes to answers and to people.
//!
//! Outcomes of probes, and words that others post, are [`HealthEvent`]s to the task that publishes. Its [`Keeper`] makes statuses
//! of them (`gslb_core::health`), and what is different is put in force at once. What people are told of it, in the log and
//! in the store, is the [`Journal`]'s, which works behind: no answer waits for a disk or a line of a log. How far data
//! centers are is noted apart from that, in [`Measured`]; accepted orders are saved in `orders`.

mod event;
mod journal;
mod keeper;
mod orders;
mod saved;

pub use event::{HealthEvent, Look, MAX_EVENTS, Observed, Posted, Resumed};
pub use journal::{Journal, StatusChanges, TransitionCounts};
pub use keeper::Keeper;
pub(crate) use keeper::member;
pub(crate) use orders::is_damaged as is_damaged_order;
pub(crate) use orders::read as read_orders;
pub(crate) use orders::{OBSERVED, PREFIX as ORDERS};
pub(crate) use orders::{SavedOrders, Saver};
pub use saved::{MASS_FAILURE, PREFIX, Record, key};
pub(crate) use saved::{SEEN, read, unpack};
