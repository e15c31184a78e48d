//! Why a database was refused: file, error and position.

use std::io;

/// A database that was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct LoadError {
    /// The file, as the caller named it.
    pub name: String,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// An error in a database, and its position.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("is larger than {limit} bytes, the most that is read into memory")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no usable metadata, or it does not fit this file.
    #[error("is not a MaxMind DB file that can be read: {0}")]
    NotADatabase(String),
    /// The metadata is well formed but not plausible.
    #[error("has implausible metadata: {0}")]
    Metadata(String),
    /// The search tree is damaged.
    #[error("has a damaged search tree: node {node}, at {network}: {what}")]
    Tree {
        /// The node, counted from 0.
        node: u32,
        /// The network of the damaged branch.
        network: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A data record cannot be decoded.
    #[error("has a bad record at data offset {offset}, for {network}: {what}")]
    Record {
        /// Octets from the start of the data section.
        offset: u32,
        /// The first network, in address order, that has this record.
        network: String,
        /// What is wrong.
        what: String,
    },
    /// Too many records have impossible fields: the file is damaged or of another kind.
    #[error("has {count} bad records of {records}, more than the tolerated {most}; the first: {first}")]
    Odd {
        /// Number of distinct records with an impossible field.
        count: usize,
        /// Number of distinct records.
        records: usize,
        /// Number of tolerated ones.
        most: usize,
        /// Network of the first one, and what is wrong with it.
        first: String,
    },
    /// The search tree has no records.
    #[error("holds no records")]
    Empty,
    /// The records have no geographic data.
    #[error(
        "is a `{database_type}` database and has no geographic data: {understood} of {records} records have a country, \
         continent, coordinate or AS number; others hold: {keys}"
    )]
    Foreign {
        /// The type that the database's metadata gives.
        database_type: String,
        /// Number of distinct records with geographic data.
        understood: usize,
        /// Number of distinct records.
        records: usize,
        /// The keys of a record without geographic data.
        keys: String,
    },
}
