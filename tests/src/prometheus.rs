//! A real Prometheus that scrapes for a test, killed when dropped.

use std::process::Command;

use tempfile::TempDir;

use crate::ask::{Page, curl_with};
use crate::daemon::Daemon;
use crate::server::Server;

/// A Prometheus with its own folder.
pub struct Prometheus {
    daemon: Daemon,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes each of `servers` as a job of its name, every second, and evaluates `rules` as often.
    /// Targets get typical labels, such as those of the Prometheus operator, some of which gslb uses too.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(servers: &[(&str, &Server)], rules: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, configuration(servers, rules)).expect("the folder can be written to");
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

fn configuration(servers: &[(&str, &Server)], rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    let job = |(name, server): &(&str, &Server)| {
        let (scheme, target) = (server.scheme, server.api);
        format!(
            "  - {{ job_name: {name}, scheme: {scheme}, tls_config: {{ insecure_skip_verify: true }}, honor_labels: true, \
             static_configs: [{{ targets: [\"{target}\"], labels: {{ endpoint: api, service: gslb, rack: \"1\" }} }}] }}\n"
        )
    };
    let jobs: String = servers.iter().map(job).collect();
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files:\n{rules}\
         scrape_configs:\n{jobs}"
    )
}
