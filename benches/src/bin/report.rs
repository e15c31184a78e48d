//! Writes a section of the results as Markdown: `report SECTION REFERENCE FILE...`, where `FILE` holds the numbers of
//! the rounds and `REFERENCE` is the server whose user time is 1.

use std::error::Error;
use std::fs;
use std::path::Path;

use gslb_benches::rounds::Rounds;

const FLOOR: &str = "
## The floor

`echo` sends each query back as it came, with the system calls that gslb makes. It is what the system takes for as many
datagrams per call as come at once; a server that is slower gets more of them per call, and each then costs a little less.
";

const GEO: &str = "
## Steered answers with client subnet

100,000 distinct queries from clients all over the world: 60 % A and 20 % AAAA of one name that is steered by
continent, 10 % static names, 5 % names that do not exist, 5 % MX. All have a client subnet option. Every server has
the same country database and the same four data centers.
";

const STATIC: &str = "
## Static names

300,000 queries for A of names drawn uniformly from one zone, without client subnet.
";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [section, reference, files @ ..] = arguments.as_slice() else {
        return Err("usage: report floor|geo|static REFERENCE FILE...".into());
    };
    let about = match section.as_str() {
        "floor" => FLOOR,
        "geo" => GEO,
        "static" => STATIC,
        other => return Err(format!("no section is called {other}").into()),
    };
    print!("{}", about.trim_start());
    for file in files {
        let rounds = Rounds::read(&fs::read_to_string(file)?);
        if let Some(names) = Path::new(file).file_stem().and_then(|stem| stem.to_str()?.strip_prefix("static-")) {
            println!("\n### {names} names");
        }
        print!("\n{}", costs(&rounds, reference));
        if section != "floor" {
            print!("\n{}", dnsperf(&rounds));
        }
    }
    Ok(())
}

/// The cost of an answer for each server, and its latency.
fn costs(rounds: &Rounds, reference: &str) -> String {
    let mut table = format!(
        "| server | user ns per answer | of {reference}'s | system ns | user + system, of the floor's | answers/s | \
         busy | p50, p99 saturated (µs) | p50, p99 at 20,000/s (µs) | memory (MB) | lost | right |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    let both = |server: &str| rounds.median(server, "window", "cpu_ns");
    let user = |server: &str| rounds.median(server, "window", "user_ns");
    for server in &rounds.servers {
        let window = |key| rounds.median(server, "window", key);
        let paced = |key| rounds.median(server, "paced", key);
        let lost = rounds.sum(server, "window", "lost").zip(rounds.sum(server, "paced", "lost"));
        let cells = [
            number(user(server), 0),
            ratio(user(server), user(reference)),
            number(window("system_ns"), 0),
            ratio(both(server), both("echo")),
            number(window("qps"), 0),
            number(window("busy").map(|share| share * 100.0), 0) + " %",
            format!("{}, {}", number(window("p50_us"), 0), number(window("p99_us"), 0)),
            format!("{}, {}", number(paced("p50_us"), 0), number(paced("p99_us"), 0)),
            number(window("rss_kib").map(|kib| kib * 1024.0 / 1e6), 1),
            number(lost.map(|(window, paced)| window + paced), 0),
            rounds.median(server, "check", "right").map_or("–".to_owned(), |right| format!("{right} %")),
        ];
        table += &format!("| {server} | {} |\n", cells.join(" | "));
    }
    table
}

/// The same servers, measured with a common tool.
fn dnsperf(rounds: &Rounds) -> String {
    let mut table = String::from("| server | dnsperf: answers/s | mean latency (µs) | lost |\n|---|--:|--:|--:|\n");
    for server in rounds.servers.iter().filter(|server| rounds.median(server, "dnsperf", "qps").is_some()) {
        let median = |key| rounds.median(server, "dnsperf", key);
        let lost = number(rounds.sum(server, "dnsperf", "lost"), 0);
        table +=
            &format!("| {server} | {} | {} | {lost} |\n", number(median("qps"), 0), number(median("latency_us"), 0));
    }
    table
}

fn ratio(value: Option<f64>, of: Option<f64>) -> String {
    number(value.zip(of).filter(|(_, of)| *of > 0.0).map(|(value, of)| value / of), 2)
}

/// With commas between thousands; a dash for none.
fn number(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.len();
    let grouped: String = whole
        .char_indices()
        .flat_map(|(at, digit)| (at > 0 && (digits - at).is_multiple_of(3)).then_some(',').into_iter().chain([digit]))
        .collect();
    grouped + fraction
}
