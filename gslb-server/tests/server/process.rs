//! The process as the system sees it: signals, exit codes, and a shortage of file descriptors.

use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use crate::query::{PATIENCE, ask, query};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/example/site.toml");

/// A running `gslb serve` on free ports, killed when dropped.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    dns: SocketAddr,
    api: SocketAddr,
    /// Its configuration and its data.
    _folder: TempDir,
}

impl Process {
    /// Starts it with at most `descriptors` open files.
    fn start(descriptors: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let config =
            config_file(&folder, "[dns]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n[api]\nlisten = \"127.0.0.1:0\"\n");
        let limited = format!("ulimit -n {descriptors}; exec \"$0\" serve --config \"$1\" --document \"$2\"");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_gslb")]).arg(config).arg(DOCUMENT).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let nowhere = SocketAddr::from(([0; 4], 0));
        let mut process = Self { child, log, dns: nowhere, api: nowhere, _folder: folder };
        let line = process.await_line("answering DNS on ");
        let address = line.split("answering DNS on ").nth(1).unwrap().split(',').next().unwrap();
        process.dns = address.parse().unwrap();
        let line = process.await_line("answering HTTP on http://");
        process.api = line.rsplit_once("http://").unwrap().1.parse().unwrap();
        process
    }

    /// Reads the log up to a line with `part`.
    fn await_line(&mut self, part: &str) -> String {
        self.log.by_ref().map(Result::unwrap).find(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part:?}"))
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.dns).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config_file(folder: &TempDir, text: &str) -> PathBuf {
    let file = folder.path().join("gslb.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn ask_udp(address: SocketAddr) {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(&query(1), address).unwrap();
    client.recv(&mut [0; 512]).expect("an answer");
}

#[test]
fn sighup_reloads_and_sigterm_ends_it_in_order() {
    for ending in ["TERM", "INT"] {
        let mut process = Process::start(1024);
        process.signal("HUP");
        process.await_line("table of generation 2");
        ask_udp(process.dns);
        ask(&mut process.connect(), 1);
        process.signal(ending);
        process.await_line("stopped after 1 datagrams and 1 TCP connections");
        assert_eq!(process.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn without_descriptors_udp_continues_and_tcp_evicts_idle_connections() {
    let process = Process::start(40);
    // More than there are descriptors for: the kernel accepts them all, and the server those it can.
    let _held: Vec<TcpStream> = (0..39).map(|_| process.connect()).collect();
    ask_udp(process.dns);
    ask(&mut process.connect(), 2);
    ask_udp(process.dns);
}

#[test]
fn http_clients_take_no_descriptor_that_dns_needs() {
    let process = Process::start(128);
    let connections: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(process.api).unwrap()).collect();
    for _ in 0..10 {
        ask_udp(process.dns);
        ask(&mut process.connect(), 2);
    }
    drop(connections);
}

#[test]
fn an_invalid_configuration_ends_the_server_with_all_problems() {
    let folder = TempDir::new().unwrap();
    let file = config_file(&folder, "[dns]\nworkers = 0\ntcp_idle = 5\n");
    let output = Command::new(env!("CARGO_BIN_EXE_gslb"))
        .args(["serve", "--document", DOCUMENT, "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    for place in [":2:11: error: dns.workers", ":3:12: error: dns.tcp_idle"] {
        assert!(stderr.contains(&format!("{}{place}", file.display())), "{stderr}");
    }
}
