//! Orders data centers by distance, the starting point of a measured order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Area;
use crate::locate::direction::Direction;
use crate::site::model::{Matcher, Site};

/// The approximate location of an area's clients, the middle of its countries. `None` if it has no countries.
pub(super) fn middle(area: &Area, site: &Site) -> Option<Direction> {
    let country = |code| geoip::country(code).map(|country| country.coordinate);
    let of_continent =
        |continent| geoip::countries().filter(move |it| it.continent == continent).map(|it| it.coordinate);
    match area {
        Area::Country(code) => country(*code).map(Direction::of),
        Area::Continent(continent) => Direction::middle(of_continent(*continent)),
        Area::Region(name) => {
            let region = site.regions.iter().find(|region| region.name == *name)?;
            let matchers = region.matchers.iter();
            Direction::middle(matchers.flat_map(|matcher| match matcher {
                Matcher::Country(code) => country(*code).into_iter().collect(),
                Matcher::Subdivision(code) => {
                    code.get(..2).and_then(|code| country(code.parse().ok()?)).into_iter().collect()
                }
                Matcher::Continent(continent) => of_continent(*continent).collect(),
                Matcher::Asn(_) | Matcher::Prefix(_) => Vec::new(),
            }))
        }
    }
}

/// Sorts measurements by the distance of their data center from `from`, nearest first. Data centers with unknown
/// distance come last; ties keep the order of the document.
pub(super) fn sort(measured: &mut [(Arc<str>, Duration)], from: Option<Direction>, site: &Site) {
    let places: HashMap<&str, (Option<f64>, usize)> = (0..)
        .zip(&site.data_centers)
        .map(|(at, it)| {
            let distance = from.zip(it.coordinate).map(|(from, to)| from.distance(Direction::of(to)));
            (&*it.name, (distance, at))
        })
        .collect();
    let place = |name: &str| places.get(name).copied().unwrap_or((None, usize::MAX));
    measured.sort_by(|(a, _), (b, _)| order(place(a), place(b)).then_with(|| a.cmp(b)));
}

fn order(a: (Option<f64>, usize), b: (Option<f64>, usize)) -> Ordering {
    let distance = |it: (Option<f64>, usize)| it.0.unwrap_or(f64::MAX);
    distance(a).total_cmp(&distance(b)).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(from: &Area) -> Vec<String> {
        let document = r#"
[data_centers]
nowhere = {}
syd.location = { country = "AU", latitude = -33.87, longitude = 151.21 }
iad.location = { country = "US", latitude = 38.95, longitude = -77.45 }
fra.location = { country = "DE", latitude = 50.11, longitude = 8.68 }
[regions]
pacific.match = ["country:NZ", "subdivision:AU-NSW", "prefix:203.0.113.0/24"]
numbers.match = ["asn:3320"]
"#;
        let site = crate::site::document::read("site.toml", document, &mut |_, _| Err("none".into())).site.unwrap();
        let mut measured: Vec<_> =
            ["fra", "iad", "syd", "nowhere"].map(|name| (Arc::from(name), Duration::ZERO)).into();
        sort(&mut measured, middle(from, &site), &site);
        measured.iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn an_area_starts_with_the_data_centers_near_its_countries() {
        let region = |name: &str| Area::Region(name.into());
        assert_eq!(names(&region("pacific")), ["syd", "iad", "fra", "nowhere"]);
        assert_eq!(names(&Area::Country("PT".parse().unwrap())), ["fra", "iad", "syd", "nowhere"]);
        assert_eq!(names(&Area::Continent(geoip::Continent::NorthAmerica))[0], "iad");
        let as_written = ["nowhere", "syd", "iad", "fra"];
        assert_eq!(names(&region("numbers")), as_written, "the location of an AS is unknown");
        assert_eq!(names(&region("gone")), as_written);
    }
}
