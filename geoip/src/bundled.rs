//! The country database within this crate, so that geography works before anyone has downloaded anything.

use std::io::{Cursor, Read};

use lzma_rust2::XzReaderMt;

use crate::{Database, nowhere};

/// Written by `data/refresh`; see `data/ORIGIN.md` for its origin.
const COUNTRY_MMDB_XZ: &[u8] = include_bytes!("../data/country.mmdb.xz");

/// The file is compressed as a few independent blocks, so that more than one core can unpack it.
const MAX_THREADS: u32 = 4;

/// Loads the bundled country database: the country of nearly every network in use, with the continent and a typical
/// coordinate of each country. Networks for private use and documentation are unknown, even if the file has them.
///
/// Unpacks and checks everything on each call, so keep the result. Origin and license are in `data/ORIGIN.md`; its
/// data must be attributed (see NOTICE).
pub fn bundled() -> Database {
    let unpacked = unpack().expect("the bundled database is part of the crate and unpacked in its tests");
    let mut database = Database::load(&unpacked, "bundled country database")
        .unwrap_or_else(|error| panic!("data/refresh checks the bundled database: {error}"));
    nowhere::blank(&mut database);
    database
}

fn unpack() -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    XzReaderMt::new(Cursor::new(COUNTRY_MMDB_XZ), false, MAX_THREADS)?.read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use maxminddb::{Reader, path};

    use super::*;

    /// Compares the walk with the look-up of the maxminddb crate, address by address.
    #[test]
    fn walk_and_look_up_agree_on_every_leaf() {
        let unpacked = unpack().unwrap();
        let reader = Reader::from_source(unpacked.as_slice()).unwrap();
        let database = Database::load(&unpacked, "bundled").unwrap();
        let v4 = database.v4.iter().map(|leaf| leaf.start).flat_map(|start| [start, start.wrapping_sub(1)]);
        let v6 = database.v6.iter().map(|leaf| leaf.start).flat_map(|start| [start, start.wrapping_sub(1)]);
        let addresses = v4.map(|v4| IpAddr::from(Ipv4Addr::from_bits(v4)));
        for address in addresses.chain(v6.map(|v6| Ipv6Addr::from_bits(v6).into())) {
            let country: Option<&str> = reader.lookup(address).unwrap().decode_path(&path!["country_code"]).unwrap();
            let place = database.place_of(address);
            assert_eq!(place.country.as_ref().map(|code| code.as_str()), country, "{address}");
        }
    }
}
