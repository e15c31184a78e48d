//! From files to a table: the document, the zone files beside it, the geo databases, and a reload of them all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use geoip::{Database, LoadError, Moved, Place, moved_share};
use gslb_core::document;
use gslb_core::problem::{Problem, Severity};
use gslb_core::table::{Published, RoutingTable, compile};
use tracing::{error, info, warn};

use crate::reload::{Cause, Reloads};
use crate::watch::SourceFile;

/// Where everything is read from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The document.
    pub document: Document,
    /// MMDB files; none means the bundled database.
    pub databases: Vec<PathBuf>,
    /// Share of the address space, 0 to 1, that a reload may move to another place.
    pub max_moved: f64,
}

/// A document in a file, or one that came with the program.
#[derive(Debug, Clone)]
pub enum Document {
    /// A TOML file; zone files are beside it.
    File(PathBuf),
    /// A text, and its zone files by name.
    Builtin {
        /// The document.
        text: &'static str,
        /// Name and text of each zone file.
        zones: &'static [(&'static str, &'static str)],
    },
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The document could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A geo database is not one that can be used.
    #[error(transparent)]
    Database(#[from] LoadError),
    /// A geo database would move too many clients at once.
    #[error(
        "{name}: {:.1} % of IPv4 and {:.1} % of IPv6 would change place, more than max_moved = {max_moved}",
        moved.v4 * 100.0, moved.v6 * 100.0
    )]
    MovesTooMuch {
        /// The database.
        name: String,
        /// How much it would move.
        moved: Moved,
        /// How much it may.
        max_moved: f64,
    },
    /// Something was served, and the new document has nothing in it.
    #[error("the document has no zones any more: it is not taken for an order to answer nothing; stop gslb for that")]
    Emptied,
    /// The document has errors.
    #[error("the document cannot be served:{}", listed(.0))]
    Wrong(Vec<Problem>),
}

/// A table, and what it was made from.
#[derive(Debug)]
pub struct Loaded {
    /// The table.
    pub table: RoutingTable,
    /// What is doubtful about the document.
    pub warnings: Vec<Problem>,
    /// The databases in use.
    pub databases: Vec<Arc<Database>>,
}

impl Sources {
    /// Reads everything and compiles it; `previous` is what is served now, if anything is. Every file that is looked
    /// at is added to `files`, also when something is wrong: mending it is a reason to try again.
    ///
    /// # Errors
    /// When anything at all is wrong; what was served before is not touched.
    pub fn load(
        &self,
        previous: Option<(&RoutingTable, &[Arc<Database>])>,
        files: &mut Vec<SourceFile>,
    ) -> Result<Loaded, SiteError> {
        files.extend(self.databases.iter().map(|path| SourceFile::before_reading(path)));
        // The document first: what is wrong with it is told without waiting for a database.
        let reading = self.read_document(files)?;
        let databases = self.load_databases(previous.map(|(_, databases)| databases))?;
        let Some(site) = reading.site else { return Err(SiteError::Wrong(reading.problems)) };
        if site.zones.is_empty() && previous.is_some_and(|(table, _)| table.topology().catalog.zones() > 0) {
            return Err(SiteError::Emptied);
        }
        let compiled = compile::compile(site, &databases, previous.map(|(table, _)| table));
        let warnings = [reading.problems, compiled.problems].concat();
        match compiled.table {
            Some(table) => Ok(Loaded { table, warnings, databases }),
            None => Err(SiteError::Wrong(warnings)),
        }
    }

    /// Reads and checks the document only; every file that is read is added to `files`.
    fn read_document(&self, files: &mut Vec<SourceFile>) -> Result<document::Reading, SiteError> {
        match &self.document {
            Document::File(path) => {
                files.push(SourceFile::before_reading(path));
                let text =
                    fs::read_to_string(path).map_err(|cause| SiteError::Unreadable { path: path.clone(), cause })?;
                Ok(document::read(&path.to_string_lossy(), &text, &mut |name, from| {
                    let path = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
                    files.push(SourceFile::before_reading(&path));
                    let octets = fs::read(&path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
                    Ok((Arc::from(path.to_string_lossy()), octets))
                }))
            }
            Document::Builtin { text, zones } => Ok(document::read("site.toml", text, &mut |name, _| {
                let found = zones.iter().find(|(file, _)| *file == name);
                found.map(|(_, text)| (Arc::from(name), text.as_bytes().to_vec())).ok_or_else(|| "not built in".into())
            })),
        }
    }

    /// Reads the databases; those that are in use now say how much may change.
    fn load_databases(&self, previous: Option<&[Arc<Database>]>) -> Result<Vec<Arc<Database>>, SiteError> {
        if self.databases.is_empty() {
            return Ok(previous.map_or_else(|| vec![Arc::new(geoip::bundled())], <[_]>::to_vec));
        }
        let mut databases = Vec::with_capacity(self.databases.len());
        for (index, path) in self.databases.iter().enumerate() {
            let database = Database::open(path)?;
            if let Some(old) = previous.and_then(|old| old.get(index)) {
                let moved = moved_share(old, &database, alike);
                if moved.v4.max(moved.v6) > self.max_moved {
                    let name = path.display().to_string();
                    return Err(SiteError::MovesTooMuch { name, moved, max_moved: self.max_moved });
                }
            }
            databases.push(Arc::new(database));
        }
        Ok(databases)
    }
}

/// True where a client would be thought to be in the same country, or the same network where no country is known.
fn alike(old: &Place, new: &Place) -> bool {
    (old.continent, old.country) == (new.continent, new.country)
        && (old.country.is_some() || old.continent.is_some() || old.asn == new.asn)
}

/// A site that is served, and can be read again.
#[derive(Debug)]
pub struct Served {
    sources: Sources,
    databases: Vec<Arc<Database>>,
    published: Arc<Published>,
    /// How reloads went.
    pub reloads: Arc<Reloads>,
    /// Files whose change asks for a reload.
    pub files: Vec<SourceFile>,
}

impl Served {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// When there is nothing that could be served.
    pub fn start(sources: Sources) -> Result<Served, SiteError> {
        let mut files = Vec::new();
        let Loaded { table, warnings, databases } = sources.load(None, &mut files)?;
        tell_warnings(&warnings);
        tell_table(&table);
        Ok(Served { sources, databases, published: Arc::new(Published::new(table)), reloads: Arc::default(), files })
    }

    /// The table in force.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Reads everything again. What is wrong is told, and what was served before is served on.
    pub fn reload(&mut self, cause: &Cause) {
        match cause {
            Cause::Asked => info!("reading everything again, as asked"),
            Cause::Changed(paths) => paths.iter().for_each(|path| info!("{} has changed", path.display())),
        }
        let old = self.published.load();
        let mut files = Vec::new();
        let generation = old.generation();
        match self.sources.load(Some((&old, &self.databases)), &mut files) {
            Ok(Loaded { table, warnings, databases }) => {
                tell_warnings(&warnings);
                tell_table(&table);
                match self.published.publish(table) {
                    Ok(()) => self.databases = databases,
                    Err(stale) => error!("not published: {stale}"),
                }
            }
            Err(error) => {
                error!("not reloaded, generation {} is served on: {error}", old.generation());
                // What was not come to this time is still a part of what is served.
                let missed = |old: &SourceFile| files.iter().all(|new| new.path() != old.path());
                let missed: Vec<SourceFile> = self.files.iter().filter(|old| missed(old)).cloned().collect();
                files.extend(missed);
            }
        }
        self.files = files;
        self.reloads.note(self.published.load().generation() > generation);
    }
}

fn tell_warnings(warnings: &[Problem]) {
    warnings.iter().for_each(|problem| warn!("{problem}"));
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

/// Problems, a line or two each, errors first.
pub fn listed(problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.severity == Severity::Warning, problem.location.clone()));
    sorted.into_iter().map(|problem| format!("\n{problem}")).collect()
}
