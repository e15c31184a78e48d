//! A site that is served: the API, which alone publishes, and the files that are read again when asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use geoip::Database;
use gslb_api::change::Applied;
use gslb_api::control::StartError;
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::store::{Store, wait};
use gslb_api::{Api, Options, Origin, Source, Started, Written, revisions};
use gslb_core::problem::{Problem, Severity};
use gslb_core::table::{Published, RoutingTable};
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
pub enum Truth {
    /// From the store. Where that is empty, it takes this one first; none is an empty document.
    Store(Option<Written>),
    /// From this file, as it is at any time.
    File(PathBuf),
}

/// What a start does where a file or the store cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It goes on with the best that there is, and says so.
    Survived,
    /// It fails.
    Fatal,
}

/// The files whose change asks for a reload, for whoever looks at them. A reload that takes long holds nothing of it.
type Files = Arc<Mutex<Vec<SourceFile>>>;

/// A site that is served.
pub struct Served {
    /// What may be asked and changed.
    pub api: Api,
    /// The table in force.
    pub published: Arc<Published>,
    /// How reloads went.
    pub reloads: Arc<Reloads>,
    /// The number of the revision that was in force at the start, and where it came from.
    pub begun: (u64, Origin),
    runtime: Handle,
    document: Option<PathBuf>,
    document_files: Vec<SourceFile>,
    databases: Databases,
    database_files: Vec<SourceFile>,
    in_use: Vec<Arc<Database>>,
    /// Why the document's file is not in force, where it is not.
    document_refused: Option<Refused>,
    /// Why the databases in the files are not those in use, where they are not.
    databases_refused: Option<Refused>,
    /// True where databases are in use that stand in for those in the files: any change to these is wanted.
    stand_in: bool,
    degraded: Arc<Degraded>,
    /// The revision that should be in force, where an older one was at the start.
    latest: u64,
    files: Files,
}

/// Why there is nothing to serve.
#[derive(Debug, thiserror::Error)]
pub enum NotServed {
    /// The files are not good.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The API does not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Served {
    /// Reads everything for the first time, and starts the API on `runtime`. Not to be called from within a task.
    ///
    /// # Errors
    /// [`NotServed`].
    pub fn start(
        runtime: &Handle,
        store: Arc<dyn Store>,
        truth: Truth,
        databases: Databases,
        options: Options,
        damage: Damage,
    ) -> Result<Self, NotServed> {
        let (mut document_files, mut database_files) = (Vec::new(), Vec::new());
        let degraded = Arc::clone(&options.degraded);
        let mut not_read = None;
        let (source, document, warnings) = match truth {
            Truth::Store(first) => (Source::Store { first }, None, Vec::new()),
            Truth::File(path) => {
                let has_before = has_document(&*store);
                match first_reading(&path, &mut document_files, has_before) {
                    Ok(mut candidate) => {
                        let warnings = std::mem::take(&mut candidate.warnings);
                        let written = written(candidate, &path, &document_files);
                        (Source::File { document: Some(written) }, Some(path), warnings)
                    }
                    Err(error) if has_before && damage == Damage::Survived => {
                        not_read = Some(error);
                        (Source::File { document: None }, Some(path), Vec::new())
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let (in_use, not_loaded) = match damage {
            Damage::Survived => databases.load_usable(&mut database_files),
            Damage::Fatal => (databases.load(None, &mut database_files)?, Vec::new()),
        };
        let options = Options { source, ..options };
        let Started { api, published, revision, origin, unservable, refused } =
            runtime.block_on(Api::start(store, in_use.clone(), options))?;
        tell_warnings(&warnings);
        tell_table(&published.load());
        let (runtime, begun, reloads) = (runtime.clone(), (revision, origin), Arc::<Reloads>::default());
        not_loaded.iter().for_each(|error| {
            error!("a geo database cannot be used, the start goes on with the others and the bundled one: {error}");
        });
        let stand_in = !not_loaded.is_empty();
        let databases_refused = not_loaded.into_iter().next().map(|error| Refused::from(&SiteError::from(error)));
        let refused = not_read.or(refused.map(SiteError::from));
        if let Some(refused) = &refused {
            error!("file refused; serving stored revision {revision}: {refused}");
        }
        let latest = unservable.iter().filter_map(|it| it.revision).max().unwrap_or_default();
        if let Some(first) = unservable.first() {
            degraded.set_older_revision(latest, not_the_latest(revision, latest, &first.why));
        }
        if !unservable.is_empty() || refused.is_some() || stand_in {
            reloads.note(false);
        }
        let served = Self {
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
            files: Files::default(),
        };
        served.tell_degraded();
        Ok(served)
    }

    /// Where to note what the server does without.
    pub fn degraded(&self) -> Arc<Degraded> {
        Arc::clone(&self.degraded)
    }

    /// Names the files whose change asks for a reload, also while one is under way.
    pub fn files(&self) -> impl Fn() -> Vec<SourceFile> + Send + Sync + use<> {
        let files = Arc::clone(&self.files);
        move || files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells those who look from outside what is not in force, and which files to look at.
    fn tell_degraded(&self) {
        let revision = self.api.active().revision;
        match (&self.document_refused, &self.document) {
            (Some(refused), Some(path)) => {
                let why =
                    format!("{} is refused; serving stored revision {revision}: {}", path.display(), refused.told);
                self.degraded.set(Concern::Document, why);
            }
            _ => self.degraded.clear(Concern::Document),
        }
        match &self.databases_refused {
            Some(refused) => {
                let instead =
                    if self.stand_in { "the bundled database stands in" } else { "the ones before are in use" };
                self.degraded.set(Concern::Databases, format!("{}; {instead}", refused.told));
            }
            None => self.degraded.clear(Concern::Databases),
        }
        let files = [self.document_files.as_slice(), &self.database_files].concat();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Whether what was read is to be tried again by itself.
    pub fn follows(&self) -> Next {
        let may_pass = |refused: &Option<Refused>| refused.as_ref().is_some_and(|refused| refused.may_pass);
        if may_pass(&self.document_refused) || may_pass(&self.databases_refused) { Next::Again } else { Next::Await }
    }

    /// Reads again what `cause` concerns. What is wrong is told, and what was served before is served on.
    pub fn reload(&mut self, cause: &Cause) -> Next {
        match cause {
            Cause::Asked => info!("reading everything again, as asked"),
            Cause::Changed(paths) => paths.iter().for_each(|path| info!("{} has changed", path.display())),
            Cause::Again => {}
        }
        let before = self.published.load().generation();
        let before_about = self.document_refused.as_ref().map(|refused| refused.about.clone());
        let concerned = self.concerned(cause);
        let outcome = self.read_again(concerned);
        let table = self.published.load();
        if table.generation() > before {
            tell_table(&table);
        } else if outcome.is_ok() {
            info!("nothing is different, generation {} is served on", table.generation());
        }
        if let Err(error) = &outcome {
            let later = if self.follows() == Next::Again { "; it is tried again by itself" } else { "" };
            let is_news =
                *cause != Cause::Again || self.document_refused.as_ref().map(|it| &it.about) != before_about.as_ref();
            if is_news {
                error!("not reloaded, generation {} is served on{later}: {error}", table.generation());
            }
        }
        if *cause != Cause::Again || outcome.is_ok() {
            self.reloads.note(outcome.is_ok());
        }
        let is_refused = self.document_refused.is_some() || self.databases_refused.is_some() || self.is_behind();
        self.reloads.note_refused(is_refused);
        self.tell_degraded();
        self.follows()
    }

    fn concerned(&self, cause: &Cause) -> Concerned {
        let (document, databases) = match cause {
            Cause::Asked => return Concerned { document: true, databases: true, revision: true },
            Cause::Again => (self.document_refused.is_some(), self.databases_refused.is_some()),
            Cause::Changed(paths) => {
                let among =
                    |files: &[SourceFile]| files.iter().any(|file| paths.iter().any(|path| path == file.path()));
                (among(&self.document_files), among(&self.database_files))
            }
        };
        Concerned { document, databases, revision: databases }
    }

    /// Reads what is concerned, and what was refused only because of the rest of it. The first error is the one that counts.
    fn read_again(&mut self, Concerned { document, databases, revision }: Concerned) -> Result<(), SiteError> {
        // The document first: what is wrong with it is reported without waiting for a database.
        let mut candidate = document.then(|| self.read_document());
        // The databases are put in force first: a new document may need them.
        let mut replaced = databases.then(|| self.replace_databases());
        let has_databases = matches!(replaced, Some(Ok(())));
        if (revision || has_databases) && self.is_behind() {
            self.retry_latest();
        }
        if candidate.is_none() && has_databases && self.document_refused.as_ref().is_some_and(|it| it.is_wrong) {
            candidate = Some(self.read_document());
        }
        let put = candidate.map(|read| read.and_then(|candidate| self.replace_document(candidate)));
        if let Some(put) = &put {
            self.document_refused = put.as_ref().err().map(Refused::from);
        }
        let has_new_document = matches!(put, Some(Ok(Put::Active)));
        if has_new_document && !has_databases && self.databases_refused.as_ref().is_some_and(|it| it.is_wrong) {
            replaced = Some(self.replace_databases());
        }
        put.map_or(Ok(()), |put| put.map(drop)).and(replaced.unwrap_or(Ok(())))
    }

    /// Whether an older revision is in force than the latest.
    fn is_behind(&self) -> bool {
        self.api.active().revision < self.latest
    }

    /// Tries to serve the latest revision, which could not be served before.
    fn retry_latest(&self) {
        if let Err(why) = self.runtime.block_on(self.api.retry_latest()) {
            let (latest, revision) = (self.latest, self.api.active().revision);
            error!(latest, revision, "revision {latest} still cannot be served, revision {revision} is: {why}");
            self.degraded.set_older_revision(latest, not_the_latest(revision, latest, &why));
        }
    }

    fn read_document(&mut self) -> Result<Option<Candidate>, SiteError> {
        let Some(path) = &self.document else { return Ok(None) };
        let mut files = Vec::new();
        let read = candidate::read_noting(path, &mut files);
        if read.is_err() {
            keep_missed(&mut files, &self.document_files);
        }
        self.document_files = files;
        let candidate = read?;
        if candidate.zones == 0 && self.published.load().topology().catalog.zones() > 0 {
            return Err(SiteError::Emptied);
        }
        Ok(Some(candidate))
    }

    fn replace_document(&self, candidate: Option<Candidate>) -> Result<Put, SiteError> {
        let Some(mut candidate) = candidate else { return Ok(Put::NoFile) };
        let warnings = std::mem::take(&mut candidate.warnings);
        let written = match &self.document {
            Some(path) if *self.api.active().document != candidate.document => {
                written(candidate, path, &self.document_files)
            }
            _ => candidate.into(),
        };
        let done = self.runtime.block_on(self.api.replace_document(written))?;
        tell_warnings(&warnings);
        tell_further(&done, &warnings);
        Ok(Put::Active)
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
            keep_missed(&mut files, &self.database_files);
        }
        self.database_files = files;
        let databases = read?;
        let done = self.runtime.block_on(self.api.replace_databases(databases.clone()))?;
        tell_further(&done, &[]);
        (self.in_use, self.stand_in) = (databases, false);
        Ok(())
    }
}

/// What became of a document that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    /// It is in force.
    Active,
    /// The document is not a file: the store has it.
    NoFile,
}

/// Why an older revision is in force.
fn not_the_latest(revision: u64, latest: u64, why: &StartError) -> String {
    format!("revision {revision} is in force and not {latest}: {why}")
}

/// Whether `store` has a document, which some start has served.
fn has_document(store: &dyn Store) -> bool {
    wait(revisions::current(store)).is_ok_and(|found| found.is_some())
}

/// Reads the document's file for a start. One without zones, where there was a document before, was cut off.
fn first_reading(path: &Path, files: &mut Vec<SourceFile>, has_before: bool) -> Result<Candidate, SiteError> {
    let candidate = candidate::read_noting(path, files)?;
    if candidate.zones == 0 && has_before { Err(SiteError::Emptied) } else { Ok(candidate) }
}

/// What was read, with the commit that it comes from.
fn written(candidate: Candidate, path: &Path, files: &[SourceFile]) -> Written {
    let files: Vec<PathBuf> = files.iter().map(|file| file.path().to_owned()).collect();
    let commit = checkout::commit_of(path, &files);
    Written { commit, ..candidate.into() }
}

/// Problems that are shown of a file that is not in force; the log has all.
const MOST_TOLD: usize = 3;

/// Why a file is not in force.
#[derive(Debug)]
struct Refused {
    about: String,
    told: String,
    may_pass: bool,
    /// Whether it has errors, which may be due to another file.
    is_wrong: bool,
}

impl From<&SiteError> for Refused {
    fn from(error: &SiteError) -> Self {
        let is_wrong = matches!(error, SiteError::Wrong(_));
        let told = match error {
            SiteError::Wrong(problems) if problems.len() > MOST_TOLD => {
                let mut first = problems.clone();
                first.sort_by_key(|problem| problem.severity == Severity::Warning);
                first.truncate(MOST_TOLD);
                let more = problems.len() - MOST_TOLD;
                format!("{}\n{more} more problems are in the log", SiteError::Wrong(first))
            }
            other => other.to_string(),
        };
        Self { about: error.about(), told, may_pass: error.may_pass(), is_wrong }
    }
}

/// What is to be read again.
#[derive(Debug, Clone, Copy)]
struct Concerned {
    document: bool,
    databases: bool,
    /// The latest revision, where an older one is in force.
    revision: bool,
}

/// What was not come to this time is still a part of what is served.
fn keep_missed(files: &mut Vec<SourceFile>, old: &[SourceFile]) {
    let missed = |old: &&SourceFile| files.iter().all(|new| new.path() != old.path());
    let missed: Vec<SourceFile> = old.iter().filter(missed).cloned().collect();
    files.extend(missed);
}

fn tell_warnings(warnings: &[Problem]) {
    warnings.iter().for_each(|problem| warn!("{problem}"));
}

/// Tells the warnings of a change that reading the file has not told already, with lines.
fn tell_further(done: &Applied, told: &[Problem]) {
    let is_told =
        |problem: &Problem| told.iter().any(|told| (&told.path, &told.message) == (&problem.path, &problem.message));
    done.warnings.iter().filter(|problem| !is_told(problem)).for_each(|problem| warn!("{problem}"));
}

fn tell_table(table: &RoutingTable) {
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
