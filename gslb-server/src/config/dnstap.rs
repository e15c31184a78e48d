//! The table `[dnstap]`: where answers are shown to a program that reads them all.

use std::path::PathBuf;

use super::section::{Checked, Section, number, string, wrong};
use super::value::{STRING_MOST, label};
use crate::telemetry::dnstap::Settings;

/// The `[dnstap]` table; without it there is no dnstap.
#[derive(Debug, Clone, PartialEq)]
pub struct Dnstap {
    /// `socket`: the unix socket on which the reader listens, beside the file unless absolute.
    pub socket: PathBuf,
    /// `sample`: share of the answers that are shown, 0 to 1. Default 1.
    pub sample: f64,
    /// `identity`: who we are to the reader. Default: the name of the node.
    pub identity: Option<String>,
    /// `version`: what we are to the reader. Default `gslb` and the version of the program.
    pub version: String,
}

/// Longest path of a socket (`sun_path` in unix(7)), in octets.
const PATH_MOST: usize = 107;

impl Dnstap {
    /// What the table says; none where it is not there, or has no socket, which is told.
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

    /// What who sends the frames has to know, on the node of this name.
    pub fn settings(&self, node: &str) -> Settings {
        let Self { socket, identity, version, .. } = self;
        let identity = identity.clone().unwrap_or_else(|| node.to_owned());
        Settings { socket: socket.clone(), identity, version: version.clone() }
    }
}

fn socket(value: &toml::de::DeValue<'_>) -> Checked<PathBuf> {
    let wanted = format!("the path of a unix socket, like \"/run/dnstap.sock\", of 1 to {PATH_MOST} octets");
    match string(value, &wanted)? {
        text if (1..=PATH_MOST).contains(&text.len()) => Ok(text.into()),
        text => wrong(format_args!("the path has {} octets", text.len()), format!("write {wanted}")),
    }
}
