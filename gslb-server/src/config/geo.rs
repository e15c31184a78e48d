//! The `[geo]` table: geo databases.

use std::path::PathBuf;

use gslb_core::notation::{Fields, Problems};

use super::value::{path, table};

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
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(geo) = table(root, "geo", &["databases", "max_moved"], problems) else { return };
        geo.set("databases", &mut self.databases, problems, |item, problems| {
            item.list_of("[\"country.mmdb\"]", problems, path)
        });
        geo.set("max_moved", &mut self.max_moved, problems, |item, problems| {
            item.number("a share of the address space", 0.0..=1.0, problems)
        });
    }
}
