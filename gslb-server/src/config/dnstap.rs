//! The table `[dnstap]`: the reader that receives answers.

use std::path::PathBuf;

use super::section::{Checked, Section, invalid, number, string};
use super::value::{STRING_MOST, label};
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
    pub(super) fn of(root: &mut Section<'_, '_>) -> Option<Self> {
        let mut table = root.section_if("dnstap")?;
        let mut path = None;
        let version = concat!("gslb ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut dnstap = Self { socket: PathBuf::new(), sample: 1.0, identity: None, version };
        table.require("socket", &mut path, |value| socket(value).map(Some));
        table.set("sample", &mut dnstap.sample, |value| number(value, 0.0..=1.0));
        table.set("identity", &mut dnstap.identity, |value| label(value, STRING_MOST).map(Some));
        table.set("version", &mut dnstap.version, |value| label(value, STRING_MOST));
        table.finish();
        dnstap.socket = path?;
        Some(dnstap)
    }

    /// Settings of the sender, on the node with this name.
    pub fn settings(&self, node: &str) -> Settings {
        let Self { socket, identity, version, .. } = self;
        let identity = identity.clone().unwrap_or_else(|| node.to_owned());
        Settings { socket: socket.clone(), identity, version: version.clone() }
    }
}

fn socket(value: &toml::de::DeValue<'_>) -> Checked<PathBuf> {
    let wanted = format!("the path of a Unix socket, like \"/run/dnstap.sock\", of 1 to {MAX_PATH_OCTETS} octets");
    match string(value, &wanted)? {
        text if (1..=MAX_PATH_OCTETS).contains(&text.len()) => Ok(text.into()),
        text => invalid(format_args!("the path has {} octets", text.len()), format!("write {wanted}")),
    }
}
