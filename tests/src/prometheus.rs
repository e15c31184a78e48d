//! A real Prometheus that scrapes for a test, killed when dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::ask::{Page, curl_with};
use crate::daemon::Daemon;

/// A Prometheus with a folder of its own.
pub struct Prometheus {
    daemon: Daemon,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes each of `jobs`, a name and an address, every second, and evaluates `rules` as often.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(jobs: &[(&str, SocketAddr)], rules: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, configuration(jobs, rules)).expect("the folder can be written to");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg("--web.listen-address=127.0.0.1:0");
        Self { daemon: Daemon::start(&mut command), _folder: folder }
    }

    /// Gets `path` of its API; `query` is a list of names and values.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Page {
        let values: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let arguments = ["--get"].into_iter().chain(values.iter().flat_map(|value| ["--data-urlencode", value]));
        curl_with(&arguments.collect::<Vec<_>>(), &format!("http://{}{path}", self.daemon.address))
    }
}

fn configuration(jobs: &[(&str, SocketAddr)], rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    let job = |(name, target): &(&str, SocketAddr)| {
        format!("  - {{ job_name: {name}, static_configs: [{{ targets: [\"{target}\"] }}] }}\n")
    };
    let jobs: String = jobs.iter().map(job).collect();
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files:\n{rules}\
         scrape_configs:\n{jobs}"
    )
}

/// Serves `exposition` over HTTP, whatever is asked for, as long as the test runs. Returns where.
///
/// # Panics
/// When there is no port.
pub fn serve_exposition(exposition: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = BufReader::new(&stream).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let length = exposition.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{exposition}"
            );
        }
    });
    address
}
