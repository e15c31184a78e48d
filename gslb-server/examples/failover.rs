//! Time until a dead endpoint is no longer in answers, measured on the wire.
//!
//! `failover verdicts [COUNT]`: from the last failing outcome to the changed answer, with 10,000 endpoints and 100,000
//! services, while 2,000 other outcomes arrive each second. `failover verdicts COUNT changes` also changes documents.
//! `failover refused [COUNT]`, `failover hanging [COUNT]`: from the death of a server probed over HTTP (interval
//! 1 s, fall 2, timeout 500 ms) to the changed answer.
//! `failover data-center [COUNT]`: the same if a data center with 6 of 10 hosts dies and the others answer.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gslb::capture::tap;
use gslb::config::Config;
use gslb::daemon::control_runtime;
use gslb::daemon::prober_feed::Probing;
use gslb::dns::protection::Protection;
use gslb::dns::udp;
use gslb_api::health::{HealthEvent, Observed};
use gslb_api::store::{EmbeddedStore, Store};
use gslb_api::{Api, Options, Source, Started};
use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, datagram};
use gslb_core::health::{Failure, Outcome, Targets};
use gslb_core::table::Published;
use serde_json::{Map, Value, json};

type Done<T> = Result<T, Box<dyn Error>>;

const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";
const SERVICES: usize = 100_000;
const POOLS: usize = 1_000;
const ENDPOINTS: usize = 10;
/// Other outcomes, a second: 10,000 endpoints every 5 s.
const OTHERS: u64 = 2_000;

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = arguments.get(1).map(|text| text.parse()).transpose()?;
    match arguments.first().map(String::as_str) {
        Some("verdicts") => verdicts(count.unwrap_or(2_000), arguments.get(2).is_some()),
        Some("refused") => real(count.unwrap_or(10), Death::Refuses),
        Some("hanging") => real(count.unwrap_or(10), Death::Hangs),
        Some("data-center") => data_center(count.unwrap_or(10)),
        _ => Err("expected verdicts, refused, hanging or data-center".into()),
    }
}

/// A server of DNS over an API, in this process.
struct TestServer {
    runtime: tokio::runtime::Runtime,
    api: Api,
    published: Arc<Published>,
    _workers: udp::Workers,
    socket: UdpSocket,
    _folder: tempfile::TempDir,
}

impl TestServer {
    fn start(document: Value) -> Done<Self> {
        let (runtime, folder) = (control_runtime()?, tempfile::tempdir()?);
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path())?);
        let options = Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() };
        let databases = vec![Arc::new(geoip::bundled())];
        let Started { api, published, .. } = runtime.block_on(Api::start(store, databases, options))?;
        let sockets = udp::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1)?;
        let address = sockets.first().ok_or("no socket")?.local_addr()?;
        let workers = udp::Workers::start(
            sockets.into_iter().map(|socket| (socket, None)).collect(),
            &published,
            &Arc::default(),
            &Protection::default(),
            tap::none(1),
        )?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self { runtime, api, published, _workers: workers, socket, _folder: folder })
    }

    /// Whether the answer to `query` names `address`.
    fn names(&self, query: &[u8], address: IpAddr) -> Done<bool> {
        let IpAddr::V4(address) = address else { return Err("an IPv6 address".into()) };
        self.socket.send(query)?;
        let mut octets = [0; 4096];
        let length = self.socket.recv(&mut octets)?;
        let response = Response::parse(octets.get(..length).ok_or("no answer")?)?;
        let records = response.sections.first().ok_or("no answer")?;
        Ok(records.iter().any(|record| record.rdata == address.octets()))
    }

    /// Asks until the answer does or does not name `address`, and returns how long after `begun` that was.
    fn until(&self, query: &[u8], address: IpAddr, named: bool, begun: Instant) -> Done<Duration> {
        while self.names(query, address)? != named {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err("it never changed".into());
            }
        }
        Ok(begun.elapsed())
    }
}

fn address(pool: usize, endpoint: usize) -> Ipv4Addr {
    let number = (pool * ENDPOINTS + endpoint) as u32;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + number)
}

fn large() -> Value {
    let endpoint = |pool, at| (format!("e{at}"), json!({ "address": address(pool, at) }));
    let pool = |number: usize| {
        let endpoints: Map<String, Value> = (0..ENDPOINTS).map(|at| endpoint(number, at)).collect();
        let data_center = format!("d{}", number % 10);
        (
            format!("p{number}"),
            json!({ "data_center": data_center, "probe": "web", "choose": "all", "endpoints": endpoints }),
        )
    };
    let service = |number: usize| {
        let policy = json!({ "failover": [format!("p{}", number % POOLS), format!("p{}", (number + 1) % POOLS)] });
        (format!("s{number}.example.com"), json!({ "types": ["A"], "policy": policy }))
    };
    json!({
        "zones": { "example.com": { "records": ZONE } },
        "data_centers": (0..10).map(|it| (format!("d{it}"), json!({}))).collect::<Map<String, Value>>(),
        "probes": { "web": { "kind": "http", "port": 80, "rise": 2, "fall": 2 } },
        "pools": (0..POOLS).map(pool).collect::<Map<String, Value>>(),
        "services": (0..SERVICES).map(service).collect::<Map<String, Value>>(),
    })
}

fn question(name: &str) -> Done<Vec<u8>> {
    let name = name.parse().map_err(|_| "not a name")?;
    Ok(datagram(&Question { name, qtype: 1, client: None, resolver: Ipv4Addr::LOCALHOST.into() }))
}

fn outcome(passed: bool) -> Outcome {
    let result = if passed { Ok(()) } else { Err(Failure::Timeout) };
    Outcome::new(result, Duration::from_millis(2), "measured")
}

fn verdicts(count: usize, changes: bool) -> Done<()> {
    let server = TestServer::start(large())?;
    let targets = Targets::of(&server.published.load().topology().site);
    let all: Vec<_> = targets.iter().map(|(target, _)| Arc::clone(target)).collect();
    let (words, ended) = (server.api.health_events(), Arc::new(AtomicBool::new(false)));
    let say = |number: usize, passed| {
        let target = Arc::clone(all.get(number).ok_or("no target")?);
        let word = HealthEvent::Observed(Observed { target, outcome: outcome(passed), at: Instant::now() });
        words.blocking_send(word).map_err(|_| "the API has ended")
    };
    let others = others(&server, &all, &ended);
    let changing = changes.then(|| changing(&server, &ended));
    let mut times = Vec::with_capacity(count);
    for turn in 0..count {
        // Far from the previous one; the others always pass.
        let (pool, at) = (turn * 7_919 % POOLS, turn % (ENDPOINTS - 1));
        let number = pool * ENDPOINTS + at;
        let query = question(&format!("s{}.example.com", pool + POOLS * (turn % (SERVICES / POOLS))))?;
        let address = IpAddr::V4(address(pool, at));
        server.until(&query, address, true, Instant::now())?;
        say(number, false)?;
        let begun = Instant::now();
        say(number, false)?;
        times.push(server.until(&query, address, false, begun)?);
        say(number, true)?;
        say(number, true)?;
    }
    ended.store(true, Ordering::Relaxed);
    let done = others.join().map_err(|_| "the others failed")?;
    let changed = changing.map(|it| it.join().unwrap_or_default());
    println!("{count} verdicts among {done} other outcomes, documents changed: {}", changed.unwrap_or_default());
    print_times("last failing outcome to changed answer", times);
    Ok(())
}

/// Outcomes of all other endpoints, at their pace.
fn others(
    server: &TestServer,
    all: &[Arc<gslb_core::health::Target>],
    ended: &Arc<AtomicBool>,
) -> thread::JoinHandle<u64> {
    let (words, all, ended) = (server.api.health_events(), all.to_vec(), Arc::clone(ended));
    thread::spawn(move || {
        let (begun, mut sent) = (Instant::now(), 0u64);
        while !ended.load(Ordering::Relaxed) {
            let due = begun.elapsed().as_millis() as u64 * OTHERS / 1000;
            while sent < due {
                // The last endpoint of each pool: it gets its verdict last.
                let Some(target) = all.get((sent as usize * ENDPOINTS + ENDPOINTS - 1) % all.len()) else {
                    return sent;
                };
                let observed = Observed { target: Arc::clone(target), outcome: outcome(true), at: Instant::now() };
                if words.blocking_send(HealthEvent::Observed(observed)).is_err() {
                    return sent;
                }
                sent += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
        sent
    })
}

/// Changes the document again and again.
fn changing(server: &TestServer, ended: &Arc<AtomicBool>) -> thread::JoinHandle<u32> {
    let (api, runtime, ended) = (server.api.clone(), server.runtime.handle().clone(), Arc::clone(ended));
    let document = large();
    thread::spawn(move || {
        let mut changed = 0;
        while !ended.load(Ordering::Relaxed) {
            let mut next = document.clone();
            next["pools"]["p0"]["endpoints"]["e0"]["weight"] = json!(changed + 2);
            if runtime.block_on(api.replace_document(next)).is_err() {
                return changed;
            }
            changed += 1;
        }
        changed
    })
}

/// How a server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Connections are refused.
    Refuses,
    /// Connections are accepted without a response.
    Hangs,
}

/// An HTTP server that can die.
struct Origin {
    alive: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Origin {
    fn start(address: SocketAddr) -> Done<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let (alive, ended) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (lives, ends) = (Arc::clone(&alive), Arc::clone(&ended));
        let run = move || {
            let mut silent = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                if lives.load(Ordering::Relaxed) {
                    let _ = stream.set_nonblocking(false);
                    let _ = stream.read(&mut [0; 1024]);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                } else {
                    silent.push(stream);
                }
            }
        };
        Ok(Self { alive, ended, thread: Some(thread::spawn(run)) })
    }

    fn stop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn real(count: usize, death: Death) -> Done<()> {
    let free = TcpListener::bind("127.0.0.1:0")?;
    let port = free.local_addr()?.port();
    drop(free);
    let server = TestServer::start(json!({
        "zones": { "example.com": { "records": ZONE } },
        "probes": { "web": {
            "kind": "http", "port": port, "interval": "1s", "timeout": "500ms", "rise": 1, "fall": 2,
        } },
        "pools": {
            "a": { "probe": "web", "endpoints": { "a-1": { "address": "127.0.0.1" } } },
            "b": { "endpoints": { "b-1": { "address": "192.0.2.1" } } },
        },
        "services": { "www.example.com": { "types": ["A"], "policy": { "failover": ["a", "b"] } } },
    }))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut origin = Origin::start(address)?;
    let mut config = Config::default();
    config.probes.allow = vec!["127.0.0.0/8".parse()?];
    let _probing = Probing::start(server.runtime.handle(), config.probes.settings(), &server.api)?;
    let query = question("www.example.com")?;
    let mut times = Vec::new();
    for turn in 0..count {
        server.until(&query, address.ip(), true, Instant::now())?;
        // At any moment of the interval.
        thread::sleep(Duration::from_millis(1500 + turn as u64 * 379 % 1000));
        let begun = Instant::now();
        match death {
            Death::Refuses => origin.stop(),
            Death::Hangs => origin.alive.store(false, Ordering::Relaxed),
        }
        times.push(server.until(&query, address.ip(), false, begun)?);
        origin.stop();
        origin = Origin::start(address)?;
    }
    origin.stop();
    print_times(&format!("{death:?}: death to changed answer, interval 1 s, fall 2, timeout 500 ms"), times);
    Ok(())
}

/// How many hosts the data center that dies has, of how many.
const DYING: u8 = 6;
const HOSTS: u8 = 10;

/// A data center with most of the hosts dies whole while another one answers.
fn data_center(count: usize) -> Done<()> {
    let free = TcpListener::bind("127.0.0.1:0")?;
    let port = free.local_addr()?.port();
    drop(free);
    let host = |number: u8| Ipv4Addr::new(127, 0, 0, number);
    let pool = |place: &str, hosts: std::ops::RangeInclusive<u8>| {
        let endpoints: Map<String, Value> =
            hosts.map(|number| (format!("e{number}"), json!({ "address": host(number) }))).collect();
        json!({ "data_center": place, "probe": "web", "choose": "all", "endpoints": endpoints })
    };
    let server = TestServer::start(json!({
        "zones": { "example.com": { "records": ZONE } },
        "data_centers": { "fra": {}, "iad": {} },
        "probes": { "web": {
            "kind": "http", "port": port, "interval": "1s", "timeout": "500ms", "rise": 1, "fall": 2,
        } },
        "pools": { "a": pool("fra", 1..=DYING), "b": pool("iad", DYING + 1..=HOSTS) },
        "services": { "www.example.com": { "types": ["A"], "policy": { "failover": ["a", "b"] } } },
    }))?;
    let start = |number: u8| Origin::start(SocketAddr::from((host(number), port)));
    let mut dying = (1..=DYING).map(start).collect::<Done<Vec<Origin>>>()?;
    let mut others = (DYING + 1..=HOSTS).map(start).collect::<Done<Vec<Origin>>>()?;
    let mut config = Config::default();
    config.probes.allow = vec!["127.0.0.0/8".parse()?];
    let _probing = Probing::start(server.runtime.handle(), config.probes.settings(), &server.api)?;
    let query = question("www.example.com")?;
    let (first, second) = (IpAddr::V4(host(1)), IpAddr::V4(host(DYING + 1)));
    let mut times = Vec::new();
    for turn in 0..count {
        for number in 1..=DYING {
            server.until(&query, IpAddr::V4(host(number)), true, Instant::now())?;
        }
        thread::sleep(Duration::from_millis(2500 + turn as u64 * 379 % 1000));
        let begun = Instant::now();
        // Connections are accepted without a response, as with a broken network.
        dying.iter().for_each(|origin| origin.alive.store(false, Ordering::Relaxed));
        server.until(&query, second, true, begun)?;
        times.push(server.until(&query, first, false, begun)?);
        dying.iter_mut().for_each(Origin::stop);
        dying = (1..=DYING).map(start).collect::<Done<Vec<Origin>>>()?;
    }
    dying.iter_mut().chain(&mut others).for_each(Origin::stop);
    print_times(
        "a data center with 6 of 10 hosts dies: death to changed answer, interval 1 s, fall 2, timeout 500 ms",
        times,
    );
    Ok(())
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len() - 1)).copied().unwrap_or_default()
    };
    println!("{what}: p50 {:?}, p99 {:?}, longest {:?}", at(0.5), at(0.99), at(1.0));
}
