//! What is behind the listeners: a site whose files are watched, and the API and prober of that site.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gslb_api::Released;
use gslb_api::degraded::Concern;

use crate::files::reload::{Cause, Next};
use crate::files::watch::SourceFile;

/// Why the store was not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReleased {
    /// Something that is in force cannot be saved.
    Unsaved(String),
    /// A change was not saved in time, or before the cancellation.
    TimedOut,
}

/// What is behind the listeners. The defaults are those of a fixed table: no files, and nothing that can stall.
pub trait Backend: Send + Sync {
    /// What has stalled, so that endpoint statuses are stale, in a sentence; `None` if nothing has.
    fn stall(&self) -> Option<String> {
        None
    }

    /// What is degraded, and why: the server answers, but needs attention.
    fn degraded(&self) -> Vec<(Concern, String)> {
        Vec::new()
    }

    /// The files to watch; called before each check.
    fn files(&self) -> Vec<SourceFile> {
        Vec::new()
    }

    /// Reads the files again and publishes the result. Called on a thread of its own, one call at a time.
    fn reload(&self, _cause: Cause) -> Next {
        Next::Wait
    }

    /// Saves everything and releases the store, if there is one, to another process within this time, unless it is
    /// `cancelled` first.
    ///
    /// # Errors
    /// [`NotReleased`]: nothing has changed then.
    fn release_store(&self, _within: Duration, _cancelled: &AtomicBool) -> Result<Option<Released>, NotReleased> {
        Ok(None)
    }

    /// Ends streams; called at shutdown, before HTTP stops.
    fn stop(&self) {}
}
