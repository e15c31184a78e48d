//! Answers as they are given.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Network, Timestamp};

/// Which answers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TailParameters {
    /// Answers decided by this service.
    pub service: Option<String>,
    /// Answers to clients that may be in this network, or have this address: their known network overlaps it.
    #[param(value_type = Option<String>, example = "203.0.113.0/24")]
    pub client: Option<Network>,
    /// Answers that name an endpoint in this data center.
    pub data_center: Option<String>,
}

/// The data of an event named `answer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered<'a> {
    /// When it was given.
    pub time: Timestamp,
    /// The generation of the table that answered.
    pub generation: u64,
    /// `udp`, `tcp` or `tls`.
    pub transport: Cow<'a, str>,
    /// The client.
    pub resolver: SocketAddr,
    /// Whose address decided: a network, or an address.
    pub client: String,
    /// The source of that address.
    pub client_from: ClientFrom,
    /// The queried name.
    pub name: Option<String>,
    /// The queried type.
    pub r#type: Option<String>,
    /// The kind of decision.
    pub decision: DecisionKind,
    /// The service that decided first.
    pub service: Option<String>,
    /// The region of the client.
    pub region: Option<Cow<'a, str>>,
    /// The fallback of the first decision, if it used one.
    pub fallback: Option<Cow<'a, str>>,
    /// What each service decided, in order.
    pub decisions: Vec<Decision<'a>>,
    /// The endpoints that were named.
    pub endpoints: Vec<NamedEndpoint<'a>>,
    /// The response code.
    pub rcode: String,
    /// The TC bit.
    pub truncated: bool,
    /// The scope of the client subnet option.
    pub scope: Option<u8>,
    /// The records of the answer, each as a line of a zone file.
    pub answer: Vec<String>,
}

/// Where the address of a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientFrom {
    /// The client subnet option.
    Subnet,
    /// The resolver's own address.
    Resolver,
}

/// The kind of decision of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// A service decided.
    Service,
    /// The zone's data decided, or the name is not in any zone here.
    Zone,
    /// A service decided, and the document has changed since, so its name is unknown.
    Lost,
}

/// What one service decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision<'a> {
    /// The service.
    pub service: String,
    /// The fallback, if it used one.
    pub fallback: Option<Cow<'a, str>>,
    /// The endpoints that it named.
    pub endpoints: Vec<NamedEndpoint<'a>>,
}

/// An endpoint that was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedEndpoint<'a> {
    /// Its pool.
    pub pool: Cow<'a, str>,
    /// Its name.
    pub endpoint: Cow<'a, str>,
    /// Its data center.
    pub data_center: Option<Cow<'a, str>>,
}

/// The data of an event named `missed`: answers that were not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MissedAnswers {
    /// Answers that pass the filter and came too fast.
    pub skipped: u64,
    /// Answers lost before filtering.
    pub unseen: u64,
}
