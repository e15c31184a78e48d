//! Why a database was refused: which file, what is wrong, and where.

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

/// What is wrong with a database, and where.
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
    /// There is no usable metadata, or what it says cannot be of this file.
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
        /// The network that the damaged branch of the node stands for.
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
    /// Too many records say what cannot be: the file is damaged, or of another kind.
    #[error("has {count} bad records of {records}, more than the {most} that are left out; the first: {first}")]
    Odd {
        /// How many distinct records have a field that cannot be what it says.
        count: usize,
        /// How many distinct records there are.
        records: usize,
        /// How many bad ones are let pass.
        most: usize,
        /// Network of the first one, and what is wrong with it.
        first: String,
    },
    /// The search tree leads to no record at all.
    #[error("holds no records")]
    Empty,
    /// The records are of a kind that says nothing of places.
    #[error(
        "is a `{database_type}` database and says nothing of places: {understood} of {records} records have a country, \
         continent, coordinate or AS number; others hold: {keys}"
    )]
    Foreign {
        /// The type that the database's metadata gives.
        database_type: String,
        /// How many distinct records say something of a place.
        understood: usize,
        /// How many distinct records there are.
        records: usize,
        /// The keys of a record that says nothing of a place.
        keys: String,
    },
}
