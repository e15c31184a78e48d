//! Reads `vantages`.

use super::location;
use super::names::{self, Section};
use crate::notation::{Entry, Item, Problems, shortened};
use crate::site::model::{DEFAULT_REACH_KM, MAX_REACH_KM, Vantage};

const EXAMPLE: &str = r#"{ location = { country = "DE", latitude = 50.11, longitude = 8.68 }, reach = "3000km" }"#;
/// Maximum vantages of a document: clients are compared with each of them.
const MAX_VANTAGES: usize = 1_000;

/// Returns the valid vantages.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Vec<Vantage> {
    if let Some(entry) = section.entries.get(MAX_VANTAGES) {
        let message = format!("the document has {} vantages", section.entries.len());
        problems.error(entry.at, &section.path, message, format!("use at most {MAX_VANTAGES}"));
    }
    section.items().filter_map(|(entry, item)| vantage(section, entry, &item, problems)).collect()
}

fn vantage(section: &Section<'_>, entry: &Entry, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Vantage> {
    names::check(&entry.key, entry.at, &section.path, problems);
    let fields = item.fields(&["location", "reach"], EXAMPLE, problems)?;
    let reach_km = fields.get("reach").and_then(|item| reach(&item, problems)).unwrap_or(DEFAULT_REACH_KM);
    let before = problems.errors();
    let location = fields.require("location", location::EXAMPLE, problems)?;
    let (country, coordinate) = location::read(&location, problems);
    if coordinate.is_none() && problems.errors() == before {
        location.error(problems, "the vantage has no coordinate", format!("write {}", location::EXAMPLE));
    }
    Some(Vantage { name: (&*entry.key).into(), country, coordinate, reach_km })
}

/// Whole kilometers, such as `3000km`.
fn reach(item: &Item<'_, '_>, problems: &mut Problems) -> Option<u32> {
    let text = item.string("\"3000km\"", problems)?;
    let digits = text.strip_suffix("km").filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
    let kilometres = digits.and_then(|digits| digits.parse().ok()).filter(|km| (1..=MAX_REACH_KM).contains(km));
    if kilometres.is_none() {
        let help = format!("write whole kilometers from 1 to {MAX_REACH_KM}, such as \"3000km\"");
        item.error(problems, format!("{} is not a reach", shortened(text)), help);
    }
    kilometres
}
