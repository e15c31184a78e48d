//! Writes the inputs of the side-by-side runs: queries, expected responses, zone and geo database.
//!
//! `mix geo FOLDER` writes the mix of steered and other queries, `mix static FOLDER NAMES` queries for names of a zone
//! of that many. Each folder then holds `queries.dns` (for `dnsperf -B`), `expect.txt` (a line per query) and
//! `example.com.zone`; that of the mix also `country.mmdb`.

use std::error::Error;
use std::fs;
use std::path::Path;

use gslb_benches::expected::Expected;
use gslb_benches::mix;
use gslb_benches::queries;
use gslb_benches::world::World;

/// Queries for static names: more than any cache between the network and the names holds.
const STATIC_QUERIES: usize = 300_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["geo", folder] => {
            let world = World::default();
            fs::create_dir_all(folder)?;
            fs::write(Path::new(folder).join("country.mmdb"), world.mmdb())?;
            write(Path::new(folder), &mix::zone_file(mix::NAMES), &mix::geo(&world))
        }
        ["static", folder, names] => {
            let names = names.parse()?;
            fs::create_dir_all(folder)?;
            write(Path::new(folder), &mix::zone_file(names), &mix::uniform(names, STATIC_QUERIES))
        }
        _ => Err("usage: mix geo FOLDER | mix static FOLDER NAMES".into()),
    }
}

fn write(folder: &Path, zone: &str, mix: &[(Vec<u8>, Expected)]) -> Result<(), Box<dyn Error>> {
    fs::write(folder.join("example.com.zone"), zone)?;
    queries::write(&folder.join("queries.dns"), mix.iter().map(|(query, _)| query.as_slice()))?;
    let expected: String = mix.iter().map(|(_, expected)| format!("{expected}\n")).collect();
    Ok(fs::write(folder.join("expect.txt"), expected)?)
}
