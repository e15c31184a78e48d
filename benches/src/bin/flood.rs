//! What rate limits and cookies do for the real server under attack: a forged source that asks for the largest answer, and
//! a flood of random names from many addresses, each beside good queries. And what they cost per answer.
//!
//! The attacker's addresses are in 127.0.0.0/8, a socket each: raise the limit of file descriptors (`ulimit -n 20000`).

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use gslb_core::limit::{Limiter, Limits};
use gslb_core::respond::{MAX_BATCH, Now, Secrets, Settings, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{RoutingTable, compile};
use gslb_tests::folder::Folder;

/// Queries a second of good clients, and how many of them there are.
const GOOD: (u64, u8) = (2_000, 20);
/// Queries a second of the forged source.
const FORGED: u64 = 100_000;
/// Queries a second for random names, and from how many addresses.
const RANDOM: (u64, u32) = (50_000, 10_000);
/// After this time a query counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

const SITE: &str = "zones.\"example.com\".file = \"example.com.zone\"\npools.here.endpoints.one.address = \"192.0.2.1\"\n\
                    services.\"www.example.com\".policy = \"here\"\n";

#[derive(Parser)]
struct Arguments {
    /// How long each part takes, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// UDP workers of the server
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    costs()?;
    let folder = Folder::with(&[("site.toml", SITE), ("example.com.zone", &zone())]);
    folder.write(
        "gslb.toml",
        format!(
            "[dns]\nlisten = [\"127.0.0.1:0\"]\nworkers = {}\n[api]\nlisten = \"127.0.0.1:0\"\n",
            arguments.workers
        ),
    );
    let server = folder.serve();
    let (address, time) = (server.address(), Duration::from_secs(arguments.seconds));
    let quiet = good(address, time)?;
    println!("quiet: {quiet}");
    let (beside, reflected) = under(address, time, reflection)?;
    println!("forged source: {reflected}; beside it: {beside}, p99 {:.2} times quiet", beside.p99 / quiet.p99);
    let (beside, random) = under(address, time, random_names)?;
    println!("random names: {random}; beside them: {beside}, p99 {:.2} times quiet", beside.p99 / quiet.p99);
    for action in ["passed", "truncated", "badcookie", "dropped"] {
        println!("{action}: {}", server.metric(&format!("gslb_rrl_total{{action=\"{action}\",family=\"ipv4\"}}")));
    }
    Ok(())
}

/// A zone with a set of records that nearly fills a datagram.
fn zone() -> String {
    let big: String = (0..9).map(|index| format!("big IN TXT \"{index} {}\"\n", "x".repeat(110))).collect();
    format!("$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n@ IN NS ns1\nns1 IN A 192.0.2.53\n{big}")
}

/// A query with EDNS for `name` in the zone.
fn query(id: u16, name: &str, qtype: u8) -> Vec<u8> {
    let mut octets = vec![(id >> 8) as u8, id as u8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, name.len() as u8];
    octets.extend_from_slice(name.as_bytes());
    octets.extend_from_slice(b"\x07example\x03com\0\0");
    octets.extend_from_slice(&[qtype, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    octets
}

/// What good clients saw.
struct Seen {
    sent: u64,
    lost: u64,
    /// In microseconds.
    p99: f64,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} good queries, {} lost or limited, p99 {:.0} us", self.sent, self.lost, self.p99)
    }
}

/// What an attacker sent and what its address received.
#[derive(Default)]
struct Attack {
    queries: u64,
    octets_sent: u64,
    octets_received: u64,
    /// Of the octets received, those in answers longer than their queries.
    in_full_answers: u64,
}

impl std::fmt::Display for Attack {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rest = self.octets_received - self.in_full_answers;
        write!(
            out,
            "{} queries of {} octets, {} octets back, {} of them in full answers, amplification of the rest {:.2}",
            self.queries,
            self.octets_sent,
            self.octets_received,
            self.in_full_answers,
            rest as f64 / self.octets_sent as f64
        )
    }
}

fn bound(source: Ipv4Addr, server: SocketAddr) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = UdpSocket::bind((source, 0)).map_err(|cause| format!("{source}: {cause}; see `ulimit -n`"))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Calls `send` at a rate, for a time or until `stop`, in steps of a millisecond.
fn paced(rate: u64, time: Duration, stop: &AtomicBool, mut send: impl FnMut(u64)) {
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < time && !stop.load(Relaxed) {
        let due = begun.elapsed().as_micros() as u64 * rate / 1_000_000;
        while sent < due {
            send(sent);
            sent += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// Good queries for a steered name, at their rate, from a few addresses.
fn good(server: SocketAddr, time: Duration) -> Result<Seen, Box<dyn Error>> {
    let sockets =
        (0..GOOD.1).map(|host| bound(Ipv4Addr::new(127, 200, host, 1), server)).collect::<Result<Vec<_>, _>>()?;
    let (begun, mut sent, mut done) = (Instant::now(), 0_u64, 0_u64);
    let mut waiting = vec![None; 1 << 16];
    let (mut latencies, mut buffer) = (Vec::new(), [0; 2048]);
    while done < sent || begun.elapsed() < time {
        let due = begun.elapsed().min(time).as_micros() as u64 * GOOD.0 / 1_000_000;
        while sent < due {
            let (id, socket) = (sent as u16, &sockets[sent as usize % sockets.len()]);
            waiting[usize::from(id)] = Some(Instant::now());
            let _ = socket.send(&query(id, "www", 1));
            sent += 1;
        }
        for socket in &sockets {
            while let Ok(len) = socket.recv(&mut buffer) {
                let id = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
                let is_answer = len > 12 && buffer[7] == 1;
                if let Some(at) = waiting[id].take().filter(|_| is_answer) {
                    latencies.push(at.elapsed());
                    done += 1;
                }
            }
        }
        if begun.elapsed() > time + PATIENCE {
            break;
        }
        thread::sleep(Duration::from_micros(50));
    }
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(PATIENCE);
    Ok(Seen { sent, lost: sent - done, p99: p99.as_nanos() as f64 / 1e3 })
}

type Attacker = fn(SocketAddr, Duration, &AtomicBool) -> Result<Attack, String>;

/// Good queries while `attacker` attacks.
fn under(server: SocketAddr, time: Duration, attacker: Attacker) -> Result<(Seen, Attack), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let attack = thread::spawn(move || attacker(server, 2 * time, &stopped));
    let seen = good(server, time)?;
    stop.store(true, Relaxed);
    let attack = attack.join().map_err(|_| "the attacker panicked")??;
    Ok((seen, attack))
}

/// One address asks for the largest answer, from many ports.
fn reflection(server: SocketAddr, time: Duration, stop: &AtomicBool) -> Result<Attack, String> {
    let socket = || bound(Ipv4Addr::new(127, 100, 0, 1), server);
    let sockets = (0..64).map(|_| socket()).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let (mut attack, mut buffer, question) = (Attack::default(), [0; 2048], query(1, "big", 16));
    paced(FORGED, time, stop, |number| {
        let socket = &sockets[number as usize % sockets.len()];
        attack.queries += u64::from(socket.send(&question).is_ok());
        attack.octets_sent += question.len() as u64;
        while let Ok(len) = socket.recv(&mut buffer) {
            attack.octets_received += len as u64;
            attack.in_full_answers += if len > question.len() { len as u64 } else { 0 };
        }
    });
    Ok(attack)
}

/// Many addresses ask for random names.
fn random_names(server: SocketAddr, time: Duration, stop: &AtomicBool) -> Result<Attack, String> {
    let socket = |host: u32| bound(Ipv4Addr::from_bits(0x7F10_0000 | host), server);
    let sockets = (1..=RANDOM.1).map(socket).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let (mut attack, mut buffer) = (Attack::default(), [0; 2048]);
    paced(RANDOM.0, time, stop, |number| {
        let name = format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (socket, question) = (&sockets[number as usize % sockets.len()], query(number as u16, &name, 1));
        attack.queries += u64::from(socket.send(&question).is_ok());
        attack.octets_sent += question.len() as u64;
        while let Ok(len) = socket.recv(&mut buffer) {
            attack.octets_received += len as u64;
            attack.in_full_answers += if len > question.len() { len as u64 } else { 0 };
        }
    });
    Ok(attack)
}

/// Time of a steered answer in a batch: without limits and cookies, with limits, and with a cookie as well.
fn costs() -> Result<(), Box<dyn Error>> {
    let zone = zone();
    let load = &mut |name: &str, _: &str| Ok((Arc::from(name), zone.clone().into_bytes()));
    let site = gslb_core::site::document::read("site.toml", SITE, load).site.ok_or("the site is invalid")?;
    let compiled = compile::compile(site, &[], &Arc::default(), None);
    let table = RoutingTable::initial(compiled.topology.ok_or("the site does not compile")?);
    let plain = query(1, "www", 1);
    let mut with_cookie = plain.clone();
    let end = with_cookie.len();
    with_cookie[end - 1] = 28;
    with_cookie.extend_from_slice(b"\0\x0a\0\x18a client");
    let secrets = Secrets::shared(&[[7; 16]]);
    // A server cookie, learned with the first answer.
    let mut learner = Worker::new(Arc::new(Settings::default()), 1);
    learner.set_secrets(Some(secrets.clone()));
    let mut first = with_cookie.clone();
    first[end - 1] = 12;
    first[end + 3] = 8;
    let len = first.len();
    first.resize(4096, 0);
    let source = SocketAddr::from(([192, 0, 2, 1], 5300));
    let gslb_core::respond::Reply::Send(len) =
        learner.respond(&table, source, Transport::Udp, &mut first, len, &mut NoTrace)
    else {
        return Err("no answer".into());
    };
    with_cookie.extend_from_slice(&first[len - 16..len]);
    let base = time_of(&table, &plain, None, None);
    let limited = time_of(&table, &plain, Some(&secrets), Some(Limits::default()));
    let cookie = time_of(&table, &with_cookie, Some(&secrets), Some(Limits::default()));
    println!(
        "steered answer in a batch: {base:.0} ns; with limits {:+.0} ns; with limits and a valid cookie {:+.0} ns",
        limited - base,
        cookie - base
    );
    Ok(())
}

/// Nanoseconds of one answer, the best of many rounds of full batches from many networks.
fn time_of(table: &RoutingTable, query: &[u8], secrets: Option<&Secrets>, limits: Option<Limits>) -> f64 {
    let mut worker = Worker::new(Arc::new(Settings::default()), 1);
    worker.set_secrets(secrets.cloned());
    worker.set_limiter(limits.map(|limits| Limiter::new(limits, 1, 1)));
    let mut buffers = vec![[0_u8; 512]; MAX_BATCH];
    // With a cookie all queries are from the address that it was made for.
    let varied = query.len() < 60;
    let mut best = f64::MAX;
    for round in 0..20_000_u32 {
        for buffer in &mut buffers {
            buffer[..query.len()].copy_from_slice(query);
        }
        let source = |at: usize| {
            let host =
                if varied { (round * MAX_BATCH as u32 + at as u32).wrapping_mul(0x9E37_79B9) } else { 0xC000_0201 };
            SocketAddr::from((Ipv4Addr::from_bits(host), 5300))
        };
        let begun = Instant::now();
        worker.set_time(Now { unix: 0, elapsed: u64::from(round) * 1_000_000 });
        for (at, buffer) in buffers.iter().enumerate() {
            worker.parse(at, buffer, query.len());
        }
        worker.prefetch(table, MAX_BATCH);
        for at in 0..MAX_BATCH {
            worker.prefetch_source(source(at).ip());
        }
        for (at, buffer) in buffers.iter_mut().enumerate() {
            worker.answer(at, table, source(at), Transport::Udp, buffer, &mut NoTrace);
        }
        best = best.min(begun.elapsed().as_nanos() as f64 / MAX_BATCH as f64);
    }
    best
}
