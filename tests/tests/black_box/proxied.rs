//! Queries through dnsdist, which names its clients by PROXY headers, and headers from others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use gslb_tests::ask::{dig, kdig};
use gslb_tests::dns_daemon::DnsDaemon;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;
use gslb_tests::{PATIENCE, eventually};

use crate::sites::zone;

/// Clients in 127.9.0.0/16 get another address than all others.
const SITE: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[regions]
behind.match = ["prefix:127.9.0.0/16", "prefix:2001:db8::/32"]
[pools.behind]
endpoints.one = { address = "192.0.2.9" }
[pools.others]
endpoints.one = { address = "192.0.2.1" }
[services."www.example.com"]
policy = { geo = { behind = "behind", default = "others" } }
"#;

fn serve(from: &str) -> (Folder, Server) {
    serve_with(PROCESS, from)
}

fn serve_with(process: &str, from: &str) -> (Folder, Server) {
    let process = format!("{process}[dns.proxy]\nlisten = [\"127.0.0.1:0\"]\nfrom = [\"{from}\"]\n");
    let files = [("gslb.toml", &*process), ("site.toml", SITE), ("example.com.zone", &zone("first"))];
    let folder = Folder::with(&files);
    let server = folder.serve();
    (folder, server)
}

/// A header of version 2, and a query for `www.example.com. A`.
fn query(header: &[u8]) -> Vec<u8> {
    let head = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [header, &head, b"\x03www\x07example\x03com\x00\x00\x01\x00\x01"].concat()
}

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &(rest.len() as u16).to_be_bytes(), rest].concat()
}

fn v4(source: [u8; 4]) -> Vec<u8> {
    [&source[..], &[127, 0, 0, 1], &[0x10, 0, 0, 53]].concat()
}

/// The refusals for a reason.
fn refused(server: &Server, reason: &str) -> u64 {
    server.metric(&format!("gslb_proxy_refused_total{{reason=\"{reason}\"}}"))
}

#[test]
fn clients_behind_dnsdist_are_steered_by_their_own_address() {
    let (folder, server) = serve("127.0.0.1");
    let (port, tls_only) = (DnsDaemon::free_port(), DnsDaemon::free_port());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("key.pem", made.signing_key.serialize_pem());
    folder.write("certificate.pem", made.cert.pem());
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path(name).display().to_string());
    let address = server.proxy[0];
    folder.write(
        "dnsdist.conf",
        format!(
            "setSecurityPollSuffix(\"\")\nsetLocal(\"127.0.0.1:{port}\")\naddACL(\"127.0.0.0/8\")\n\
             addDOHLocal(\"127.0.0.1:{tls_only}\", \"{certificate}\", \"{key}\", \"/dns-query\")\n\
             newServer{{address=\"{address}\", useProxyProtocol=true, checkName=\"www.example.com.\"}}\n\
             newServer{{address=\"{address}\", useProxyProtocol=true, tcpOnly=true, pool=\"tcp\"}}:setUp()\n\
             addAction(\"odd.example.com.\", PoolAction(\"tcp\"))\n",
        ),
    );
    let config = folder.path("dnsdist.conf").display().to_string();
    let _dnsdist = DnsDaemon::start("dnsdist", &["-C", &config, "--supervised", "--disable-syslog"], port);
    let dnsdist = SocketAddr::from(([127, 0, 0, 1], port));
    for flags in ["", "+tcp"] {
        for (client, expected) in [("127.9.0.1", "192.0.2.9"), ("127.8.0.1", "192.0.2.1")] {
            let answer = dig(dnsdist, &format!("-b {client} {flags} www.example.com A"));
            assert_eq!(answer.data(), [expected], "{client} {flags}");
        }
    }
    // dnsdist passes DNS over HTTPS on by datagrams, with a header of a stream.
    let https = SocketAddr::from(([127, 0, 0, 1], tls_only));
    assert_eq!(kdig(https, "+https www.example.com A").data(), ["192.0.2.1"]);
    // And here datagrams by a connection.
    assert_eq!(dig(dnsdist, "odd.example.com A").status, "NXDOMAIN");
    for reason in ["source", "timeout", "incomplete", "signature", "version", "command", "family", "length"] {
        assert_eq!(refused(&server, reason), 0, "{reason}");
    }
    // The other listener takes no header.
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
}

#[test]
fn datagrams_without_a_valid_header_are_dropped_and_counted() {
    let (_folder, server) = serve("127.0.0.1");
    let proxy = UdpSocket::bind("127.0.0.1:0").unwrap();
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    let cases = [
        ("incomplete", b"".to_vec()),
        ("incomplete", header(0x21, 0x12, &v4([127, 9, 0, 1]))[..27].to_vec()),
        ("signature", query(b"")),
        ("version", query(&header(0x11, 0x12, &v4([127, 9, 0, 1])))),
        ("command", query(&header(0x22, 0x12, &v4([127, 9, 0, 1])))),
        ("family", query(&header(0x21, 0x00, &v4([127, 9, 0, 1])))),
        ("family", query(&header(0x21, 0x31, &[0; 216]))),
        ("length", query(&header(0x21, 0x12, &[127, 9, 0, 1]))),
        ("length", query(&header(0x21, 0x12, &[1; 217]))),
    ];
    for (number, (reason, datagram)) in cases.iter().enumerate() {
        proxy.send_to(datagram, server.proxy[0]).unwrap();
        let before = cases[..number].iter().filter(|(other, _)| other == reason).count() as u64;
        eventually(reason, || refused(&server, reason) == before + 1);
    }
    // The next one is answered: it is the client's, and the reply goes to the proxy.
    for (header, expected) in [
        (header(0x21, 0x12, &v4([127, 9, 0, 1])), 9),
        (header(0x21, 0x12, &[v4([127, 9, 0, 1]), vec![4, 0, 1, 0]].concat()), 9),
        (header(0x21, 0x22, &[&[0x20, 1, 0x0d, 0xb8][..], &[0; 32]].concat()), 9),
        (header(0x21, 0x12, &v4([127, 8, 0, 1])), 1),
        (header(0x20, 0x00, &[]), 1),
    ] {
        proxy.send_to(&query(&header), server.proxy[0]).unwrap();
        let mut response = [0; 512];
        let octets = proxy.recv(&mut response).unwrap();
        assert_eq!(response[octets - 4..octets], [192, 0, 2, expected], "{header:?}");
    }
}

#[test]
fn headers_from_others_are_dropped_and_counted() {
    let (_folder, server) = serve("127.0.0.7");
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    other.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    other.send_to(&query(&header(0x21, 0x12, &v4([127, 9, 0, 1]))), server.proxy[0]).unwrap();
    eventually("it is counted", || refused(&server, "source") == 1);
    let mut stream = TcpStream::connect(server.proxy[0]).unwrap();
    let _ = stream.write_all(&header(0x21, 0x11, &v4([127, 9, 0, 1])));
    let _ = stream.read_to_end(&mut Vec::new());
    eventually("it is counted", || refused(&server, "source") == 2);
    assert!(other.recv(&mut [0; 512]).is_err(), "no answer");
}

#[test]
fn connections_have_one_header_and_then_queries() {
    let (_folder, server) = serve("127.0.0.1");
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let connect = || {
        let stream = TcpStream::connect(server.proxy[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    // Octet by octet, then three queries in one write, which then ends.
    let mut client = connect();
    for octet in header(0x21, 0x11, &v4([127, 9, 0, 1])) {
        client.write_all(&[octet]).unwrap();
    }
    client.write_all(&framed(&query(b"")).repeat(3)).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).unwrap();
    assert_eq!(answers.len() % 3, 0);
    assert!(answers.ends_with(&[192, 0, 2, 9]), "{answers:?}");
    // More connections than a client may have elsewhere.
    let mut many: Vec<TcpStream> = (0..64).map(|_| connect()).collect();
    for stream in &mut many {
        stream.write_all(&[header(0x20, 0, &[]), framed(&query(b""))].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
    }
    for (reason, sent) in [
        ("signature", framed(&query(b""))),
        ("family", header(0x21, 0x01, &v4([127, 9, 0, 1]))),
        ("length", header(0x21, 0x21, &v4([127, 9, 0, 1]))),
    ] {
        let mut stream = connect();
        stream.write_all(&sent).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{reason}");
        eventually(reason, || refused(&server, reason) == 1);
    }
    let mut cut = connect();
    cut.write_all(&header(0x21, 0x11, &v4([127, 9, 0, 1]))[..20]).unwrap();
    drop(cut);
    eventually("incomplete", || refused(&server, "incomplete") == 1);
}

#[test]
fn rate_limits_hold_for_datagrams_that_a_proxy_passes_on_by_a_connection() {
    let process = PROCESS.replace("rrl.enabled = false\n", "rrl.per_address = 1\nrrl.burst = 1\n");
    assert_ne!(process, PROCESS);
    let (_folder, server) = serve_with(&process, "127.0.0.1");
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let mut client = TcpStream::connect(server.proxy[0]).unwrap();
    client.write_all(&[header(0x21, 0x12, &v4([127, 9, 0, 1])), framed(&query(b"")).repeat(500)].concat()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).unwrap();
    let full = answers.windows(4).filter(|octets| *octets == [192, 0, 2, 9]).count();
    assert!((100..300).contains(&full), "{full}");
    let truncated = server.metric("gslb_rrl_total{action=\"truncated\",family=\"ipv4\"}");
    assert!(truncated > 100, "{truncated}");
}
