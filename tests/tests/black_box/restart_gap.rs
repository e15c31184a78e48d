//! Restarts without a gap: no query is lost, and a successor that does not come up changes nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use gslb_tests::PATIENCE;
use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::Folder;
use gslb_tests::program::gslb;
use gslb_tests::server::Server;

use crate::sites::{small, zone};

/// A server that may be restarted; whoever runs it at the end is killed.
struct Line {
    folder: Folder,
    server: Server,
    /// The processes that took over, the latest last.
    pids: Vec<u32>,
}

impl Line {
    /// Serves `folder` with a copy of gslb in it, which a test may replace.
    fn of(folder: Folder, options: &str) -> Self {
        fs::hard_link(gslb(), folder.path("gslb"))
            .or_else(|_| fs::copy(gslb(), folder.path("gslb")).map(drop))
            .unwrap();
        let arguments = format!("serve --config gslb.toml --document site.toml {options}");
        let server = Server::start(&mut folder.command_of(&folder.path("gslb"), &arguments));
        Self { folder, server, pids: Vec::new() }
    }

    /// Restarts it.
    fn restart(&mut self) {
        let ran = loop {
            let ran = self.folder.ask(&self.server, "restart -o json");
            // The predecessor may still pass its connections.
            if !ran.err.contains("another restart is already running") {
                break ran;
            }
        };
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let restarted: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        self.pids.push(restarted["pid"].as_u64().unwrap().try_into().unwrap());
    }

    /// Puts a script where gslb is, not into its running file.
    fn replace_program(&self, script: &str) {
        self.folder.replace("gslb", script);
        fs::set_permissions(self.folder.path("gslb"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Has the real program in its place again.
    fn restore_program(&self) {
        fs::remove_file(self.folder.path("gslb")).unwrap();
        fs::hard_link(gslb(), self.folder.path("gslb"))
            .or_else(|_| fs::copy(gslb(), self.folder.path("gslb")).map(drop))
            .unwrap();
    }

    fn restarts(&self, result: &str) -> u64 {
        self.server.metric(&format!("gslb_restarts_total{{result=\"{result}\"}}"))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(pid) = self.pids.last() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

/// A query for the address of www.example.com with this ID.
fn query(id: u16) -> Vec<u8> {
    let header = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&id.to_be_bytes()[..], &header, b"\x03www\x07example\x03com\0\0\x01\0\x01"].concat()
}

/// Whether `answer` is one to that query, with an address.
fn is_answer(answer: &[u8], id: u16) -> bool {
    answer.get(..2) == Some(&id.to_be_bytes()) && answer.get(7) == Some(&1)
}

/// Clients that ask until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Result<(), String>>>,
}

impl Load {
    /// Clients over UDP that change their port now and then, and over TCP with short and with long connections.
    fn on(server: SocketAddr) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |ask: fn(SocketAddr, &AtomicBool, &AtomicUsize) -> std::io::Result<()>| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || ask(server, &stop, &answered).map_err(|error| error.to_string()))
        };
        let clients = (0..4).map(|_| client(ask_udp)).chain((0..8).map(|_| client(ask_tcp_short)));
        let clients = clients.chain((0..8).map(|_| client(ask_tcp_long))).collect();
        let load = Self { stop, answered, clients };
        load.goes_on();
        load
    }

    /// Waits until more queries are answered.
    fn goes_on(&self) {
        let before = self.answered.load(Relaxed);
        eventually("queries are answered", || self.answered.load(Relaxed) > before + 500);
    }

    /// Ends it: nobody waited in vain, and no connection broke.
    fn nothing_was_lost(self) {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            client.join().unwrap().unwrap();
        }
    }
}

fn ask_udp(server: SocketAddr, stop: &AtomicBool, answered: &AtomicUsize) -> std::io::Result<()> {
    let mut answer = [0; 512];
    while !stop.load(Relaxed) {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        for id in 0..20 {
            socket.send(&query(id))?;
            let octets = socket.recv(&mut answer)?;
            assert!(is_answer(&answer[..octets], id));
            answered.fetch_add(1, Relaxed);
        }
    }
    Ok(())
}

fn ask_tcp(stream: &mut TcpStream, id: u16) -> std::io::Result<()> {
    let query = query(id);
    // The length and half of the query, then the rest: a message may be cut by a restart.
    let framed = [&(query.len() as u16).to_be_bytes()[..], &query].concat();
    let (first, second) = framed.split_at(framed.len() / 2);
    stream.write_all(first)?;
    stream.write_all(second)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    assert!(is_answer(&answer, id));
    Ok(())
}

fn connect(server: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn ask_tcp_short(server: SocketAddr, stop: &AtomicBool, answered: &AtomicUsize) -> std::io::Result<()> {
    while !stop.load(Relaxed) {
        let mut stream = connect(server)?;
        for id in 0..3 {
            ask_tcp(&mut stream, id)?;
            answered.fetch_add(1, Relaxed);
        }
    }
    Ok(())
}

fn ask_tcp_long(server: SocketAddr, stop: &AtomicBool, answered: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = connect(server)?;
    while !stop.load(Relaxed) {
        ask_tcp(&mut stream, 7)?;
        answered.fetch_add(1, Relaxed);
    }
    Ok(())
}

fn configuration(workers: usize) -> String {
    format!(
        "[dns]\nlisten = [\"127.0.0.1:0\"]\nworkers = {workers}\ntcp_connections_per_client = 100\nrrl = {{ enabled = false \
         }}\n[api]\nlisten = \"127.0.0.1:0\"\n"
    )
}

/// A pool that may be drained, since there is another one.
const SITE: &str = "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[pools.here]
endpoints.one = { address = \"192.0.2.1\" }
[pools.spare]
endpoints.two = { address = \"192.0.2.2\" }
[services.\"www.example.com\"]
policy = { failover = [\"here\", \"spare\"] }
";

fn site(workers: usize) -> Folder {
    Folder::with(&[("gslb.toml", &configuration(workers)), ("site.toml", SITE), ("example.com.zone", &zone("first"))])
}

#[test]
fn restarts_lose_no_query_and_no_connection_while_workers_change() {
    let mut line = Line::of(site(2), "");
    let load = Load::on(line.server.address());
    for workers in [2, 4, 1, 3] {
        line.folder.write("gslb.toml", configuration(workers));
        line.restart();
        load.goes_on();
    }
    assert_eq!(line.restarts("succeeded"), 4);
    line.server.await_log("stopped after");
    load.nothing_was_lost();
    // The first process has ended, and its address has not changed.
    assert_eq!(dig(line.server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    // A signal does the same.
    let pid = line.pids.last().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "USR2", &pid]).status().unwrap().success());
    let successor = loop {
        let said = line.server.await_log("restarted: the successor answers");
        let (_, pid) = said.split_once("pid=").unwrap();
        let pid: u32 = pid.split(' ').next().unwrap().parse().unwrap();
        if !line.pids.contains(&pid) {
            break pid;
        }
    };
    line.pids.push(successor);
    eventually("the fifth restart is counted", || line.restarts("succeeded") == 5);
}

#[test]
fn changes_during_restarts_are_kept_if_they_were_acknowledged() {
    let mut line = Line::of(site(1), "");
    let drained = line.folder.ask(&line.server, "drain pool/here --for 1h --reason test");
    assert_eq!(drained.code, 0, "{}", drained.err);
    let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let (url, token) = (line.server.url("/api/v1/pools/here"), line.folder.token());
    let changes = {
        let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        thread::spawn(move || {
            let authorization = format!("Authorization: Bearer {token}");
            for weight in 1.. {
                let body =
                    format!("{{\"endpoints\": {{\"one\": {{\"address\": \"192.0.2.1\", \"weight\": {weight}}}}}}}");
                let arguments = [
                    "-X",
                    "PATCH",
                    "-H",
                    &authorization,
                    "-H",
                    "If-Match: *",
                    "-H",
                    "Content-Type: application/merge-patch+json",
                    "-d",
                    &body,
                ];
                match gslb_tests::ask::curl_with(&arguments, &url).status {
                    200 => acknowledged.store(weight, Relaxed),
                    // Not reached, or refused with advice to try again.
                    0 | 503 => {}
                    other => panic!("answered with {other}"),
                }
                if stop.load(Relaxed) || weight == 1000 {
                    return;
                }
            }
        })
    };
    for _ in 0..3 {
        let before = acknowledged.load(Relaxed);
        eventually("changes are made", || acknowledged.load(Relaxed) > before + 2);
        line.restart();
    }
    stop.store(true, Relaxed);
    changes.join().unwrap();
    let pool: serde_json::Value =
        serde_json::from_str(&line.folder.ask(&line.server, "get pool/here -o json").out).unwrap();
    let weight = pool["endpoints"]["one"]["weight"].as_u64().unwrap() as usize;
    // The last request may have been made without its answer being seen.
    assert!(weight >= acknowledged.load(Relaxed), "{weight} < {acknowledged:?}");
    let overrides = line.folder.ask(&line.server, "overrides");
    assert!(overrides.out.contains("pool/here"), "{}", overrides.out);
}

#[test]
fn endpoints_that_were_down_stay_down() {
    let document = "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[probes.slow]
kind = \"tcp\"
port = 1
interval = \"1s\"
fall = 1
[pools.near]
probe = \"slow\"
endpoints.one = { address = \"127.0.0.9\" }
[pools.far]
endpoints.two = { address = \"192.0.2.2\" }
[services.\"www.example.com\"]
policy = { failover = [\"near\", \"far\"] }
";
    let folder = small("[probes]\nallow = [\"127.0.0.0/8\"]\n");
    folder.write("site.toml", document);
    let mut line = Line::of(folder, "");
    let answer = |line: &Line| dig(line.server.address(), "www.example.com A").data().join(" ");
    eventually("the probe fails", || answer(&line) == "192.0.2.2");
    let stop = Arc::<AtomicBool>::default();
    let address = line.server.address();
    let asking = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(address).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            while !stop.load(Relaxed) {
                socket.send(&query(1)).unwrap();
                let mut answer = [0; 512];
                let octets = socket.recv(&mut answer).unwrap();
                assert_eq!(answer[..octets].last(), Some(&2), "the endpoint that is down was answered");
            }
        })
    };
    line.restart();
    line.restart();
    stop.store(true, Relaxed);
    asking.join().unwrap();
}

#[test]
fn a_successor_that_does_not_come_up_changes_nothing_and_is_explained() {
    let mut line = Line::of(site(1), "--watch --strict");
    let good = [&configuration(1), SITE];
    let load = Load::on(line.server.address());
    type Break = fn(&Line);
    let cases: [(&str, Break, &str, &str); 7] = [
        ("exits", |line| line.replace_program("#!/bin/sh\nexit 3\n"), "exit status: 3", "failed"),
        ("crashes", |line| line.replace_program("#!/bin/sh\nkill -SEGV $$\n"), "signal: 11", "failed"),
        (
            "hangs",
            |line| line.replace_program("#!/bin/sh\nexec sleep 1000\n"),
            "did not answer within 2 s",
            "timed-out",
        ),
        ("is no program", |line| line.replace_program("\0\0\0\0"), "cannot start", "not-started"),
        ("is gone", |line| fs::remove_file(line.folder.path("gslb")).unwrap(), "cannot start", "not-started"),
        ("configuration", |line| line.folder.write("gslb.toml", "[dns]\nlisten = 5\n"), "listen", "failed"),
        ("document", |line| line.folder.write("site.toml", "[pools.here]\n"), "pools.here", "failed"),
    ];
    for (name, make, why, result) in cases {
        let before = line.restarts(result);
        make(&line);
        let ran = line.folder.ask(&line.server, "restart --timeout 2s");
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(why) && ran.err.contains("serves on"), "{name}: {}", ran.err);
        assert_eq!(line.restarts(result), before + 1, "{name}");
        line.server.await_log("the restart failed");
        if !line.folder.path("gslb").exists() {
            fs::write(line.folder.path("gslb"), "").unwrap();
        }
        line.restore_program();
        line.folder.write("gslb.toml", good[0]);
        line.folder.write("site.toml", good[1]);
        load.goes_on();
    }
    // It still has its store, and can restart.
    let drained = line.folder.ask(&line.server, "drain pool/here --for 1h --reason test");
    assert_eq!(drained.code, 0, "{}", drained.err);
    line.restart();
    load.goes_on();
    load.nothing_was_lost();
}

#[test]
fn a_second_restart_is_refused_and_a_stop_ends_the_first() {
    let mut line = Line::of(site(1), "");
    line.replace_program("#!/bin/sh\nexec sleep 1000\n");
    let first = {
        let (folder, url, token) = (line.folder.path(""), line.server.url(""), line.folder.token());
        thread::spawn(move || {
            let mut command = Command::new(gslb());
            command.args(["restart", "--timeout", "10m"]).current_dir(folder);
            gslb_tests::program::run(command.env("GSLB_SERVER", url).env("GSLB_TOKEN", token))
        })
    };
    line.server.await_log("restarting: starting");
    let second = line.folder.ask(&line.server, "restart");
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.contains("already running"), "{}", second.err);
    // Nothing else waits for the restart.
    let drained = line.folder.ask(&line.server, "drain pool/here --for 1h --reason test");
    assert_eq!(drained.code, 0, "{}", drained.err);
    line.server.signal("TERM");
    let first = first.join().unwrap();
    assert_eq!(first.code, 3, "{}{}", first.out, first.err);
    eventually("nothing answers any more", || TcpStream::connect(line.server.address()).is_err());
    line.server.await_log("stopped after");
}

#[test]
fn a_demo_says_why_it_cannot_restart() {
    let folder = small("");
    let server = Server::demo();
    folder.write("token", "");
    let mut command = Command::new(gslb());
    command.arg("restart").env("GSLB_SERVER", server.url("")).env_remove("GSLB_TOKEN");
    let ran = gslb_tests::program::run(&mut command);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("cannot be restarted"), "{}", ran.err);
}
