//! Reads `zones` and their master files.

use std::collections::HashMap;

use super::domain;
use super::item::Item;
use super::names::Section;
use super::problems::Problems;
use super::tree::Entry;
use crate::budget::Budget;
use crate::dns::name::Name;
use crate::dns::zonefile::{self, Loader, Parsed, RecordLimits, Source as From};
use crate::site::model::Zone;

/// Most records of all zones of a document together, the generated ones included.
const MAX_RECORDS: usize = 5_000_000;
/// Most octets of their owners and rdata: a few lines can generate what no document could hold.
const MAX_RECORD_OCTETS: usize = 512 << 20;
const KEYS: [&str; 2] = ["file", "records"];
const EXAMPLE: &str = r#"{ file = "example.com.zone" }"#;

/// A zone as it was read, before the rules that its records must meet.
#[derive(Debug)]
pub(super) struct Loaded<'t> {
    pub(super) entry: &'t Entry,
    pub(super) zone: Zone,
    /// False where the file could not be read, wholly or in part: then what seems to be missing may be there.
    pub(super) sound: bool,
}

/// Where the records of a zone are.
enum Source<'t, 'p> {
    /// In a master file of this name.
    File(Item<'t, 'p>),
    /// In the document, as the text of a master file.
    Records(Item<'t, 'p>),
}

/// The zones with valid names, in the order of the document.
pub(super) fn read<'t>(
    section: &Section<'t>,
    budget: &mut Budget,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Vec<Loaded<'t>> {
    let mut zones: Vec<Loaded<'t>> = Vec::with_capacity(section.entries.len());
    let mut apexes: HashMap<Name, &Entry> = HashMap::new();
    let mut limits = RecordLimits { records: MAX_RECORDS, octets: MAX_RECORD_OCTETS, memory: budget.left() };
    let mut is_full = false;
    for (entry, item) in section.items() {
        let before = problems.errors();
        let Some((apex, source)) = zone(entry, &item, problems) else { continue };
        if let Some(other) = apexes.insert(apex.clone(), entry) {
            let message = format!("the zone {apex} is declared{} already", problems.in_line(other.at, entry.at));
            problems.error(entry.at, &item.path, message, "declare each zone once; case does not matter in names");
            continue;
        }
        let mut zone = Zone { apex, records: Vec::new(), location: problems.location(entry.at) };
        // Once there is no room for more, what the other zones say is not looked at: it would only be left out.
        if let Some(source) = source.filter(|_| !is_full) {
            let (item, parsed) = match source {
                Source::File(file) => (file, master_file(&file, &zone.apex, limits, load, problems)),
                Source::Records(text) => (text, master_text(&text, &zone.apex, limits, problems)),
            };
            limits.records -= parsed.records.len().min(limits.records);
            limits.octets -= parsed.octets.min(limits.octets);
            let over = budget.charge(parsed.memory).err();
            limits.memory = budget.left();
            is_full = parsed.is_truncated;
            // Without the others they are of no use, and what takes too much memory is to give it back at once.
            zone.records = if is_full { Vec::new() } else { parsed.records };
            if is_full {
                let message = match over {
                    Some(over) => format!("the document with the zones up to this one takes {over}"),
                    None => format!(
                        "the zones up to this one have more than {MAX_RECORDS} records together, or \
                         {MAX_RECORD_OCTETS} octets in them"
                    ),
                };
                item.error(problems, message, "divide the site into several servers");
            }
        }
        zones.push(Loaded { entry, zone, sound: problems.errors() == before });
    }
    zones
}

/// Apex and records of a zone; none where it has no valid name.
fn zone<'t, 'p>(
    entry: &'t Entry,
    item: &'p Item<'t, '_>,
    problems: &mut Problems,
) -> Option<(Name, Option<Source<'t, 'p>>)> {
    if let Some(name) = domain::unquoted(entry, &KEYS) {
        let message = format!("`{}` holds only another table", entry.key);
        problems.error(entry.at, &item.path, message, format!("write names with dots in quotes: [zones.{name:?}]"));
        return None;
    }
    let source = source(item, problems);
    let apex = domain::read(&entry.key, entry.at, &item.path, problems)?;
    if apex.is_wildcard() {
        problems.error(entry.at, &item.path, "a wildcard is not the name of a zone", "write the name above it");
        return None;
    }
    Some((apex, source))
}

fn source<'t, 'p>(item: &'p Item<'t, '_>, problems: &mut Problems) -> Option<Source<'t, 'p>> {
    let fields = item.fields(&KEYS, EXAMPLE, problems)?;
    let value = |key| fields.get(key).map(|value| Item { node: value.node, path: item.path.key(key) });
    match (value("file"), value("records")) {
        (Some(file), None) => Some(Source::File(file)),
        (None, Some(records)) => Some(Source::Records(records)),
        (Some(_), Some(records)) => {
            records.error(problems, "a zone has a `file` or `records`, not both", "remove one of the two");
            None
        }
        (None, None) => {
            let help = "add file = \"example.com.zone\", or the text of such a file as records";
            problems.error(fields.at, &fields.path, "the zone has neither `file` nor `records`", help);
            None
        }
    }
}

/// Records that stand in the document itself. Nothing stands beside them, so they cannot include anything.
fn master_text(item: &Item<'_, '_>, apex: &Name, limits: RecordLimits, problems: &mut Problems) -> Parsed {
    let Some(text) = item.string("\"@ IN SOA ...\"", problems) else { return Parsed::default() };
    let mut refuse =
        |_: &str, _: &str| Err("`records` hold the whole zone; write the lines of the file here".to_owned());
    let shown = problems.text_at(&item.path);
    let mut parsed = zonefile::parse_with_limits(limits, From::Document, &shown, text.as_bytes(), apex, &mut refuse);
    problems.take_over(std::mem::take(&mut parsed.problems));
    parsed
}

fn master_file(
    file: &Item<'_, '_>,
    apex: &Name,
    limits: RecordLimits,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Parsed {
    let Some(name) = file.string("\"example.com.zone\"", problems) else { return Parsed::default() };
    match load(name, &problems.file(file.at())) {
        Ok((shown, octets)) => {
            let mut parsed = zonefile::parse_with_limits(limits, From::File, &shown, &octets, apex, load);
            problems.take_over(std::mem::take(&mut parsed.problems));
            parsed
        }
        Err(error) => {
            let message = format!("cannot read the zone file {name:?}: {error}");
            file.error(problems, message, "name a file that can be read, relative to the document");
            Parsed::default()
        }
    }
}
