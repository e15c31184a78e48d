//! Reads a location: a country, a coordinate, or both.

use geoip::{Coordinate, CountryCode};

use super::country;
use crate::notation::{Fields, Item, Problems, shortened};

pub(super) const EXAMPLE: &str = r#"{ country = "DE", latitude = 50.11, longitude = 8.68 }"#;

/// Country and coordinate; without a written coordinate, the country's own.
pub(super) fn read(item: &Item<'_, '_>, problems: &mut Problems) -> (Option<CountryCode>, Option<Coordinate>) {
    let Some(fields) = item.fields(&["country", "latitude", "longitude"], EXAMPLE, problems) else {
        return (None, None);
    };
    let country = fields.get("country").and_then(|item| country_code(&item, problems));
    let coordinate = written_coordinate(&fields, problems);
    (country, coordinate.or_else(|| country.and_then(country::coordinate)))
}

fn country_code(item: &Item<'_, '_>, problems: &mut Problems) -> Option<CountryCode> {
    let text = item.string("\"DE\"", problems)?;
    let code = text.parse::<CountryCode>().ok().filter(|&code| country::exists(code));
    if code.is_none() {
        let help = "write a two-letter ISO 3166-1 code, such as \"DE\"";
        item.error(problems, format!("{} is not a country code", shortened(text)), help);
    }
    code
}

fn written_coordinate(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<Coordinate> {
    let (latitude, longitude) = (fields.get("latitude"), fields.get("longitude"));
    match (&latitude, &longitude) {
        (Some(alone), None) => alone.error(problems, "`latitude` is set without `longitude`", "add the longitude"),
        (None, Some(alone)) => alone.error(problems, "`longitude` is set without `latitude`", "add the latitude"),
        _ => {}
    }
    let latitude = latitude.and_then(|item| item.degrees(90.0, problems));
    let longitude = longitude.and_then(|item| item.degrees(180.0, problems));
    Coordinate::new(latitude?, longitude?).ok()
}
