//! DNS over TLS with the clients that people use: kdig, and unbound as a forwarder.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use gslb_tests::ask::{dig, kdig};
use gslb_tests::dns_daemon::DnsDaemon;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

const NAME: &str = "ns1.example.com";

/// Writes a certificate for `name` that is its own authority, and its key.
fn write_certificate(folder: &Folder, name: &str) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    folder.replace("dot.key", made.signing_key.serialize_pem());
    folder.replace("dot.pem", made.cert.pem());
}

/// Serves the small site over UDP, TCP and TLS, with a set of TXT records that no datagram takes.
fn folder() -> Folder {
    let tls = "[dns.tls]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"dot.pem\"\nkey = \"dot.key\"\n";
    let process = format!("{PROCESS}{tls}");
    let many: String = (0..40).map(|index| format!("many IN TXT \"{index} {}\"\n", "x".repeat(250))).collect();
    let records = format!("{}{many}", zone("first"));
    let files = [("gslb.toml", &*process), ("site.toml", &document("192.0.2.1")), ("example.com.zone", &records)];
    let folder = Folder::with(&files);
    write_certificate(&folder, NAME);
    folder
}

/// Asks with kdig over TLS, and requires the certificate in `dot.pem` and the name `name`.
fn ask(folder: &Folder, server: &Server, name: &str, question: &str) -> gslb_tests::answer::Answer {
    let ca = folder.path("dot.pem");
    kdig(server.tls[0], &format!("+tls +tls-ca={} +tls-hostname={name} {question}", ca.display()))
}

#[test]
fn kdig_verifies_the_certificate_and_gets_long_answers() {
    let folder = folder();
    let server = folder.serve();
    let answer = ask(&folder, &server, NAME, "www.example.com A");
    assert_eq!(answer.data(), ["192.0.2.1"]);
    assert!(answer.text.contains("TLS session (TLS1.3)"), "{}", answer.text);
    let long = ask(&folder, &server, NAME, "many.example.com TXT");
    assert_eq!((long.records.len(), long.has("tc")), (40, false), "{}", long.text);
    let keepalive = ask(&folder, &server, NAME, "+ednsopt=11 www.example.com A");
    assert!(keepalive.text.contains("Option (11): 0064"), "ten seconds: {}", keepalive.text);
    // Several queries on one connection.
    let before = server.metric("gslb_tls_accepted_total");
    ask(&folder, &server, NAME, "+keepopen www.example.com A www.example.com AAAA example.com SOA");
    assert_eq!(server.metric("gslb_tls_accepted_total"), before + 1);
    let queries = "gslb_dns_queries_total{family=\"ipv4\",transport=\"tls\",type=\"A\"}";
    assert!(server.metric(queries) >= 3);
    assert_eq!(server.metric("gslb_tls_handshakes_total"), before + 1);
}

#[test]
fn unbound_forwards_over_tls() {
    let folder = folder();
    let server = folder.serve();
    let (port, tls) = (DnsDaemon::free_port(), server.tls[0]);
    folder.write(
        "unbound.conf",
        format!(
            "server:\n directory: \"\"\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n \
             interface: 127.0.0.1@{port}\n do-not-query-localhost: no\n module-config: \"iterator\"\n \
             tls-cert-bundle: \"{}\"\n num-threads: 1\n\
             remote-control:\n control-enable: no\n\
             forward-zone:\n name: \"example.com\"\n forward-tls-upstream: yes\n \
             forward-addr: {}@{}#{NAME}\n",
            folder.path("dot.pem").display(),
            tls.ip(),
            tls.port(),
        ),
    );
    let config = folder.path("unbound.conf");
    let resolver = DnsDaemon::start("unbound", &["-d", "-p", "-c", &config.display().to_string()], port);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(dig(address, "www.example.com A").data(), ["192.0.2.1"]);
    assert_eq!(dig(address, "+tcp many.example.com TXT").records.len(), 40);
    assert!(server.metric("gslb_tls_handshakes_total") > 0);
    assert_eq!(server.metric("gslb_dns_queries_total{family=\"ipv4\",transport=\"udp\",type=\"A\"}"), 0);
    drop(resolver);
}

#[test]
fn a_replaced_certificate_is_taken_up_and_a_broken_one_is_reported() {
    let folder = folder();
    let server = folder.serve();
    ask(&folder, &server, NAME, "www.example.com A");
    write_certificate(&folder, "ns2.example.com");
    let open = |name: &str| {
        let ca = format!("+tls-ca={}", folder.path("dot.pem").display());
        let host = format!("+tls-hostname={name}");
        let port = server.tls[0].port().to_string();
        let mut command = std::process::Command::new("kdig");
        command.args(["+retry=0", "+time=30", "@127.0.0.1", "-p", &port, "+tls", &ca, &host, "www.example.com"]);
        gslb_tests::program::run(&mut command).out.contains("192.0.2.1")
    };
    eventually("the new certificate is in use", || open("ns2.example.com"));
    assert!(!open(NAME));
    let good = std::fs::read_to_string(folder.path("dot.pem")).unwrap();
    folder.replace("dot.pem", "no certificate");
    eventually("that is reported", || server.metrics().value("gslb_degraded{what=\"dns.tls\"}") == Some(1.0));
    let ready = server.get("/readyz").body;
    assert!(ready.contains("degraded: dns.tls: ") && ready.contains("dot.pem"), "{ready}");
    folder.write("trusted.pem", &good);
    let ca = folder.path("trusted.pem");
    let question = format!("+tls +tls-ca={} +tls-hostname=ns2.example.com www.example.com A", ca.display());
    assert_eq!(kdig(server.tls[0], &question).data(), ["192.0.2.1"], "the previous one stays in use");
    folder.replace("dot.pem", good);
    eventually("it is good again", || server.metrics().value("gslb_degraded{what=\"dns.tls\"}") == Some(0.0));
    assert!(server.metrics().value("gslb_tls_certificate_expiry_timestamp_seconds").is_some());
}

#[test]
fn an_unusable_certificate_is_refused_at_start() {
    let folder = folder();
    for (broken, why) in [
        (None, "No such file"),
        (Some(""), "has no certificate"),
        (Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "dot.pem"),
    ] {
        folder.remove("dot.pem");
        if let Some(text) = broken {
            folder.write("dot.pem", text);
        }
        let ran = folder.gslb("serve --config gslb.toml --document site.toml");
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("cannot answer DNS over TLS: "), "{}", ran.err);
        assert!(ran.err.contains("dot.pem") && ran.err.contains(why), "{}", ran.err);
        assert!(!folder.path("gslb-data").exists(), "a failed start leaves no trace");
        folder.write("dot.pem", "");
    }
}

#[test]
fn plain_dns_on_the_tls_port_is_closed_and_counted() {
    let folder = folder();
    let server = folder.serve();
    let mut plain = TcpStream::connect(server.tls[0]).unwrap();
    plain
        .write_all(b"\x00\x1d\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(answer.len() < 12, "no DNS message in cleartext: {answer:?}");
    eventually("it is counted", || server.metric("gslb_tls_handshake_failures_total{reason=\"garbage\"}") == 1);
}
