//! The cost of dnstap for the real server: answers, processor time and losses, without a reader and with one that gets
//! all answers.
//!
//! The reader is `fstrm_capture`, which discards its input. Everything shares the machine's processors, so at full rate
//! the reader takes some from the server; the paced run shows the cost per answer.

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use gslb_benches::load::{Client, Outcome, Pace, Plan, Until};
use gslb_benches::usage::Usage;
use gslb_benches::{query, sites};
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

/// How long to ask.
const TIME: Duration = Duration::from_secs(5);
/// Queries a second of the paced run.
const RATE: f64 = 50_000.0;
/// Queries under way.
const WINDOW: usize = 128;
/// After this time a query counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    for (name, pace) in [("paced", Pace::PerSecond(RATE)), ("full rate", Pace::Window)] {
        for is_watched in [false, true] {
            let line = measure(pace, is_watched)?;
            println!("{name}, {}: {line}", if is_watched { "all answers to dnstap" } else { "without dnstap" });
        }
    }
    Ok(())
}

/// A reader, killed when dropped.
struct Reader(Child);

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(pace: Pace, is_watched: bool) -> Result<String, Box<dyn Error>> {
    let dnstap = if is_watched { "[dnstap]\nsocket = \"dnstap.sock\"\n" } else { "" };
    let folder = Folder::with(&[
        ("gslb.toml", &format!("{PROCESS}{dnstap}")),
        ("site.toml", &sites::example()),
        ("example.com.zone", sites::ZONE),
    ]);
    let mut capture = Command::new("fstrm_capture");
    capture.args(["-t", "protobuf:dnstap.Dnstap", "-w", "/dev/null", "-u"]).arg(folder.path("dnstap.sock"));
    let _reader = is_watched.then(|| capture.stderr(Stdio::null()).spawn().map(Reader)).transpose()?;
    let server = folder.serve_store();
    if is_watched {
        eventually("the reader is there", || server.metric("gslb_dnstap_connected") == 1);
    }
    let queries: Vec<Box<[u8]>> = ["steered-v4", "static", "steered-v6", "nxdomain"].map(|it| query(it).into()).into();
    let mut client = Client::open(server.address(), &queries[0], Duration::from_secs(5))?;
    let sent = server.metric("gslb_udp_sent_total");
    let before = Usage::of(server.pid())?;
    let plan = Plan { window: WINDOW, pace, until: Until::Over(TIME), patience: PATIENCE };
    let Outcome { answered, lost, elapsed, latency, .. } = client.run(&plan, &queries, 0, |_, _| true)?;
    thread::sleep(Duration::from_millis(100));
    let (user, system) = Usage::of(server.pid())?.since(&before);
    let each = |time: Duration| time.as_secs_f64() * 1e9 / answered.max(1) as f64;
    let mut line = format!(
        "{:.0} answers/s, {lost} lost, p50 {:.0} µs, p99 {:.0} µs, processor {:.0} ns user and {:.0} ns system per answer",
        answered as f64 / elapsed.as_secs_f64(),
        latency.quantile(0.5).as_nanos() as f64 / 1e3,
        latency.quantile(0.99).as_nanos() as f64 / 1e3,
        each(user),
        each(system),
    );
    if is_watched {
        line += &dropped(&server, server.metric("gslb_udp_sent_total") - sent);
    }
    Ok(line)
}

/// The frames of `answers` answers: sent and dropped.
fn dropped(server: &Server, answers: u64) -> String {
    let drops = |reason: &str| server.metric(&format!("gslb_dnstap_drops_total{{reason=\"{reason}\"}}"));
    let reasons = ["absent", "closed", "overrun", "slow"].map(|reason| format!("{reason} {}", drops(reason)));
    let frames = server.metric("gslb_dnstap_frames_total");
    format!("; {answers} answers, {frames} frames; dropped: {}", reasons.join(", "))
}
