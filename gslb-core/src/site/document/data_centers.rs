//! Reads `data_centers`.

use super::location;
use super::names::Section;
use crate::notation::{Entry, Item, Problems};
use crate::site::model::DataCenter;

const EXAMPLE: &str = r#"{ location = { country = "DE", latitude = 50.11, longitude = 8.68 } }"#;

/// Returns one data center per entry, even an invalid one, so that positions in the section are indices.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Vec<DataCenter> {
    let read = |(entry, item): (&Entry, Item<'_, '_>)| {
        let fields = item.fields(&["location"], EXAMPLE, problems);
        let location = fields.and_then(|fields| Some(location::read(&fields.get("location")?, problems)));
        let (country, coordinate) = location.unwrap_or_default();
        DataCenter { name: (&*entry.key).into(), country, coordinate }
    };
    section.items().map(read).collect()
}
