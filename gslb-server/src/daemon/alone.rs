//! What waits until no predecessor has the sockets: it reads them too, and is the service for the service manager.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::notify::{Notify, State};
use super::retiring::Retiring;
use super::sockets::ListenSocket;

/// The rest of the start of a server.
pub struct Alone {
    pub(super) notify: Arc<Notify>,
    pub(super) sockets: Arc<[ListenSocket]>,
    /// Names of sockets that the service manager is to close.
    pub(super) forgotten: Vec<String>,
    pub(super) retiring: Option<Retiring>,
    /// Whether there still is a predecessor.
    pub(super) has_predecessor: Arc<AtomicBool>,
}

impl Alone {
    /// Closes inherited sockets that are not needed, and reports readiness and new sockets to the service manager, which
    /// listens only to the main process of the service.
    pub fn begin(self) {
        if let Some(retiring) = self.retiring {
            retiring.finish();
        }
        self.notify.send(State::Ready);
        self.notify.keep(self.sockets.iter().filter(|socket| socket.is_new));
        self.forgotten.iter().for_each(|name| self.notify.forget(name));
        self.has_predecessor.store(false, Relaxed);
    }
}
