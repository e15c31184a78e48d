//! What a comparison tells, as data.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What differs between the answers of two tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Generation of the tables.
    pub generations: Change<u64>,
    /// How many data centers are up.
    pub data_centers_up: Change<u32>,
    /// Services that only the new table has.
    pub added: Vec<String>,
    /// Services that only the old table has.
    pub removed: Vec<String>,
    /// Services whose answers move, in the order of the new document.
    pub changed: Vec<ServiceChange>,
    /// How answers move; services that move alike share one.
    pub movements: Vec<Movement>,
    /// Services that can name less that is up than before, or are new and have nothing to name.
    pub left_without: Vec<LeftWithout>,
    /// What each destination has of the services that both tables have.
    pub data_centers: Vec<DataCenterShare>,
    /// What moves of the sampled queries; none without a sample.
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
    /// Its further names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Index into [`Comparison::movements`].
    pub movement: usize,
}

/// How answers of a service move.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Movement {
    /// What goes to another destination.
    pub elsewhere: Families,
    /// What stays with its destination, but gets other endpoints there.
    pub within: Families,
    /// Where answers move, the largest first; at most [`MAX_MOVES`](super::MAX_MOVES).
    pub moves: Vec<Move>,
    /// How many more moves there are.
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

/// How much of the address space.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Extent {
    /// Share of the family's address space, from 0 to 1.
    pub share: f64,
    /// Networks of 24 (IPv4) or 48 (IPv6) bits of which some answers move.
    pub prefixes: u64,
}

/// Answers that move from one destination to another, or to other endpoints of the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Move {
    /// Where the clients are: the region, of all regions of the new document or else of the old, whose matcher is the
    /// most specific; none where they are in no region.
    pub region: Option<String>,
    /// Who answers in the old table.
    pub from: Destination,
    /// Who answers in the new table.
    pub to: Destination,
    /// The pools that answer in the old and the new table, where `from` and `to` are the same data center and another pool
    /// of it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Change<String>>,
    /// How much of the address space moves.
    #[serde(flatten)]
    pub extent: Families,
}

/// Where answers lead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A data center, by name.
    DataCenter(String),
    /// A pool without data center, by name.
    Pool(String),
    /// What the zone file says: the type is not steered.
    ZoneFile,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// The name is steered no more.
    NoService,
}

/// A service that lost endpoints that are up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeftWithout {
    /// Its name.
    pub service: String,
    /// True where no client gets an endpoint that is up; else some do who are elsewhere.
    pub all: bool,
}

/// The mean share that a destination has of the address space over all services of both tables.
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

/// Queries that were asked lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// Index of the service in the old table's site.
    pub service: u32,
    /// The network that the answer was decided for.
    pub client: IpNet,
    /// For how many queries this one stands.
    pub weight: u64,
}

/// What moves of the sampled queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SampledMoves {
    /// Sum of all weights.
    pub weight: u64,
    /// Share that goes to another destination, from 0 to 1.
    pub elsewhere: f64,
    /// Share that gets other endpoints of the same destination, from 0 to 1.
    pub within: f64,
    /// From where to where, the largest first.
    pub moves: Vec<SampledMove>,
}

/// Sampled queries that move alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SampledMove {
    /// Who answers in the old table.
    pub from: Destination,
    /// Who answers in the new table.
    pub to: Destination,
    /// The pools, as of [`Move::pools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Change<String>>,
    /// Share of the sample, from 0 to 1.
    pub share: f64,
}
