//! Zone files (RFC 1035 §5): parses text into records and reports every problem with its location.
//!
//! Supports `$ORIGIN`, `$TTL`, `$INCLUDE`, BIND's `$GENERATE`, every record type of [`crate::dns::rdata`], and unknown
//! types as in RFC 3597. Rules about a zone as a whole (one SOA, nothing beside a CNAME, no owners outside the zone)
//! are not checked here.

mod directive;
mod entry;
mod generate;
mod lexer;
mod reader;

use crate::budget::RECORD;
use crate::dns::name::Name;
use crate::problem::{FileError, Location, Problem};
use std::cell::Cell;
use std::sync::Arc;

/// Maximum depth of includes, not counting the first file.
pub const MAX_INCLUDE_DEPTH: usize = 16;
/// Maximum number of includes per zone; a file counts each time it is included.
pub const MAX_INCLUDES: usize = 10_000;
/// Maximum total size of all files, in octets.
pub const MAX_TEXT_OCTETS: usize = 1 << 30;
/// Maximum size of an entry in octets: a line, or several lines in parentheses. The longest rdata as `\DDD` needs half
/// of this.
pub const MAX_ENTRY_OCTETS: usize = 1 << 19;
/// Maximum number of records in all files, including generated ones.
pub const MAX_RECORDS: usize = 20_000_000;
/// Maximum total size of rdata, in octets; generated records can exceed the size of the files by far.
pub const MAX_RDATA_OCTETS: usize = 1 << 31;
/// Maximum number of records of one `$GENERATE`.
pub const MAX_GENERATED: u32 = 1 << 20;
/// Maximum number of reported problems; parsing stops after that.
pub const MAX_PROBLEMS: usize = 1_000;
/// Maximum TTL, in seconds; longer ones count as 0 (RFC 2181 §8).
pub const MAX_TTL: u32 = (1 << 31) - 1;

/// A record of a zone file; its class is IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Owner name, absolute.
    pub owner: Name,
    /// Record type.
    pub rtype: u16,
    /// Time to live in seconds, at most [`MAX_TTL`].
    pub ttl: u32,
    /// Rdata in uncompressed wire form, checked against its type.
    pub rdata: Box<[u8]>,
    /// Where the record starts.
    pub location: Location,
}

impl Record {
    /// Memory in octets that it takes until it is in a catalog, as counted by [`crate::budget`].
    pub fn memory(&self) -> usize {
        RECORD + 2 * (self.owner.wire_len() + self.rdata.len())
    }
}

/// The records and problems of a zone file.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// All records that could be parsed, in order.
    pub records: Vec<Record>,
    /// All problems, in order of appearance; the zone is valid if none is an error.
    pub problems: Vec<Problem>,
    /// Total size of all owners and rdata, in octets.
    pub octets: usize,
    /// Memory in octets that all records take until they are in a catalog, as counted by [`crate::budget`].
    pub memory: usize,
    /// True if the records exceed the [`RecordLimits`].
    pub is_truncated: bool,
}

/// Loads the file of an `$INCLUDE`.
///
/// Takes the name as written and the display name of the including file; returns a display name and the content, or an
/// error. It decides what a relative name is relative to.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<(Arc<str>, Vec<u8>), FileError> + 'l;

/// Reads a zone file.
///
/// `file` is the name shown in problems, `origin` completes relative names until `$ORIGIN` changes it. After an error
/// parsing continues with the next line, so that all errors are reported at once. The constants of this module bound
/// work and memory.
pub fn parse(file: &str, text: &[u8], origin: &Name, include: &mut Loader<'_>) -> Parsed {
    let limits = RecordLimits { records: usize::MAX, octets: usize::MAX, memory: &Cell::new(usize::MAX) };
    parse_with_limits(limits, Source::File, file, text, origin, include)
}

/// Like [`parse`], but stops without a problem once `limits` are exceeded, and sets [`Parsed::is_truncated`].
pub fn parse_with_limits(
    limits: RecordLimits<'_>,
    source: Source,
    file: &str,
    text: &[u8],
    origin: &Name,
    include: &mut Loader<'_>,
) -> Parsed {
    reader::Reader::new(limits, source, include).read(file, text, origin)
}

/// Where the text of a zone comes from, which decides what problems may quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From a file, which may be any that the server can read, even one with secrets. Its tokens are quoted only from
    /// its first valid entry on; before that, problems have a position and no content.
    File,
    /// The document itself, which its author sees anyway.
    Document,
}

/// Limits on the records of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits<'r> {
    /// Maximum number of records.
    pub records: usize,
    /// Maximum total size of owners and rdata, in octets.
    pub octets: usize,
    /// Maximum memory in octets until they are in a catalog, as counted by [`crate::budget`]. The loader may raise it when
    /// it loads a file.
    pub memory: &'r Cell<usize>,
}
