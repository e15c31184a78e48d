//! Loads a site from its document, zone files and geo databases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geoip::{Database, LoadError, Place, moved_share};
use tracing::warn;

use gslb_core::problem::Problem;
use gslb_core::table::{RoutingTable, compile};

use crate::files::reader::{self, Kind};
use crate::files::watch::SourceFile;
use crate::source::candidate::{self, Candidate};
use crate::source::error::SiteError;

/// The files of a site.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The document, TOML or JSON; zone files are beside it.
    pub document: PathBuf,
    /// The geo databases.
    pub databases: Databases,
}

/// Geo databases, and how much they may change.
#[derive(Debug, Clone)]
pub struct Databases {
    /// MMDB files; empty means the bundled database.
    pub files: Vec<PathBuf>,
    /// Share of the address space, 0 to 1, that a reload may move to another location.
    pub max_moved: f64,
}

/// A compiled table, and warnings.
#[derive(Debug)]
pub struct Loaded {
    /// The table.
    pub table: RoutingTable,
    /// Warnings about the document.
    pub warnings: Vec<Problem>,
}

impl Sources {
    /// Reads everything and compiles it, without a server.
    ///
    /// # Errors
    /// The first error, or all errors in the document.
    pub fn load(&self) -> Result<Loaded, SiteError> {
        // Read the document first: its errors are reported without waiting for a database.
        let Candidate { site, mut budget, warnings, .. } = candidate::read(&self.document)?;
        let databases = self.databases.load(None, &mut Vec::new())?;
        let compiled = compile::compile_within(&mut budget, site, &databases, &Arc::default(), None);
        let warnings = [warnings, compiled.problems].concat();
        match compiled.topology {
            Some(topology) => Ok(Loaded { table: RoutingTable::initial(topology), warnings }),
            None => Err(SiteError::Invalid(warnings)),
        }
    }
}

impl Databases {
    /// Reads the databases, and compares them with those `in_use` to limit how much moves. Every file is added to
    /// `files`, even if there are errors: a fixed file is a reason to try again.
    ///
    /// # Errors
    /// [`SiteError::Database`], [`SiteError::MovesTooMuch`].
    pub fn load(
        &self,
        in_use: Option<&[Arc<Database>]>,
        files: &mut Vec<SourceFile>,
    ) -> Result<Vec<Arc<Database>>, SiteError> {
        files.extend(self.files.iter().map(|path| SourceFile::before_reading(path)));
        if self.files.is_empty() {
            return Ok(in_use.map_or_else(|| vec![Arc::new(geoip::bundled())], <[_]>::to_vec));
        }
        let mut databases = Vec::with_capacity(self.files.len());
        for (index, path) in self.files.iter().enumerate() {
            let database = open(path)?;
            if let Some(old) = in_use.and_then(|old| old.get(index)) {
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

    /// Reads the databases for a start that continues without unusable ones: with the others, and the bundled one as a
    /// fallback. Returns the errors too.
    pub fn load_usable(&self, files: &mut Vec<SourceFile>) -> (Vec<Arc<Database>>, Vec<LoadError>) {
        files.extend(self.files.iter().map(|path| SourceFile::before_reading(path)));
        let (mut databases, mut errors) = (Vec::new(), Vec::new());
        for path in &self.files {
            match open(path) {
                Ok(database) => databases.push(Arc::new(database)),
                Err(error) => errors.push(error),
            }
        }
        if databases.len() < self.files.len() || self.files.is_empty() {
            databases.push(Arc::new(geoip::bundled()));
        }
        (databases, errors)
    }
}

/// Reads and checks the database at `path`.
fn open(path: &Path) -> Result<Database, LoadError> {
    let name = path.display().to_string();
    match reader::read(path, Kind::Database) {
        Ok(octets) => {
            let database = Database::load(octets, &name)?;
            if database.odd.count > 0 {
                let (path, records, first) = (path.display(), database.odd.count, &database.odd.first);
                warn!(%path, records, %first, "the geo database has invalid records; their invalid values are ignored");
            }
            Ok(database)
        }
        Err(cause) => Err(LoadError { name, fault: cause.into() }),
    }
}

/// Whether both places are in the same country, or in the same network if the country is unknown.
fn alike(old: &Place, new: &Place) -> bool {
    (old.continent, old.country) == (new.continent, new.country)
        && (old.country.is_some() || old.continent.is_some() || old.asn == new.asn)
}
