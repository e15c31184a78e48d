//! The stand-in for a damaged store, and the copy that it starts from.

pub mod last_good;
pub(crate) mod unsaved;

pub use unsaved::UnsavedStore;
