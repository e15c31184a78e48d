//! Rankings of the answers of the last ten minutes, from a sample.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PageSize;

/// The key of a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RankingKey {
    /// The service that decided.
    Service,
    /// The region that the client is in.
    Region,
    /// The data center of the answer.
    DataCenter,
    /// The client's network, as the resolver sent it.
    Prefix,
}

impl RankingKey {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Region => "region",
            Self::DataCenter => "data-center",
            Self::Prefix => "prefix",
        }
    }
}

/// Which ranking.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RankingParameters {
    /// The ranked key.
    #[param(inline)]
    pub by: RankingKey,
    /// Most entries, 1 to 1000; 100 by default.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    pub limit: PageSize,
}

/// The most frequent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranking {
    /// The key of the ranking.
    pub by: RankingKey,
    /// Number of answers that the sample represents.
    pub answers: u64,
    /// The first entries, the largest first.
    pub top: Vec<Ranked>,
    /// How many more entries there are.
    pub more: usize,
}

/// An entry of a ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranked {
    /// Its name. Null for clients in no region, and for answers from no data center.
    #[schema(required = true)]
    pub name: Option<String>,
    /// How many answers.
    pub answers: u64,
    /// Its share of all answers, from 0 to 1.
    pub share: f64,
}
