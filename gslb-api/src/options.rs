//! What the server says when it starts the API: where the document comes from, who may ask, and how much.

use std::sync::Arc;
use std::time::Duration;

use crate::degraded::Degraded;
use crate::log::LogSwitch;
use crate::traffic::sample::Sample;
use crate::traffic::tail::Tail;
use crate::written::Written;
use gslb_core::respond::Settings;

/// Where the truth is.
#[derive(Debug, Clone)]
pub enum Source {
    /// In the store. Where that is empty, it takes this document first; none is an empty one.
    Store {
        /// The document of the first start.
        first: Option<Written>,
    },
    /// In a file that the server watches. The document cannot be changed through the API; overrides can.
    File {
        /// What the file says now; none where it cannot be used, and the store has what it said before.
        document: Option<Written>,
    },
}

impl Source {
    /// The document that the server gives.
    pub(crate) fn given(&self) -> Option<&Written> {
        match self {
            Self::Store { first } => first.as_ref(),
            Self::File { document } => document.as_ref(),
        }
    }
}

/// How much the API takes. Limits of sockets (connections, headers) are the server's.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Octets of a body that is a whole document.
    pub document_octets: usize,
    /// Octets of such a body in TOML, which takes more memory than JSON while it is read.
    pub toml_octets: usize,
    /// Octets of a whole document that who may only look sends, for a plan of it.
    pub viewer_octets: usize,
    /// Octets of memory that a document may take while it is read and compiled, beyond what that took for the one in force.
    pub memory: usize,
    /// The same for documents of those who may only look.
    pub viewer_memory: usize,
    /// Octets of any other body.
    pub body_octets: usize,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// Time in which a body may be slower than `body_octets_per_second`.
    pub body_grace: Duration,
    /// Octets that come at least in each second after that.
    pub body_octets_per_second: usize,
    /// How long a request waits for others before it is told to come again.
    pub patience: Duration,
    /// Requests a second for each token, or each address where there is no token.
    pub requests_per_second: u32,
    /// Requests at once beyond that.
    pub burst: u32,
    /// Whole documents that operators and admins send or read at once, half of them at most one caller's; more wait for a
    /// place. Viewers have half as many places of their own.
    pub documents: usize,
    /// Streams of events at once, half of them at most one caller's.
    pub streams: usize,
    /// Those who watch answers at once, half of them at most for one caller.
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

/// Everything that [`Api::start`](crate::Api::start) is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// What this node is called: latencies that it measures are those of the vantage of this name.
    pub node: String,
    /// Whether somebody has given it that name: a store that was used under another one is then noticed.
    pub is_node_named: bool,
    /// Where the document comes from.
    pub source: Source,
    /// Names of this server, besides `localhost` and addresses: a request for any other host is refused.
    pub hosts: Vec<String>,
    /// Requests from a loopback address without a token are taken as an admin's.
    pub loopback_without_token: bool,
    /// How much is taken.
    pub limits: Limits,
    /// How answers are given; explain gives the same.
    pub settings: Arc<Settings>,
    /// How much is logged, and what makes that more or less.
    pub log: Arc<LogSwitch>,
    /// How many workers count what they answer from the tables that are published; 0 where nobody counts.
    pub workers: usize,
    /// What was answered lately.
    pub sample: Sample,
    /// Those who watch answers as they are given, whom whoever answers tells of them.
    pub tail: Tail,
    /// What the server does without.
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
            degraded: Arc::default(),
        }
    }
}
