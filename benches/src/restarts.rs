//! Restarts without a gap: queries over UDP at a rate and TCP connections, while the real server restarts again and again.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gslb_tests::folder::{Folder, PROCESS};

use crate::histogram::Histogram;

type Failure = Box<dyn Error + Send + Sync>;

/// Sockets over UDP; each has one query under way, and a new port every so often.
const SOCKETS: u32 = 50;
/// Queries from one port.
const QUERIES: u32 = 50;
/// Pause of a TCP client between two queries.
const PAUSE: Duration = Duration::from_millis(100);
/// A query without an answer counts as lost after this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// www.example.com A, with the ID 0x6773.
const QUERY: &[u8] = b"\x67\x73\0\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";

const DOCUMENT: &str = "\
[zones.\"example.com\"]
records = \"$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n\"
[pools.p]
endpoints.e.address = \"192.0.2.1\"
[services.\"www.example.com\"]
policy = \"p\"
";

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answered: [AtomicU64; 2],
    lost: [AtomicU64; 2],
}

/// Restarts a server `rounds` times under `rate` queries per second over UDP and with `clients` TCP connections. Returns a
/// table in Markdown.
///
/// # Errors
/// If a restart fails, and those of sockets.
pub fn measure(rounds: u32, rate: f64, clients: u32) -> Result<String, Failure> {
    let process = PROCESS.replace("[api]", "tcp_connections_per_client = 1024\n[api]");
    let folder = Folder::with(&[("gslb.toml", &process), ("site.toml", DOCUMENT)]);
    let server = folder.start("serve --config gslb.toml --document site.toml");
    let (address, seen) = (server.address(), Arc::<Seen>::default());
    let pause = Duration::from_secs_f64(f64::from(SOCKETS) / rate);
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for _ in 0..SOCKETS {
        let seen = Arc::clone(&seen);
        threads.push(thread::spawn(move || udp(address, pause, &seen)));
    }
    for number in 0..clients {
        let seen = Arc::clone(&seen);
        // Half of them keep their connection as long as the server does.
        threads.push(thread::spawn(move || tcp(address, number % 2 == 0, &seen)));
    }
    let (mut times, mut last) = (Histogram::default(), None);
    let began = Instant::now();
    for _ in 0..rounds {
        let ran = folder.ask(&server, "restart -o json");
        if ran.code != 0 {
            return Err(format!("a restart failed: {}", ran.err).into());
        }
        let member = |name: &str| {
            let (_, rest) = ran.out.split_once(&format!("\"{name}\": "))?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        times.add(Duration::from_millis(member("milliseconds").ok_or("no duration in the answer")?));
        last = member("pid");
    }
    let took = began.elapsed();
    seen.stop.store(true, Relaxed);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    if let Some(pid) = last {
        Command::new("kill").arg(pid.to_string()).status()?;
    }
    let [udp, tcp] = [0, 1].map(|it| (seen.answered[it].load(Relaxed), seen.lost[it].load(Relaxed)));
    let [p50, most] = [0.5, 1.0].map(|share| times.quantile(share));
    Ok(format!(
        "| restarts | seconds | p50 of a restart | most | UDP queries | lost | TCP queries | lost or reset |\n\
         |---|---|---|---|---|---|---|---|\n\
         | {rounds} | {:.0} | {p50:?} | {most:?} | {} | {} | {} | {} |\n",
        took.as_secs_f64(),
        udp.0,
        udp.1,
        tcp.0,
        tcp.1
    ))
}

fn udp(address: SocketAddr, pause: Duration, seen: &Seen) {
    let mut due = Instant::now();
    while !seen.stop.load(Relaxed) {
        let outcome = udp_once(address, pause, &mut due, seen);
        if outcome.is_err() {
            seen.lost[0].fetch_add(1, Relaxed);
        }
    }
}

fn udp_once(address: SocketAddr, pause: Duration, due: &mut Instant, seen: &Seen) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    for _ in 0..QUERIES {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Where the machine is late, the rate is lower: no burst makes up for it.
        *due = (*due + pause).max(Instant::now());
        socket.send(QUERY)?;
        let mut answer = [0; 512];
        let octets = socket.recv(&mut answer)?;
        check(answer.get(..octets).unwrap_or_default())?;
        seen.answered[0].fetch_add(1, Relaxed);
    }
    Ok(())
}

fn tcp(address: SocketAddr, keeps: bool, seen: &Seen) {
    while !seen.stop.load(Relaxed) {
        if tcp_once(address, keeps, seen).is_err() {
            seen.lost[1].fetch_add(1, Relaxed);
        }
    }
}

/// One connection: until the end if it `keeps` it, else a few queries.
fn tcp_once(address: SocketAddr, keeps: bool, seen: &Seen) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let framed = [&(QUERY.len() as u16).to_be_bytes()[..], QUERY].concat();
    let mut queries = 0;
    while !seen.stop.load(Relaxed) && (keeps || queries < 5) {
        stream.write_all(&framed)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer)?;
        check(&answer)?;
        seen.answered[1].fetch_add(1, Relaxed);
        queries += 1;
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether `answer` is one to the query, with an address.
fn check(answer: &[u8]) -> io::Result<()> {
    let is_answer = answer.get(..2) == QUERY.get(..2) && answer.get(7) == Some(&1);
    if is_answer { Ok(()) } else { Err(io::Error::other("not an answer")) }
}
