//! Prints the content of a geo database and the places of addresses, or why the database is refused.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use geoip::{Database, LoadError, Place};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: check DATABASE.mmdb|--bundled [ADDRESS ...]");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    match load(&path) {
        Ok(database) => {
            let took = begun.elapsed();
            report(&database);
            println!("loaded in      {} ms", took.as_millis());
            for text in arguments {
                let Ok(address) = text.parse() else {
                    eprintln!("`{text}` is no address");
                    return ExitCode::from(2);
                };
                println!("{address}  {:?}", database.place_of(address));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("refused: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(path: &str) -> Result<Database, LoadError> {
    if path == "--bundled" { Ok(geoip::bundled()) } else { Database::open(path) }
}

fn report(database: &Database) {
    let description = &database.description;
    println!("type           {}", description.database_type);
    println!("built          {}", date(description.build_epoch));
    println!("family         {}", if description.ip_version == 4 { "IPv4" } else { "IPv4 and IPv6" });
    println!("nodes          {}", description.node_count);
    println!("leaves         {} IPv4, {} IPv6", database.v4.len(), database.v6.len());
    println!("places         {}", database.places.len());
    let known = |what: fn(&Place) -> bool| database.places.iter().filter(|&place| what(place)).count();
    println!("  subdivision  {}", known(|place| place.subdivision.is_some()));
    println!("  coordinate   {}", known(|place| place.coordinate.is_some()));
    println!("  AS number    {}", known(|place| place.asn.is_some()));
    let countries: BTreeSet<_> = database.places.iter().filter_map(|place| place.country).collect();
    println!("countries      {}", countries.len());
}

/// Year, month and day of a moment given in seconds since 1970-01-01 UTC.
fn date(epoch: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut day, mut year, mut month) = (epoch / 86_400, 1970, 1);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}
