//! `gslb explain`: the answer to a query and every step that led to it, without a server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use gslb_core::explain::{Question, explain};
use gslb_core::name::Name;
use gslb_core::rdata::type_from_text;
use ipnet::IpNet;

use super::Outcome;
use crate::config::Config;
use crate::site::{Document, Sources};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The name asked for
    #[arg(value_name = "NAME")]
    name: Name,
    /// The type asked for, such as A, AAAA or TYPE65280
    #[arg(value_name = "TYPE", default_value = "A", value_parser = record_type)]
    rtype: u16,
    /// The network in the client subnet option: a prefix, or an address
    #[arg(long, value_name = "PREFIX", value_parser = network)]
    client: Option<IpNet>,
    /// The resolver that asks
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    resolver: IpAddr,
    /// The document that decides
    #[arg(long, value_name = "site.toml")]
    document: PathBuf,
    /// The process's own file, for the geo databases that it names
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
    /// Decides how draws fall that are made anew for every query; without it, chance does
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let settings = Arc::new(config.settings());
    let document = Document::File(arguments.document.clone());
    let sources = Sources { document, databases: config.geo.databases, max_moved: config.geo.max_moved };
    let table = sources.load(None, &mut Vec::new())?.table;
    let question = Question {
        name: arguments.name.clone(),
        qtype: arguments.rtype,
        client: arguments.client,
        resolver: arguments.resolver,
    };
    let explanation = explain(&table, settings, question, arguments.seed.unwrap_or_else(chance));
    print!("{}", explanation.to_text(&table));
    Ok(ExitCode::SUCCESS)
}

/// A seed that nobody chose.
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
