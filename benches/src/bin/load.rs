//! Queries a DNS server as fast as it answers, or at a given rate, and prints the result as one line of `key=value`.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use gslb_benches::expected::Expected;
use gslb_benches::load::{Client, Outcome, Pace, Plan, Until};
use gslb_benches::queries;
use gslb_benches::usage::{Usage, resident_kib};

/// Queries a DNS server over UDP and prints the result.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server.
    #[arg(long)]
    server: SocketAddr,
    /// Queries, each after two octets of its length, as `dnsperf -B` reads them.
    #[arg(long)]
    queries: PathBuf,
    /// Most queries under way, up to 256.
    #[arg(long, default_value_t = 128)]
    window: usize,
    /// Queries per second. Without it: as many as the window allows.
    #[arg(long)]
    rate: Option<f64>,
    /// How long to ask.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Number of queries instead of a duration.
    #[arg(long)]
    count: Option<u64>,
    /// How long to ask before anything is counted.
    #[arg(long, default_value_t = 0.0)]
    warm_up: f64,
    /// How long to wait for the server to be ready.
    #[arg(long, default_value_t = 5.0)]
    wait: f64,
    /// The expected responses: for each query a line with an address, `answer` or `nxdomain`.
    #[arg(long)]
    expect: Option<PathBuf>,
    /// The server's process, to measure its processor time and memory.
    #[arg(long)]
    pid: Option<u32>,
}

/// After this time a query counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to measure an idle server.
const IDLE: Duration = Duration::from_millis(300);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let queries = queries::read(&arguments.queries)?;
    let expected = arguments.expect.as_ref().map(|path| read_expected(path, queries.len())).transpose()?;
    let first = queries.first().ok_or("there are no queries")?;
    let mut client = Client::open(arguments.server, first, Duration::from_secs_f64(arguments.wait))?;
    let plan = Plan {
        window: arguments.window,
        pace: arguments.rate.map_or(Pace::Window, Pace::PerSecond),
        until: arguments.count.map_or(Until::Over(Duration::from_secs_f64(arguments.seconds)), Until::Sent),
        patience: PATIENCE,
    };
    let mut next = 0;
    if arguments.warm_up > 0.0 {
        let warm_up = Plan { until: Until::Over(Duration::from_secs_f64(arguments.warm_up)), ..plan };
        next = client.run(&warm_up, &queries, 0, |_, _| true)?.sent as usize;
    }
    let before = arguments.pid.map(Usage::of).transpose()?;
    let outcome = match &expected {
        Some(expected) => client.run(&plan, &queries, next, |query, response| expected[query].is_met_by(response))?,
        None => client.run(&plan, &queries, next, |_, _| true)?,
    };
    let mut line = describe(&outcome);
    if let (Some(pid), Some(before)) = (arguments.pid, before) {
        let after = Usage::of(pid)?;
        let (user, system) = after.since(&before);
        let (idle_user, idle_system) = idle(pid, &after)?;
        let per_answer = |time: Duration, idle: f64| {
            (time.as_secs_f64() - idle * outcome.elapsed.as_secs_f64()) * 1e9 / outcome.answered.max(1) as f64
        };
        line +=
            &format!(" user_ns={:.1} system_ns={:.1}", per_answer(user, idle_user), per_answer(system, idle_system));
        line += &format!(" busy={:.3}", (user + system).as_secs_f64() / outcome.elapsed.as_secs_f64());
        line += &format!(" idle={:.6} rss_kib={}", idle_user + idle_system, resident_kib(pid)?);
    }
    println!("{line}");
    Ok(())
}

/// The idle server's usage in user and in system mode, as shares of a core.
fn idle(pid: u32, since: &Usage) -> io::Result<(f64, f64)> {
    std::thread::sleep(IDLE);
    let (user, system) = Usage::of(pid)?.since(since);
    Ok((user.as_secs_f64() / IDLE.as_secs_f64(), system.as_secs_f64() / IDLE.as_secs_f64()))
}

fn read_expected(path: &PathBuf, queries: usize) -> Result<Vec<Expected>, Box<dyn Error>> {
    let expected = fs::read_to_string(path)?.lines().map(str::parse).collect::<Result<Vec<Expected>, _>>()?;
    if expected.len() == queries { Ok(expected) } else { Err("not one line for each query".into()) }
}

fn describe(outcome: &Outcome) -> String {
    let Outcome { sent, answered, lost, wrong, stray, rcodes, elapsed, latency } = outcome;
    let micros = |share| latency.quantile(share).as_nanos() as f64 / 1000.0;
    let (p50, p99, qps) = (micros(0.5), micros(0.99), *answered as f64 / elapsed.as_secs_f64());
    let [noerror, _, _, nxdomain, ..] = rcodes;
    let other = answered - noerror - nxdomain;
    format!(
        "sent={sent} answered={answered} lost={lost} wrong={wrong} stray={stray} noerror={noerror} \
         nxdomain={nxdomain} other={other} seconds={:.3} qps={qps:.0} p50_us={p50:.1} p99_us={p99:.1}",
        elapsed.as_secs_f64()
    )
}
