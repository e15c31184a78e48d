//! A small writer of MaxMind DB files, for tests that must not depend on a file being there.
//!
//! ```
//! use geoip::fixture::{Shape, flat, write};
//!
//! let bytes = write(&Shape::default(), &[("192.0.2.0/24", flat("DE")), ("2001:db8::/32", flat("JP"))]);
//! let database = geoip::Database::load(bytes, "fixture").unwrap();
//! assert_eq!(database.place_of("192.0.2.1".parse().unwrap()).country.unwrap().as_str(), "DE");
//! ```

use std::collections::HashMap;
use std::net::IpAddr;

use trie::{Target, Trie};

mod trie;

/// What kind of file to write. The default is a database of both families with records of 24 bits and no aliases.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What the metadata calls the database.
    pub database_type: String,
    /// 4 or 6.
    pub ip_version: u16,
    /// Width of a branch of the tree in bits: 24, 28 or 32.
    pub record_size: u16,
    /// Seconds since 1970-01-01 UTC.
    pub build_epoch: u64,
    /// Whether `::ffff:0:0/96`, `2001::/32` and `2002::/16` lead into the IPv4 tree, as in MaxMind's files.
    pub aliases: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            database_type: "Fixture".to_owned(),
            ip_version: 6,
            record_size: 24,
            build_epoch: 1_750_000_000,
            aliases: false,
        }
    }
}

/// A value of a data record.
#[derive(Clone, Debug)]
pub enum Data {
    /// UTF-8 text of up to 284 octets.
    Text(String),
    /// An unsigned number of 16 bits. Readers mind which width the file uses.
    U16(u16),
    /// An unsigned number of 32 bits.
    U32(u32),
    /// An unsigned number of 64 bits.
    U64(u64),
    /// A double.
    Real(f64),
    /// Keys and values, up to 28 of them.
    Map(Vec<(String, Data)>),
    /// Up to 28 values.
    List(Vec<Data>),
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.to_owned())
    }
}

impl From<f64> for Data {
    fn from(number: f64) -> Data {
        Data::Real(number)
    }
}

/// A map of these keys and values.
pub fn map<const N: usize>(entries: [(&str, Data); N]) -> Data {
    Data::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A flat record that names a country only.
pub fn flat(country: &str) -> Data {
    map([("country_code", country.into())])
}

/// A nested record in MaxMind's manner, as of a city database.
pub fn nested(continent: &str, country: &str, subdivision: &str, latitude: f64, longitude: f64) -> Data {
    map([
        ("continent", map([("code", continent.into())])),
        ("country", map([("iso_code", country.into())])),
        ("location", map([("latitude", latitude.into()), ("longitude", longitude.into())])),
        ("subdivisions", Data::List(vec![map([("iso_code", subdivision.into())])])),
    ])
}

/// Writes a database. Where networks overlap, the later one wins within its range.
///
/// # Panics
/// Where a network is no network of the shape's families, or something is too large for this small writer.
pub fn write(shape: &Shape, networks: &[(&str, Data)]) -> Vec<u8> {
    let mut writer = Writer::new(shape);
    for (network, record) in networks {
        let (address, length) = network.split_once('/').expect("a network is written as address/length");
        let address = address.parse().expect("a network begins with an address");
        let record = writer.record(record);
        writer.put(address, length.parse().expect("a prefix length is a number"), record);
    }
    writer.finish()
}

/// A database on its way to a file, network by network: for databases too large to be listed first.
#[derive(Debug)]
pub struct Writer {
    shape: Shape,
    trie: Trie,
    data: Vec<u8>,
    /// Offset of every record in the data, by its octets.
    offsets: HashMap<Box<[u8]>, u32>,
}

/// A record that a [`Writer`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded(u32);

impl Writer {
    /// A database without networks.
    pub fn new(shape: &Shape) -> Writer {
        Writer { shape: shape.clone(), trie: Trie::default(), data: Vec::new(), offsets: HashMap::new() }
    }

    /// Keeps a record; equal ones are kept once.
    ///
    /// # Panics
    /// Where something is too large for this small writer.
    pub fn record(&mut self, record: &Data) -> Recorded {
        let mut octets = Vec::new();
        encode(record, &mut octets);
        let next = u32::try_from(self.data.len()).expect("the data has up to 4 GiB");
        let data = &mut self.data;
        Recorded(*self.offsets.entry(octets.into()).or_insert_with_key(|octets| {
            data.extend_from_slice(octets);
            next
        }))
    }

    /// Gives a network its record. Where networks overlap, the later one wins within its range.
    ///
    /// # Panics
    /// Where it is no network of the shape's families.
    pub fn put(&mut self, address: IpAddr, length: u8, record: Recorded) {
        let (bits, length) = match (address, self.shape.ip_version) {
            (IpAddr::V4(v4), 4) => (u128::from(v4.to_bits()) << 96, length),
            (IpAddr::V4(v4), _) => (u128::from(v4.to_bits()), length + 96),
            (IpAddr::V6(v6), 6) => (v6.to_bits(), length),
            (IpAddr::V6(_), _) => panic!("{address} cannot be in a database of IPv4"),
        };
        self.trie.insert(bits, length, Target::Record(record.0));
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        if self.shape.aliases {
            let v4 = self.trie.insert(0, 96, Target::Kept);
            for (bits, length) in [(0xffff << 32, 96), (0x2001 << 112, 32), (0x2002 << 112, 16)] {
                self.trie.insert(bits, length, v4);
            }
        }
        let mut file = self.trie.encode(self.shape.record_size);
        file.extend_from_slice(&[0; 16]);
        file.append(&mut self.data);
        file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        encode(&metadata(&self.shape, self.trie.len()), &mut file);
        file
    }
}

fn metadata(shape: &Shape, node_count: usize) -> Data {
    map([
        ("binary_format_major_version", Data::U16(2)),
        ("binary_format_minor_version", Data::U16(0)),
        ("build_epoch", Data::U64(shape.build_epoch)),
        ("database_type", shape.database_type.as_str().into()),
        ("description", Data::Map(Vec::new())),
        ("ip_version", Data::U16(shape.ip_version)),
        ("languages", Data::List(Vec::new())),
        ("node_count", Data::U32(node_count as u32)),
        ("record_size", Data::U16(shape.record_size)),
    ])
}

/// Second octet of types that do not fit the first one: the type's number less 7.
const EXTENDED_U64: u8 = 2;
const EXTENDED_LIST: u8 = 4;

fn encode(value: &Data, out: &mut Vec<u8>) {
    match value {
        Data::Text(text) if text.len() < 29 => {
            out.push(2 << 5 | text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        Data::Text(text) => {
            let beyond = u8::try_from(text.len() - 29).expect("text has up to 284 octets");
            out.extend_from_slice(&[2 << 5 | 29, beyond]);
            out.extend_from_slice(text.as_bytes());
        }
        Data::Real(number) => {
            out.push(3 << 5 | 8);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Data::U16(number) => out.extend([&[5 << 5 | 2], number.to_be_bytes().as_slice()].concat()),
        Data::U32(number) => out.extend([&[6 << 5 | 4], number.to_be_bytes().as_slice()].concat()),
        Data::U64(number) => out.extend([&[8, EXTENDED_U64], number.to_be_bytes().as_slice()].concat()),
        Data::Map(entries) => {
            out.push(7 << 5 | count(entries.len()));
            for (key, value) in entries {
                encode(&Data::Text(key.clone()), out);
                encode(value, out);
            }
        }
        Data::List(values) => {
            out.extend_from_slice(&[count(values.len()), EXTENDED_LIST]);
            values.iter().for_each(|value| encode(value, out));
        }
    }
}

fn count(length: usize) -> u8 {
    assert!(length < 29, "a map or list has up to 28 entries");
    length as u8
}
