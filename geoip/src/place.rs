//! A place: what a geo database says about a network.

use std::fmt;
use std::str::FromStr;

use crate::Continent;

/// What is known about a network. Everything may be unknown, as in `Place::default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The continent, from the database or else from the country.
    pub continent: Option<Continent>,
    /// The country.
    pub country: Option<CountryCode>,
    /// The largest subdivision of the country, as in ISO 3166-2: `US-CA`.
    pub subdivision: Option<Box<str>>,
    /// An approximate coordinate, from the database or else a typical one of the country.
    pub coordinate: Option<Coordinate>,
    /// The number of the autonomous system that announces the network. Never 0, which means none (RFC 7607).
    pub asn: Option<u32>,
}

/// A country by its ISO 3166-1 alpha-2 code: two capital letters. Whether the code is assigned is not checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

/// The text is not two ASCII letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country code: expected two letters")]
pub struct InvalidCountryCode(pub String);

impl CountryCode {
    /// The two capital letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a country code is made of ASCII letters only")
    }
}

impl FromStr for CountryCode {
    type Err = InvalidCountryCode;

    /// Parses two ASCII letters in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(CountryCode([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(InvalidCountryCode(text.to_owned())),
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountryCode({self})")
    }
}

/// A point on the globe. Kept in millionths of a degree (11 cm), so that places can be compared and hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coordinate {
    latitude_micro: i32,
    longitude_micro: i32,
}

/// The numbers are not a point on the globe.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("latitude {latitude}, longitude {longitude} is not on the globe")]
pub struct OutOfRange {
    /// Degrees north, as given.
    pub latitude: f64,
    /// Degrees east, as given.
    pub longitude: f64,
}

impl Coordinate {
    /// The point at `latitude` degrees north (-90 to 90) and `longitude` degrees east (-180 to 180).
    pub fn new(latitude: f64, longitude: f64) -> Result<Coordinate, OutOfRange> {
        // NaN lies in no range, so it is refused here too.
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(Coordinate {
                latitude_micro: (latitude * 1e6).round() as i32,
                longitude_micro: (longitude * 1e6).round() as i32,
            })
        } else {
            Err(OutOfRange { latitude, longitude })
        }
    }

    /// Degrees north of the equator, -90 to 90.
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude_micro) / 1e6
    }

    /// Degrees east of Greenwich, -180 to 180.
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude_micro) / 1e6
    }
}
