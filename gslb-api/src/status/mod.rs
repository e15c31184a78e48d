//! Statuses as the API shows them: endpoints with their evidence, and the resulting statuses of pools, data centers and
//! services.

mod endpoint;
mod filter;
mod known;
mod summary;

pub(crate) use endpoint::{Detail, endpoint, recovered};
pub(crate) use filter::Filter;
pub(crate) use known::{Known, known};
pub(crate) use summary::{Reach, counts, data_centers, pools, service};
