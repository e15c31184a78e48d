//! Delay and cost of probes: thousands of endpoints, probed over HTTP on loopback.
//!
//!     cargo run --release -p gslb --example probes -- [ENDPOINTS] [SECONDS]
//!
//! The origin is a separate process, so that only the prober is measured.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use gslb::probe::counts::{BOUNDS, HistogramTotals};
use gslb::probe::{Prober, Rules, Settings};
use gslb_core::health::Targets;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Endpoints of a pool.
const POOL: u32 = 1_000;
/// Clock ticks of /proc/self/stat in a second, on every Linux there is.
const TICKS: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "origin") {
        return origin();
    }
    let number = |at: usize, default: u32| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (endpoints, seconds) = (number(0, 10_000)?, number(1, 30)?);
    let (origin, port) = Origin::start()?;
    let reading = gslb_core::site::document::read("site.toml", &document(endpoints, port), &mut |_, _| Err("".into()));
    let site = reading.site.ok_or("the document is invalid")?;
    let rules = Rules { allow: vec!["127.0.0.0/8".parse()?], ..Rules::default() };
    let (prober, mut reports) =
        Prober::start(Settings { rules, ca: None, supervisor: PathBuf::new(), concurrency: 4096 })?;
    let (start, used) = (Instant::now(), cpu_seconds()?);
    prober.take(&site, &Targets::of(&site));
    let (mut passed, mut failed) = (0_u64, 0_u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let end = tokio::time::sleep(Duration::from_secs(seconds.into()));
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                Some(report) = reports.recv() => *(if report.outcome.passed() { &mut passed } else { &mut failed }) += 1,
            }
        }
    });
    let (elapsed, used) = (start.elapsed().as_secs_f64(), cpu_seconds()? - used);
    println!("{endpoints} endpoints every 5 s for {elapsed:.1} s: {passed} passed, {failed} failed");
    println!("turns left out: {}", prober.counts().skipped());
    show("late by", &prober.counts().lateness.totals());
    for (name, counts) in prober.counts().by_probe() {
        show(&format!("probe {name} took"), &counts.duration.totals());
    }
    let probes = (passed + failed).max(1) as f64;
    println!("processor: {:.3} of a core, {:.0} microseconds per probe", used / elapsed, used / probes * 1e6);
    drop(origin);
    Ok(())
}

fn document(endpoints: u32, port: u16) -> String {
    let mut text = format!("[probes.web]\nkind = \"http\"\nport = {port}\ninterval = \"5s\"\n");
    for number in 0..endpoints {
        if number % POOL == 0 {
            let _ = writeln!(text, "[pools.p{number}]\nprobe = \"web\"");
        }
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(127, 10, 0, 1).to_bits() + number);
        let _ = writeln!(text, "endpoints.e{number}.address = \"{address}\"");
    }
    text
}

fn show(what: &str, totals: &HistogramTotals) {
    let Some(all) = totals.cumulative.last() else { return };
    print!("{what}, at most:");
    for (bound, count) in BOUNDS.iter().zip(totals.cumulative) {
        print!(" {}ms {count}", bound * 1e3);
        if count == *all {
            break;
        }
    }
    println!(" of {all}; {:.2} ms on average", totals.sum / (*all).max(1) as f64 * 1e3);
}

/// Processor time of this process so far, its kernel's share included.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field, a name in parentheses, may have spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or("no such fields")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).ok_or("too few fields")?.parse::<f64>().map_err(Box::<dyn Error>::from);
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// The origin's process, which ends when this is dropped.
struct Origin(Child);

impl Origin {
    fn start() -> Result<(Self, u16), Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?).arg("origin").stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        let origin = Self(child);
        let mut line = String::new();
        BufReader::new(stdout.ok_or("no output")?).read_line(&mut line)?;
        Ok((origin, line.trim().parse()?))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers every request on every address of this host.
fn origin() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
                }
            });
        }
    })
}
