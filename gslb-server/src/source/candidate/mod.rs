//! Reads a document from files into the form that the API takes: JSON with the zones inlined.

mod text;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use gslb_api::Written;
use gslb_api::document::{Document, document_from_json};
use gslb_core::budget::Budget;
use gslb_core::dns::name::Name;
use gslb_core::dns::rdata;
use gslb_core::dns::zonefile::{self, Loader, Record};
use gslb_core::problem::{FileError, Problem};
use gslb_core::site::document::{self, Included, Includer, Reading};
use gslb_core::site::model::Site;
use serde_json::{Map, Value};

use crate::files::watch::SourceFile;
use crate::source::error::SiteError;
use crate::source::include::{self, Parts};

/// A document that was read.
#[derive(Debug)]
pub struct Candidate {
    /// The checked document.
    pub site: Site,
    /// The memory that compiling it may use.
    pub budget: Budget,
    /// The document in the form that the API takes.
    pub document: Document,
    /// The equivalent TOML text with comments; `None` if it is too long, or the document was not written in TOML.
    pub text: Option<Arc<str>>,
    /// Warnings about it.
    pub warnings: Vec<Problem>,
}

impl From<Candidate> for Written {
    fn from(candidate: Candidate) -> Self {
        Self { document: candidate.document, text: candidate.text, commit: None }
    }
}

/// Reads and checks the document at `path`; see [`read_noting`].
///
/// # Errors
/// As [`read_noting`].
pub fn read(path: &Path) -> Result<Candidate, SiteError> {
    read_noting(path, &mut Vec::new())
}

/// Reads and checks the document at `path`, TOML or (`.json`) JSON, and the files it names. Every file that is accessed
/// is added to `files`, even if there are errors.
///
/// Checks that need the geo databases are not made.
///
/// # Errors
/// [`SiteError::Unreadable`], and [`SiteError::Invalid`] with all errors, each with its line.
pub fn read_noting(path: &Path, files: &mut Vec<SourceFile>) -> Result<Candidate, SiteError> {
    let name = path.to_string_lossy();
    if path.extension().is_some_and(|extension| extension == "json") {
        files.push(SourceFile::before_reading(path));
        let text = include::read_document(path)?;
        let mut budget = Budget::of_file(text.len());
        let document = document_from_json(text.as_bytes(), &mut budget);
        let document = document.map_err(|error| SiteError::InvalidJson(format!("{name}: {error}")))?;
        drop(text);
        let mut load = |name: &str, from: &str| include::zone_file(name, from, files);
        let mut loaded = Loaded::new(&mut load);
        let mut load = |file: &str, from: &str| loaded.load(file, from);
        let reading = document::read_json_text(&mut budget, &name, document.text(), &mut load);
        return finish(reading, budget, document.to_value(), &[], &loaded);
    }
    let mut noted = Vec::new();
    let seen = SourceFile::before_reading(path);
    // An unreadable file is watched too: it may become readable.
    let mut parts = Parts::open(path).inspect_err(|_| files.push(seen))?;
    let first = parts.first.clone();
    let mut load = |name: &str, from: &str| include::zone_file(name, from, &mut noted);
    let candidate = read_toml(&first, &mut |pattern, from| parts.include(pattern, from), &mut load);
    files.append(&mut parts.files);
    files.append(&mut noted);
    candidate
}

/// Reads and checks the TOML document `first`; `include` reads the files that it includes, `load` its zone files.
///
/// # Errors
/// [`SiteError::Invalid`].
pub fn read_toml(first: &Included, include: &mut Includer<'_>, load: &mut Loader<'_>) -> Result<Candidate, SiteError> {
    let mut texts = vec![Arc::clone(&first.text)];
    let mut named = BTreeSet::from([first.name.clone()]);
    let mut noting = |pattern: &str, from: &str| {
        let found = include(pattern, from)?;
        // A file that matches two patterns is included once.
        let new = found.iter().filter(|file| named.insert(file.name.clone()));
        texts.extend(new.map(|file| Arc::clone(&file.text)));
        Ok(found)
    };
    let mut loaded = Loaded::new(load);
    let mut budget = Budget::of_file(first.text.len());
    let mut load = |file: &str, from: &str| loaded.load(file, from);
    let (reading, document) = document::read_files(&mut budget, first, &mut noting, &mut load);
    finish(reading, budget, document, &texts, &loaded)
}

fn finish(
    reading: Reading,
    budget: Budget,
    document: Value,
    texts: &[Arc<str>],
    loaded: &Loaded<'_, '_>,
) -> Result<Candidate, SiteError> {
    let Some(site) = reading.site else { return Err(SiteError::Invalid(reading.problems)) };
    let document = loaded.inlined(document, &site);
    let text = text::inlined(texts, &document).map(Into::into);
    Ok(Candidate { site, budget, document: document.into(), text, warnings: reading.problems })
}

/// Files that were read, by the name in the reference and the file that has the reference. Each is read once, so that
/// the checked content is also what is sent.
struct Loaded<'f, 'l> {
    load: &'f mut Loader<'l>,
    files: HashMap<(String, String), (Arc<str>, Vec<u8>)>,
}

impl<'f, 'l> Loaded<'f, 'l> {
    fn new(load: &'f mut Loader<'l>) -> Self {
        Self { load, files: HashMap::new() }
    }

    /// The file `name` referenced in `from`, read at most once.
    fn load(&mut self, name: &str, from: &str) -> Result<(Arc<str>, Vec<u8>), FileError> {
        let key = (name.to_owned(), from.to_owned());
        if let Some(read) = self.files.get(&key) {
            return Ok(read.clone());
        }
        let read = (self.load)(name, from)?;
        self.files.insert(key, read.clone());
        Ok(read)
    }

    /// Returns `document` with each zone's `file` replaced by its records; `site` is its parsed form.
    fn inlined(&self, mut document: Value, site: &Site) -> Value {
        // A zone's file is beside the file that names it.
        let from: HashMap<&Name, &str> = site.zones.iter().map(|zone| (&zone.apex, &*zone.location.file)).collect();
        let zones = document.get_mut("zones").and_then(Value::as_object_mut);
        for (zone, value) in zones.into_iter().flatten() {
            let Some(members) = value.as_object_mut() else { continue };
            let file = members.get("file").and_then(Value::as_str).map(str::to_owned);
            let apex: Option<Name> = zone.parse().ok();
            let from = apex.and_then(|apex| from.get(&apex)).copied().unwrap_or_default();
            let Some((name, octets)) = file.and_then(|file| self.files.get(&(file, from.to_owned()))) else { continue };
            let records = Value::String(self.records(zone, name, octets));
            // In the same position, to keep the author's order.
            *members = std::mem::take(members)
                .into_iter()
                .map(|(key, value)| if key == "file" { ("records".to_owned(), records.clone()) } else { (key, value) })
                .collect::<Map<_, _>>();
        }
        document
    }

    /// A zone file as one text: unchanged, or rendered record by record if it has includes or is not UTF-8.
    fn records(&self, zone: &str, name: &Arc<str>, octets: &[u8]) -> String {
        let includes = |text: &str| text.lines().any(|line| starts_with(line.trim_start(), "$INCLUDE"));
        if let Some(text) = std::str::from_utf8(octets).ok().filter(|text| !includes(text)) {
            return text.to_owned();
        }
        // The zone was read before with this origin and these files, so neither can fail now.
        let origin: Name = zone.parse().unwrap_or_else(|_| Name::root());
        let mut load = |file: &str, from: &str| {
            let found = self.files.get(&(file.to_owned(), from.to_owned()));
            found.cloned().ok_or_else(|| "the file was not read before".into())
        };
        zonefile::parse(name, octets, &origin, &mut load).records.iter().map(line).collect()
    }
}

/// A record as a self-contained line of a zone file.
fn line(record: &Record) -> String {
    let (rtype, rdata) = (rdata::type_to_text(record.rtype), rdata::to_text(record.rtype, &record.rdata));
    format!("{} {} IN {rtype} {rdata}\n", record.owner, record.ttl)
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
