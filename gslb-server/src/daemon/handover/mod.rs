//! A restart without a gap: the running server, the predecessor, passes its sockets to its successor.
//!
//! The predecessor starts the program that is on disk now, with its own arguments, and a Unix socket as standard input.
//! Over that socket:
//!
//! | step | predecessor | successor |
//! |---|---|---|
//! | 1 | sends `Hello`, then every listening socket | reads its configuration, binds what is new |
//! | 2 | serves on | sends `Prepared` |
//! | 3 | makes no more changes, saves everything, releases the store, sends `StoreReleased` | |
//! | 4 | serves on | opens the store, compiles, asks itself a query, starts all listeners, sends `Answering` |
//! | 5 | stops reading, sends its open TCP connections, ends | continues these connections |
//!
//! Until step 5 the predecessor can go on as if nothing had happened: if the successor fails, ends, or takes too long,
//! it is killed, and the store is opened again. Both read from the same sockets in between, so no datagram waits in a
//! queue that nobody reads.

mod channel;
mod predecessor;
mod program;
mod successor;

use std::net::SocketAddr;

use gslb_api::restart::RestartCounts;
use gslb_core::respond::Transport;
use serde::{Deserialize, Serialize};

use crate::dns::cookies::RandomSecret;

pub use channel::{Channel, Received};
pub(crate) use predecessor::Material;
pub use predecessor::{Attempt, Failure, Outcome, Started};
pub use program::Program;
pub use successor::{Predecessor, SuccessorError};

/// Version of these messages. A successor refuses another one.
const VERSION: u32 = 2;

/// The environment variable that marks a successor: the process id of its predecessor.
pub const PREDECESSOR: &str = "GSLB_PREDECESSOR";

/// A message between predecessor and successor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// The first one of the predecessor.
    Hello {
        /// `VERSION`
        version: u32,
        /// How many sockets follow.
        sockets: usize,
        /// How many restarts there have been.
        restarts: RestartCounts,
        /// Its random cookie secret, if it answers COOKIE options.
        #[serde(default)]
        cookies: Option<RandomSecret>,
    },
    /// A listening socket.
    Socket {
        /// What it is for.
        kind: String,
        /// Its address.
        address: SocketAddr,
    },
    /// The successor needs the store now.
    Prepared,
    /// The store can be opened.
    StoreReleased,
    /// The successor answers queries.
    Answering {
        /// Its version.
        version: String,
    },
    /// The successor cannot take over.
    Failed {
        /// Why.
        why: String,
    },
    /// An open TCP connection; the payload is the start of a message that is not complete.
    Connection {
        /// The address of the client.
        client: SocketAddr,
        /// The address that it connected to.
        local: SocketAddr,
        /// How its queries arrive: at the proxy, if one is in between.
        #[serde(with = "TransportName")]
        transport: Transport,
        /// Whether a proxy is in between.
        is_proxied: bool,
    },
}

/// The transports by name.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Transport", rename_all = "kebab-case")]
enum TransportName {
    Udp,
    Tcp,
    Tls,
}
