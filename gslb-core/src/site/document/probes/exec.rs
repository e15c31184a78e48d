//! Reads the keys of `exec` probes.

use std::sync::Arc;

use crate::notation::{Fields, Item, Problems, shortened};
use crate::site::model::ExecProbe;

/// Maximum arguments of a command, including the program.
const MAX_ARGUMENTS: usize = 64;
/// Maximum octets of an argument.
const MAX_ARGUMENT: usize = 1_024;
const EXAMPLE: &str = r#"["/usr/lib/nagios/plugins/check_ping", "-H", "{address}"]"#;
/// Placeholders for values of the endpoint.
pub(crate) const PLACEHOLDERS: [&str; 4] = ["{address}", "{port}", "{endpoint}", "{pool}"];

pub(super) fn read(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<ExecProbe> {
    let port = fields.get("port").and_then(|item| item.integer("a port", 1..=65535, problems));
    let item = fields.require("command", EXAMPLE, problems)?;
    let nodes = item.list(EXAMPLE, problems)?;
    if nodes.len() > MAX_ARGUMENTS {
        let message = format!("the command has {} arguments", nodes.len());
        item.error(problems, message, format!("use at most {MAX_ARGUMENTS}, including the program"));
        return None;
    }
    let items = nodes.iter().enumerate().map(|(index, node)| Item { node, path: item.path.index(index) });
    let command: Vec<Option<Arc<str>>> = items.enumerate().map(|(i, item)| argument(&item, i, problems)).collect();
    let command: Vec<Arc<str>> = command.into_iter().collect::<Option<_>>()?;
    if port.is_none() && fields.get("port").is_none() && command.iter().any(|argument| &**argument == "{port}") {
        item.error(problems, "the command uses {port}, but `port` is not set", "add port = 8080");
    }
    Some(ExecProbe { port: port.and_then(|port| u16::try_from(port).ok()), command: command.into() })
}

fn argument(item: &Item<'_, '_>, index: usize, problems: &mut Problems) -> Option<Arc<str>> {
    let text = item.string("\"-H\"", problems)?;
    let (what, help) = if text.len() > MAX_ARGUMENT || text.contains('\0') {
        ("is not a valid argument", format!("use at most {MAX_ARGUMENT} octets, without NUL"))
    } else if index == 0 && !is_plain_path(text) {
        ("is not an absolute path of a program", format!("write a path without `..`, as in {EXAMPLE}"))
    } else if index > 0 && !PLACEHOLDERS.contains(&text) && PLACEHOLDERS.iter().any(|known| text.contains(known)) {
        (
            "contains a placeholder that is not replaced",
            format!("write one of {} as a separate argument", PLACEHOLDERS.join(", ")),
        )
    } else {
        return Some(text.into());
    };
    item.error(problems, format!("{} {what}", shortened(text)), help);
    None
}

/// An absolute path without empty, `.` or `..` parts.
fn is_plain_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
