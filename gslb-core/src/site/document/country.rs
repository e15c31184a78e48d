//! Looks up a country in the country table.

use geoip::{Coordinate, CountryCode};

/// True if the code is assigned.
pub(super) fn exists(code: CountryCode) -> bool {
    geoip::country(code).is_some()
}

/// A representative coordinate of the country.
pub(super) fn coordinate(code: CountryCode) -> Option<Coordinate> {
    geoip::country(code).map(|country| country.coordinate)
}
