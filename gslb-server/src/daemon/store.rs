//! The store of a server, or what stands in for one that cannot be used; and the copy that makes that possible.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gslb_api::damaged_rows;
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::fallback_store::{UnsavedStore, last_good};
use gslb_api::revisions;
use gslb_api::store::{EmbeddedStore, OpenError, Store, Unavailable, Watched, wait};
use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::daemon::site_source::Damage;

/// A store that was opened.
pub struct Kept {
    /// It, or what stands in for it.
    pub store: Arc<dyn Store>,
    directory: PathBuf,
    /// What was found damaged in it, where that costs nothing else.
    rows: Option<String>,
    /// The one that stands in, and why.
    stand_in: Option<(Arc<UnsavedStore>, String)>,
}

/// Opens the store in `directory`. Where it is damaged, and there is something to answer from, one in memory stands in: it
/// has what `store.last-good` has; overrides hold but are not saved, and nothing else can be changed. The damaged files are left as they are. `has_file` says whether
/// there is a document in a file, and `file_is_truth` whether that is the truth.
///
/// # Errors
/// Why there is no store, in a sentence: another process has it, it may not be read, or nothing can be answered without it.
pub fn open(directory: &Path, has_file: bool, file_is_truth: bool, damage: Damage) -> Result<Kept, String> {
    let (directory, damaged) = match EmbeddedStore::open(directory) {
        Ok(store) => {
            let rows = mend(&store, directory, damage)?;
            return Ok(Kept { store: Arc::new(store), directory: directory.to_owned(), rows, stand_in: None });
        }
        Err(error) => (directory.to_owned(), error),
    };
    let told = format!("data_dir = {directory:?} cannot be used: {damaged}");
    let is_survived = damage == Damage::Survived && is_damage(&damaged);
    if !is_survived || !(has_file || last_good::has_document(&directory)) {
        return Err(told);
    }
    let until =
        "documents and tokens cannot be changed, and overrides are not saved, until it is repaired and gslb restarted";
    error!("DNS is answered from the last good; {until}: {told}");
    let reason = format!("{damaged}; {until}");
    let store = Arc::new(UnsavedStore::new(&directory, reason.clone(), file_is_truth));
    let stand_in = Some((Arc::clone(&store), reason));
    Ok(Kept { store, directory, rows: None, stand_in })
}

/// Restores what can be restored of damaged rows in `store`, and says what was found.
fn mend(store: &EmbeddedStore, directory: &Path, damage: Damage) -> Result<Option<String>, String> {
    let found = damaged_rows::repair(store, directory).map_err(|error| error.to_string())?;
    match (found.summary(), damage) {
        (Some(told), Damage::Fatal) => Err(format!("data_dir = {directory:?}: {told}")),
        (Some(told), Damage::Survived) => {
            error!("{told}");
            Ok(Some(told))
        }
        (None, _) => Ok(None),
    }
}

/// Whether DNS is to be answered in spite of `error`: not where this server has no right to the directory.
fn is_damage(error: &OpenError) -> bool {
    match error {
        OpenError::InUse { .. } => false,
        OpenError::System { cause, .. } => cause.kind() != io::ErrorKind::PermissionDenied,
        OpenError::Damaged { .. } | OpenError::Later { .. } | OpenError::Behind { .. } | OpenError::Foreign { .. } => {
            true
        }
    }
}

impl Kept {
    /// Whether it is the store itself.
    pub fn is_sound(&self) -> bool {
        self.stand_in.is_none()
    }

    /// Whether it has a document that can be served; where rows are damaged, perhaps none of its revisions can be read.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub fn has_document(&self) -> Result<bool, Unavailable> {
        if wait(revisions::current(&*self.store))?.is_none() {
            return Ok(false);
        }
        if self.rows.is_none() { Ok(true) } else { wait(revisions::has_any(&*self.store)) }
    }

    /// Notes what is wrong with it.
    pub fn tell(&self, degraded: &Degraded) {
        if let Some((_, reason)) = &self.stand_in {
            degraded.set(Concern::Store, reason.clone());
        }
        if let Some(rows) = &self.rows {
            degraded.set(Concern::Rows, rows.clone());
        }
    }

    /// Ends the start: from now on the copy follows the store. It is written once more when what is returned is dropped.
    pub fn begun(&self, runtime: &Handle) -> Option<Copies> {
        if let Some((store, _)) = &self.stand_in {
            store.seal();
            return None;
        }
        let copies = Copies { store: Arc::clone(&self.store), directory: self.directory.clone() };
        runtime.spawn(follow(Arc::clone(&self.store), self.directory.clone()));
        Some(copies)
    }
}

/// A copy that is up to date at the end too.
pub struct Copies {
    store: Arc<dyn Store>,
    directory: PathBuf,
}

impl Drop for Copies {
    fn drop(&mut self) {
        write(&*self.store, &self.directory);
    }
}

/// Writes the copy now, and after each commit that concerns it.
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
                Watched::Changed(commit) => commit.changes.iter().any(|change| last_good::concerns(change.key())),
                // The copy that is written next has all that was missed.
                Watched::Compacted => break,
                Watched::Closed => return,
            };
        }
    }
}

fn write(store: &dyn Store, directory: &Path) {
    if let Err(cause) = last_good::write(store, directory) {
        warn!(why = %cause, "{} cannot be written: a damaged store would be the loss of the latest changes",
            directory.join(last_good::NAME).display());
    }
}
