//! Reads `zones` and their zone files.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::domain;
use super::names::Section;
use crate::budget::Budget;
use crate::dns::name::Name;
use crate::dns::zonefile::{self, Loader, Parsed, RecordLimits, Source as From};
use crate::notation::{Entry, Item, Problems};
use crate::site::model::Zone;

/// Maximum records of all zones of a document, including generated ones.
const MAX_RECORDS: usize = 5_000_000;
/// Maximum octets of their owners and rdata: a few `$GENERATE` lines can produce huge zones.
const MAX_RECORD_OCTETS: usize = 512 << 20;
/// Why a file is not read once more.
const READ_AGAIN: &str = "files that are read again and again take more memory than there is for the document; give zones files of \
                          their own, or have fewer zones";
const KEYS: [&str; 2] = ["file", "records"];
const EXAMPLE: &str = r#"{ file = "example.com.zone" }"#;

/// A zone as read, before its records are checked.
#[derive(Debug)]
pub(super) struct Loaded<'t> {
    pub(super) entry: &'t Entry<'t>,
    pub(super) zone: Zone,
    /// False if the file could not be read completely: then records may seem to be missing.
    pub(super) sound: bool,
}

/// Where the records of a zone come from.
enum Source<'t, 'p> {
    /// A zone file of this name.
    File(Item<'t, 'p>),
    /// Zone file text inside the document.
    Records(Item<'t, 'p>),
}

/// The zones with valid names, in document order.
pub(super) fn read<'t>(
    section: &Section<'t>,
    budget: &mut Budget,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Vec<Loaded<'t>> {
    let mut zones: Vec<Loaded<'t>> = Vec::with_capacity(section.entries.len());
    let mut apexes: HashMap<Name, &Entry> = HashMap::new();
    let (mut records, mut octets, memory) = (MAX_RECORDS, MAX_RECORD_OCTETS, Cell::new(budget.left()));
    let (per_text, mut seen) = (*budget, HashSet::<Arc<str>>::new());
    // What files add to the budget, and what those take that are read again.
    let (more, again) = (Cell::new(0usize), Cell::new(0usize));
    // Records that are written out may take their memory, however many they are. A file counts once, however often it is read.
    let add_text = |text: usize| {
        let allowed = per_text.of_zone_text(text);
        more.set(more.get().saturating_add(allowed));
        memory.set(memory.get().saturating_add(allowed));
    };
    let mut load = |name: &str, from: &str| {
        let (shown, text) = load(name, from)?;
        if seen.insert(Arc::clone(&shown)) {
            add_text(text.len());
            return Ok((shown, text));
        }
        // It stands in the document for each zone that has it.
        let (octets, left) = (2 * text.len(), memory.get());
        memory.set(left.saturating_sub(octets));
        again.set(again.get().saturating_add(octets));
        if octets > left { Err(READ_AGAIN.into()) } else { Ok((shown, text)) }
    };
    let mut is_full = false;
    for (entry, item) in section.items() {
        let before = problems.errors();
        let Some((apex, source)) = zone(entry, &item, problems) else { continue };
        if let Some(other) = apexes.insert(apex.clone(), entry) {
            let message = format!("the zone {apex} is already declared{}", problems.in_line(other.at, entry.at));
            problems.error(entry.at, &item.path, message, "declare each zone only once; names are case-insensitive");
            continue;
        }
        let mut zone = Zone { apex, records: Vec::new(), location: problems.location(entry.at) };
        // Once the capacity is used up, the other zones are not read: they would only be dropped.
        if let Some(source) = source.filter(|_| !is_full) {
            let limits = RecordLimits { records, octets, memory: &memory };
            let (item, parsed) = match source {
                Source::File(file) => (file, master_file(&file, &zone.apex, limits, &mut load, problems)),
                Source::Records(text) => {
                    add_text(text.string_length());
                    (text, master_text(&text, &zone.apex, limits, problems))
                }
            };
            records -= parsed.records.len().min(records);
            octets -= parsed.octets.min(octets);
            budget.add(more.take());
            let over = budget.charge(parsed.memory.saturating_add(again.take())).err();
            memory.set(budget.left());
            is_full = parsed.is_truncated;
            // The records are useless without the others, and the memory must be released at once.
            zone.records = if is_full { Vec::new() } else { parsed.records };
            if is_full {
                let message = match over {
                    Some(over) => format!("the document with the zones up to this one takes {over}"),
                    None => format!(
                        "the zones up to this one have more than {MAX_RECORDS} records, or \
                         {MAX_RECORD_OCTETS} octets in them"
                    ),
                };
                item.error(problems, message, "split the site between several servers");
            }
        }
        zones.push(Loaded { entry, zone, sound: problems.errors() == before });
    }
    zones
}

/// Apex and records of a zone; `None` if its name is invalid.
fn zone<'t, 'p>(
    entry: &'t Entry<'t>,
    item: &'p Item<'t, '_>,
    problems: &mut Problems,
) -> Option<(Name, Option<Source<'t, 'p>>)> {
    if let Some(name) = domain::unquoted(entry, &KEYS) {
        let message = format!("`{}` contains only another table", entry.key);
        problems.error(entry.at, &item.path, message, format!("quote names that contain dots: [zones.{name:?}]"));
        return None;
    }
    let source = source(item, problems);
    let apex = domain::read(&entry.key, entry.at, &item.path, problems)?;
    if apex.is_wildcard() {
        problems.error(entry.at, &item.path, "a wildcard cannot be a zone name", "write the name without the wildcard");
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
            records.error(problems, "a zone has either a `file` or `records`", "remove one of the two");
            None
        }
        (None, None) => {
            let help = "add file = \"example.com.zone\", or the text of such a file as records";
            problems.error(fields.at, &fields.path, "the zone has neither `file` nor `records`", help);
            None
        }
    }
}

/// Records inside the document itself, which cannot include files.
fn master_text(item: &Item<'_, '_>, apex: &Name, limits: RecordLimits<'_>, problems: &mut Problems) -> Parsed {
    let Some(text) = item.string("\"@ IN SOA ...\"", problems) else { return Parsed::default() };
    let mut refuse =
        |_: &str, _: &str| Err("`records` must contain the whole zone; write the lines of the file here".into());
    let shown = problems.text_at(&item.path);
    let mut parsed = zonefile::parse_with_limits(limits, From::Document, &shown, text.as_bytes(), apex, &mut refuse);
    problems.extend(std::mem::take(&mut parsed.problems));
    parsed
}

fn master_file(
    file: &Item<'_, '_>,
    apex: &Name,
    limits: RecordLimits<'_>,
    load: &mut Loader<'_>,
    problems: &mut Problems,
) -> Parsed {
    let Some(name) = file.string("\"example.com.zone\"", problems) else { return Parsed::default() };
    match load(name, &problems.file(file.at())) {
        Ok((shown, octets)) => {
            let mut parsed = zonefile::parse_with_limits(limits, From::File, &shown, &octets, apex, load);
            problems.extend(std::mem::take(&mut parsed.problems));
            parsed
        }
        Err(error) => {
            let message = format!("cannot read the zone file {name:?}: {error}");
            let help = "specify a readable file, relative to the document";
            problems.error_of_kind(error.kind(), file.at(), &file.path, message, help);
            Parsed::default()
        }
    }
}
