//! The result of a comparison, as data.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The differences between the answers of two tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Generations of the tables.
    pub generations: Change<u64>,
    /// Number of data centers that are up.
    pub data_centers_up: Change<u32>,
    /// Services only in the new table.
    pub added: Vec<String>,
    /// Services only in the old table.
    pub removed: Vec<String>,
    /// Services whose answers move, in the order of the new document.
    pub changed: Vec<ServiceChange>,
    /// How answers move; services that move the same way share an entry.
    pub movements: Vec<Movement>,
    /// Services with fewer endpoints up than before, or new services with none.
    pub left_without: Vec<LeftWithout>,
    /// The share of each destination in the services that both tables have.
    pub data_centers: Vec<DataCenterShare>,
    /// The moves of the sampled queries; absent without a sample.
    pub sampled: Option<SampledMoves>,
}

/// Something before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Change<T> {
    /// In the old table.
    pub before: T,
    /// In the new table.
    pub after: T,
}

/// A service whose answers move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceChange {
    /// Its name.
    pub service: String,
    /// Its other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Index into [`Comparison::movements`].
    pub movement: usize,
}

/// How the answers of a service move.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Movement {
    /// Clients that move to another destination.
    #[serde(rename = "elsewhere")]
    pub across: Families,
    /// Clients that stay at their destination, but get other endpoints there.
    pub within: Families,
    /// The moves, largest first; at most [`MAX_MOVES`](super::MAX_MOVES).
    pub moves: Vec<Move>,
    /// Number of moves not listed.
    pub more: usize,
}

/// Both address families.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Families {
    /// Clients in IPv4.
    pub v4: Extent,
    /// Clients in IPv6.
    pub v6: Extent,
}

/// A part of the address space.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Extent {
    /// Share of the family's address space, from 0 to 1.
    pub share: f64,
    /// Networks of 24 (IPv4) or 48 (IPv6) bits with some answers that move.
    pub prefixes: u64,
}

/// Answers that move from one destination to another, or to other endpoints of the same destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Move {
    /// The clients' region: of all regions of the new document, or else of the old, the one with the most specific
    /// matcher; absent outside all regions.
    pub region: Option<String>,
    /// The destination in the old table.
    pub from: Destination,
    /// The destination in the new table.
    pub to: Destination,
    /// The pools in the old and the new table, if `from` and `to` are the same data center but the pool differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Change<String>>,
    /// The part of the address space that moves.
    #[serde(flatten)]
    pub extent: Families,
}

/// Where an answer sends clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A data center, by name.
    DataCenter(String),
    /// A pool without data center, by name.
    Pool(String),
    /// The zone file's records: the type is not steered.
    ZoneFile,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// The name is no longer steered.
    NoService,
}

/// A service that lost endpoints that are up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeftWithout {
    /// Its name.
    pub service: String,
    /// True if no client gets an endpoint that is up; false if some clients still do.
    pub all: bool,
}

/// The mean share of the address space that a destination has over all services in both tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DataCenterShare {
    /// The destination.
    pub destination: Destination,
    /// Of IPv4.
    pub v4: Change<f64>,
    /// Of IPv6.
    pub v6: Change<f64>,
}

/// A sampled query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// Index of the service in the old table's site.
    pub service: u32,
    /// The network that the decision was based on.
    pub client: IpNet,
    /// Number of queries that this one represents.
    pub weight: u64,
}

/// The moves of the sampled queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SampledMoves {
    /// Sum of all weights.
    pub weight: u64,
    /// Share that moves to another destination, from 0 to 1.
    #[serde(rename = "elsewhere")]
    pub across: f64,
    /// Share that gets other endpoints of the same destination, from 0 to 1.
    pub within: f64,
    /// The moves, largest first.
    pub moves: Vec<SampledMove>,
}

/// Sampled queries that move the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SampledMove {
    /// The destination in the old table.
    pub from: Destination,
    /// The destination in the new table.
    pub to: Destination,
    /// The pools, as in [`Move::pools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Change<String>>,
    /// Share of the sample, from 0 to 1.
    pub share: f64,
}
