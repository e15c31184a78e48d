//! The configuration file of the process, `gslb.toml`: listeners, data directory, limits. All of it is optional.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use gslb_core::budget::Budget;
use gslb_core::notation::{Fields, Problems, read_toml};
use gslb_core::problem::Problem;

use crate::files::reader::{self, Kind};
use crate::tls::TlsFiles;
use value::path;

mod api;
mod cookies;
mod dns;
mod dnstap;
mod geo;
mod log;
mod metrics;
mod node;
mod probes;
mod proxy;
mod rrl;
mod tls;
mod value;

pub use crate::telemetry::logging::{Log, LogFormat};
pub use api::Api;
pub use cookies::Cookies;
pub use dns::Dns;
pub use dnstap::Dnstap;
pub use geo::Geo;
pub use metrics::Metrics;
pub use node::Node;
pub use probes::Probes;
pub use proxy::DnsProxy;
pub use rrl::Rrl;
pub use tls::DnsTls;

/// The validated configuration of the process.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `data_dir`: directory of the store. Beside the file unless absolute. Default `gslb-data`.
    pub data_dir: PathBuf,
    /// `[node]`: the name of this node.
    pub node: Node,
    /// `[dns]`: DNS listeners, limits, cookies and identity.
    pub dns: Dns,
    /// `[api]`: the HTTP listener and its limits.
    pub api: Api,
    /// `[geo]`: geo databases.
    pub geo: Geo,
    /// `[probes]`: what probes may reach.
    pub probes: Probes,
    /// `[log]`: format and level of the log.
    pub log: Log,
    /// `[metrics]`: which services get their own series.
    pub metrics: Metrics,
    /// `[dnstap]`: the reader that receives answers. Default: none.
    pub dnstap: Option<Dnstap>,
}

const KEYS: [&str; 9] = ["data_dir", "node", "dns", "api", "geo", "probes", "log", "metrics", "dnstap"];

/// Why the configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        cause: io::Error,
    },
    /// The file has errors; all of them are listed.
    #[error("{}", Lines(.0))]
    Invalid(Vec<Problem>),
}

/// Formats problems, one or two lines each.
struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(out, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "gslb-data".into(),
            node: Node::default(),
            dns: Dns::default(),
            api: Api::default(),
            geo: Geo::default(),
            probes: Probes::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            dnstap: None,
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or all errors in it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = reader::read_text(path, Kind::Settings)
            .map_err(|cause| ConfigError::Unreadable { path: path.into(), cause })?;
        let mut config = Self::parse(&path.to_string_lossy(), &text).map_err(ConfigError::Invalid)?;
        if let Some(folder) = path.parent() {
            config.data_dir = folder.join(&config.data_dir);
            let dns = config.dns.tls.iter_mut().map(|tls| &mut tls.files);
            for TlsFiles { certificate, key } in config.api.tls.iter_mut().chain(dns) {
                [certificate, key].into_iter().for_each(|file| *file = folder.join(&*file));
            }
            config.dns.cookies.resolve(folder);
            config.geo.databases.iter_mut().for_each(|database| *database = folder.join(&*database));
            config.probes.ca.iter_mut().for_each(|file| *file = folder.join(&*file));
            config.dnstap.iter_mut().for_each(|dnstap| dnstap.socket = folder.join(&dnstap.socket));
        }
        Ok(config)
    }

    /// Parses a text; `file` is its name in problems. Relative paths are not resolved.
    ///
    /// # Errors
    /// All errors, in the order of the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut config = Self::default();
        let mut found = Problems::new(file);
        if let Some(root) = read_toml(text, &mut Budget::of_file(text.len()), &mut found) {
            config.take_from(&Fields::of_root(&root, &KEYS, ["key of gslb.toml", "It"], &mut found), &mut found);
        }
        let (problems, _) = found.finish();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        root.set("data_dir", &mut self.data_dir, problems, path);
        self.node.take_from(root, problems);
        self.dns.take_from(root, problems);
        self.api.take_from(root, problems);
        self.geo.take_from(root, problems);
        self.probes.take_from(root, problems);
        self.log.take_from(root, problems);
        self.metrics.take_from(root, problems);
        self.dnstap = Dnstap::of(root, problems);
    }
}
