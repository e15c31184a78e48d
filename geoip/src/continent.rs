//! The seven continents, by the two-letter codes that geo databases use.

use std::fmt;
use std::str::FromStr;

/// A continent. Written and parsed as its two-letter code, such as `EU`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Continent {
    /// `AF`
    Africa,
    /// `AN`
    Antarctica,
    /// `AS`
    Asia,
    /// `EU`
    Europe,
    /// `NA`: North America, with Central America and the Caribbean.
    NorthAmerica,
    /// `OC`
    Oceania,
    /// `SA`
    SouthAmerica,
}

impl Continent {
    /// All continents, in the order of their codes.
    pub const ALL: [Continent; 7] = [
        Continent::Africa,
        Continent::Antarctica,
        Continent::Asia,
        Continent::Europe,
        Continent::NorthAmerica,
        Continent::Oceania,
        Continent::SouthAmerica,
    ];

    /// The two-letter code, in capitals.
    pub const fn code(self) -> &'static str {
        match self {
            Continent::Africa => "AF",
            Continent::Antarctica => "AN",
            Continent::Asia => "AS",
            Continent::Europe => "EU",
            Continent::NorthAmerica => "NA",
            Continent::Oceania => "OC",
            Continent::SouthAmerica => "SA",
        }
    }
}

/// The text is not the two-letter code of a continent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a continent: expected one of AF, AN, AS, EU, NA, OC, SA")]
pub struct UnknownContinent(pub String);

impl FromStr for Continent {
    type Err = UnknownContinent;

    /// Parses a two-letter code in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Continent::ALL
            .into_iter()
            .find(|continent| continent.code().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownContinent(text.to_owned()))
    }
}

impl fmt::Display for Continent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
