//! Latencies: measurements of this node, and the accepted orders of this node and of clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ByName;

/// How far data centers are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latencies {
    /// The name of this node.
    pub node: String,
    /// Whether the document has a vantage of this name.
    pub is_vantage: bool,
    /// Latencies measured by this node, in milliseconds, by data center.
    #[schema(value_type = HashMap<String, f64>)]
    pub measured_ms: ByName<f64>,
    /// The accepted orders, by which clients are steered.
    pub accepted: AcceptedLatencies,
}

/// Orders of data centers that clients are steered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedLatencies {
    /// By vantage.
    #[schema(value_type = HashMap<String, Vec<DataCenterLatency>>)]
    pub vantages: ByName<Vec<DataCenterLatency>>,
    /// Where clients measured it themselves.
    pub clients: Vec<AreaLatency>,
}

/// How far data centers are from an area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AreaLatency {
    /// The kind of area.
    pub area: AreaKind,
    /// Its name, or its code.
    pub name: String,
    /// Data centers, the nearest first.
    pub order: Vec<DataCenterLatency>,
}

/// A kind of area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AreaKind {
    /// A region of the document.
    Region,
    /// A country, by its code.
    Country,
    /// A continent, by its code.
    Continent,
}

impl AreaKind {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Country => "country",
            Self::Continent => "continent",
        }
    }
}

/// How far one data center is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DataCenterLatency {
    /// Its name.
    pub data_center: String,
    /// In milliseconds.
    pub ms: u32,
}
