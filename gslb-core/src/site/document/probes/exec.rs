//! Reads what belongs to probes of kind `exec`.

use std::sync::Arc;

use super::super::item::{Fields, Item};
use super::super::problems::Problems;
use super::super::tree::shortened;
use crate::site::model::ExecProbe;

/// Most arguments of a command, the program among them.
const MAX_ARGUMENTS: usize = 64;
/// Most octets of an argument.
const MAX_ARGUMENT: usize = 1_024;
const EXAMPLE: &str = r#"["/usr/lib/nagios/plugins/check_ping", "-H", "{address}"]"#;
/// What stands for something of the endpoint.
pub(crate) const PLACEHOLDERS: [&str; 4] = ["{address}", "{port}", "{endpoint}", "{pool}"];

pub(super) fn read(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<ExecProbe> {
    let port = fields.get("port").and_then(|item| item.integer("a port", 1..=65535, problems));
    let item = fields.require("command", EXAMPLE, problems)?;
    let nodes = item.list(EXAMPLE, problems)?;
    if nodes.len() > MAX_ARGUMENTS {
        let message = format!("the command has {} arguments", nodes.len());
        item.error(problems, message, format!("write at most {MAX_ARGUMENTS}, the program among them"));
        return None;
    }
    let items = nodes.iter().enumerate().map(|(index, node)| Item { node, path: item.path.index(index) });
    let command: Vec<Option<Arc<str>>> = items.enumerate().map(|(i, item)| argument(&item, i, problems)).collect();
    let command: Vec<Arc<str>> = command.into_iter().collect::<Option<_>>()?;
    if port.is_none() && fields.get("port").is_none() && command.iter().any(|argument| &**argument == "{port}") {
        item.error(problems, "the command asks for {port}, and there is none", "add port = 8080");
    }
    Some(ExecProbe { port: port.and_then(|port| u16::try_from(port).ok()), command: command.into() })
}

fn argument(item: &Item<'_, '_>, index: usize, problems: &mut Problems) -> Option<Arc<str>> {
    let text = item.string("\"-H\"", problems)?;
    let (what, help) = if text.len() > MAX_ARGUMENT || text.contains('\0') {
        ("is no argument of a command", format!("write at most {MAX_ARGUMENT} octets, none of them 0"))
    } else if index == 0 && !is_plain_path(text) {
        ("is not the whole path of a program", format!("write a path without `..`, as in {EXAMPLE}"))
    } else if index > 0 && !PLACEHOLDERS.contains(&text) && PLACEHOLDERS.iter().any(|known| text.contains(known)) {
        ("would not be filled in", format!("write one of {} as an argument of its own", PLACEHOLDERS.join(", ")))
    } else {
        return Some(text.into());
    };
    item.error(problems, format!("{} {what}", shortened(text)), help);
    None
}

/// An absolute path whose parts are all names.
fn is_plain_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
