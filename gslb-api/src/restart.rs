//! Requests to restart the server without a gap; the server does it, the API only asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::types::Restarted;

/// How long a restart may take unless the request says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// Most requests that wait; the second one is refused anyway.
const QUEUE: usize = 16;

/// Why the server was not restarted. It serves on as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRestarted {
    /// This server cannot do it.
    #[error("{0}")]
    Unsupported(String),
    /// Another restart is running.
    #[error("another restart is already running: wait for its end")]
    Running,
    /// Something would be lost.
    #[error("{0}")]
    Unsaved(String),
    /// The successor did not come up.
    #[error("the restart failed, and the server serves on: {0}")]
    Failed(String),
    /// The server was stopped.
    #[error("this process of the server is ending: nothing was restarted by it; try again")]
    Stopped,
}

/// A request.
#[derive(Debug)]
pub struct RestartRequest {
    /// How long it may take.
    pub timeout: Duration,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Result<Restarted, NotRestarted>>,
}

/// How restarts went, for metrics. A successor continues the counts.
#[derive(Debug, Default)]
pub struct Restarts(Mutex<RestartCounts>);

/// Numbers of restarts by their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RestartCounts {
    /// The successor took over.
    pub succeeded: u64,
    /// The program could not be started.
    pub not_started: u64,
    /// The successor ended or said why it cannot take over.
    pub failed: u64,
    /// It was not ready in time.
    pub timed_out: u64,
    /// It was not tried: something would have been lost, or another restart was running.
    pub refused: u64,
}

impl Restarts {
    /// The counts of now.
    pub fn counts(&self) -> RestartCounts {
        *self.0.lock()
    }

    /// Changes the counts.
    pub fn note(&self, change: impl FnOnce(&mut RestartCounts)) {
        change(&mut self.0.lock());
    }
}

/// Asks the server to restart.
#[derive(Clone)]
pub struct Restarter(mpsc::Sender<RestartRequest>);

impl Restarter {
    /// A way to ask, and the requests.
    pub fn new() -> (Self, mpsc::Receiver<RestartRequest>) {
        let (sender, requests) = mpsc::channel(QUEUE);
        (Self(sender), requests)
    }

    /// Asks for a restart, and waits for its outcome.
    ///
    /// # Errors
    /// [`NotRestarted`].
    pub async fn restart(&self, timeout: Duration) -> Result<Restarted, NotRestarted> {
        let (reply, outcome) = oneshot::channel();
        self.0.send(RestartRequest { timeout, reply }).await.map_err(|_| NotRestarted::Stopped)?;
        outcome.await.unwrap_or(Err(NotRestarted::Stopped))
    }
}

impl fmt::Debug for Restarter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Restarter")
    }
}

/// Restarts of a server that can restart.
#[derive(Debug, Clone, Default)]
pub struct RestartOptions {
    /// Asks for one; `None` if this server cannot restart.
    pub restarter: Option<Restarter>,
    /// How they went.
    pub restarts: Arc<Restarts>,
}
