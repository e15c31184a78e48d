//! What is known of endpoints: outcomes of probes in, what is different for answers out.

mod keeper;
mod word;

pub use keeper::Keeper;
pub use word::{MAX_WORDS, Word};
