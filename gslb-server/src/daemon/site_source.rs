//! The served site: its files, which are reloaded on request or change, and the API, which alone publishes tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geoip::Database;
use gslb_api::change::Applied;
use gslb_api::control::StartError;
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::store::{Store, wait};
use gslb_api::{Api, Options, Origin, Source, Started, Written, revisions};
use gslb_core::problem::{Problem, Severity};
use gslb_core::table::{Published, RoutingTable};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use crate::files::reload::{Cause, Next, Reloads};
use crate::files::watch::SourceFile;
use crate::source::candidate::{self, Candidate};
use crate::source::checkout;
use crate::source::error::SiteError;
use crate::source::site::Databases;

/// Where the document comes from.
#[derive(Debug, Clone)]
pub enum DocumentSource {
    /// The store. If it is empty, it is initialized with this document, or with an empty one.
    Store(Option<Written>),
    /// This file, which is followed.
    File(PathBuf),
}

/// What a start does if a file or the store cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// Continue with the best available data, and report it.
    Continue,
    /// Fail.
    Fail,
}

/// The watched files, shared with the watcher. The lock is held only briefly, so a long reload does not block it.
pub type WatchedFiles = Arc<Mutex<Vec<SourceFile>>>;

/// The served site.
pub struct ServedSite {
    /// Reads and changes the site.
    pub api: Api,
    /// The published table.
    pub published: Arc<Published>,
    /// How reloads went.
    pub reloads: Arc<Reloads>,
    /// The revision that was active at the start, and where it came from.
    pub begun: (u64, Origin),
    runtime: Handle,
    document: Option<PathBuf>,
    document_files: Vec<SourceFile>,
    databases: Databases,
    database_files: Vec<SourceFile>,
    in_use: Vec<Arc<Database>>,
    /// Why the document's file was refused, if it was.
    document_refused: Option<Refused>,
    /// Why the database files were refused, if they were.
    databases_refused: Option<Refused>,
    /// True if the bundled database replaces configured ones: any usable database file is then better.
    stand_in: bool,
    degraded: Arc<Degraded>,
    /// The latest stored revision, if the start had to use an older one.
    latest: u64,
    files: WatchedFiles,
}

/// Why the site could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SiteStartError {
    /// The files are invalid.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The API did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl ServedSite {
    /// Reads everything for the first time and starts the API on `runtime`. Do not call it from within a task.
    ///
    /// # Errors
    /// [`SiteStartError`].
    pub fn start(
        runtime: &Handle,
        store: Arc<dyn Store>,
        truth: DocumentSource,
        databases: Databases,
        options: Options,
        on_damage: OnDamage,
    ) -> Result<Self, SiteStartError> {
        let (mut document_files, mut database_files) = (Vec::new(), Vec::new());
        let degraded = Arc::clone(&options.degraded);
        let mut not_read = None;
        let (source, document, warnings) = match truth {
            DocumentSource::Store(first) => (Source::Store { first }, None, Vec::new()),
            DocumentSource::File(path) => {
                let has_before = has_document(&*store);
                match first_reading(&path, &mut document_files, has_before) {
                    Ok(mut candidate) => {
                        let warnings = std::mem::take(&mut candidate.warnings);
                        let written = written(candidate, &path, &document_files);
                        (Source::File { document: Some(written) }, Some(path), warnings)
                    }
                    Err(error) if has_before && on_damage == OnDamage::Continue => {
                        not_read = Some(error);
                        (Source::File { document: None }, Some(path), Vec::new())
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let (in_use, not_loaded) = match on_damage {
            OnDamage::Continue => databases.load_usable(&mut database_files),
            OnDamage::Fail => (databases.load(None, &mut database_files)?, Vec::new()),
        };
        let options = Options { source, ..options };
        let Started { api, published, revision, origin, unservable, refused } =
            runtime.block_on(Api::start(store, in_use.clone(), options))?;
        log_warnings(&warnings);
        log_table(&published.load());
        let (runtime, begun, reloads) = (runtime.clone(), (revision, origin), Arc::<Reloads>::default());
        not_loaded.iter().for_each(|error| {
            error!("cannot use a geo database, continuing with the others and the bundled one: {error}");
        });
        let stand_in = !not_loaded.is_empty();
        let databases_refused = not_loaded.into_iter().next().map(|error| Refused::from(&SiteError::from(error)));
        let refused = not_read.or(refused.map(SiteError::from));
        if let Some(refused) = &refused {
            error!("file refused; serving stored revision {revision}: {refused}");
        }
        let latest = unservable.iter().filter_map(|it| it.revision).max().unwrap_or_default();
        if let Some(first) = unservable.first() {
            degraded.set_older_revision(latest, why_not_latest(revision, latest, &first.why));
        }
        if !unservable.is_empty() || refused.is_some() || stand_in {
            reloads.note(false);
        }
        let source = Self {
            api,
            published,
            reloads,
            begun,
            runtime,
            document,
            document_files,
            databases,
            database_files,
            in_use,
            document_refused: refused.as_ref().map(Refused::from),
            databases_refused,
            stand_in,
            degraded,
            latest,
            files: WatchedFiles::default(),
        };
        source.update_degraded();
        Ok(source)
    }

    /// The degraded concerns of the server.
    pub fn degraded(&self) -> Arc<Degraded> {
        Arc::clone(&self.degraded)
    }

    /// The watched files, which can be read during a reload too.
    pub fn files(&self) -> WatchedFiles {
        Arc::clone(&self.files)
    }

    /// Updates the degraded concerns and the list of watched files.
    fn update_degraded(&self) {
        let revision = self.api.active().revision;
        match (&self.document_refused, &self.document) {
            (Some(refused), Some(path)) => {
                let why =
                    format!("{} is refused; serving stored revision {revision}: {}", path.display(), refused.message);
                self.degraded.set(Concern::Document, why);
            }
            _ => self.degraded.clear(Concern::Document),
        }
        match &self.databases_refused {
            Some(refused) => {
                let instead = if self.stand_in {
                    "the bundled database is used instead"
                } else {
                    "the previous databases stay in use"
                };
                self.degraded.set(Concern::Databases, format!("{}; {instead}", refused.message));
            }
            None => self.degraded.clear(Concern::Databases),
        }
        let files = [self.document_files.as_slice(), &self.database_files].concat();
        *self.files.lock() = files;
    }

    /// Whether to retry a refused file without waiting for a change.
    pub fn follows(&self) -> Next {
        let is_transient = |refused: &Option<Refused>| refused.as_ref().is_some_and(|refused| refused.is_transient);
        if is_transient(&self.document_refused) || is_transient(&self.databases_refused) {
            Next::Retry
        } else {
            Next::Wait
        }
    }

    /// Reads again what `cause` concerns. Errors are logged, and the previous state stays active.
    pub fn reload(&mut self, cause: &Cause) -> Next {
        match cause {
            Cause::Requested => info!("reloading all files, as requested"),
            Cause::Changed(paths) => paths.iter().for_each(|path| info!("{} has changed", path.display())),
            Cause::Retry => {}
        }
        let before = self.published.load().generation();
        let before_about = self.document_refused.as_ref().map(|refused| refused.about.clone());
        let concerned = self.concerned(cause);
        let outcome = self.read_again(concerned);
        let table = self.published.load();
        if table.generation() > before {
            log_table(&table);
        } else if outcome.is_ok() {
            info!("nothing changed, still serving generation {}", table.generation());
        }
        if let Err(error) = &outcome {
            let later = if self.follows() == Next::Retry { "; retrying automatically" } else { "" };
            let is_news =
                *cause != Cause::Retry || self.document_refused.as_ref().map(|it| &it.about) != before_about.as_ref();
            if is_news {
                error!("reload failed, still serving generation {}{later}: {error}", table.generation());
            }
        }
        if *cause != Cause::Retry || outcome.is_ok() {
            self.reloads.note(outcome.is_ok());
        }
        let is_refused = self.document_refused.is_some() || self.databases_refused.is_some() || self.is_behind();
        self.reloads.note_refused(is_refused);
        self.update_degraded();
        self.follows()
    }

    fn concerned(&self, cause: &Cause) -> Concerned {
        let (document, databases) = match cause {
            Cause::Requested => return Concerned { document: true, databases: true, revision: true },
            Cause::Retry => (self.document_refused.is_some(), self.databases_refused.is_some()),
            Cause::Changed(paths) => {
                let among =
                    |files: &[SourceFile]| files.iter().any(|file| paths.iter().any(|path| path == file.path()));
                (among(&self.document_files), among(&self.database_files))
            }
        };
        Concerned { document, databases, revision: databases }
    }

    /// Reads the affected files, and those refused only because of another file. Returns the first error.
    fn read_again(&mut self, Concerned { document, databases, revision }: Concerned) -> Result<(), SiteError> {
        // Read the document first: its errors are reported without waiting for a database.
        let mut candidate = document.then(|| self.read_document());
        // Activate the databases first: a new document may need them.
        let mut replaced = databases.then(|| self.replace_databases());
        let has_databases = matches!(replaced, Some(Ok(())));
        if (revision || has_databases) && self.is_behind() {
            self.retry_latest();
        }
        if candidate.is_none() && has_databases && self.document_refused.as_ref().is_some_and(|it| it.is_invalid) {
            candidate = Some(self.read_document());
        }
        let applied = candidate.map(|read| read.and_then(|candidate| self.replace_document(candidate)));
        if let Some(applied) = &applied {
            self.document_refused = applied.as_ref().err().map(Refused::from);
        }
        let has_new_document = matches!(applied, Some(Ok(DocumentResult::Active)));
        if has_new_document && !has_databases && self.databases_refused.as_ref().is_some_and(|it| it.is_invalid) {
            replaced = Some(self.replace_databases());
        }
        applied.map_or(Ok(()), |applied| applied.map(drop)).and(replaced.unwrap_or(Ok(())))
    }

    /// Whether the active revision is older than the latest.
    fn is_behind(&self) -> bool {
        self.api.active().revision < self.latest
    }

    /// Tries to serve the latest revision, which could not be served before.
    fn retry_latest(&self) {
        if let Err(why) = self.runtime.block_on(self.api.retry_latest()) {
            let (latest, revision) = (self.latest, self.api.active().revision);
            error!(latest, revision, "still cannot serve revision {latest}, serving revision {revision}: {why}");
            self.degraded.set_older_revision(latest, why_not_latest(revision, latest, &why));
        }
    }

    fn read_document(&mut self) -> Result<Option<Candidate>, SiteError> {
        let Some(path) = &self.document else { return Ok(None) };
        let mut files = Vec::new();
        let read = candidate::read_noting(path, &mut files);
        if read.is_err() {
            keep_unread(&mut files, &self.document_files);
        }
        self.document_files = files;
        let candidate = read?;
        if candidate.site.zones.is_empty() && self.published.load().topology().catalog.zones() > 0 {
            return Err(SiteError::Emptied);
        }
        Ok(Some(candidate))
    }

    fn replace_document(&self, candidate: Option<Candidate>) -> Result<DocumentResult, SiteError> {
        let Some(mut candidate) = candidate else { return Ok(DocumentResult::NoFile) };
        let warnings = std::mem::take(&mut candidate.warnings);
        let written = match &self.document {
            Some(path) if !self.api.active().document.is_equal(&candidate.document) => {
                written(candidate, path, &self.document_files)
            }
            _ => candidate.into(),
        };
        let done = self.runtime.block_on(self.api.replace_document(written))?;
        log_warnings(&warnings);
        log_new_warnings(&done, &warnings);
        Ok(DocumentResult::Active)
    }

    fn replace_databases(&mut self) -> Result<(), SiteError> {
        let replaced = self.try_databases();
        self.databases_refused = replaced.as_ref().err().map(Refused::from);
        replaced
    }

    fn try_databases(&mut self) -> Result<(), SiteError> {
        let mut files = Vec::new();
        let before = (!self.stand_in).then_some(self.in_use.as_slice());
        let read = self.databases.load(before, &mut files);
        if read.is_err() {
            keep_unread(&mut files, &self.database_files);
        }
        self.database_files = files;
        let databases = read?;
        let done = self.runtime.block_on(self.api.replace_databases(databases.clone()))?;
        log_new_warnings(&done, &[]);
        (self.in_use, self.stand_in) = (databases, false);
        Ok(())
    }
}

/// The result of applying a document that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DocumentResult {
    /// It is active.
    Active,
    /// The document is in the store, not in a file.
    NoFile,
}

/// Why an older revision is active.
fn why_not_latest(revision: u64, latest: u64, why: &StartError) -> String {
    format!("serving revision {revision} instead of {latest}: {why}")
}

/// Whether `store` has a document from an earlier start.
fn has_document(store: &dyn Store) -> bool {
    wait(revisions::current(store)).is_ok_and(|found| found.is_some())
}

/// Reads the document's file for a start. A file without zones is taken as truncated if there was a document before.
fn first_reading(path: &Path, files: &mut Vec<SourceFile>, has_before: bool) -> Result<Candidate, SiteError> {
    let candidate = candidate::read_noting(path, files)?;
    if candidate.site.zones.is_empty() && has_before { Err(SiteError::Emptied) } else { Ok(candidate) }
}

/// The document that was read, with its commit.
fn written(candidate: Candidate, path: &Path, files: &[SourceFile]) -> Written {
    let files: Vec<PathBuf> = files.iter().map(|file| file.path().to_owned()).collect();
    let commit = checkout::commit_of(path, &files);
    Written { commit, ..candidate.into() }
}

/// Most problems of a refused file that are shown; the log has all of them.
const MAX_SHOWN: usize = 3;

/// Why a file was refused.
#[derive(Debug)]
struct Refused {
    about: String,
    message: String,
    is_transient: bool,
    /// Whether its content is invalid, which another file may fix.
    is_invalid: bool,
}

impl From<&SiteError> for Refused {
    fn from(error: &SiteError) -> Self {
        let is_invalid = matches!(error, SiteError::Invalid(_));
        let message = match error {
            SiteError::Invalid(problems) if problems.len() > MAX_SHOWN => {
                let mut first = problems.clone();
                first.sort_by_key(|problem| problem.severity == Severity::Warning);
                first.truncate(MAX_SHOWN);
                let more = problems.len() - MAX_SHOWN;
                format!("{}\n{more} more problems are in the log", SiteError::Invalid(first))
            }
            other => other.to_string(),
        };
        Self { about: error.about(), message, is_transient: error.is_transient(), is_invalid }
    }
}

/// What to read again.
#[derive(Debug, Clone, Copy)]
struct Concerned {
    document: bool,
    databases: bool,
    /// The latest revision, if an older one is active.
    revision: bool,
}

/// Keeps watching files that a failed read did not reach: the active site still uses them.
fn keep_unread(files: &mut Vec<SourceFile>, old: &[SourceFile]) {
    let unread = |old: &&SourceFile| files.iter().all(|new| new.path() != old.path());
    let unread: Vec<SourceFile> = old.iter().filter(unread).cloned().collect();
    files.extend(unread);
}

fn log_warnings(warnings: &[Problem]) {
    warnings.iter().for_each(|problem| warn!("{problem}"));
}

/// Logs the warnings of a change that reading the file has not already logged with line numbers.
fn log_new_warnings(done: &Applied, logged: &[Problem]) {
    let is_logged =
        |problem: &Problem| logged.iter().any(|it| (&it.path, &it.message) == (&problem.path, &problem.message));
    done.warnings.iter().filter(|problem| !is_logged(problem)).for_each(|problem| warn!("{problem}"));
}

fn log_table(table: &RoutingTable) {
    let topology = table.topology();
    let (zones, names) = (topology.catalog.zones(), topology.catalog.names());
    let services = topology.services.len();
    let networks = topology.index.v4.starts.len() + topology.index.v6.starts.len();
    let megabytes = table.memory() / 1_000_000;
    info!(
        "table of generation {}: {zones} zones, {names} names, {services} services, {networks} networks, {megabytes} MB",
        table.generation()
    );
}
