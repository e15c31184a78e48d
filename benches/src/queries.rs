//! A file of queries: two octets of length, then the message, as on TCP (RFC 1035 section 4.2.2) and for `dnsperf -B`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes queries of up to 65,535 octets each.
///
/// # Errors
/// As the file system's.
pub fn write<'q>(path: &Path, queries: impl IntoIterator<Item = &'q [u8]>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for query in queries {
        let octets = u16::try_from(query.len()).map_err(io::Error::other)?;
        file.write_all(&octets.to_be_bytes())?;
        file.write_all(query)?;
    }
    file.flush()
}

/// Reads them.
///
/// # Errors
/// Errors of the file system; `InvalidData` if the file ends within a message, or has a message without an ID.
pub fn read(path: &Path) -> io::Result<Vec<Box<[u8]>>> {
    let octets = fs::read(path)?;
    let (mut rest, mut queries) = (octets.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((query, after)) = after.split_at_checked(length).filter(|_| length > 1) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file of messages with their lengths"));
        };
        queries.push(query.into());
        rest = after;
    }
    Ok(queries)
}
