//! The process's own file, `gslb.toml`: where to listen, where to keep data. All of it is optional.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io, thread};

use gslb_api::LogLevel;
use gslb_core::document::duration;
use gslb_core::problem::Problem;
use gslb_core::respond::Settings;
use toml::de::DeValue;

use crate::http::tls::TlsFiles;
use crate::{http, tcp};

mod dnstap;
mod probes;
mod section;

pub use dnstap::Dnstap;
pub use probes::Probes;
use section::{Checked, Section, Text, boolean, integer, number, string, wrong};

/// All that may be configured about a process, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `data_dir`: where the store and its like are kept. Beside the file unless absolute. Default `gslb-data`.
    pub data_dir: PathBuf,
    /// `[node]`: who this is among others.
    pub node: Node,
    /// `[dns]`: how queries are taken.
    pub dns: Dns,
    /// `[api]`: where HTTP is served.
    pub api: Api,
    /// `[geo]`: what is known about networks.
    pub geo: Geo,
    /// `[probes]`: what probes may reach.
    pub probes: Probes,
    /// `[log]`: what is logged, and in which form.
    pub log: Log,
    /// `[metrics]`: what is told to Prometheus.
    pub metrics: Metrics,
    /// `[dnstap]`: where answers are shown to a program that reads them all. Default: nowhere.
    pub dnstap: Option<Dnstap>,
}

/// The `[node]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `name`: letters, digits, `-`, `_` and `.`, up to 63. Default: the host's name.
    pub name: String,
}

/// The `[dns]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// `listen`: addresses with ports, for UDP and TCP each. Default `127.0.0.1:5353`.
    pub listen: Vec<SocketAddr>,
    /// `workers`: threads per listen address; `"auto"`, the default, is one per core.
    pub workers: NonZeroUsize,
    /// `udp_payload`: octets of the longest UDP answer, 512 to 1400 (RFC 9715 section 3). Default 1232.
    pub udp_payload: u16,
    /// `nsid`: what to answer to who asks for the name server identifier (RFC 5001). Default: not answered.
    pub nsid: Option<String>,
    /// `version`: the answer to `version.bind` in class CH. Default: not answered.
    pub version: Option<String>,
    /// `id_server`: the answer to `id.server` in class CH (RFC 4892). Default: not answered.
    pub id_server: Option<String>,
    /// `tcp_idle`: time for the next query to come and for answers to be taken. Default `10s`.
    pub tcp_idle: Duration,
    /// `tcp_connections`: TCP connections in all. Default 1024.
    pub tcp_connections: usize,
    /// `tcp_connections_per_client`: TCP connections per IPv4 address or IPv6 /64. Default 32.
    pub tcp_connections_per_client: usize,
}

/// The `[api]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// `listen`: address and port of HTTP. Default `127.0.0.1:8053`. Any but a loopback address needs `tls`.
    pub listen: SocketAddr,
    /// `tls.certificate` and `tls.key`: PEM files, beside the file unless absolute. Default: no TLS.
    pub tls: Option<TlsFiles>,
    /// `loopback_without_token`: whether requests from a loopback address may do everything. Default false.
    pub loopback_without_token: bool,
    /// `hosts`: names that requests may be for, besides `localhost` and addresses. Default: none.
    pub hosts: Vec<String>,
    /// `connections`: HTTP connections in all. Default 256.
    pub connections: usize,
    /// `connections_per_client`: HTTP connections per IPv4 address or IPv6 /64. Default 64.
    pub connections_per_client: usize,
    /// `header_timeout`: time for the header of a request to come. Default `10s`.
    pub header_timeout: Duration,
}

/// The `[geo]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct Geo {
    /// `databases`: MMDB files, beside the file unless absolute. Empty, the default, means the bundled one.
    pub databases: Vec<PathBuf>,
    /// `max_moved`: share of the address space, 0 to 1, that may change its place in one reload. Default 0.2.
    pub max_moved: f64,
}

/// The `[log]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// `format`: `text` or `json`. Default `text`.
    pub format: LogFormat,
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`. The API can change it at run time.
    pub level: LogLevel,
}

/// In which form a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

/// The `[metrics]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// `services`: how many services are told apart; none is all of them. Default `"top:1000"`.
    pub services: Option<usize>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Something in it is wrong; all of it is told.
    #[error("{}", Lines(.0))]
    Wrong(Vec<Problem>),
}

/// Problems, a line or two each.
struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(out, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            data_dir: "gslb-data".into(),
            node: Node { name: host_name() },
            dns: Dns {
                listen: vec![local(5353)],
                workers: cores(),
                udp_payload: 1232,
                nsid: None,
                version: None,
                id_server: None,
                tcp_idle: Duration::from_secs(10),
                tcp_connections: 1024,
                tcp_connections_per_client: 32,
            },
            api: Api {
                listen: local(8053),
                tls: None,
                loopback_without_token: false,
                hosts: Vec::new(),
                connections: 256,
                connections_per_client: 64,
                header_timeout: Duration::from_secs(10),
            },
            geo: Geo { databases: Vec::new(), max_moved: 0.2 },
            probes: Probes::default(),
            log: Log::default(),
            metrics: Metrics { services: Some(1000) },
            dnstap: None,
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or with all that is wrong in it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.into(), cause })?;
        let mut config = Self::parse(&path.to_string_lossy(), &text).map_err(ConfigError::Wrong)?;
        if let Some(folder) = path.parent() {
            config.data_dir = folder.join(&config.data_dir);
            if let Some(TlsFiles { certificate, key }) = &mut config.api.tls {
                [certificate, key].into_iter().for_each(|file| *file = folder.join(&*file));
            }
            config.geo.databases.iter_mut().for_each(|database| *database = folder.join(&*database));
            config.probes.ca.iter_mut().for_each(|file| *file = folder.join(&*file));
            config.dnstap.iter_mut().for_each(|dnstap| dnstap.socket = folder.join(&dnstap.socket));
        }
        Ok(config)
    }

    /// Checks a text; `file` is the name that problems are told with. Paths are left as they are written.
    ///
    /// # Errors
    /// All that is wrong, in the order of the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut config = Self::default();
        let text = Text::new(file, text);
        let mut root = text.root();
        root.set("data_dir", &mut config.data_dir, path);
        config.node.take_from(root.section("node"));
        config.dns.take_from(root.section("dns"));
        config.api.take_from(root.section("api"));
        config.geo.take_from(root.section("geo"));
        config.probes.take_from(root.section("probes"));
        config.log.take_from(root.section("log"));
        config.metrics.take_from(root.section("metrics"));
        config.dnstap = Dnstap::of(&mut root);
        root.finish();
        let problems = text.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What the answering code has to know.
    pub fn settings(&self) -> Settings {
        let octets = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        Settings {
            udp_payload: self.dns.udp_payload,
            nsid: octets(&self.dns.nsid),
            version: octets(&self.dns.version),
            hostname: octets(&self.dns.id_server),
            tcp_idle: self.dns.tcp_idle,
        }
    }

    /// How many workers count what they answer: one for each UDP thread, and one for each of TCP.
    pub fn workers(&self) -> usize {
        self.dns.workers.get() * (self.dns.listen.len() + 1)
    }

    /// What TCP clients may take.
    pub fn tcp_limits(&self) -> tcp::Limits {
        tcp::Limits {
            idle: self.dns.tcp_idle,
            connections: self.dns.tcp_connections,
            connections_per_client: self.dns.tcp_connections_per_client,
        }
    }

    /// What HTTP clients may take.
    pub fn http_limits(&self) -> http::Limits {
        http::Limits {
            connections: self.api.connections,
            connections_per_client: self.api.connections_per_client,
            header: self.api.header_timeout,
        }
    }
}

impl Node {
    fn take_from(&mut self, mut node: Section<'_, '_>) {
        node.set("name", &mut self.name, node_name);
        node.finish();
    }
}

impl Dns {
    fn take_from(&mut self, mut dns: Section<'_, '_>) {
        dns.set_list("listen", &mut self.listen, address);
        dns.set("workers", &mut self.workers, workers);
        dns.set("udp_payload", &mut self.udp_payload, |value| integer(value, 512..=1400));
        dns.set("nsid", &mut self.nsid, |value| label(value, NSID_MOST).map(Some));
        dns.set("version", &mut self.version, |value| label(value, STRING_MOST).map(Some));
        dns.set("id_server", &mut self.id_server, |value| label(value, STRING_MOST).map(Some));
        dns.set("tcp_idle", &mut self.tcp_idle, |value| time(value, IDLE_LEAST, IDLE_MOST));
        dns.set("tcp_connections", &mut self.tcp_connections, |value| integer(value, 1..=65535));
        let per_client = &mut self.tcp_connections_per_client;
        dns.set("tcp_connections_per_client", per_client, |value| integer(value, 1..=65535));
        dns.finish();
    }
}

impl Api {
    fn take_from(&mut self, mut api: Section<'_, '_>) {
        api.set("listen", &mut self.listen, address);
        self.tls = tls_files(&mut api);
        api.set("loopback_without_token", &mut self.loopback_without_token, boolean);
        api.set_list("hosts", &mut self.hosts, host);
        api.set("connections", &mut self.connections, |value| integer(value, 1..=65535));
        api.set("connections_per_client", &mut self.connections_per_client, |value| integer(value, 1..=65535));
        api.set("header_timeout", &mut self.header_timeout, |value| time(value, HEADER_LEAST, HEADER_MOST));
        api.finish();
    }
}

impl Geo {
    fn take_from(&mut self, mut geo: Section<'_, '_>) {
        geo.set_list("databases", &mut self.databases, path);
        geo.set("max_moved", &mut self.max_moved, |value| number(value, 0.0..=1.0));
        geo.finish();
    }
}

impl Log {
    fn take_from(&mut self, mut log: Section<'_, '_>) {
        log.set("format", &mut self.format, log_format);
        log.set("level", &mut self.level, log_level);
        log.finish();
    }
}

impl Metrics {
    fn take_from(&mut self, mut metrics: Section<'_, '_>) {
        metrics.set("services", &mut self.services, services);
        metrics.finish();
    }
}

/// Most services that can be told apart by a number.
const SERVICES_MOST: usize = 1_000_000;

/// `"all"`, or the number behind `"top:"`.
fn services(value: &DeValue) -> Checked<Option<usize>> {
    let wanted = format!("\"all\", or \"top:N\" with N from 1 to {SERVICES_MOST}");
    let text = string(value, &wanted)?;
    if text == "all" {
        return Ok(None);
    }
    match text.strip_prefix("top:").and_then(|number| number.parse().ok()) {
        Some(number) if (1..=SERVICES_MOST).contains(&number) => Ok(Some(number)),
        _ => wrong(format_args!("\"{}\" is no choice of services", text.escape_debug()), format!("write {wanted}")),
    }
}

/// Shortest and longest `tcp_idle`. The keepalive option counts to 6553.5 s (RFC 7828 section 3.1).
const IDLE_LEAST: Duration = Duration::from_millis(100);
const IDLE_MOST: Duration = Duration::from_secs(3600);

/// Shortest and longest `header_timeout`.
const HEADER_LEAST: Duration = Duration::from_millis(100);
const HEADER_MOST: Duration = Duration::from_secs(600);

/// The table `tls`, which is whole or not there.
fn tls_files(api: &mut Section<'_, '_>) -> Option<TlsFiles> {
    let mut tls = api.section_if("tls")?;
    let (mut certificate, mut key) = (None, None);
    tls.require("certificate", &mut certificate, |value| path(value).map(Some));
    tls.require("key", &mut key, |value| path(value).map(Some));
    tls.finish();
    Some(TlsFiles { certificate: certificate?, key: key? })
}

/// A name that stands in a `Host` field, without a port.
fn host(value: &DeValue) -> Checked<String> {
    let wanted = "a host name without a port, like \"gslb.example.com\"";
    let text = string(value, wanted)?;
    let ours = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if (1..=HOST_MOST).contains(&text.len()) && text.bytes().all(ours) {
        Ok(text.to_ascii_lowercase())
    } else {
        wrong(format_args!("\"{}\" is no host name", text.escape_debug()), format!("write {wanted}"))
    }
}

/// Longest host name, in octets (RFC 1035 section 2.3.4, as text).
const HOST_MOST: usize = 253;

fn time(value: &DeValue, least: Duration, most: Duration) -> Checked<Duration> {
    let range = format!("from \"{}\" to \"{}\"", duration::show(least), duration::show(most));
    let wanted = format!("a number and its unit (ms, s, m, h), like \"10s\", {range}");
    let text = string(value, &wanted)?;
    match duration::parse(text) {
        Some(time) if (least..=most).contains(&time) => Ok(time),
        Some(_) => wrong(format_args!("\"{text}\" is out of range"), format!("write a time {range}")),
        None => wrong(format_args!("\"{text}\" is not a time"), format!("write {wanted}")),
    }
}

fn address(value: &DeValue) -> Checked<SocketAddr> {
    let wanted = "an address and a port, like \"192.0.2.53:53\" or \"[2001:db8::53]:53\"";
    let text = string(value, wanted)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        return wrong(format_args!("\"{text}\" is not an address with a port"), format!("write {wanted}"));
    };
    let ip = address.ip();
    if ip.is_ipv6() && ip.to_canonical().is_ipv4() {
        return wrong("IPv6 listeners take no IPv4", format!("write \"{}:{}\"", ip.to_canonical(), address.port()));
    }
    if ip.is_multicast() {
        return wrong(format_args!("{ip} is a multicast address"), "write an address of this host");
    }
    Ok(address)
}

fn workers(value: &DeValue) -> Checked<NonZeroUsize> {
    match value {
        DeValue::String(text) if text == "auto" => Ok(cores()),
        DeValue::Integer(_) => Ok(NonZeroUsize::new(integer(value, 1..=1024)?).unwrap_or(NonZeroUsize::MIN)),
        _ => wrong("this is not a number of workers", "write \"auto\" or a whole number from 1 to 1024"),
    }
}

/// Longest string of a TXT record (RFC 1035 section 3.3), in octets.
const STRING_MOST: usize = 255;
/// Longest name server identifier, in octets: the smallest response of 512 octets has room for it beside any question.
const NSID_MOST: usize = 128;

fn label(value: &DeValue, most: usize) -> Checked<String> {
    let wanted = format!("a string of 1 to {most} octets");
    let text = string(value, &wanted)?;
    if (1..=most).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        wrong(format_args!("this has {} octets", text.len()), format!("write {wanted}, or leave the key out"))
    }
}

fn node_name(value: &DeValue) -> Checked<String> {
    let wanted = "1 to 63 letters, digits, \"-\", \"_\" or \".\", like \"fra-1\"";
    let text = string(value, wanted)?;
    if is_node_name(text) {
        Ok(text.to_owned())
    } else {
        wrong(format_args!("\"{}\" is no name", text.escape_debug()), format!("write {wanted}"))
    }
}

fn is_node_name(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
}

fn log_format(value: &DeValue) -> Checked<LogFormat> {
    match string(value, "\"text\" or \"json\"")? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => wrong(format_args!("\"{}\" is no format", other.escape_debug()), "write \"text\" or \"json\""),
    }
}

fn log_level(value: &DeValue) -> Checked<LogLevel> {
    let wanted = format!("one of {}", LogLevel::ALL.map(|level| format!("\"{}\"", level.name())).join(", "));
    let text = string(value, &wanted)?;
    let wrong = || wrong(format_args!("\"{}\" is no level", text.escape_debug()), format!("write {wanted}"));
    LogLevel::from_name(text).map_or_else(wrong, Ok)
}

fn path(value: &DeValue) -> Checked<PathBuf> {
    match string(value, "a path, like \"/var/lib/gslb\"")? {
        "" => wrong("the path is empty", "leave the key out for its default"),
        path => Ok(path.into()),
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if is_node_name(name.trim()) { name.trim().to_owned() } else { "gslb".to_owned() }
}
