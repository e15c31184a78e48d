//! Reads `zones` and their master files.

use std::collections::HashMap;

use super::domain;
use super::item::Item;
use super::names::Section;
use super::problems::Problems;
use super::tree::Entry;
use super::zone_rules::Corrections;
use crate::model::Zone;
use crate::name::Name;
use crate::zonefile::{self, Loader};

/// Most records of all zones of a document together.
const MAX_RECORDS: usize = 5_000_000;
const KEYS: [&str; 1] = ["file"];
const EXAMPLE: &str = r#"{ file = "example.com.zone" }"#;

/// A zone as it was read, before the rules that its records must meet.
#[derive(Debug)]
pub(super) struct Loaded<'t> {
    pub(super) entry: &'t Entry,
    pub(super) zone: Zone,
    /// False where the file could not be read, wholly or in part: then what seems to be missing may be there.
    pub(super) sound: bool,
}

/// The zones with valid names, in the order of the document.
pub(super) fn read<'t>(
    document: &str,
    section: &Section<'t>,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Vec<Loaded<'t>> {
    let mut zones: Vec<Loaded<'t>> = Vec::with_capacity(section.entries.len());
    let mut apexes: HashMap<Name, &Entry> = HashMap::new();
    let mut records = 0;
    for (entry, item) in section.items() {
        let before = problems.errors();
        let Some((apex, file)) = zone(entry, &item, problems) else { continue };
        if let Some(other) = apexes.insert(apex.clone(), entry) {
            let message = format!("the zone {apex} is declared in line {} already", other.at.line);
            problems.error(entry.at, &item.path, message, "declare each zone once; case does not matter in names");
            continue;
        }
        let mut zone = Zone { apex, records: Vec::new(), location: problems.location(entry.at) };
        if let Some(file) = file.filter(|_| records <= MAX_RECORDS) {
            zone.records = master_file(document, &file, &zone.apex, load, problems);
            records += zone.records.len();
            if records > MAX_RECORDS {
                let message = format!("the zones up to this one have {records} records together");
                file.error(problems, message, format!("a document holds at most {MAX_RECORDS} records"));
            }
        }
        zones.push(Loaded { entry, zone, sound: problems.errors() == before });
    }
    zones
}

/// The zones after the corrections that were only worth a warning, or none.
pub(super) fn finish(zones: Vec<Loaded<'_>>, corrections: Vec<Corrections>) -> Vec<Zone> {
    let corrected = |(loaded, corrections): (Loaded<'_>, Corrections)| {
        let mut zone = loaded.zone;
        corrections.apply(&mut zone.records);
        zone
    };
    zones.into_iter().zip(corrections).map(corrected).collect()
}

/// Apex and file of a zone; none where it has no valid name.
fn zone<'t, 'p>(
    entry: &'t Entry,
    item: &'p Item<'t, '_>,
    problems: &mut Problems,
) -> Option<(Name, Option<Item<'t, 'p>>)> {
    if let Some(name) = domain::unquoted(entry, &KEYS) {
        let message = format!("`{}` holds only another table", entry.key);
        problems.error(entry.at, &item.path, message, format!("write names with dots in quotes: [zones.{name:?}]"));
        return None;
    }
    let fields = item.fields(&KEYS, EXAMPLE, problems);
    let file = fields.and_then(|fields| fields.require("file", "\"example.com.zone\"", problems).map(|file| file.node));
    let file = file.map(|node| Item { node, path: item.path.key("file") });
    let apex = domain::read(&entry.key, entry.at, &item.path, problems)?;
    if apex.is_wildcard() {
        problems.error(entry.at, &item.path, "a wildcard is not the name of a zone", "write the name above it");
        return None;
    }
    Some((apex, file))
}

fn master_file(
    document: &str,
    file: &Item<'_, '_>,
    apex: &Name,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Vec<zonefile::Record> {
    let Some(name) = file.string("\"example.com.zone\"", problems) else { return Vec::new() };
    match load(name, document) {
        Ok((shown, octets)) => {
            let parsed = zonefile::parse(&shown, &octets, apex, load);
            problems.take_over(parsed.problems);
            parsed.records
        }
        Err(error) => {
            let message = format!("cannot read the zone file {name:?}: {error}");
            file.error(problems, message, "name a file that can be read, relative to the document");
            Vec::new()
        }
    }
}
