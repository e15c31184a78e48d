//! The table `[dnstap]`: the reader that receives answers.

use std::path::PathBuf;

use gslb_core::notation::{Fields, Item, Problems};

use super::value::{STRING_MOST, label, table};
use crate::telemetry::dnstap::Settings;

/// The `[dnstap]` table; without it there is no dnstap.
#[derive(Debug, Clone, PartialEq)]
pub struct Dnstap {
    /// `socket`: the Unix socket on which the reader listens, beside the file unless absolute.
    pub socket: PathBuf,
    /// `sample`: share of the answers to send, 0 to 1. Default 1.
    pub sample: f64,
    /// `identity`: name of this server in the frames. Default: the name of the node.
    pub identity: Option<String>,
    /// `version`: version of this server in the frames. Default `gslb` and the version of the program.
    pub version: String,
}

/// Longest path of a socket (`sun_path` in unix(7)), in octets.
const MAX_PATH_OCTETS: usize = 107;

impl Dnstap {
    /// Reads the table; `None` if it is absent or has no socket, which is reported as a problem.
    pub(super) fn of(root: &Fields<'_, '_>, problems: &mut Problems) -> Option<Self> {
        let table = table(root, "dnstap", &["socket", "sample", "identity", "version"], problems)?;
        let version = concat!("gslb ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut dnstap = Self { socket: PathBuf::new(), sample: 1.0, identity: None, version };
        table.set("sample", &mut dnstap.sample, problems, |item, problems| {
            item.number("a share of the answers", 0.0..=1.0, problems)
        });
        dnstap.identity = table.get("identity").and_then(|item| label(STRING_MOST)(&item, problems));
        table.set("version", &mut dnstap.version, problems, label(STRING_MOST));
        dnstap.socket = socket(&table.require("socket", SOCKET, problems)?, problems)?;
        Some(dnstap)
    }

    /// Settings of the sender, on the node with this name.
    pub fn settings(&self, node: &str) -> Settings {
        let Self { socket, identity, version, .. } = self;
        let identity = identity.clone().unwrap_or_else(|| node.to_owned());
        Settings { socket: socket.clone(), identity, version: version.clone() }
    }
}

const SOCKET: &str = "\"/run/dnstap.sock\"";

fn socket(item: &Item<'_, '_>, problems: &mut Problems) -> Option<PathBuf> {
    let text = item.string(SOCKET, problems)?;
    if !(1..=MAX_PATH_OCTETS).contains(&text.len()) {
        let help = format!("write the path of a Unix socket, of 1 to {MAX_PATH_OCTETS} octets, such as {SOCKET}");
        item.error(problems, format!("the path has {} octets", text.len()), help);
    }
    Some(text.into())
}
