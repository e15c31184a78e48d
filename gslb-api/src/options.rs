//! Options of the API: document source, access and limits.

use std::sync::Arc;
use std::time::Duration;

use crate::degraded::Degraded;
use crate::log::LogSwitch;
use crate::restart::RestartOptions;
use crate::traffic::sample::Sample;
use crate::traffic::tail::Tail;
use crate::written::Written;
use gslb_core::respond::Settings;

/// The source of truth for the document.
#[derive(Debug, Clone)]
pub enum Source {
    /// The store. If it is empty, it is filled with this document, or with an empty one.
    Store {
        /// The document for the first start.
        first: Option<Written>,
    },
    /// A file that the server watches. The API can change overrides, but not the document.
    File {
        /// The file's content; `None` if it is not usable, and the store has an earlier version.
        document: Option<Written>,
    },
}

impl Source {
    /// The given document.
    pub(crate) fn given(&self) -> Option<&Written> {
        match self {
            Self::Store { first } => first.as_ref(),
            Self::File { document } => document.as_ref(),
        }
    }
}

/// Limits of the API. The server limits sockets (connections, headers).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Octets of a body that is a whole document.
    pub document_octets: usize,
    /// Octets of such a body in TOML, which takes more memory than JSON while it is read.
    pub toml_octets: usize,
    /// Octets of a whole document that a viewer sends, to plan it.
    pub viewer_octets: usize,
    /// Extra memory, in octets, that reading and compiling a document may take, compared with the active one.
    pub memory: usize,
    /// The same for documents that viewers send.
    pub viewer_memory: usize,
    /// Octets of any other body.
    pub body_octets: usize,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// Time in which a body may be slower than `body_octets_per_second`.
    pub body_grace: Duration,
    /// Octets that come at least in each second after that.
    pub body_octets_per_second: usize,
    /// How long a request waits for others before it is refused with "try again".
    pub patience: Duration,
    /// Requests per second for each token, or for each address without a token.
    pub requests_per_second: u32,
    /// Burst of requests beyond that.
    pub burst: u32,
    /// Concurrent transfers of whole documents by operators and admins, at most half of them by one caller; more wait.
    /// Viewers share half as many.
    pub documents: usize,
    /// Concurrent event streams, at most half of them for one caller.
    pub streams: usize,
    /// Concurrent watchers of answers, at most half of them for one caller.
    pub watchers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_octets: 64 << 20,
            toml_octets: 4 << 20,
            viewer_octets: 16 << 20,
            memory: 144 << 20,
            viewer_memory: 64 << 20,
            body_octets: 1 << 20,
            body_time: Duration::from_secs(30),
            body_grace: Duration::from_secs(5),
            body_octets_per_second: 32 << 10,
            patience: Duration::from_secs(30),
            requests_per_second: 500,
            burst: 1000,
            documents: 4,
            streams: 64,
            watchers: 8,
        }
    }
}

/// Options for [`Api::start`](crate::Api::start).
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of this node, and of the vantage for the latencies it measures.
    pub node: String,
    /// Whether the name is configured: then a store that another node has used is reported.
    pub is_node_named: bool,
    /// Where the document comes from.
    pub source: Source,
    /// Names of this server, besides `localhost` and addresses: a request for any other host is refused.
    pub hosts: Vec<String>,
    /// Treat requests without a token from a loopback address as an admin's.
    pub loopback_without_token: bool,
    /// Limits.
    pub limits: Limits,
    /// How queries are answered; explain uses the same settings.
    pub settings: Arc<Settings>,
    /// The log level, and how to change it.
    pub log: Arc<LogSwitch>,
    /// Number of workers that count their answers per table; 0 to not count.
    pub workers: usize,
    /// Sample of recent answers.
    pub sample: Sample,
    /// Live stream of answers.
    pub tail: Tail,
    /// Restarts without a gap.
    pub restart: RestartOptions,
    /// What is degraded.
    pub degraded: Arc<Degraded>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: String::new(),
            is_node_named: false,
            source: Source::Store { first: None },
            hosts: Vec::new(),
            loopback_without_token: false,
            limits: Limits::default(),
            settings: Arc::default(),
            log: Arc::default(),
            workers: 0,
            sample: Sample::default(),
            tail: Tail::default(),
            restart: RestartOptions::default(),
            degraded: Arc::default(),
        }
    }
}
