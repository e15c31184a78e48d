//! Observations: statuses of endpoints, and latencies measured by clients.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Network;
use super::request::{FromBody, Mistakes, expect, request};

/// Most observations of one request.
const MOST: usize = 1000;
/// Most characters of a reason.
const REASON_CHARACTERS: usize = 200;

/// 1 to 1000 observations. All of them are taken, or none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(min_items = 1, max_items = 1000)]
pub struct Observations(pub Vec<Observation>);

impl FromBody for Observations {
    fn expected() -> String {
        Observation::expected().replace("one of", "a list of")
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(list) = value.as_array() else {
            expect::<Self>(pointer, mistakes);
            return None;
        };
        if list.is_empty() || list.len() > MOST {
            mistakes.push((pointer.to_owned(), format!("expected 1 to {MOST} observations, not {}", list.len())));
            return None;
        }
        let read = list
            .iter()
            .enumerate()
            .map(|(at, item)| Observation::from_body(item, &format!("{pointer}/{at}"), mistakes));
        let observations: Vec<Option<Observation>> = read.collect();
        observations.into_iter().collect::<Option<Vec<Observation>>>().map(Self)
    }
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Observation {
    /// Of an endpoint.
    Endpoint(EndpointObservation),
    /// Of a latency.
    Latency(LatencyObservation),
}

impl FromBody for Observation {
    fn expected() -> String {
        "one of {\"pool\", \"endpoint\", \"up\"} or {\"client\", \"data_center\", \"ms\"}".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        match value.as_object() {
            Some(members) if members.contains_key("client") => {
                LatencyObservation::from_body(value, pointer, mistakes).map(Self::Latency)
            }
            Some(_) => EndpointObservation::from_body(value, pointer, mistakes).map(Self::Endpoint),
            None => {
                expect::<Self>(pointer, mistakes);
                None
            }
        }
    }
}

request! {
    /// Whether an endpoint is up.
    pub struct EndpointObservation {
        /// Its pool.
        pub pool: String,
        /// Its name.
        pub endpoint: String,
        /// Whether it is up.
        pub up: bool,
        /// The reason or observation.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, value_type = Option<String>, max_length = 200)]
        pub reason: Option<Reason>,
    }
}

request! {
    /// How far a client is from a data center.
    pub struct LatencyObservation {
        /// The client's network.
        pub client: Network,
        /// The data center.
        pub data_center: String,
        /// The round-trip time, in milliseconds.
        #[schema(exclusive_minimum = 0, maximum = 10000)]
        pub ms: f64,
    }
}

/// The observation: up to 200 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason(pub String);

impl FromBody for Reason {
    fn expected() -> String {
        format!("up to {REASON_CHARACTERS} characters, none of them a control character")
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let fits = |text: &&str| text.chars().count() <= REASON_CHARACTERS && !text.chars().any(char::is_control);
        let text = value.as_str().filter(fits);
        if text.is_none() {
            expect::<Self>(pointer, mistakes);
        }
        text.map(|text| Self(text.to_owned()))
    }
}

/// The accepted observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObservationsTaken {
    /// Observations of endpoints.
    pub statuses: usize,
    /// Observations of latencies.
    pub latencies: usize,
}
