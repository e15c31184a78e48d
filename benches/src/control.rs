//! Changes through the API of the real server, and the effect of them and of other requests on answers.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gslb::background;
use gslb_core::explain::response::Response;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::http::Http;
use gslb_tests::server::Server;

use crate::datagram;
use crate::histogram::Histogram;
use crate::load::{Client, Outcome, Pace, Plan, Until};
use crate::usage::Usage;

type Failure = Box<dyn Error + Send + Sync>;

/// Queries per second during the measurement.
const RATE: f64 = 5_000.0;
/// A query without a response counts as lost after this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// Connections for requests, each with its own token: a token has 500 requests a second.
const CONNECTIONS: u32 = 8;
/// Content type and condition of a change.
const PATCH: [&str; 2] = ["if-match: *", "content-type: application/merge-patch+json"];
const DOCUMENT: [&str; 2] = ["if-match: *", "content-type: application/json"];

/// A document with this many services; `first` is the address of the single endpoint of all.
fn document(services: usize, first: &str) -> String {
    let zone = "$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n";
    let list: Vec<String> = (0..services)
        .map(|number| format!("\"s{number}.example.com\":{{\"policy\":\"by-continent\",\"ttl\":\"30s\"}}"))
        .collect();
    format!(
        "{{\"zones\":{{\"example.com\":{{\"records\":\"{zone}\"}}}},\"data_centers\":{{\"fra\":{{}},\"iad\":{{}}}},\
         \"pools\":{{\"fra\":{{\"data_center\":\"fra\",\"endpoints\":{{\"fra-1\":{{\"address\":\"10.0.0.1\"}}}}}},\
         \"iad\":{{\"data_center\":\"iad\",\"endpoints\":{{\"one\":{{\"address\":\"{first}\",\"weight\":1}},\
         \"two\":{{\"address\":\"192.0.2.2\",\"weight\":0}}}}}}}},\
         \"regions\":{{\"europe\":{{\"match\":[\"continent:EU\"]}}}},\
         \"policies\":{{\"by-continent\":{{\"geo\":{{\"europe\":\"fra\",\"default\":\"iad\"}}}}}},\
         \"services\":{{{}}}}}",
        list.join(",")
    )
}

/// A running server, and an admin's connection to its API.
pub(crate) struct Subject {
    pub(crate) server: Server,
    pub(crate) http: Http,
    wire: UdpSocket,
    /// Gone with the server, and not before.
    _folder: Folder,
}

impl Subject {
    /// A server with a document of this many services.
    fn start(services: usize) -> Result<Subject, Failure> {
        Self::of(&document(services, "192.0.2.1"))
    }

    /// A server of a document.
    pub(crate) fn of(document: &str) -> Result<Subject, Failure> {
        let folder = Folder::with(&[("gslb.toml", PROCESS)]);
        let server = folder.start("serve --config gslb.toml");
        let http = Http::connect(server.api, &folder.token())?;
        let wire = UdpSocket::bind("127.0.0.1:0")?;
        wire.connect(server.address())?;
        wire.set_read_timeout(Some(PATIENCE))?;
        let mut subject = Subject { server, http, wire, _folder: folder };
        subject.apply(document)?;
        Ok(subject)
    }

    /// Applies a whole document.
    fn apply(&mut self, document: &str) -> Result<(), Failure> {
        let reply = self.http.send("PUT", "/api/v1/document", &DOCUMENT, document)?;
        if reply.status == 200 { Ok(()) } else { Err(reply.body.into()) }
    }

    /// The address that a client from nowhere gets.
    fn answer(&self) -> Result<[u8; 4], Failure> {
        let response = self.ask(&query(0))?;
        let rdata = response.sections[0].first().map(|record| record.rdata.as_slice());
        rdata.and_then(|rdata| rdata.try_into().ok()).ok_or_else(|| "no address".into())
    }

    /// Asks once.
    pub(crate) fn ask(&self, query: &[u8]) -> Result<Response, Failure> {
        let mut buffer = [0; 1232];
        self.wire.send(query)?;
        let length = self.wire.recv(&mut buffer)?;
        Ok(Response::parse(&buffer[..length])?)
    }

    /// Waits until the answer is `address`, and returns the number of earlier answers.
    fn await_answer(&self, address: [u8; 4]) -> Result<u32, Failure> {
        let mut before = 0;
        while self.answer()? != address {
            before += 1;
        }
        Ok(before)
    }

    /// Queries at a rate for a while.
    fn paced(&self, length: Duration) -> Result<Outcome, Failure> {
        paced(self.server.address(), length)
    }
}

/// Queries to `server` at a rate for a while.
pub(crate) fn paced(server: SocketAddr, length: Duration) -> Result<Outcome, Failure> {
    let queries: Vec<Box<[u8]>> = (0..100).map(|number| query(number).into()).collect();
    let mut client = Client::open(server, &queries[0], Duration::from_secs(10))?;
    let plan = Plan { window: 128, pace: Pace::PerSecond(RATE), until: Until::Over(length), patience: PATIENCE };
    Ok(client.run(&plan, &queries, 0, |_, _| true)?)
}

fn query(number: usize) -> Vec<u8> {
    datagram(&format!("s{number}.example.com"), 1, None)
}

/// From the request to the changed answer, for changes of a weight: the two endpoints alternate.
///
/// # Errors
/// Errors of sockets, and refusals of the server.
pub fn put(services: usize, changes: u32) -> Result<String, Failure> {
    let mut subject = Subject::start(services)?;
    let (mut took, mut late) = (Vec::new(), 0);
    let before = Usage::of(subject.server.pid())?;
    for change in 0..changes {
        let (one, two) = (change % 2, (change + 1) % 2);
        let body = format!("{{\"endpoints\":{{\"one\":{{\"weight\":{one}}},\"two\":{{\"weight\":{two}}}}}}}");
        let begun = Instant::now();
        let reply = subject.http.send_patiently("PATCH", "/api/v1/pools/iad", &PATCH, &body)?;
        if reply.status != 200 {
            return Err(reply.body.into());
        }
        late += subject.await_answer([192, 0, 2, if one > 0 { 1 } else { 2 }])?;
        took.push(begun.elapsed());
    }
    // Unlike the times, it is hardly longer where others have the machine too.
    let (user, system) = Usage::of(subject.server.pid())?.since(&before);
    let own = (user + system).as_secs_f64() * 1e3 / f64::from(changes);
    Ok(format!(
        "| services | changes | p50 (ms) | p90 | p99 | server's own time per change (ms) | old answers after the reply |\n\
         |--:|--:|--:|--:|--:|--:|--:|\n| {services} | {changes} | {:.1} | {:.1} | {:.1} | {own:.1} | {late} |\n",
        quantile(&mut took, 0.5),
        quantile(&mut took, 0.9),
        quantile(&mut took, 0.99)
    ))
}

/// A quantile in milliseconds.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// Whole documents, one after another, under queries at a rate, with quiet rounds between them.
///
/// # Errors
/// Errors of sockets, and refusals of the server.
pub fn apply(services: usize, rounds: u32) -> Result<String, Failure> {
    let mut subject = Subject::start(services)?;
    let (mut took, mut own, mut ratios, mut lost) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        let address = [192, 0, 2, 10 + round as u8];
        let text = document(services, &format!("192.0.2.{}", address[3]));
        let quiet = subject.paced(Duration::from_secs(2))?;
        let before = Usage::of(subject.server.pid())?;
        let (server, http) = (subject.server.address(), &mut subject.http);
        let applied = AtomicBool::new(false);
        let busy = thread::scope(|scope| -> Result<Histogram, Failure> {
            let timing = scope.spawn(|| time_answers(server, &applied));
            let begun = Instant::now();
            let reply = http.send("PUT", "/api/v1/document", &DOCUMENT, &text);
            took.push(begun.elapsed());
            applied.store(true, Ordering::Release);
            let outcome = timing.join().map_err(|_| "the client of the queries failed")??;
            if reply.as_ref().map_or(0, |reply| reply.status) != 200 {
                return Err(format!("{reply:?}").into());
            }
            lost += outcome.1;
            Ok(outcome.0)
        })?;
        lost += u64::from(subject.await_answer(address)?);
        let (user, system) = Usage::of(subject.server.pid())?.since(&before);
        own.push(user + system);
        ratios.push(busy.quantile(0.99).as_secs_f64() / quiet.latency.quantile(0.99).as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    Ok(format!(
        "| services | documents | median (s) | longest (s) | server's own time (s) | p99 of answers, of quiet | lost, \
         or old after the reply |\n|--:|--:|--:|--:|--:|--:|--:|\n\
         | {services} | {rounds} | {:.2} | {:.2} | {:.2} | {:.2} (least {:.2}) | {lost} |\n",
        quantile(&mut took, 0.5) / 1e3,
        quantile(&mut took, 1.0) / 1e3,
        quantile(&mut own, 0.5) / 1e3,
        ratios[ratios.len() / 2],
        ratios[0]
    ))
}

/// Queries at a rate until `applied`, and how many were lost.
fn time_answers(server: SocketAddr, applied: &AtomicBool) -> Result<(Histogram, u64), Failure> {
    let queries: Vec<Box<[u8]>> = (0..100).map(|number| query(number).into()).collect();
    let mut client = Client::open(server, &queries[0], Duration::from_secs(10))?;
    let (mut latency, mut lost) = (Histogram::default(), 0);
    while !applied.load(Ordering::Acquire) {
        let until = Until::Over(Duration::from_millis(100));
        let plan = Plan { window: 128, pace: Pace::PerSecond(RATE), until, patience: PATIENCE };
        let outcome = client.run(&plan, &queries, 0, |_, _| true)?;
        latency.merge(&outcome.latency);
        lost += outcome.lost;
    }
    Ok((latency, lost))
}

/// Answers with requests at a rate and without, alternating.
///
/// # Errors
/// Errors of sockets, and refusals of the server.
pub fn load(rate: f64, rounds: u32, length: Duration, place: Placement) -> Result<String, Failure> {
    let mut subject = Subject::start(1_000)?;
    if place == Placement::Apart {
        pin(&["-a", "-p", "-c", "0", &subject.server.pid().to_string()])?;
        pin(&["-p", "-c", "1", &std::process::id().to_string()])?;
    }
    let tokens: Vec<String> =
        (0..CONNECTIONS).map(|number| token(&mut subject.http, number)).collect::<Result<_, _>>()?;
    let (mut all_quiet, mut all_busy, mut ratios, mut lost) =
        (Histogram::default(), Histogram::default(), Vec::new(), 0);
    let done = AtomicU64::new(0);
    for _ in 0..rounds {
        let quiet = subject.paced(length)?;
        let over = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            for token in &tokens {
                let (server, over, done) = (&subject.server, &over, &done);
                let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
                scope.spawn(move || {
                    if place == Placement::Apart {
                        // The API client must not take processor time from answering.
                        background::enter();
                        let _ = rustix::thread::sched_setaffinity(None, &first_core());
                    }
                    requests(server, token, interval, over, done);
                });
            }
            let busy = subject.paced(length);
            over.store(true, Ordering::Release);
            busy
        })?;
        lost += quiet.lost + busy.lost;
        all_quiet.merge(&quiet.latency);
        all_busy.merge(&busy.latency);
        ratios.push(p99_ms(&busy.latency) / p99_ms(&quiet.latency));
    }
    ratios.sort_by(f64::total_cmp);
    let reached = done.load(Ordering::Relaxed) as f64 / (length.as_secs_f64() * f64::from(rounds));
    let (quiet, busy) = (p99_ms(&all_quiet), p99_ms(&all_busy));
    Ok(format!(
        "| requests/s | turns | p99 of answers, of quiet | median of turns | p99 quiet (ms) | p99 (ms) | lost |\n\
         |--:|--:|--:|--:|--:|--:|--:|\n\
         | {reached:.0} | {rounds} | {:.2} | {:.2} | {quiet:.3} | {busy:.3} | {lost} |\n",
        busy / quiet,
        ratios[ratios.len() / 2],
    ))
}

pub(crate) fn p99_ms(latency: &Histogram) -> f64 {
    latency.quantile(0.99).as_secs_f64() * 1e3
}

/// Where the query load runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// On any core, even the server's.
    Anywhere,
    /// On the second core alone, and everything else on the first: this measures only the server's own interference.
    Apart,
}

fn first_core() -> rustix::thread::CpuSet {
    let mut core = rustix::thread::CpuSet::new();
    core.set(0);
    core
}

/// Has a process run on a core, by util-linux' `taskset`.
fn pin(arguments: &[&str]) -> Result<(), Failure> {
    let done = std::process::Command::new("taskset").args(arguments).output()?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned().into()) }
}

/// A token of an operator.
fn token(http: &mut Http, number: u32) -> Result<String, Failure> {
    let body = format!("{{\"name\":\"load-{number}\",\"role\":\"operator\"}}");
    let reply = http.send("POST", "/api/v1/tokens", &["content-type: application/json"], &body)?;
    let start = reply.body.find("gslb_").ok_or_else(|| reply.body.clone())?;
    Ok(reply.body[start..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect())
}

/// Sends one request after another, each when it is due: mostly reads of resources, and explanations.
fn requests(server: &Server, token: &str, interval: Duration, over: &AtomicBool, done: &AtomicU64) {
    let Ok(mut http) = Http::connect(server.api, token) else { return };
    let explain = "{\"name\":\"s1.example.com\",\"client\":\"193.0.6.0/24\"}";
    let mut due = Instant::now();
    for number in 0u64.. {
        if over.load(Ordering::Acquire) {
            return;
        }
        let reply = match number % 8 {
            0 => http.send("POST", "/api/v1/explain", &["content-type: application/json"], explain),
            1 => http.send("GET", "/api/v1/revisions?limit=5", &[], ""),
            2 => http.send("GET", "/api/v1/services?limit=20", &[], ""),
            _ => http.send("GET", "/api/v1/pools/fra", &[], ""),
        };
        match reply {
            Ok(reply) if reply.status == 200 => _ = done.fetch_add(1, Ordering::Relaxed),
            Ok(reply) if reply.status == 429 => {}
            _ => return,
        }
        due += interval;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
