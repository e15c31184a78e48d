//! Measures each figure: instructions by valgrind's callgrind, memory as reported by the kernel, and the binary's size.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use gslb_tests::folder::Folder;
use gslb_tests::program::run;
use gslb_tests::server::Server;

use super::Figures;
use crate::KINDS;

/// Queries of each kind, of which the average is taken.
const QUERIES: u64 = 1000;

/// How long a server idles before its memory counts as settled.
const SETTLED: Duration = Duration::from_secs(10);

/// The smallest site that answers.
const SMALLEST: &str = "\
[zones.\"example.com\"]
records = \"\"\"
$TTL 1h
@ IN SOA ns hostmaster 1 3600 900 604800 300
@ IN NS ns
ns IN A 192.0.2.53
\"\"\"
";

/// The programs that are measured.
#[derive(Debug)]
pub struct Programs {
    /// The release binary that ships.
    pub gslb: PathBuf,
    /// `ask` of this package, which answers queries in its own process.
    pub ask: PathBuf,
}

/// Measures all figures.
///
/// # Panics
/// When a program does not start, or valgrind is not there.
pub fn all(programs: &Programs) -> Figures {
    let mut figures = Figures::new();
    for kind in KINDS {
        figures.insert(format!("instructions/{kind}"), instructions_per_query(&programs.ask, kind));
    }
    figures.insert("instructions/start".to_owned(), instructions_of_start(&programs.gslb));
    figures.insert("octets/binary".to_owned(), octets_loaded(&programs.gslb));
    // All wait at the same time.
    thread::scope(|scope| {
        let measured = [
            (
                "demo",
                scope.spawn(|| {
                    memory(on_two_cores(&programs.gslb).args([
                        "demo",
                        "--listen",
                        "127.0.0.1:0",
                        "--api",
                        "127.0.0.1:0",
                    ]))
                }),
            ),
            ("1-worker", scope.spawn(|| memory_of_workers(&programs.gslb, 1, &["127.0.0.1:0"]))),
            ("16-workers", scope.spawn(|| memory_of_workers(&programs.gslb, 16, &["127.0.0.1:0", "127.0.0.2:0"]))),
        ];
        for (name, measured) in measured {
            let memory = measured.join().expect("a server starts and is measured");
            figures.insert(format!("memory-kib/{name}/peak"), memory.peak);
            figures.insert(format!("memory-kib/{name}/settled"), memory.settled);
        }
    });
    figures
}

/// Instructions for one query of `kind`.
fn instructions_per_query(ask: &Path, kind: &str) -> u64 {
    let counted = callgrind(|valgrind| {
        valgrind.arg("--toggle-collect=gslb_benches::Querier::ask").arg(ask).args([kind, &QUERIES.to_string()]);
        run(valgrind).err
    });
    counted / QUERIES
}

/// Instructions of a server of the smallest site, from its start until it answers, and its stop.
fn instructions_of_start(gslb: &Path) -> u64 {
    let folder = smallest(1, &["127.0.0.1:0"]);
    callgrind(|valgrind| log_until_stopped(valgrind.arg(gslb).args(SERVE).current_dir(folder.path(""))))
}

/// Starts a server, stops it as soon as it answers HTTP, and returns all of its log. Without a timeout: a program under
/// valgrind is fifty times slower.
fn log_until_stopped(command: &mut Command) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("valgrind can be run");
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().expect("standard error is a pipe")).lines() {
        let line = line.expect("logs are UTF-8");
        if line.contains("answering HTTP on ") {
            let stopped = run(Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &child.id().to_string()]));
            assert_eq!(stopped.code, 0, "{}", stopped.err);
        }
        log.push_str(&line);
        log.push('\n');
    }
    let status = child.wait().expect("it can be waited for");
    assert!(status.success(), "{status}:\n{log}");
    log
}

/// The total that callgrind reports at the end of the log that `run` returns.
fn callgrind(run: impl FnOnce(&mut Command) -> String) -> u64 {
    let mut valgrind = Command::new("valgrind");
    let log = run(valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]));
    let total =
        log.lines().find_map(|line| line.split_once("Collected :")).and_then(|(_, total)| total.trim().parse().ok());
    total.unwrap_or_else(|| panic!("callgrind reports no total:\n{log}"))
}

/// What of a binary is loaded, as `size` of binutils sums it up: symbols and line tables do not count.
fn octets_loaded(gslb: &Path) -> u64 {
    let ran = run(Command::new("size").arg(gslb));
    let row = ran.out.lines().nth(1).unwrap_or_default();
    let sizes: Vec<u64> = row.split_whitespace().take(2).filter_map(|size| size.parse().ok()).collect();
    assert_eq!(sizes.len(), 2, "text and data in {:?}", ran.out);
    sizes.iter().sum()
}

/// Resident memory of a server in KiB.
#[derive(Debug)]
struct Memory {
    /// The most that it ever had.
    peak: u64,
    /// Its memory after idling.
    settled: u64,
}

/// Starts a server, leaves it alone, and looks at its memory.
fn memory(command: &mut Command) -> Memory {
    let server = Server::start(command);
    thread::sleep(SETTLED);
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or_else(|_| panic!("no {name} in {status}"))
    };
    Memory { peak: field("VmHWM:"), settled: field("VmRSS:") }
}

fn memory_of_workers(gslb: &Path, workers: usize, listen: &[&str]) -> Memory {
    let folder = smallest(workers, listen);
    memory(on_two_cores(gslb).args(SERVE).current_dir(folder.path("")))
}

/// A server has as many threads as cores, each with its own memory.
fn on_two_cores(gslb: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("0x3").arg(gslb);
    command
}

const SERVE: [&str; 5] = ["serve", "--config", "gslb.toml", "--document", "site.toml"];

/// A folder with the smallest site.
fn smallest(workers: usize, listen: &[&str]) -> Folder {
    let process = format!(
        "data_dir = \"data\"\n[dns]\nlisten = {listen:?}\nworkers = {workers}\nrrl.enabled = false\n[api]\nlisten = \"127.0.0.1:0\"\n"
    );
    Folder::with(&[("gslb.toml", &process), ("site.toml", SMALLEST)])
}
