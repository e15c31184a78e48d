//! The `[node]` table: the name of this node.

use std::fs;

use toml::de::DeValue;

use super::section::{Checked, Section, invalid, string};

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
    pub(super) fn take_from(&mut self, mut node: Section<'_, '_>) {
        let mut named = None;
        node.set("name", &mut named, |value| node_name(value).map(Some));
        if let Some(name) = named {
            (self.name, self.is_named) = (name, true);
        }
        node.finish();
    }
}

fn node_name(value: &DeValue) -> Checked<String> {
    let wanted = "1 to 63 letters, digits, \"-\", \"_\" or \".\", like \"fra-1\"";
    let text = string(value, wanted)?;
    if is_node_name(text) {
        Ok(text.to_owned())
    } else {
        invalid(format_args!("\"{}\" is not a valid name", text.escape_debug()), format!("write {wanted}"))
    }
}

fn is_node_name(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
}
