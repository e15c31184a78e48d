//! The cost of idle connections over TLS for the real server: its memory, and the time of answers over UDP, without and
//! with them.
//!
//! Both processes need a file descriptor per connection; the server uses a quarter of its own for TLS, so raise the hard
//! limit for more connections (`ulimit -Hn`).

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use gslb::tls::certificates;
use gslb_benches::load::{Client, Outcome, Pace, Plan, Until};
use gslb_benches::{query, sites};
use gslb_tests::eventually;
use gslb_tests::folder::Folder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

/// Queries under way.
const WINDOW: usize = 128;
/// After this time a query counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Arguments {
    /// How many connections
    #[arg(default_value_t = 10_000)]
    connections: usize,
    /// Queries a second over UDP
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// How long to ask over UDP, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { connections, rate, seconds } = Arguments::parse();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let tls =
        "[dns.tls]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"dot.pem\"\nkey = \"dot.key\"\nconnections = 65535\n";
    let process =
        "[dns]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\ntcp_idle = \"1h\"\ntcp_connections_per_client = 65535\n";
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{process}{tls}[api]\nlisten = \"127.0.0.1:0\"\n")),
        ("site.toml", &sites::example()),
        ("example.com.zone", sites::ZONE),
    ]);
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    folder.write("dot.pem", made.cert.pem());
    folder.write("dot.key", made.signing_key.serialize_pem());
    let server = folder.serve_store();
    let queries: Vec<Box<[u8]>> = ["steered-v4", "static", "steered-v6", "nxdomain"].map(|it| query(it).into()).into();
    let mut client = Client::open(server.address(), &queries[0], Duration::from_secs(5))?;
    let mut measure = |what: &str| -> Result<f64, Box<dyn Error>> {
        let plan = Plan {
            window: WINDOW,
            pace: Pace::PerSecond(rate),
            until: Until::Over(Duration::from_secs(seconds)),
            patience: PATIENCE,
        };
        let Outcome { answered, lost, latency, .. } = client.run(&plan, &queries, 0, |_, _| true)?;
        let (memory, _) = server.memory();
        let micros = |share: f64| latency.quantile(share).as_nanos() as f64 / 1e3;
        let (p50, p99) = (micros(0.5), micros(0.99));
        println!("{what}: {memory:.1} MB; UDP: {answered} answers, {lost} lost, p50 {p50:.0} µs, p99 {p99:.0} µs");
        Ok(memory)
    };
    let before = measure("no connections")?;
    let config = client_config(&folder)?;
    let begun = std::time::Instant::now();
    let open = (0..connections).map(|_| connect(server.tls[0], &config, &queries[0]));
    let open = open.collect::<Result<Vec<TcpStream>, _>>()?;
    println!("{connections} connections opened in {:.1} s, each with a query", begun.elapsed().as_secs_f64());
    eventually("all of them are open", || server.metric("gslb_tls_connections") == connections as u64);
    let after = measure("idle connections")?;
    println!("{:.1} kB per connection", (after - before) * 1e3 / connections as f64);
    drop(open);
    Ok(())
}

fn client_config(folder: &Folder) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&folder.path("dot.pem"))? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // Each connection with a full handshake.
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Opens a connection and asks once. Only its socket stays.
fn connect(server: SocketAddr, config: &Arc<ClientConfig>, query: &[u8]) -> Result<TcpStream, Box<dyn Error>> {
    let connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("127.0.0.1")?)?;
    let mut stream = StreamOwned::new(connection, TcpStream::connect(server)?);
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes(length))])?;
    Ok(stream.sock)
}
