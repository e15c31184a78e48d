//! `gslb demo`: the example site with an HTTP origin for each endpoint, and queries to try.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Args;
use gslb_api::store::MemoryStore;
use gslb_core::dns::rdata;
use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, explain};
use gslb_core::site::document::Included;
use gslb_core::site::model::{Site, Target};
use gslb_core::table::RoutingTable;
use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value, json};

use super::Outcome;
use super::check::Format;
use super::remote::DEFAULT_SERVER;
use super::serve::{Serving, options, serve};
use crate::capture::sample::Sample;
use crate::config::Config;
use crate::daemon::origins::{Origin, Origins};
use crate::daemon::site_source::{DocumentSource, OnDamage, ServedSite};
use crate::daemon::{Bound, Restarting, ServeError, control_runtime};
use crate::source::candidate::{Candidate, read_toml};
use crate::source::error::SiteError;
use crate::source::site::Databases;
use crate::telemetry::logging;

/// The port of the origins, if it is free on all their addresses.
const ORIGIN_PORT: u16 = 8080;

/// The example site.
const DOCUMENT: &str = include_str!("../../../deploy/example/site.toml");
/// The zone file that it names.
const ZONE: (&str, &str) = ("example.com.zone", include_str!("../../../deploy/example/example.com.zone"));

/// Queries to try: name, type, client, and an explanation.
const QUERIES: [(&str, &str, &str, &str); 3] = [
    ("www.example.com", "A", "193.0.6.0/24", "a client in the Netherlands is in region europe: Frankfurt answers"),
    ("www.example.com", "A", "133.11.0.0/16", "a client in Japan: Tokyo answers, with all its endpoints"),
    ("api.example.com", "AAAA", "2800:3f0::/32", "an IPv6 client in South America: the nearest data center answers"),
];

#[derive(Debug, Args)]
pub struct Arguments {
    /// DNS address [default: 127.0.0.1:5353, or a free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Loopback HTTP address [default: 127.0.0.1:8053, or a free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    api: Option<SocketAddr>,
    /// Output format: table, or json with the addresses
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut config = Config::default();
    // It answers this host alone, which may ask as fast as it can.
    config.dns.rrl.enabled = false;
    let logging = logging::start(&config.log);
    let control = control_runtime()?;
    // Trying it on this host should need no token.
    config.api.loopback_without_token = true;
    // The origins listen there.
    config.probes.allow = vec![IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8))];
    let Candidate { site, document, .. } = example()?;
    let (mut document, origins) = (document.to_value(), origins(&site));
    let listening = bind_origins(&origins)?;
    document["probes"]["web"]["port"] = listening.port().into();
    let truth = DocumentSource::Store(Some(document.into()));
    let databases = Databases { files: Vec::new(), max_moved: 1.0 };
    let (store, sample) = (Arc::new(MemoryStore::new()), Arc::new(Sample::default()));
    let site = ServedSite::start(
        control.handle(),
        store,
        truth,
        databases,
        options(&config, &sample, &logging),
        OnDamage::Fail,
    )?;
    let table = site.published.load();
    let bound = arguments.bind(&mut config)?;
    match arguments.output {
        Format::Table => describe(&table, &bound, &origins, &listening)?,
        Format::Json => println!("{:#}", described(&table, &bound, origins.len(), &listening)?),
    }
    drop(table);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Ends with the process: origins need no graceful stop.
    thread::Builder::new().name("origins".into()).spawn(move || runtime.block_on(listening.serve()))?;
    let restarting = Restarting::never("`gslb demo` keeps everything in memory, which a restart would lose");
    let serving = Serving { bound, source: site, sample, damage: OnDamage::Continue, restarting };
    serve(control, &config, serving, &logging, &mut None)?;
    Ok(ExitCode::SUCCESS)
}

fn example() -> Result<Candidate, SiteError> {
    let absent = "not included in the program";
    let first = Included { name: "site.toml".into(), id: "site.toml".into(), text: DOCUMENT.into() };
    read_toml(&first, &mut |_, _| Err(absent.into()), &mut |name, _| match ZONE {
        (zone, text) if zone == name => Ok((Arc::from(name), text.as_bytes().to_vec())),
        _ => Err(absent.into()),
    })
}

impl Arguments {
    /// Binds the requested addresses, or the defaults, or else free ports: a demo should not fail because a port is in
    /// use.
    fn bind(&self, config: &mut Config) -> Result<Bound, ServeError> {
        config.dns.listen = self.listen.map_or_else(|| config.dns.listen.clone(), |address| vec![address]);
        config.api.listen = self.api.unwrap_or(config.api.listen);
        loop {
            match Bound::bind(config) {
                Err(ServeError::Bind { address, protocol, .. }) if self.frees(config, address, protocol) => {}
                bound => return bound,
            }
        }
    }

    /// Replaces a default port that is in use with a free one. Returns false if the port was requested, or was any port
    /// already.
    fn frees(&self, config: &mut Config, address: SocketAddr, protocol: &str) -> bool {
        let (wanted, free) = (address.port(), SocketAddr::new(address.ip(), 0));
        match protocol {
            "HTTP" if self.api.is_none() && wanted != 0 => config.api.listen = free,
            "UDP" | "TCP" if self.listen.is_none() && wanted != 0 => config.dns.listen = vec![free],
            _ => return false,
        }
        true
    }
}

fn bind_origins(origins: &[Origin]) -> Result<Origins, String> {
    Origins::bind(origins, ORIGIN_PORT)
        .or_else(|_| Origins::bind(origins, 0))
        .map_err(|(address, cause)| format!("cannot listen on {address} for an origin: {cause}"))
}

/// One origin per IPv4 endpoint; the IPv6 endpoints of the example have documentation addresses.
fn origins(site: &Site) -> Vec<Origin> {
    let mut origins = Vec::new();
    for pool in &site.pools {
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        for endpoint in &pool.endpoints {
            if let (Target::Address(address @ IpAddr::V4(_)), Some(data_center)) = (&endpoint.target, data_center) {
                origins.push(Origin {
                    address: *address,
                    data_center: data_center.name.to_string(),
                    endpoint: endpoint.name.to_string(),
                });
            }
        }
    }
    origins
}

/// For programs: all addresses, and the current answers of the queries.
fn described(table: &RoutingTable, bound: &Bound, origins: usize, listening: &Origins) -> Result<Value, io::Error> {
    let query = |(name, rtype, client, shows): (&str, &str, &str, &str)| {
        json!({
            "name": name, "type": rtype, "client": client, "shows": shows,
            "answers": answers(table, name, rtype, client),
        })
    };
    Ok(json!({
        "dns": bound.dns().first(),
        "api": bound.url(),
        "origins": origins,
        "origin_port": listening.port(),
        "switch": format!("http://{}", listening.switch()?),
        "queries": QUERIES.map(query),
    }))
}

fn describe(table: &RoutingTable, bound: &Bound, origins: &[Origin], listening: &Origins) -> Result<(), io::Error> {
    let (origin_port, switch) = (listening.port(), listening.switch()?);
    let dns = bound.dns().first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    println!("gslb demo: example.com, steered over six data centers on six continents\n");
    println!("  DNS      {dns} (UDP and TCP)");
    println!("  HTTP     {}/livez /readyz /metrics", bound.url());
    println!("  API      {}/api/docs, open to this host without a token", bound.url());
    println!("  origins  {} HTTP servers on port {origin_port}, from {}", origins.len(), first_address(origins));
    println!("\nTry these; each is followed by an explanation and the current answer:\n");
    for (name, rtype, client, shows) in QUERIES {
        let (ip, port) = (dns.ip(), dns.port());
        println!("  dig @{ip} -p {port} {name} {rtype} +subnet={client} +short");
        println!("      {shows}: {}\n", answers(table, name, rtype, client).join(" "));
    }
    println!("Change it, and query again:\n");
    println!("  curl -X PATCH -H 'content-type: application/merge-patch+json' -H 'if-match: *' \\");
    println!("      -d '{{\"endpoints\": {{\"fra-1\": {{\"weight\": 0}}}}}}' {}/api/v1/pools/fra", bound.url());
    println!("      the weight of fra-1 becomes 0: fra-2 answers for the Netherlands. Weight 10 undoes it\n");
    let (gslb, server) = (callable(), remote(bound));
    println!("  {gslb} drain data-center/nrt --reason demo{server}");
    println!("      Tokyo gets no more clients: Japan goes to another data center\n");
    println!("  {gslb} undrain data-center/nrt{server}");
    println!("      Tokyo gets its clients back\n");
    println!("Let a data center die, and watch:\n");
    println!("  curl -X POST http://{switch}/stop/fra");
    println!("      the origins of Frankfurt refuse connections: within 5 s the Netherlands go to Washington\n");
    println!("  {gslb} status --data-center fra{server}");
    println!("      what is up, and why not\n");
    println!("  curl -X POST http://{switch}/start/fra");
    println!("      Frankfurt answers again, and gets its clients back\n");
    println!("Ctrl-C stops it.\n");
    Ok(())
}

/// How to run this program in the terminal of the demo: by name, if the shell finds it.
fn callable() -> String {
    let folders = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&folders).any(|folder| folder.join("gslb").is_file()) {
        return "gslb".to_owned();
    }
    let Ok(program) = env::current_exe() else { return "gslb".to_owned() };
    let here = env::current_dir().ok();
    let relative = here.and_then(|here| program.strip_prefix(here).ok());
    relative.unwrap_or(&program).display().to_string()
}

/// The option that commands need to reach the demo: none if it has the default address.
fn remote(bound: &Bound) -> String {
    let url = bound.url().to_string();
    let is_default = url == DEFAULT_SERVER && env::var_os("GSLB_SERVER").is_none();
    if is_default { String::new() } else { format!(" --server {url}") }
}

fn first_address(origins: &[Origin]) -> String {
    origins.first().map_or(String::new(), |origin| origin.address.to_string())
}

/// The table's answer, which is what dig will print.
fn answers(table: &RoutingTable, name: &str, rtype: &str, client: &str) -> Vec<String> {
    let (Ok(name), Some(qtype), Ok(client)) = (name.parse(), rdata::type_from_text(rtype), client.parse()) else {
        return Vec::new();
    };
    let question = Question { name, qtype, client: Some(client), resolver: Ipv4Addr::LOCALHOST.into() };
    let explanation = explain(table, Arc::default(), question, 0);
    let response = Response::parse(&explanation.response);
    let records = response.map(|response| response.sections.into_iter().next().unwrap_or_default()).unwrap_or_default();
    records.iter().map(|record| rdata::to_text(record.rtype, &record.rdata)).collect()
}
