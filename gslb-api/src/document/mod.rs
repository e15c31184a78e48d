//! The document as the API holds it: one JSON object, just as the operator wrote it.

mod compact;
mod diff;
mod etag;
mod json;
mod members;
mod merge;
mod rewrite;

pub use crate::section::Section;
pub use compact::Document;
pub use diff::{Difference, MAX_DIFFERENCES, differences, differences_of_entry};
pub use etag::Etag;
pub use json::{MAX_DEPTH, Unread, document_from_toml, from_json, to_toml};
pub(crate) use members::{Members, name_of};
pub use merge::merge;
pub use rewrite::document_from_json;
