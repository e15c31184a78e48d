//! Statuses as the API shows them: endpoints with their evidence, and what they come to for pools, data
//! centers and services.

mod endpoint;
mod filter;
mod known;
mod summary;

pub(crate) use endpoint::{Detail, endpoint, recovered};
pub(crate) use filter::Filter;
pub(crate) use known::{Known, known};
pub(crate) use summary::{Reach, counts, data_centers, pools, service};
