//! The site description: the document as text, and the checked model built from it.

pub mod document;
pub mod model;
pub mod pattern;
pub mod selection;
pub(crate) mod zone_cut;
