//! The `[geo]` table: geo databases.

use std::path::PathBuf;

use super::section::{Section, number};
use super::value::path;

/// The `[geo]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct Geo {
    /// `databases`: MMDB files, beside the file unless absolute. Empty, the default, means the bundled one.
    pub databases: Vec<PathBuf>,
    /// `max_moved`: most of the address space, 0 to 1, that may change its location in one reload. Default 0.2.
    pub max_moved: f64,
}

impl Default for Geo {
    fn default() -> Self {
        Self { databases: Vec::new(), max_moved: 0.2 }
    }
}

impl Geo {
    pub(super) fn take_from(&mut self, mut geo: Section<'_, '_>) {
        geo.set_list("databases", &mut self.databases, path);
        geo.set("max_moved", &mut self.max_moved, |value| number(value, 0.0..=1.0));
        geo.finish();
    }
}
