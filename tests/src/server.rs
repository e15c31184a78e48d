//! A running `gslb demo` or `gslb serve`, killed when dropped.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::exposition::Exposition;
use crate::lines::Lines;
use crate::program::{gslb, run};
use crate::{ask, eventually};

/// A process that answers.
pub struct Server {
    child: Child,
    out: Lines,
    log: Lines,
    /// Its DNS addresses, in the order of its configuration.
    pub dns: Vec<SocketAddr>,
    /// Its addresses of DNS over TLS.
    pub tls: Vec<SocketAddr>,
    /// Its addresses for proxies.
    pub proxy: Vec<SocketAddr>,
    /// Its HTTP address.
    pub api: SocketAddr,
    /// `http`, or `https` where its API has TLS.
    pub scheme: &'static str,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of its log.
    pub log: String,
}

impl Server {
    /// Starts `gslb demo` on free ports.
    pub fn demo() -> Self {
        Self::start(Command::new(gslb()).args(["demo", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]))
    }

    /// Starts `command`, and waits until it answers.
    ///
    /// # Panics If it does not get there.
    pub fn start(command: &mut Command) -> Self {
        let mut server = Self::spawn(command);
        while !server.api.ip().is_loopback() {
            server.await_answering();
        }
        server
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("gslb can be run");
        let out = Lines::of(child.stdout.take().expect("standard output is a pipe"));
        let log = Lines::of(child.stderr.take().expect("standard error is a pipe"));
        Self {
            child,
            out,
            log,
            dns: Vec::new(),
            tls: Vec::new(),
            proxy: Vec::new(),
            api: SocketAddr::from(([0; 4], 0)),
            scheme: "http",
        }
    }

    /// Waits for the next line with a listen address.
    fn await_answering(&mut self) {
        let line = self.await_log("answering ");
        // Of a log in JSON, the message is the last member.
        let (_, address) = line.trim_end_matches("\"}").rsplit_once("answering ").expect("the line has an address");
        match address.strip_prefix("HTTP on ").and_then(|url| url.split_once("://")) {
            Some((scheme, http)) => {
                self.api = http.parse().expect("an address");
                self.scheme = if scheme == "https" { "https" } else { "http" };
            }
            None if address.ends_with(", TLS") => self.tls.push(dns_address(address)),
            None if address.ends_with("PROXY protocol") => self.proxy.push(dns_address(address)),
            None => self.dns.push(dns_address(address)),
        }
    }

    /// Starts `command`, whose HTTP may be off, and waits until it answers DNS on `listeners` addresses.
    ///
    /// # Panics If it does not get there.
    pub fn start_dns(command: &mut Command, listeners: usize) -> Self {
        let mut server = Self::spawn(command);
        while server.dns.len() < listeners {
            server.await_answering();
        }
        server
    }

    /// Its first DNS address.
    pub fn address(&self) -> SocketAddr {
        self.dns[0]
    }

    /// The next line of the log with `part`, after the last awaited one.
    pub fn await_log(&mut self, part: &str) -> String {
        self.log.next_with(part)
    }

    /// The next line of standard output with `part`, after the last awaited one.
    pub fn await_out(&mut self, part: &str) -> String {
        self.out.next_with(part)
    }

    /// All of standard output so far.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// Megabytes of memory that it has, and that it had at most.
    ///
    /// # Panics
    /// If it has ended.
    pub fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let megabytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux provides this");
            line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kilobytes") / 1e3
        };
        (megabytes("VmRSS:"), megabytes("VmHWM:"))
    }

    /// Makes its current memory the most that it has had: from here on, [`memory`](Self::memory) has a new maximum.
    ///
    /// # Panics
    /// If it has ended, or runs as another user.
    pub fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").expect("it is our own process");
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `HUP` and so on.
    pub fn signal(&self, name: &str) {
        let sent = run(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()]));
        assert_eq!(sent.code, 0, "{}", sent.err);
    }

    /// Waits for the process to end.
    pub fn end(mut self) -> Ended {
        let log = self.log.to_end();
        Ended { code: self.child.wait().expect("it can be waited for").code(), log }
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        self.end()
    }

    /// Asks it to stop, and has all of its log looked at.
    pub fn stop_and(self, look: impl FnOnce(&str)) {
        let ended = self.stop();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        look(&ended.log);
    }

    /// Stops all its threads with SIGSTOP, until [`Server::resume`].
    pub fn pause(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let state = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        eventually("every thread is stopped", || {
            let mut tasks = std::fs::read_dir(&tasks).expect("the process runs").map_while(Result::ok);
            tasks.all(|task| state(task).rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
        });
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.api)
    }

    /// Gets `path` over HTTP, with any certificate.
    pub fn get(&self, path: &str) -> ask::Page {
        ask::curl_with(&["--insecure"], &self.url(path))
    }

    /// Number of the table in force.
    pub fn generation(&self) -> u64 {
        let body = self.get("/readyz").body;
        // Below the first line are the degraded parts.
        let first = body.lines().next().unwrap_or_default();
        let number = first.strip_prefix("ready, serving table ").and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("no generation in {body:?}"))
    }

    /// All of its metrics.
    ///
    /// # Panics
    /// When that is nothing that Prometheus would keep as it is.
    pub fn metrics(&self) -> Exposition {
        let text = self.get("/metrics").body;
        Exposition::read(&text).unwrap_or_else(|error| panic!("{error}, in:\n{text}"))
    }

    /// Value of a metric, by its name and labels as they are written.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let value =
            metrics.value(name).unwrap_or_else(|| panic!("no {name} in {:?}", metrics.series().collect::<Vec<_>>()));
        assert!(value >= 0.0 && value.fract() == 0.0, "counts are whole: {name} {value}");
        value as u64
    }
}

/// The address in `DNS on 127.0.0.1:5353, UDP and TCP`.
fn dns_address(text: &str) -> SocketAddr {
    let address = text.strip_prefix("DNS on ").and_then(|rest| rest.split(',').next());
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {text:?}"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
