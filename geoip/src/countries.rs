//! The small table that gives a country its continent and a typical coordinate.

use std::sync::LazyLock;

use crate::{Continent, Coordinate, CountryCode};

/// A country in the table.
#[derive(Clone, Copy, Debug)]
pub struct Country {
    /// Its ISO 3166-1 alpha-2 code.
    pub code: CountryCode,
    /// Its continent.
    pub continent: Continent,
    /// A typical coordinate, roughly its center of population.
    pub coordinate: Coordinate,
}

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| parse(include_str!("../data/countries.csv")));

/// The table's line for `code`, if it has one.
pub fn country(code: CountryCode) -> Option<&'static Country> {
    let index = COUNTRIES.binary_search_by_key(&code, |country| country.code).ok()?;
    COUNTRIES.get(index)
}

/// All countries of the table.
pub fn countries() -> impl Iterator<Item = &'static Country> {
    COUNTRIES.iter()
}

fn parse(csv: &str) -> Vec<Country> {
    let lines = csv.lines().filter(|line| !line.starts_with('#'));
    // The table is part of the crate and a test reads all of it, so a bad line cannot reach a user.
    let mut countries: Vec<Country> =
        lines.map(|line| parse_line(line).unwrap_or_else(|| panic!("countries.csv: bad line `{line}`"))).collect();
    countries.sort_by_key(|country| country.code);
    countries
}

fn parse_line(line: &str) -> Option<Country> {
    let mut cells = line.split(',');
    let country = Country {
        code: cells.next()?.parse().ok()?,
        continent: cells.next()?.parse().ok()?,
        coordinate: Coordinate::new(cells.next()?.parse().ok()?, cells.next()?.parse().ok()?).ok()?,
    };
    cells.next().is_none().then_some(country)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_assigned_code_is_there_once() {
        let mut codes: Vec<CountryCode> = COUNTRIES.iter().map(|country| country.code).collect();
        codes.dedup();
        assert_eq!(codes.len(), 249 + 2, "249 assigned codes, XK and AN");
    }

    #[test]
    fn a_country_has_its_continent() {
        let continent = |code: &str| country(code.parse().unwrap()).map(|country| country.continent);
        assert_eq!(continent("KE"), Some(Continent::Africa));
        assert_eq!(continent("br"), Some(Continent::SouthAmerica));
        assert_eq!(continent("ZZ"), None);
    }
}
