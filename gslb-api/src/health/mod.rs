//! Endpoint health, from probe outcomes to answers, log and events.
//!
//! Probe outcomes and posted statuses reach the publisher task as [`HealthEvent`]s. Its [`Keeper`] turns them into statuses
//! (`gslb_core::health`), and the task publishes what has changed at once. The [`Journal`] logs and saves transitions in the
//! background, so that no answer waits for a disk or a log line. Latencies of data centers are kept separately, in
//! [`Measured`](crate::latency::Measured); `orders` saves the accepted ones.

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
