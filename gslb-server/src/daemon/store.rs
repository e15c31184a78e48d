//! Opens the store, or a fallback if it is damaged, and maintains the last-good copy that the fallback needs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::damaged_rows;
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::fallback_store::{UnsavedStore, last_good};
use gslb_api::revisions;
use gslb_api::store::{EmbeddedStore, OpenError, Store, Unavailable, WatchEvent, wait};
use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::daemon::site_source::OnDamage;

/// An opened store.
pub struct OpenedStore {
    /// The store, or its fallback.
    pub store: Arc<dyn Store>,
    directory: PathBuf,
    /// Damaged rows that were found, if the rest is usable.
    rows: Option<String>,
    /// The fallback, and why it is used.
    fallback: Option<(Arc<UnsavedStore>, String)>,
}

/// How long the store of a predecessor may be in use after it was released: a program that it was just starting has
/// copies of all open files for a moment.
pub const HANDOVER: Duration = Duration::from_secs(5);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens the store in `directory`, and tries for `patience` if it is in use. If it is damaged, but there is a document to serve, an in-memory fallback replaces
/// it. The fallback has the data of `store.last-good`; overrides apply but are not saved, and nothing else can be
/// changed. The damaged files are not touched. `has_file` is true if there is a document file, `file_is_truth` if the
/// site follows it.
///
/// # Errors
/// Why there is no store, in a sentence: another process uses it, access is denied, or there is no document without it.
pub fn open(
    directory: &Path,
    has_file: bool,
    file_is_truth: bool,
    on_damage: OnDamage,
    patience: Duration,
) -> Result<OpenedStore, String> {
    let (directory, damaged) = match open_within(directory, patience) {
        Ok(store) => {
            let rows = repair(&store, directory, on_damage)?;
            return Ok(OpenedStore { store: Arc::new(store), directory: directory.to_owned(), rows, fallback: None });
        }
        Err(error) => (directory.to_owned(), error),
    };
    let message = format!("data_dir = {directory:?} cannot be used: {damaged}");
    let is_tolerable = on_damage == OnDamage::Continue && is_damage(&damaged);
    let has_copy = last_good::has_document(&directory);
    if !is_tolerable || !(has_file || has_copy) {
        return Err(message);
    }
    let source = if has_copy { "the last-good copy" } else { "the document's file" };
    let until =
        "documents and tokens cannot be changed, and overrides are not saved, until it is repaired and gslb restarted";
    error!("DNS is answered from {source}; {until}: {message}");
    let reason = format!("{damaged}; {until}");
    let store = Arc::new(UnsavedStore::new(&directory, reason.clone(), file_is_truth));
    let fallback = Some((Arc::clone(&store), reason));
    Ok(OpenedStore { store, directory, rows: None, fallback })
}

fn open_within(directory: &Path, patience: Duration) -> Result<EmbeddedStore, OpenError> {
    let until = Instant::now() + patience;
    loop {
        match EmbeddedStore::open(directory) {
            Err(OpenError::InUse { .. }) if Instant::now() < until => thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

/// Repairs damaged rows in `store` as far as possible, and returns a description of the damage.
fn repair(store: &EmbeddedStore, directory: &Path, on_damage: OnDamage) -> Result<Option<String>, String> {
    let found = damaged_rows::repair(store, directory).map_err(|error| error.to_string())?;
    match (found.summary(), on_damage) {
        (Some(summary), OnDamage::Fail) => Err(format!("data_dir = {directory:?}: {summary}")),
        (Some(summary), OnDamage::Continue) => {
            error!("{summary}");
            Ok(Some(summary))
        }
        (None, _) => Ok(None),
    }
}

/// Whether to answer DNS in spite of `error`: not if this process lacks permission for the directory.
fn is_damage(error: &OpenError) -> bool {
    match error {
        OpenError::InUse { .. } => false,
        OpenError::System { cause, .. } => cause.kind() != io::ErrorKind::PermissionDenied,
        OpenError::Damaged { .. } | OpenError::Later { .. } | OpenError::Behind { .. } | OpenError::Foreign { .. } => {
            true
        }
    }
}

impl OpenedStore {
    /// Whether this is the store itself, not the fallback.
    pub fn is_sound(&self) -> bool {
        self.fallback.is_none()
    }

    /// Whether it has a document that can be served. With damaged rows, every revision may be unreadable.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn has_document(&self) -> Result<bool, Unavailable> {
        if wait(revisions::current(&*self.store))?.is_none() {
            return Ok(false);
        }
        if self.rows.is_none() { Ok(true) } else { wait(revisions::has_any(&*self.store)) }
    }

    /// Records what is wrong with the store.
    pub fn report(&self, degraded: &Degraded) {
        if let Some((_, reason)) = &self.fallback {
            degraded.set(Concern::Store, reason.clone());
        }
        if let Some(rows) = &self.rows {
            degraded.set(Concern::Rows, rows.clone());
        }
    }

    /// Ends the start: from now on the last-good copy follows the store. Dropping the result writes it a last time.
    pub fn begun(&self, runtime: &Handle) -> Option<Copies> {
        if let Some((store, _)) = &self.fallback {
            store.seal();
            return None;
        }
        let copies = Copies { store: Arc::clone(&self.store), directory: self.directory.clone(), is_left: false };
        runtime.spawn(follow(Arc::clone(&self.store), self.directory.clone()));
        Some(copies)
    }
}

/// Writes the last-good copy at shutdown.
pub struct Copies {
    store: Arc<dyn Store>,
    directory: PathBuf,
    /// Whether another process writes the copy now.
    is_left: bool,
}

impl Copies {
    /// Leaves the copy to the process that has the store now.
    pub fn leave(mut self) {
        self.is_left = true;
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        write(&*self.store, &self.directory);
    }
}

/// Writes the copy now, and after each commit that changes its data.
async fn follow(store: Arc<dyn Store>, directory: PathBuf) {
    loop {
        let Ok(revision) = store.revision().await else { return };
        let mut watch = store.watch("", revision);
        let mut is_due = true;
        loop {
            if is_due {
                let (store, directory) = (Arc::clone(&store), directory.clone());
                let _ = tokio::task::spawn_blocking(move || write(&*store, &directory)).await;
            }
            is_due = match watch.next().await {
                WatchEvent::Changed(commit) => commit.changes.iter().any(|change| last_good::concerns(change.key())),
                // The next copy includes all that was missed.
                WatchEvent::Compacted => break,
                WatchEvent::Closed => return,
            };
        }
    }
}

fn write(store: &dyn Store, directory: &Path) {
    if let Err(cause) = last_good::write(store, directory) {
        warn!(why = %cause, "cannot write {}: if the store is damaged now, the latest changes are lost",
            directory.join(last_good::NAME).display());
    }
}
