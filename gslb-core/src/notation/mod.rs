//! TOML and JSON as a tree that knows where each value is, and readers of its values that report every problem at once.

mod draft;
pub mod duration;
mod item;
pub(crate) mod json;
mod line_index;
mod problems;
pub(crate) mod suggest;
pub(crate) mod toml_text;
mod toml_tree;
mod tree;

pub use self::item::{Fields, Item};
pub use self::problems::Problems;
pub use self::toml_text::read as read_toml;
pub use self::tree::{Entry, Node, Position, Table, Value, shortened};
