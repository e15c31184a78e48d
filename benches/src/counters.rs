//! Memory of the real server with many services, workers and listeners, each worker of which counts answers by service.

use std::error::Error;
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use gslb_tests::folder::Folder;
use gslb_tests::server::Server;

use crate::datagram;

type Failure = Box<dyn Error + Send + Sync>;

/// Sockets per listen address, so that the kernel distributes them over all workers.
const SOCKETS: usize = 64;
/// Queries that a socket sends before it waits for the answers.
const WINDOW: usize = 32;
/// How often each service is asked for.
const TIMES: usize = 10;
/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts a server with a document of this many services, and looks at its memory after `rest`, then again after every
/// worker has answered for many services. Returns a table in Markdown, in megabytes.
///
/// # Errors
/// As those of sockets.
pub fn measure(services: usize, workers: usize, listeners: u8, rest: Duration) -> Result<String, Failure> {
    let addresses: Vec<String> = (1..=listeners).map(|number| format!("\"127.0.0.{number}:0\"")).collect();
    let process =
        format!("[dns]\nlisten = [{}]\nworkers = {workers}\n[api]\nlisten = \"127.0.0.1:0\"\n", addresses.join(", "));
    let folder = Folder::with(&[("gslb.toml", &process), ("site.toml", &document(services))]);
    let server = folder.start("serve --config gslb.toml --document site.toml");
    thread::sleep(rest);
    let (at_rest, _) = server.memory();
    let answers = ask(&server, services)?;
    // So that counters which workers want have been made.
    thread::sleep(Duration::from_secs(3));
    let (after, peak) = server.memory();
    Ok(format!(
        "| services | workers | listeners | MB at rest | answers | MB after them | peak |\n|---|---|---|---|---|---|---|\n\
         | {services} | {workers} | {listeners} | {at_rest:.0} | {answers} | {after:.0} | {peak:.0} |\n"
    ))
}

/// A document with one pool and this many services.
fn document(services: usize) -> String {
    let mut text = String::from(
        "[zones.\"example.com\"]\n\
         records = \"$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n\"\n\
         [pools.p]\nendpoints.e.address = \"192.0.2.1\"\n",
    );
    for number in 0..services {
        let _ = write!(text, "[services.\"service-{number}.example.com\"]\npolicy = \"p\"\nttl = \"30s\"\n");
    }
    text
}

/// Asks for every service [`TIMES`] times, each time from another socket. Returns the number of answers.
fn ask(server: &Server, services: usize) -> Result<usize, Failure> {
    let mut sockets = Vec::new();
    for address in &server.dns {
        for _ in 0..SOCKETS {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(address)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            sockets.push(socket);
        }
    }
    let (mut answers, mut buffer) = (0, [0; 512]);
    for turn in 0..TIMES {
        for (number, first) in (0..services).step_by(WINDOW).enumerate() {
            let socket = &sockets[(number + turn) % sockets.len()];
            let window = first..services.min(first + WINDOW);
            let queries = window.len();
            for service in window {
                socket.send(&datagram(&format!("service-{service}.example.com"), 1, None))?;
            }
            for _ in 0..queries {
                socket.recv(&mut buffer)?;
                answers += 1;
            }
        }
    }
    Ok(answers)
}
