//! A database of the size of a city database, made up: its networks, its places, and what loading it costs.

use std::error::Error;
use std::sync::Arc;

use geoip::fixture::{Data, Recorded, Shape, Writer, map};
use geoip::{Country, Database};
use gslb_core::locate::index::LocationIndex;

use super::figures::{Row, Unit};
use super::networks;
use super::process::{Memory, timed};

pub(super) const COLUMNS: [(&str, Unit); 7] = [
    ("file", Unit::Megabytes),
    ("load", Unit::Millis),
    ("index", Unit::Millis),
    ("leaves", Unit::Count),
    ("places", Unit::Count),
    ("resident", Unit::Megabytes),
    ("peak", Unit::Megabytes),
];

/// IPv4 and IPv6 networks of the database.
const NETWORKS: (u32, u32) = (3_600_000, 1_400_000);
const CITIES: usize = 200_000;
/// Cities are at most this many degrees from the coordinate of their country.
const SPREAD: f64 = 6.0;

/// Numbers that look random and are the same every time (SplitMix64).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        self.below(1 << 32) as f64 / (1u64 << 32) as f64
    }

    /// An index below `length`; low ones are far more frequent, as large countries and large cities are.
    pub(super) fn skewed(&mut self, length: usize) -> usize {
        (self.share().powi(3) * length as f64) as usize
    }
}

/// Cities of one country, the largest first.
type Cities = Vec<Recorded>;

/// The file: networks of very different sizes, most of them next to one of another city in the same country.
pub(super) fn file() -> Vec<u8> {
    let shape = Shape { database_type: "City".into(), record_size: 28, aliases: true, ..Shape::default() };
    let mut writer = Writer::new(&shape);
    let mut random = Random::new(2);
    let countries: Vec<Cities> = cities(&mut writer, &mut random);
    let mut holder = 0;
    let mut last = None;
    networks::each(NETWORKS, &mut random, |random, first_of_holder, address, length| {
        if first_of_holder {
            holder = random.skewed(countries.len());
        }
        // One network in fifty is used in another country than its neighbors.
        let country = if random.below(50) == 0 { random.skewed(countries.len()) } else { holder };
        let cities = &countries[country];
        let pick = |random: &mut Random| cities[random.skewed(cities.len())];
        // Neighbours of the same city would be one network.
        let city = [pick(random), pick(random)].into_iter().find(|&city| Some(city) != last).unwrap_or(cities[0]);
        last = Some(city);
        writer.put(address, length, city);
    });
    writer.finish()
}

/// Records of all cities by country; the first countries have the most.
fn cities(writer: &mut Writer, random: &mut Random) -> Vec<Cities> {
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let code = |octets: [u8; 2]| String::from_utf8_lossy(&octets).parse().ok();
    let known: Vec<&Country> = codes.filter_map(|octets| geoip::country(code(octets)?)).collect();
    let mut cities: Vec<Cities> = known.iter().map(|_| Vec::new()).collect();
    for number in 0..CITIES {
        let country = if number < known.len() { number } else { random.skewed(known.len()) };
        let record = city(known[country], number, random);
        cities[country].push(writer.record(&record));
    }
    cities
}

/// A record in MaxMind's manner; names of places are made up.
fn city(country: &Country, number: usize, random: &mut Random) -> Data {
    let mut spread = |degrees: f64, limit: f64| {
        let degrees = degrees + (random.share() - 0.5) * 2.0 * SPREAD;
        ((degrees.clamp(-limit, limit) * 1e4).round() / 1e4).into()
    };
    let (latitude, longitude) = (country.coordinate.latitude(), country.coordinate.longitude());
    let location = map([("latitude", spread(latitude, 90.0)), ("longitude", spread(longitude, 180.0))]);
    let named = |name: String| map([("en", Data::Text(name))]);
    let part = number / 7 % 30;
    let subdivision =
        map([("iso_code", Data::Text(format!("{part:02}"))), ("names", named(format!("Province {part}")))]);
    map([
        ("city", map([("geoname_id", Data::U32(number as u32)), ("names", named(format!("City {number}")))])),
        ("continent", map([("code", country.continent.code().into())])),
        ("country", map([("iso_code", country.code.as_str().into())])),
        ("location", location),
        ("subdivisions", Data::List(vec![subdivision])),
    ])
}

/// Loads the database and indexes it, as a server does.
///
/// # Errors
/// If the file is not a database.
pub(super) fn measure(file: &str) -> Result<Row, Box<dyn Error>> {
    let octets = std::fs::metadata(file)?.len() as f64 / 1e6;
    let (database, millis) = timed(|| Database::open(file));
    let databases = [Arc::new(database?)];
    let (index, indexing) = timed(|| LocationIndex::build(&databases, &[]));
    let [database] = databases;
    let leaves = (database.v4.len() + database.v6.len()) as f64;
    let memory = Memory::now();
    let places = database.places.len() as f64;
    drop(index);
    Ok(Row::new("city", [octets, millis, indexing, leaves, places, memory.resident, memory.peak]))
}
