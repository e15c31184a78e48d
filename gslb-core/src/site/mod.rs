//! A site as its operator describes it: the document as text, and the checked model that comes of it.

pub mod document;
pub mod model;
pub mod pattern;
pub mod selection;
pub(crate) mod zone_cut;
