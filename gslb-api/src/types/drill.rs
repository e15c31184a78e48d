//! Drills: what would be answered if a data center failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::request;
use super::{Clients, Comparison, Families};

request! {
    /// A drill to work out.
    pub struct DrillRequest {
        /// The data center to simulate losing.
        #[schema(example = "fra")]
        pub data_center: String,
    }
}

/// What would be answered if a data center failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    /// The data center.
    pub data_center: String,
    /// The services that answer from it, or could.
    pub services: usize,
    /// Whose answers would move, and where to.
    pub moves: Comparison,
    /// Services that would have clients without an endpoint that is up, for some type; and which clients.
    pub failing: Vec<Failing>,
    /// Services that would have clients with only one data center left; and which one.
    pub one_left: Vec<OneLeft>,
    /// Queries that name the data center now, to observe a real drill.
    pub witnesses: Vec<Witness>,
}

/// A type of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum AddressType {
    /// IPv4.
    A,
    /// IPv6.
    #[serde(rename = "AAAA")]
    Aaaa,
}

impl AddressType {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }
}

/// What clients of a service without a working endpoint get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LossAnswer {
    /// An endpoint that is down.
    DeadEndpoint,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
}

/// Clients of a service who would have nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failing {
    /// The service's name.
    pub service: String,
    /// For which types.
    pub types: Vec<AddressType>,
    /// What they would get instead.
    pub gets: LossAnswer,
    /// Which clients.
    #[serde(flatten)]
    pub clients: AffectedClients,
}

/// Clients of a service who would have one location left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneLeft {
    /// The service's name.
    pub service: String,
    /// For which types.
    pub types: Vec<AddressType>,
    /// The place: a data center, or a pool outside of any.
    pub left: String,
    /// Which clients.
    #[serde(flatten)]
    pub clients: AffectedClients,
}

/// Clients of a service who would lose something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AffectedClients {
    /// Whether these are all clients of the service.
    pub all: bool,
    /// How much of the address space they are.
    #[serde(flatten)]
    pub extent: Families,
    /// The share of the service's sampled queries that came from them; null without a sample.
    #[schema(required = true)]
    pub traffic: Option<f64>,
    /// Where they are.
    #[serde(rename = "clients")]
    pub regions: Vec<Clients>,
}

/// A query, and what it gets now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Witness {
    /// The service that it is about.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub r#type: AddressType,
    /// The client network to send with it.
    pub client: String,
    /// What may be answered of the data center: addresses, and names with their final dot.
    pub answers: Vec<String>,
    /// How often to ask to be sure: once if the answer is certain, more often if it is drawn.
    pub questions: u32,
}
