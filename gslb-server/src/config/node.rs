//! The `[node]` table: the name of this node.

use std::fs;

use gslb_core::notation::{Fields, Item, Problems, shortened};

use super::value::table;

/// The `[node]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `name`: letters, digits, `-`, `_` and `.`, up to 63. Default: the host's name.
    pub name: String,
    /// Whether the file sets the name.
    pub is_named: bool,
}

impl Default for Node {
    fn default() -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = if is_node_name(name.trim()) { name.trim().to_owned() } else { "gslb".to_owned() };
        Self { name, is_named: false }
    }
}

impl Node {
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(node) = table(root, "node", &["name"], problems) else { return };
        if let Some(name) = node.get("name").and_then(|item| node_name(&item, problems)) {
            (self.name, self.is_named) = (name, true);
        }
    }
}

fn node_name(item: &Item<'_, '_>, problems: &mut Problems) -> Option<String> {
    let text = item.string("\"fra-1\"", problems)?;
    if !is_node_name(text) {
        let help = "write 1 to 63 letters, digits, `-`, `_` and `.`";
        item.error(problems, format!("{} is not a valid name", shortened(text)), help);
    }
    Some(text.to_owned())
}

fn is_node_name(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
}
