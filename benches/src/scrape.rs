//! Scrapes of the real server: their duration, their series, and their effect on answers.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use crate::control::{Subject, p99_ms, paced, quantile};
use crate::datagram;
use crate::histogram::Histogram;
use crate::random::Random;

type Failure = Box<dyn Error + Send + Sync>;

const SERVICES: usize = 1_000;
const POOLS: usize = 10;
/// Countries with their own addresses, each a region; one more is the rest of the world.
const COUNTRIES: [&str; 19] =
    ["DE", "FR", "GB", "NL", "ES", "IT", "PL", "SE", "US", "CA", "BR", "AR", "JP", "CN", "IN", "KR", "AU", "ZA", "EG"];
/// Answers before the first scrape, so that all that can be counted is.
const ANSWERS: usize = 20_000;
/// How long answers are measured at a time.
const TURN: Duration = Duration::from_millis(500);

/// Services that send twenty regions to ten pools of this many endpoints.
fn document(endpoints: usize) -> String {
    let zone = "$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n";
    let list = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(",");
    let address = |pool: usize, number: usize| format!("10.{pool}.{}.{}", number / 250, number % 250 + 1);
    let endpoint = |pool, number| format!("\"e{number}\":{{\"address\":\"{}\"}}", address(pool, number));
    let pool = |pool| {
        let endpoints = list(endpoints, &|number| endpoint(pool, number));
        format!("\"p{pool}\":{{\"data_center\":\"d{pool}\",\"endpoints\":{{{endpoints}}}}}")
    };
    let region = |at: usize| format!("\"r{at}\":{{\"match\":[\"country:{}\"]}}", COUNTRIES[at]);
    let branches = list(COUNTRIES.len(), &|at| format!("\"r{at}\":\"p{}\"", at % POOLS));
    let service = |number| format!("\"s{number}.example.com\":{{\"policy\":\"by-country\",\"ttl\":\"30s\"}}");
    format!(
        "{{\"zones\":{{\"example.com\":{{\"records\":\"{zone}\"}}}},\"data_centers\":{{{}}},\"pools\":{{{}}},\
         \"regions\":{{{}}},\"policies\":{{\"by-country\":{{\"geo\":{{{branches},\"default\":\"p9\"}}}}}},\
         \"services\":{{{}}}}}",
        list(POOLS, &|pool| format!("\"d{pool}\":{{}}")),
        list(POOLS, &pool),
        list(COUNTRIES.len(), &region),
        list(SERVICES, &service)
    )
}

/// Scrapes a server of ten pools with this many endpoints each, under queries at a rate, alternating with quiet rounds.
///
/// # Errors
/// Errors of sockets, and refusals of the server.
pub fn scrape(endpoints: usize, rounds: u32) -> Result<String, Failure> {
    let mut subject = Subject::of(&document(endpoints))?;
    let mut random = Random(1);
    for number in 0..ANSWERS {
        let [a, b, c, ..] = random.bits().to_be_bytes();
        let subnet = [0, 1, 24, 0, a % 223 + 1, b, c];
        subject.ask(&datagram(&format!("s{}.example.com", number % SERVICES), 1, Some(&subnet)))?;
    }
    // The sample is taken once a second.
    thread::sleep(Duration::from_millis(2_500));
    let (mut took, mut quiet, mut busy) = (Vec::new(), Histogram::default(), Histogram::default());
    let (mut series, mut octets) = (0, 0);
    for _ in 0..rounds {
        let (server, http) = (subject.server.address(), &mut subject.http);
        quiet.merge(&paced(server, TURN)?.latency);
        let scraping = thread::scope(|scope| -> Result<Histogram, Failure> {
            let timing = scope.spawn(move || paced(server, TURN));
            let begun = Instant::now();
            while begun.elapsed() < TURN {
                let one = Instant::now();
                let page = http.send("GET", "/metrics", &[], "")?;
                took.push(one.elapsed());
                series = page.body.lines().filter(|line| !line.starts_with('#')).count();
                octets = page.body.len();
                thread::sleep(Duration::from_millis(100).saturating_sub(one.elapsed()));
            }
            Ok(timing.join().map_err(|_| "the client of the queries failed")??.latency)
        })?;
        busy.merge(&scraping);
    }
    Ok(format!(
        "| endpoints | series | octets | scrape p50 (ms) | longest | p99 of answers, of quiet |\n\
         |--:|--:|--:|--:|--:|--:|\n| {} | {series} | {octets} | {:.1} | {:.1} | {:.2} ({:.3} and {:.3} ms) |\n",
        endpoints * POOLS,
        quantile(&mut took, 0.5),
        quantile(&mut took, 1.0),
        p99_ms(&busy) / p99_ms(&quiet),
        p99_ms(&busy),
        p99_ms(&quiet)
    ))
}
