//! Explain: the answer to a query, and every step that led to it.

use std::net::IpAddr;
use std::str::FromStr;

use gslb_core::dns::name::Name;
use gslb_core::dns::rdata::{type_from_text, type_to_text};
use gslb_core::explain::data;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::EndpointStatus;
use super::request::{FromBody, Mistakes, expect, parse, request};

request! {
    /// A query to explain.
    pub struct ExplainRequest {
        /// The name.
        pub name: QueryName,
        /// The type.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, default = "A")]
        pub r#type: Option<QueryType>,
        /// The network in the client subnet option; without it, the query has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub client: Option<Network>,
        /// The address of the resolver.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, value_type = Option<String>, default = "127.0.0.1", example = "198.51.100.53")]
        pub resolver: Option<IpAddr>,
        /// The revision to explain; by default the one in force.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub revision: Option<u64>,
        /// Decides how draws fall that are made for every query; by default chance does.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pub seed: Option<u64>,
    }
}

/// A name of the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "www.example.com")]
pub struct QueryName(pub Name);

impl FromStr for QueryName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = Name::parse(text.as_bytes(), &Name::root());
        name.map(Self).map_err(|_| format!("expected {}", Self::expected()))
    }
}

impl From<QueryName> for String {
    fn from(name: QueryName) -> Self {
        name.0.to_string()
    }
}

impl FromBody for QueryName {
    fn expected() -> String {
        "a domain name such as \"www.example.com\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// A record type, as a mnemonic or as `TYPE` and a number (RFC 3597).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "AAAA")]
pub struct QueryType(pub u16);

impl FromStr for QueryType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        type_from_text(text).map(Self).ok_or_else(|| format!("expected {}", Self::expected()))
    }
}

impl From<QueryType> for String {
    fn from(rtype: QueryType) -> Self {
        type_to_text(rtype.0).to_string()
    }
}

impl FromBody for QueryType {
    fn expected() -> String {
        "a record type such as \"AAAA\" or \"TYPE65280\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// A network, or an address, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "203.0.113.0/24")]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| Self(network.trunc())).map_err(|_| format!("expected {}", Self::expected()))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

impl FromBody for Network {
    fn expected() -> String {
        "a network such as \"203.0.113.0/24\" or \"2001:db8::/48\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

impl FromBody for IpAddr {
    fn expected() -> String {
        "an address such as \"198.51.100.53\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let address = value.as_str().and_then(|text| text.parse().ok());
        if address.is_none() {
            expect::<Self>(pointer, mistakes);
        }
        address
    }
}

/// The answer to a query, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The explained revision.
    pub revision: u64,
    /// The answer and the steps.
    pub explanation: data::Explained,
    /// The statuses of the endpoints that could have been named, up to 100; empty for an earlier revision.
    pub statuses: Vec<EndpointStatus>,
}
