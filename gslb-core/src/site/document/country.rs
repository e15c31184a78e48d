//! What the country table knows of a country that the document names.

use geoip::{Coordinate, CountryCode};

/// True where the code is assigned.
pub(super) fn exists(code: CountryCode) -> bool {
    geoip::country(code).is_some()
}

/// A typical coordinate of the country.
pub(super) fn coordinate(code: CountryCode) -> Option<Coordinate> {
    geoip::country(code).map(|country| country.coordinate)
}
