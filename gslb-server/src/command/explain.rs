//! `gslb explain`: the answer to a query and every step that led to it, from a server or offline.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use gslb_api::types::{EndpointStatus, ExplainRequest, Explanation, Network, QueryName, QueryType, StatusSource};
use gslb_core::dns::name::Name;
use gslb_core::dns::rdata::type_from_text;
use gslb_core::explain::{Question, explain};
use hyper::Method;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::Outcome;
use super::age::relative;
use super::remote::{Remote, show};
use super::table::{Cell, Column, table};
use crate::client::Request;
use crate::config::Config;
use crate::printable::printable;
use crate::source::site::{Databases, Sources};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name to query
    #[arg(value_name = "NAME")]
    name: Name,
    /// Type to query: A, AAAA, TYPE65280
    #[arg(value_name = "TYPE", default_value = "A", value_parser = record_type)]
    rtype: u16,
    /// Client subnet option: a prefix or an address
    #[arg(long, value_name = "PREFIX", value_parser = network)]
    client: Option<IpNet>,
    /// Address of the resolver
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    resolver: IpAddr,
    /// Use this document instead of a server
    #[arg(long, value_name = "site.toml")]
    document: Option<PathBuf>,
    /// Use the geo databases of this file
    #[arg(long, value_name = "gslb.toml", requires = "document")]
    config: Option<PathBuf>,
    /// Seed for draws made for each query [default: random]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Use this revision instead of the current one
    #[arg(long, value_name = "REVISION", conflicts_with = "document")]
    revision: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.document {
        Some(document) => by_document(arguments, document),
        None => by_server(arguments),
    }
}

fn by_server(arguments: &Arguments) -> Outcome {
    let body = ExplainRequest {
        name: QueryName(arguments.name.clone()),
        r#type: Some(QueryType(arguments.rtype)),
        client: arguments.client.map(Network),
        resolver: Some(arguments.resolver),
        revision: arguments.revision,
        seed: arguments.seed,
    };
    let request = Request::new(Method::POST, "/api/v1/explain").json(&body);
    let answer = arguments.remote.client()?.ask(request)?.json()?;
    show(arguments.remote.format(), &answer, |answer: &Explanation| {
        [&*answer.explanation.text, &statuses(&answer.statuses)].join("\n").trim_end().to_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The known status of each candidate and its reason.
fn statuses(statuses: &[EndpointStatus]) -> String {
    let row = |it: &EndpointStatus| {
        let source = match (it.source, &it.r#override) {
            (StatusSource::Forced, Some(id)) => format!("forced by {id}"),
            (source, _) => source.name().to_owned(),
        };
        let since = it.since.map(|since| relative(&since.to_string())).unwrap_or_default();
        let name = format!("{}/{}", it.pool, it.endpoint);
        [name, it.status.name().to_owned(), source, since, it.why.clone()].map(Cell::new)
    };
    let rows: Vec<_> = statuses.iter().filter(|it| it.source != StatusSource::Initial).map(row).collect();
    let columns = [
        Column::key("endpoint"),
        Column::key("status"),
        Column::ranked("source", 3),
        Column::ranked("since", 2),
        Column::prose("why", 1),
    ];
    if rows.is_empty() { String::new() } else { table(columns, rows) }
}

fn by_document(arguments: &Arguments, document: &Path) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let settings = Arc::new(config.dns.settings());
    let databases = Databases { files: config.geo.databases, max_moved: config.geo.max_moved };
    let sources = Sources { document: document.to_owned(), databases };
    let table = sources.load()?.table;
    let question = Question {
        name: arguments.name.clone(),
        qtype: arguments.rtype,
        client: arguments.client,
        resolver: arguments.resolver,
    };
    let explanation = explain(&table, settings, question, arguments.seed.unwrap_or_else(chance));
    let data = json!({ "explanation": explanation.to_data(&table) });
    show(arguments.remote.format(), &data, |_: &Value| printable(&explanation.to_text(&table)).into_owned())?;
    Ok(ExitCode::SUCCESS)
}

/// A random seed.
fn chance() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn record_type(text: &str) -> Result<u16, String> {
    type_from_text(text).ok_or_else(|| "not a record type: write a mnemonic such as AAAA, or TYPE and a number".into())
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map(|network| network.trunc()).map_err(|_| "not a network: write 203.0.113.0/24 or 2001:db8::/48".into())
}
