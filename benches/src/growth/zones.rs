//! What static names cost: time from the texts to a table, and memory.

use std::sync::Arc;

use super::documents;
use super::figures::{Row, Unit, grouped};
use super::process::{Memory, timed};
use crate::compiled;

pub(super) const COLUMNS: [(&str, Unit); 4] = [
    ("text to table", Unit::Millis),
    ("resident", Unit::Megabytes),
    ("peak", Unit::Megabytes),
    ("the table's share", Unit::Megabytes),
];

/// Compiles a zone of `names` names, with the bundled database as a server has it.
pub(super) fn measure(names: u32) -> Row {
    let databases = [Arc::new(geoip::bundled())];
    let zone = documents::zone(names).into_bytes();
    let mut zone = Some(zone);
    let (table, millis) =
        timed(|| compiled(documents::STATIC, &mut || zone.take().unwrap_or_default(), &databases, None));
    let memory = Memory::now();
    let share = table.memory() as f64 / 1e6;
    Row::new(grouped(u64::from(names)), [millis, memory.resident, memory.peak, share])
}
