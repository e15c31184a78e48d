//! Zone files (RFC 1035 §5): text to records, with every problem told at its place.
//!
//! Understood are `$ORIGIN`, `$TTL`, `$INCLUDE`, BIND's `$GENERATE`, every record type of [`crate::dns::rdata`], and
//! unknown types as in RFC 3597. What concerns a zone as a whole (one SOA, nothing beside a CNAME, owners outside the
//! zone) is not looked at here.

mod directive;
mod entry;
mod generate;
mod lexer;
mod reader;

use crate::budget::RECORD;
use crate::dns::name::Name;
use crate::problem::{Location, Problem};
use std::sync::Arc;

/// How deep files may include each other; the first file is not counted.
pub const MAX_INCLUDE_DEPTH: usize = 16;
/// Files that one zone may include, each time that one is included counted.
pub const MAX_INCLUDES: usize = 10_000;
/// Octets of all files together.
pub const MAX_TEXT_OCTETS: usize = 1 << 30;
/// Octets of one entry: a line, or the lines that parentheses make one. The longest rdata as `\DDD` needs half of it.
pub const MAX_ENTRY_OCTETS: usize = 1 << 19;
/// Records of all files together, the generated ones included.
pub const MAX_RECORDS: usize = 20_000_000;
/// Octets of all rdata together; generated records could have far more than the files.
pub const MAX_RDATA_OCTETS: usize = 1 << 31;
/// Records of one `$GENERATE`.
pub const MAX_GENERATED: u32 = 1 << 20;
/// Problems that are told; reading stops after so many.
pub const MAX_PROBLEMS: usize = 1_000;
/// Longest TTL, in seconds; RFC 2181 §8 wants longer ones to be taken as 0.
pub const MAX_TTL: u32 = (1 << 31) - 1;

/// One record as it stands in a zone file, of class IN.
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
    /// Memory in octets that it takes until it is in a catalog, as [`crate::budget`] counts them.
    pub fn memory(&self) -> usize {
        RECORD + 2 * (self.owner.wire_len() + self.rdata.len())
    }
}

/// What a zone file says, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// All records that could be read, in their order.
    pub records: Vec<Record>,
    /// All problems in the order of reading; the zone is good if none is an error.
    pub problems: Vec<Problem>,
    /// Octets of owners and rdata of all records together.
    pub octets: usize,
    /// Octets of memory that all records take until they are in a catalog, as [`crate::budget`] counts them.
    pub memory: usize,
    /// True if there are more records than the [`RecordLimits`] held.
    pub is_truncated: bool,
}

/// Fetches the file that an `$INCLUDE` names.
///
/// It is given the name as written and the display name of the including file; it gives a display name and the octets,
/// or says why there are none. What a relative name is relative to is its own affair.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<(Arc<str>, Vec<u8>), String> + 'l;

/// Reads a zone file.
///
/// `file` is the name shown in problems, `origin` completes relative names until `$ORIGIN` says otherwise. After an
/// error reading goes on at the next line, so that all errors are told at once. Work and memory are bounded by the
/// constants of this module.
pub fn parse(file: &str, text: &[u8], origin: &Name, include: &mut Loader<'_>) -> Parsed {
    let limits = RecordLimits { records: usize::MAX, octets: usize::MAX, memory: usize::MAX };
    parse_with_limits(limits, Source::File, file, text, origin, include)
}

/// The same, for a reader who has room for so much only: reading ends without a word where the room does, and
/// [`Parsed::is_truncated`] says so.
pub fn parse_with_limits(
    limits: RecordLimits,
    source: Source,
    file: &str,
    text: &[u8],
    origin: &Name,
    include: &mut Loader<'_>,
) -> Parsed {
    reader::Reader::new(limits, source, include).read(file, text, origin)
}

/// Where the text of a zone comes from, which decides what problems quote of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From a file, which may be any that the server can read, also one that is no zone file and holds secrets. Its
    /// words are quoted from its first good entry on; before that, problems have a place and no content.
    File,
    /// It stands in the document, whose author sees it anyway.
    Document,
}

/// What records may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// How many there may be.
    pub records: usize,
    /// Octets of their owners and rdata together.
    pub octets: usize,
    /// Octets of memory that they may take until they are in a catalog, as [`crate::budget`] counts them.
    pub memory: usize,
}
