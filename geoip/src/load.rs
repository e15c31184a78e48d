//! Loads a database from the octets of a file and checks it completely: the whole tree and every record.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use maxminddb::{Metadata, Reader};

use crate::metadata;
use crate::record::Records;
use crate::tree::{Leaves, Tree};
use crate::{Database, Description, Fault, LoadError};

/// Maximum size for [`Database::open`], in bytes: 2 GiB, about ten times the largest city database.
pub const MAX_FILE_BYTES: u64 = 2 << 30;

/// Build dates outside this range are a sign of damage: the format is from 2013, and no file is from the 22nd century.
const PLAUSIBLE_BUILD_EPOCHS: std::ops::Range<u64> = 1_262_304_000..4_102_444_800;

const MAX_TYPE_BYTES: usize = 256;

impl Database {
    /// Reads a file whole into memory and loads it. The file is not needed afterwards, and never mapped: a mapped
    /// file that someone overwrites would end the process.
    ///
    /// # Errors
    /// As [`Database::load`]; also if the file cannot be read or is larger than [`MAX_FILE_BYTES`].
    pub fn open(path: impl AsRef<Path>) -> Result<Database, LoadError> {
        let path = path.as_ref();
        read(path).and_then(|bytes| checked(&bytes)).map_err(|fault| named(&path.display().to_string(), fault))
    }

    /// Loads a MaxMind DB file from memory; `name` is what errors call it.
    ///
    /// Understands MaxMind's nested records (GeoLite2 and GeoIP2 Country, City, Enterprise, ASN and ISP; DB-IP's)
    /// and flat records (`country_code`, `continent_code`, `state1`, `latitude`, `autonomous_system_number` and so
    /// on). The keys of a record show which form it has.
    ///
    /// The walk decodes each record once and visits a node as often as it is reached, at most 40 million nodes or those
    /// of the file, so time and memory are bounded; what one record may expand to is bounded too (65,536 values, 2 MiB
    /// of text).
    ///
    /// An impossible field (a country of three letters, a latitude of 91 degrees) is dropped and counted in
    /// [`Database::odd`]; so is a record with valid data of another form, such as text.
    ///
    /// # Errors
    /// The first thing found that a sound database cannot have: implausible metadata; a tree that is deeper than an
    /// address or leads past the data; a record that is damaged; or, after all, more than a few odd records, or hardly
    /// a record that says anything of a place.
    pub fn load(bytes: impl AsRef<[u8]>, name: &str) -> Result<Database, LoadError> {
        checked(bytes.as_ref()).map_err(|fault| named(name, fault))
    }
}

fn named(name: &str, fault: Fault) -> LoadError {
    LoadError { name: name.to_owned(), fault }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let too_large = Fault::TooLarge { limit: MAX_FILE_BYTES };
    // Opening a named pipe would wait for who writes into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file").into());
    }
    let file = File::open(path)?;
    if file.metadata()?.len() > MAX_FILE_BYTES {
        return Err(too_large);
    }
    // The file may grow while it is read, and a device has no length at all.
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large) } else { Ok(bytes) }
}

fn checked(bytes: &[u8]) -> Result<Database, Fault> {
    match Reader::from_source(bytes) {
        Ok(reader) => walked(bytes, &reader),
        Err(error) => {
            let refused = || Fault::NotADatabase(error.to_string());
            let bytes = metadata::completed(bytes).ok_or_else(refused)?;
            walked(&bytes, &Reader::from_source(&*bytes).map_err(|_| refused())?)
        }
    }
}

fn walked<'b>(bytes: &'b [u8], reader: &Reader<&'b [u8]>) -> Result<Database, Fault> {
    let description = describe(reader.metadata())?;
    let tree = Tree::new(bytes, reader.metadata())?;
    let mut records = Records::new(reader);
    let Leaves { v4, v6 } = tree.leaves(|offset, network| records.place(offset, network))?;
    let (places, odd) = records.places()?;
    Ok(Database { description, places, v4, v6, odd })
}

/// The format's own fields (version, record size, family) are checked by the reader, plausibility is checked here.
fn describe(metadata: &Metadata) -> Result<Description, Fault> {
    if !PLAUSIBLE_BUILD_EPOCHS.contains(&metadata.build_epoch) {
        let epoch = metadata.build_epoch;
        return Err(Fault::Metadata(format!("build epoch {epoch} is not between the years 2010 and 2100")));
    }
    let database_type = &metadata.database_type;
    if database_type.len() > MAX_TYPE_BYTES || database_type.contains(char::is_control) {
        return Err(Fault::Metadata("the database type is not a short line of text".to_owned()));
    }
    Ok(Description {
        database_type: database_type.clone(),
        build_epoch: metadata.build_epoch,
        ip_version: metadata.ip_version,
        node_count: metadata.node_count,
    })
}
