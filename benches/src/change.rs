//! Answering under change: a server that replaces its tables, while a client checks every answer.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use geoip::Database;
use gslb::background;
use gslb::capture::tap;
use gslb::dns::protection::Protection;
use gslb::dns::udp;
use gslb_core::live::pool::{Change, EndpointState};
use gslb_core::respond::Settings;
use gslb_core::site::model::PoolId;
use gslb_core::table::{Published, RoutingTable};

use crate::histogram::Histogram;
use crate::load::{Client, Outcome, Pace, Plan, Until};
use crate::mix;
use crate::world::World;
use crate::{Querier, table, table_after};

/// Queries per second of the paced runs.
const RATE: f64 = 20_000.0;
/// Queries under way in the saturated runs: two full batches.
const WINDOW: usize = 128;
/// After this time a query counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The changes while queries are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Changes {
    /// Nothing.
    None,
    /// Ten times a second an endpoint goes down or comes up.
    Liveness,
    /// Once a second, the document is read and compiled from scratch over the bundled database, with another policy.
    Topology,
}

impl Changes {
    const ALL: [Changes; 3] = [Changes::None, Changes::Liveness, Changes::Topology];

    fn interval(self) -> Duration {
        match self {
            Changes::None => Duration::MAX,
            Changes::Liveness => Duration::from_millis(100),
            Changes::Topology => Duration::from_secs(1),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Changes::None => "nothing",
            Changes::Liveness => "liveness, 10 times a second",
            Changes::Topology => "topology, once a second",
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    }
}

/// The document; `europe` is the data center of Europe.
fn document(europe: &str) -> String {
    let mut text = format!("[zones.\"{}\"]\nfile = \"example.com.zone\"\n", mix::ZONE);
    for (name, number) in ["fra", "iad", "gru", "sin"].iter().zip(1..) {
        let (v4, v6) = (mix::data_center_v4(number), mix::data_center_v6(number));
        let _ = write!(
            text,
            "[pools.{name}]\nendpoints.v4 = {{ address = \"{v4}\" }}\nendpoints.v6 = {{ address = \"{v6}\" }}\n"
        );
    }
    for (region, continent) in [("europe", "EU"), ("north-america", "NA"), ("south-america", "SA")] {
        let _ = writeln!(text, "[regions.{region}]\nmatch = [\"continent:{continent}\"]");
    }
    let _ = writeln!(
        text,
        "[services.\"{}\"]\nttl = \"30s\"\npolicy = {{ geo = {{ europe = \"{europe}\", north-america = \"iad\", \
         south-america = \"gru\", default = \"sin\" }} }}",
        mix::STEERED
    );
    text
}

/// The two tables that a run alternates between, distinguished by their answers.
struct Sides {
    database: Arc<Database>,
    zone: String,
}

impl Sides {
    fn new() -> Sides {
        Sides { database: Arc::new(geoip::bundled()), zone: mix::zone_file(mix::NAMES) }
    }

    fn first(&self) -> RoutingTable {
        table(&document("fra"), &self.zone, &[Arc::clone(&self.database)])
    }

    /// The table after `previous`, on the other side if `other`.
    fn next(&self, changes: Changes, previous: &RoutingTable, other: bool) -> RoutingTable {
        match changes {
            Changes::Topology => {
                let europe = if other { "iad" } else { "fra" };
                table_after(previous, &document(europe), &self.zone, &[Arc::clone(&self.database)])
            }
            Changes::None | Changes::Liveness => {
                let state = EndpointState::new(!other, 1);
                // Both addresses of the first pool, which is Europe's.
                previous.with_changes(&[0, 1].map(|endpoint| Change { pool: PoolId(0), endpoint, state }))
            }
        }
    }
}

/// Answers, replaces tables, and says at the end how many.
///
/// # Errors
/// As those of sockets and threads.
pub fn serve(changes: Changes) -> Result<(), Box<dyn Error>> {
    let sides = Sides::new();
    let published = Arc::new(Published::new(sides.first()));
    let sockets = udp::bind("127.0.0.1:0".parse()?, 1)?;
    println!("{}", sockets[0].local_addr()?);
    let workers = udp::Workers::start(
        sockets.into_iter().map(|socket| (socket, None)).collect(),
        &published,
        &Arc::new(Settings::default()),
        &Protection::default(),
        tap::none(1),
    )?;
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        drop(end);
    });
    background::enter();
    let (mut count, mut due) = (0u64, Instant::now());
    loop {
        due = due.checked_add(changes.interval()).unwrap_or(due + Duration::from_secs(3600)).max(Instant::now());
        let wait = due.saturating_duration_since(Instant::now());
        if ended.recv_timeout(wait) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {
            break;
        }
        let next = sides.next(changes, &published.load(), count.is_multiple_of(2));
        published.publish(next)?;
        count += 1;
    }
    workers.stop();
    println!("{count}");
    Ok(())
}

/// One run's server, on the first core.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(changes: Changes) -> Result<(Server, std::net::SocketAddr), Box<dyn Error>> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(std::env::current_exe()?).args(["serve", &changes.name()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        Ok((Server { process, output }, line.trim().parse()?))
    }

    /// Ends it, and returns the number of published tables.
    fn stop(mut self) -> Result<u64, Box<dyn Error>> {
        drop(self.process.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        self.process.wait()?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Responses that are right, from the first octet after the ID on.
type Right = Vec<[Box<[u8]>; 2]>;

/// What each side answers to each query, found without sockets.
fn right(sides: &Sides, changes: Changes, queries: &[Box<[u8]>]) -> Right {
    let first = sides.first();
    let other = sides.next(changes, &first, changes != Changes::None);
    let mut querier = Querier::default();
    let mut answer = |table: &RoutingTable, query: &[u8]| querier.response(table, query)[2..].into();
    queries.iter().map(|query| [answer(&first, query), answer(&other, query)]).collect()
}

/// Measures all phases several times, and writes the section of the results.
///
/// # Errors
/// As those of sockets and processes.
pub fn measure(rounds: usize, length: Duration) -> Result<String, Box<dyn Error>> {
    let queries: Vec<Box<[u8]>> = mix::geo(&World::default()).into_iter().map(|(query, _)| query.into()).collect();
    let sides = Sides::new();
    let right: Vec<Right> = Changes::ALL.iter().map(|&changes| right(&sides, changes, &queries)).collect();
    let mut phases: Vec<Phase> = Changes::ALL.map(|changes| Phase { changes, ..Phase::default() }).into();
    for _ in 0..rounds {
        for (phase, right) in phases.iter_mut().zip(&right) {
            phase.run(&queries, right, length)?;
        }
    }
    let mut text = String::from(
        "## Under change\n\nThe mix of steered and other queries, while tables are replaced. Every response is compared, octet for octet, with\nwhat the tables before and after a change answer. What changes tables has the core of the worker, too.\n\n\
         | what changes | tables | queries | lost | wrong | p50, p99 saturated (µs) | p99 of quiet | p50, p99 at 20,000/s (µs) | p99 of quiet |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let quiet = phases.first().map(|phase| [phase.saturated.p99(), phase.paced.p99()]).unwrap_or_default();
    for phase in &phases {
        let _ = writeln!(text, "{}", phase.row(quiet));
    }
    Ok(text)
}

/// Latencies of one kind of run, in microseconds, round by round.
#[derive(Debug, Default)]
struct Latencies {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Latencies {
    fn add(&mut self, latency: &Histogram) {
        self.p50.push(latency.quantile(0.5).as_secs_f64() * 1e6);
        self.p99.push(latency.quantile(0.99).as_secs_f64() * 1e6);
    }

    fn p50(&self) -> f64 {
        median(&self.p50)
    }

    fn p99(&self) -> f64 {
        median(&self.p99)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Runs with one kind of change.
#[derive(Debug)]
struct Phase {
    changes: Changes,
    tables: u64,
    sent: u64,
    lost: u64,
    wrong: u64,
    saturated: Latencies,
    paced: Latencies,
}

impl Default for Phase {
    fn default() -> Phase {
        let (saturated, paced) = Default::default();
        Phase { changes: Changes::None, tables: 0, sent: 0, lost: 0, wrong: 0, saturated, paced }
    }
}

impl Phase {
    fn run(&mut self, queries: &[Box<[u8]>], right: &Right, length: Duration) -> Result<(), Box<dyn Error>> {
        let (server, address) = Server::start(self.changes)?;
        let mut client = Client::open(address, &queries[0], Duration::from_secs(10))?;
        let mut showed = false;
        let mut ask = |pace, length| -> Result<Outcome, Box<dyn Error>> {
            let plan = Plan { window: WINDOW, pace, until: Until::Over(length), patience: PATIENCE };
            let is_right = |query: usize, response: &[u8]| {
                let [first, other] = &right[query];
                if first != other && **other == response[2..] {
                    showed = true;
                }
                **first == response[2..] || **other == response[2..]
            };
            Ok(client.run(&plan, queries, 0, is_right)?)
        };
        ask(Pace::Window, Duration::from_millis(300))?;
        let saturated = ask(Pace::Window, length)?;
        let paced = ask(Pace::PerSecond(RATE), length)?;
        self.tables += server.stop()?;
        if !showed && self.changes != Changes::None {
            return Err(format!("no answer showed a change of {}", self.changes.describe()).into());
        }
        for outcome in [&saturated, &paced] {
            self.sent += outcome.sent;
            self.lost += outcome.lost;
            self.wrong += outcome.wrong;
        }
        self.saturated.add(&saturated.latency);
        self.paced.add(&paced.latency);
        Ok(())
    }

    fn row(&self, [saturated, paced]: [f64; 2]) -> String {
        format!(
            "| {} | {} | {} | {} | {} | {:.0}, {:.0} | {:.2} | {:.0}, {:.0} | {:.2} |",
            self.changes.describe(),
            self.tables,
            self.sent,
            self.lost,
            self.wrong,
            self.saturated.p50(),
            self.saturated.p99(),
            self.saturated.p99() / saturated,
            self.paced.p50(),
            self.paced.p99(),
            self.paced.p99() / paced
        )
    }
}
