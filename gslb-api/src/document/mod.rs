//! The document as the API holds it: one JSON object, just as the operator wrote it.

mod diff;
mod etag;
mod json;
mod merge;
mod section;

pub use diff::{Difference, MAX_DIFFERENCES, differences, differences_of_entry};
pub use etag::Etag;
pub use json::{MAX_DEPTH, Unread, from_json, from_toml, length, to_toml};
pub use merge::merge;
pub use section::Section;
