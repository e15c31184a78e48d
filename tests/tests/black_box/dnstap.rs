//! dnstap read by its common tools: every missing frame is counted, and nothing waits.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use gslb_tests::ask::{dig, kdig};
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::program::run;
use gslb_tests::server::Server;
use gslb_tests::{PATIENCE, eventually};

use crate::change::two;
use crate::sites::zone;

/// fstrm_capture, which takes frames at a socket and writes them to a file.
struct Capture {
    child: Child,
    file: PathBuf,
}

impl Capture {
    fn start(folder: &Folder, file: &str) -> Self {
        let (socket, file) = (folder.path("dnstap.sock"), folder.path(file));
        let mut command = Command::new("fstrm_capture");
        command.args(["-t", "protobuf:dnstap.Dnstap", "-u"]).arg(&socket).arg("-w").arg(&file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("fstrm_capture can be run; tests/run installs it"), file }
    }

    /// Stops it, so that its file is complete.
    fn stop(&mut self) {
        run(Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]));
        self.child.wait().expect("it can be waited for");
    }

    /// Stops it, and returns its file.
    fn frames(mut self) -> Vec<u8> {
        self.stop();
        fs::read(&self.file).expect("it has a file")
    }

    /// Stops it, and reads its file with dnstap-ldns.
    fn read(mut self, how: &str) -> String {
        self.stop();
        let ran = run(Command::new("dnstap-ldns").args([how, "-r"]).arg(&self.file));
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site whose answers are shown at `dnstap.sock`.
fn folder(process: &str) -> Folder {
    let process = format!("{process}\n[dnstap]\nsocket = \"dnstap.sock\"\n");
    let site = two("\"iad\", \"fra\"", "");
    Folder::with(&[("gslb.toml", &process), ("site.toml", &site), ("example.com.zone", &zone("first"))])
}

fn connected(server: &Server) {
    eventually("the reader is there", || server.metric("gslb_dnstap_connected") == 1);
}

fn drops(server: &Server, reason: &str) -> u64 {
    server.metric(&format!("gslb_dnstap_drops_total{{reason=\"{reason}\"}}"))
}

/// Frames that a reader got, and those counted as dropped.
fn accounted(server: &Server) -> u64 {
    let dropped: u64 = ["absent", "closed", "overrun", "slow"].iter().map(|reason| drops(server, reason)).sum();
    server.metric("gslb_dnstap_frames_total") + dropped
}

/// A query with this ID for `www.example.com` A, and a client in the Netherlands.
fn query(id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    query.extend_from_slice(b"\x03www\x07example\x03com\0\0\x01\0\x01");
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 193, 0, 6]);
    query
}

/// Sends this many queries as fast as they are answered; every query is answered.
fn rush(server: SocketAddr, count: usize) {
    const WINDOW: usize = 32;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 512];
    for first in (0..count).step_by(WINDOW) {
        let batch = first..(first + WINDOW).min(count);
        batch.clone().for_each(|id| assert!(socket.send(&query(id as u16)).is_ok()));
        batch.for_each(|_| assert!(socket.recv(&mut buffer).expect("an answer") > 12));
    }
}

#[test]
fn dnstap_ldns_reads_clients_queries_and_answers() {
    let process = PROCESS.replace("[\"127.0.0.1:0\"]", "[\"0.0.0.0:0\", \"[::1]:0\"]");
    let folder = folder(&format!("{process}\n[node]\nname = \"fra-7\""));
    let capture = Capture::start(&folder, "frames");
    let server = folder.serve_store();
    connected(&server);
    // One of many addresses of a wildcard listener.
    let target = SocketAddr::from(([127, 0, 0, 2], server.dns[0].port()));
    let socket = UdpSocket::bind("127.0.0.3:0").unwrap();
    socket.connect(target).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(&query(0xBEEF)).unwrap();
    let mut response = [0; 512];
    let octets = socket.recv(&mut response).unwrap();
    dig(server.dns[1], "+tcp none.example.com AAAA");
    eventually("all frames are sent", || server.metric("gslb_dnstap_frames_total") == 4);
    server.stop();
    let file = capture.file.clone();
    let text = capture.read("-y");
    let frames = fs::read(file).unwrap();
    for part in [&query(0xBEEF)[..], &response[..octets]] {
        assert!(frames.windows(part.len()).any(|window| window == part), "octet for octet");
    }
    let messages: Vec<&str> = text.split("\n---\n").filter(|message| message.contains("type: MESSAGE")).collect();
    assert_eq!(messages.len(), 4, "{text}");
    let port = socket.local_addr().unwrap().port();
    let (from, to) = (format!("query_port: {port}"), format!("response_port: {}", target.port()));
    let path = ["UDP", "INET\n", "query_address: \"127.0.0.3\"", "response_address: \"127.0.0.2\"", &from, &to];
    let other = ["TCP", "INET6\n", "query_address: \"::1\"", "response_address: \"::1\""];
    let expected = [
        ("AUTH_QUERY", &path[..], ["query_time", "id: 48879", "www.example.com."]),
        ("AUTH_RESPONSE", &path[..], ["response_time", "id: 48879", "192.0.2.1"]),
        ("AUTH_QUERY", &other[..], ["query_time", "AAAA", "none.example.com."]),
        ("AUTH_RESPONSE", &other[..], ["response_time", "NXDOMAIN", "SOA"]),
    ];
    for (message, (kind, path, content)) in messages.iter().zip(expected) {
        let of_all = ["identity: \"fra-7\"", "version: \"gslb ", "query_zone: \"example.com.\""];
        for part in [kind].iter().chain(path).chain(&content).chain(&of_all) {
            assert!(message.contains(part), "{part} is not in\n{message}");
        }
    }
}

#[test]
fn clients_of_a_proxy_are_shown_as_themselves() {
    let folder = folder(&format!("{PROCESS}[dns.proxy]\nlisten = [\"127.0.0.1:0\"]\nfrom = [\"127.0.0.1\"]\n"));
    let capture = Capture::start(&folder, "frames");
    let server = folder.serve_store();
    connected(&server);
    let proxy = UdpSocket::bind("127.0.0.1:0").unwrap();
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    // A client and a destination of IPv6, by a proxy that reaches us over IPv4.
    let addresses = ["2001:db8::7", "2001:db8::53"].map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
    let header = [b"\r\n\r\n\0\r\nQUIT\n\x21\x22\0\x24", &addresses.concat()[..], &[0x10, 0, 0, 53]].concat();
    proxy.send_to(&[&header[..], &query(7)].concat(), server.proxy[0]).unwrap();
    proxy.recv(&mut [0; 512]).unwrap();
    eventually("all frames are sent", || server.metric("gslb_dnstap_frames_total") == 2);
    server.stop();
    let text = capture.read("-y");
    let messages: Vec<&str> = text.split("\n---\n").filter(|message| message.contains("type: MESSAGE")).collect();
    let path = ["query_address: \"2001:db8::7\"", "query_port: 4096", "response_address: \"2001:db8::53\"", "INET6\n"];
    assert_eq!(messages.len(), 2, "{text}");
    for message in messages {
        for part in path.iter().chain(&["UDP", "response_port: 53\n"]) {
            assert!(message.contains(part), "{part} is not in\n{message}");
        }
    }
}

#[test]
fn answers_over_tls_are_marked_as_such() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = "[dns.tls]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"dot.pem\"\nkey = \"dot.key\"\n";
    let folder = folder(&format!("{PROCESS}{tls}"));
    folder.write("dot.pem", made.cert.pem());
    folder.write("dot.key", made.signing_key.serialize_pem());
    let capture = Capture::start(&folder, "frames");
    let server = folder.serve_store();
    connected(&server);
    kdig(server.tls[0], "+tls www.example.com A");
    eventually("all frames are sent", || server.metric("gslb_dnstap_frames_total") == 2);
    server.stop();
    // Debian's dnstap-ldns does not know DOT (3), and stops at it: socket_family INET, socket_protocol DOT.
    let frames = capture.frames();
    assert_eq!(frames.windows(4).filter(|window| *window == [0x10, 1, 0x18, 3]).count(), 2);
}

#[test]
fn every_answer_is_read_or_counted_as_lost() {
    let folder = folder(PROCESS);
    let capture = Capture::start(&folder, "frames");
    let server = folder.serve_store();
    connected(&server);
    rush(server.address(), 20_000);
    eventually("all is accounted for", || accounted(&server) == 40_000);
    let frames = server.metric("gslb_dnstap_frames_total");
    server.stop();
    let text = capture.read("-q");
    assert_eq!(text.lines().count() as u64, frames, "what is counted as sent was read");
    assert_eq!(text.lines().filter(|line| line.contains(" AR ")).count() as u64 * 2, frames);
}

/// A reader that shakes hands, and takes nothing after that.
fn hanging(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut ready = [0; 42];
    stream.read_exact(&mut ready).unwrap();
    ready[11] = 1; // ACCEPT in place of READY.
    stream.write_all(&ready).unwrap();
    stream
}

#[test]
fn no_answer_waits_for_a_missing_hanging_or_returning_reader() {
    let folder = folder(PROCESS);
    let mut server = folder.serve_store();
    rush(server.address(), 100);
    eventually("they are counted", || drops(&server, "absent") == 200);

    let listener = UnixListener::bind(folder.path("dnstap.sock")).unwrap();
    let reader = hanging(&listener);
    connected(&server);
    server.await_log("connected to a reader");
    let mut target = 100;
    eventually("it cannot take more", || {
        rush(server.address(), 5_000);
        target += 5_000;
        drops(&server, "slow") > 0
    });
    server.await_log("the reader is too slow");
    drop((reader, listener));
    fs::remove_file(folder.path("dnstap.sock")).unwrap();
    server.await_log("no reader");
    eventually("what waited for it is counted", || drops(&server, "closed") > 0);

    let capture = Capture::start(&folder, "frames");
    connected(&server);
    let before = server.metric("gslb_dnstap_frames_total");
    rush(server.address(), 100);
    eventually("they are sent", || server.metric("gslb_dnstap_frames_total") == before + 200);
    assert_eq!(accounted(&server), 2 * (target + 100), "each answer is two frames, sent or dropped");
    server.stop();
    assert_eq!(capture.read("-q").lines().count(), 200);
}
