//! The store that stands in for a damaged one, and the copy that it starts from.

pub mod last_good;
pub(crate) mod unsaved;

pub use unsaved::UnsavedStore;
