//! DNS cookies with dig and kdig, on several nodes, and with NSD behind the same address.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use gslb_tests::answer::Answer;
use gslb_tests::ask::{dig, kdig};
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

const SECRETS: [&str; 2] = ["e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"];
const CLIENT: &str = "2464c4abcf10c957";
const QUESTION: &str = "mail.example.com A";

/// A site whose gslb.toml has these lines in `[dns.cookies]`.
fn site(cookies: &str) -> Folder {
    let folder = Folder::with(&[("site.toml", &document("192.0.2.1")), ("example.com.zone", &zone("first"))]);
    folder.write("gslb.toml", format!("{PROCESS}[dns.cookies]\n{cookies}\n"));
    folder
}

/// The cookie in a response, as hexadecimal digits.
fn cookie(answer: &Answer) -> String {
    let line = answer.text.lines().find_map(|line| line.split_once("COOKIE: ")).map(|(_, rest)| rest);
    let line = line.unwrap_or_else(|| panic!("no cookie in:\n{}", answer.text));
    line.split_whitespace().next().unwrap().to_lowercase()
}

/// A new cookie of the server.
fn learn(address: SocketAddr) -> String {
    let learned = cookie(&dig(address, &format!("+cookie={CLIENT} {QUESTION}")));
    assert!(learned.starts_with(CLIENT) && learned.len() == 48, "{learned}");
    learned
}

/// How many cookies the server has counted as `result`.
fn counted(server: &Server, result: &str) -> u64 {
    server.metric(&format!("gslb_dns_cookies_total{{result=\"{result}\"}}"))
}

/// Whether the server recognizes a cookie.
fn accepts(server: &Server, cookie: &str) -> bool {
    let before = ["valid", "invalid"].map(|result| counted(server, result));
    dig(server.address(), &format!("+cookie={cookie} {QUESTION}"));
    let after = ["valid", "invalid"].map(|result| counted(server, result));
    assert_eq!(after[0] + after[1], before[0] + before[1] + 1);
    after[0] > before[0]
}

#[test]
fn dig_and_kdig_learn_a_cookie_and_return_it() {
    let folder = site("");
    let server = folder.serve();
    let learned = learn(server.address());
    let known = dig(server.address(), &format!("+cookie={learned} {QUESTION}"));
    assert!(known.text.contains("(good)") && cookie(&known) == learned, "{}", known.text);
    let none = counted(&server, "none");
    assert!(!dig(server.address(), &format!("+nocookie {QUESTION}")).text.contains("COOKIE"));
    assert_eq!(counted(&server, "none"), none + 1);
    for transport in ["+notcp", "+tcp"] {
        let answer = kdig(server.address(), &format!("+cookie={learned} {transport} {QUESTION}"));
        assert!(answer.text.contains("COOKIE") && !answer.text.contains("BADCOOKIE"), "{}", answer.text);
    }
    assert_eq!((counted(&server, "client"), counted(&server, "valid"), counted(&server, "invalid")), (1, 3, 0));
    assert!(accepts(&server, &learned));
    let off = site("enabled = false");
    let server = off.serve();
    assert!(!dig(server.address(), &format!("+cookie={learned} {QUESTION}")).text.contains("; COOKIE"));
}

#[test]
fn nodes_with_the_same_secret_accept_each_other_and_others_do_not() {
    let master = "a secret of the whole fleet\n";
    let [first, second] = [(); 2].map(|()| {
        let folder = site("secret = { file = \"cookie.key\" }");
        folder.write("cookie.key", master);
        folder
    });
    let (one, mut two) = (first.serve(), second.serve());
    let learned = learn(one.address());
    assert!(accepts(&one, &learned) && accepts(&two, &learned));
    assert!(!accepts(&site("").serve(), &learned), "a random secret");

    // A changed file takes effect without a restart; a broken one changes nothing.
    second.replace("cookie.key", "short");
    eventually("it is degraded", || two.get("/readyz").body.contains("degraded: cookies"));
    let why = two.get("/readyz").body;
    assert!(why.contains("cookie.key has 5 bytes of secret, which is fewer than 16"), "{why}");
    assert!(accepts(&two, &learned));
    second.replace("cookie.key", "another secret of a fleet");
    two.await_log("DNS cookies use the secrets in this file");
    eventually("the new secret is in use", || !accepts(&two, &learned));
    eventually("it is no longer degraded", || !two.get("/readyz").body.contains("degraded"));
    second.replace("cookie.key", master);
    eventually("the first secret is back", || accepts(&two, &learned));
}

#[test]
fn secrets_rotate_in_a_file_without_a_restart() {
    let folder = site("secrets = { file = \"secrets\" }");
    folder.write("secrets", format!("{}\n", SECRETS[0]));
    let server = folder.serve();
    let old = learn(server.address());
    folder.replace("secrets", format!("# new first\n{}\n{}\n", SECRETS[1], SECRETS[0]));
    eventually("the new secret signs", || {
        learn(server.address())[16..24] == *"01000000" && {
            let renewed = cookie(&dig(server.address(), &format!("+cookie={old} {QUESTION}")));
            renewed != old
        }
    });
    assert!(accepts(&server, &old), "the old secret still verifies");
    folder.replace("secrets", format!("{}\n", SECRETS[1]));
    eventually("the old secret is gone", || !accepts(&server, &old));
}

#[test]
fn a_secret_may_be_a_credential_of_systemd() {
    let folder = site("secret = { credential = \"cookie\" }");
    folder.write("cookie", "a secret that systemd passes");
    let start = "serve --config gslb.toml --document site.toml --watch";
    let directory = folder.path("").display().to_string();
    let server = folder.start_with(start, &[("CREDENTIALS_DIRECTORY", &directory)]);
    let plain = site("secret = { file = \"cookie\" }");
    plain.write("cookie", "a secret that systemd passes");
    assert!(accepts(&plain.serve(), &learn(server.address())));
    drop(server);

    // Without it DNS is answered, and the server says why it is degraded; --strict refuses to start.
    let server = folder.serve();
    assert_eq!(learn(server.address()).len(), 48);
    let body = server.get("/readyz").body;
    assert!(body.contains("degraded: cookies") && body.contains("CREDENTIALS_DIRECTORY is not set"), "{body}");
    assert_eq!(server.stop().code, Some(0));
    let refused = folder.gslb(&format!("{start} --strict"));
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("CREDENTIALS_DIRECTORY is not set"), "{}", refused.err);
}

/// NSD with the same zone, killed when dropped.
struct Nsd {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Drop for Nsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that both UDP and TCP are free at.
fn free() -> SocketAddr {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    if TcpListener::bind(address).is_ok() { address } else { free() }
}

impl Nsd {
    fn with_secret(secret: &str) -> Self {
        let (folder, address) = (Folder::with(&[("example.com.zone", &zone("first"))]), free());
        let (home, port) = (folder.path("").display().to_string(), address.port());
        let home = home.trim_end_matches('/');
        folder.write(
            "conf",
            format!(
                "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n \
                 zonesdir: \"{home}\"\n database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n \
                 zonelistfile: \"{home}/zone.list\"\n xfrdir: \"{home}\"\n rrl-ratelimit: 0\n \
                 answer-cookie: yes\n cookie-secret: \"{secret}\"\nremote-control:\n control-enable: no\n\
                 zone:\n name: example.com\n zonefile: example.com.zone\n"
            ),
        );
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("nsd");
        command.args(["-d", "-c", "conf"]).current_dir(folder.path("")).env("PATH", path);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nsd can be run: see tests/run");
        let nsd = Self { child, address, _folder: folder };
        eventually("it answers", || {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
            let query = b"\0\x01\0\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x06\0\x01";
            client.send_to(query, address).unwrap();
            client.recv(&mut [0; 512]).is_ok()
        });
        nsd
    }
}

#[test]
fn nsd_with_the_same_secret_accepts_our_cookies_and_we_accept_its() {
    let folder = site(&format!("secrets = [\"{}\", \"{}\"]", SECRETS[0], SECRETS[1]));
    let (server, nsd) = (folder.serve(), Nsd::with_secret(SECRETS[0]));
    assert!(accepts(&server, &learn(nsd.address)));
    // NSD returns a cookie that it accepts and that is fresh; others it replaces.
    let ours = learn(server.address());
    assert_eq!(cookie(&dig(nsd.address, &format!("+cookie={ours} {QUESTION}"))), ours);
    let other = Nsd::with_secret(SECRETS[1]);
    assert!(accepts(&server, &learn(other.address)), "any of the secrets verifies");
    let stranger = Nsd::with_secret("00112233445566778899aabbccddeeff");
    assert!(!accepts(&server, &learn(stranger.address)));
}
