//! The cost of an operator's prefixes: time from the document's text to a table, and memory.

use std::sync::Arc;

use gslb_core::site::document;
use gslb_core::table::compile;

use super::documents;
use super::figures::{Row, Unit, grouped};
use super::process::{Memory, timed};
use crate::sites;

pub(super) const COLUMNS: [(&str, Unit); 7] = [
    ("text", Unit::Megabytes),
    ("read", Unit::Millis),
    ("compile", Unit::Millis),
    ("text to table", Unit::Millis),
    ("intervals", Unit::Count),
    ("resident", Unit::Megabytes),
    ("peak", Unit::Megabytes),
];

/// Compiles a document of `prefixes` prefixes over the bundled database.
///
/// # Panics
/// If the document is invalid, which is a bug here.
pub(super) fn measure(prefixes: u32) -> Row {
    let databases = [Arc::new(geoip::bundled())];
    let text = documents::prefixes(prefixes);
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), sites::ZONE.as_bytes().to_vec()));
    let (reading, read) = timed(|| document::read("bench.toml", &text, &mut load));
    let site = reading.site.unwrap_or_else(|| panic!("{:#?}", &reading.problems[..3]));
    let (compiled, compile) = timed(|| compile::compile(site, &databases, &Arc::default(), None));
    let topology = compiled.topology.unwrap_or_else(|| panic!("{:#?}", compiled.problems));
    let (v4, v6) = topology.columns[0].intervals();
    let octets = text.len() as f64 / 1e6;
    drop(text);
    let memory = Memory::now();
    let figures = [octets, read, compile, read + compile, (v4 + v6) as f64, memory.resident, memory.peak];
    Row::new(grouped(u64::from(prefixes)), figures)
}
