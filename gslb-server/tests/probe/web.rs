//! http: expectations, and servers that hang, refuse, drip, send junk or send without end.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gslb_core::health::Failure;

use crate::origin::{Origin, closed_port, hang, read_request};
use crate::{failure, outcome_with, pass, settings, start_probing};

fn http(origin: &Origin, rest: &str) -> String {
    format!("kind = \"http\", port = {}, timeout = \"5s\"{rest}", origin.port())
}

#[test]
fn a_status_decides_and_is_the_evidence() {
    let good = Origin::saying("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(pass(&http(&good, "")), "status 204");
    let bad = Origin::saying("HTTP/1.1 503 Secret\r\ncontent-length: 6\r\n\r\nsecret");
    assert_eq!(failure(&http(&bad, "")), (Failure::Status(503), "status 503".to_owned()));
    assert_eq!(pass(&http(&bad, ", expect_status = [\"200\", \"500-599\"]")), "status 503");
}

#[test]
fn the_request_is_what_the_document_says() {
    let (request_tx, request_rx) = mpsc::channel();
    let origin = Origin::new(move |mut stream| {
        request_tx.send(read_request(&mut stream)).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    pass(&http(&origin, ", path = \"/up?deep=1\", host = \"www.example.com\", headers = { X-Probe = \"a b\" }"));
    let request = request_rx.recv().unwrap();
    assert!(request.starts_with("GET /up?deep=1 HTTP/1.1\r\nhost: www.example.com\r\n"), "{request}");
    assert!(request.contains("\r\nx-probe: a b\r\n") && request.contains("\r\nconnection: close\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: gslb-probe/"), "{request}");
    pass(&http(&origin, ", method = \"HEAD\""));
    let request = request_rx.recv().unwrap();
    let wanted = format!("HEAD / HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", origin.port());
    assert!(request.starts_with(&wanted), "{request}");
}

#[test]
fn redirects_are_not_followed() {
    let target = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let origin = Origin::saying(format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\n\r\n", target.address));
    assert_eq!(failure(&http(&origin, "")), (Failure::Status(302), "status 302".to_owned()));
    assert_eq!(pass(&http(&origin, ", expect_status = [\"300-399\"]")), "status 302");
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_text_must_be_in_the_first_octets_of_the_body() {
    let origin =
        |body: String| Origin::saying(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    let expect = ", expect_body = \"all is well\"";
    assert_eq!(pass(&http(&origin("so far all is well.".into()), expect)), "status 200, with the expected text");
    let (why, evidence) = failure(&http(&origin("private words".into()), expect));
    assert_eq!((why, &*evidence), (Failure::Body, "status 200, without the expected text in the first 13 octets"));
    let late = format!("{}all is well", "x".repeat(5_120));
    let (why, evidence) = failure(&http(&origin(late), expect));
    assert_eq!((why, &*evidence), (Failure::Body, "status 200, without the expected text in the first 5120 octets"));
    let just = format!("{}all is well", "x".repeat(5_109));
    pass(&http(&origin(just), expect));
}

#[test]
fn endless_responses_time_out() {
    let body = Origin::new(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    assert_eq!(failure(&http(&body, ", expect_body = \"y\"")).0, Failure::Body);
    let header = Origin::new(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    assert_eq!(failure(&http(&header, "")).0, Failure::Protocol);
}

#[test]
fn servers_that_hang_or_drip_fail_in_time() {
    let mute = Origin::new(hang);
    let quick = |origin: &Origin| format!("kind = \"http\", port = {}, timeout = \"2s\"", origin.port());
    let (why, evidence) = failure(&quick(&mute));
    assert_eq!((why, &*evidence), (Failure::Timeout, "no result within 2s: waiting for the response"));
    let drip = Origin::new(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(failure(&quick(&drip)).0, Failure::Timeout);
}

#[test]
fn servers_that_refuse_or_speak_something_else_fail() {
    let refusing = format!("kind = \"http\", port = {}", closed_port());
    assert_eq!(failure(&refusing).0, Failure::Refused);
    let ssh = Origin::saying("SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(failure(&http(&ssh, "")).0, Failure::Protocol);
    let closing = Origin::new(|mut stream| drop(read_request(&mut stream)));
    assert_eq!(failure(&http(&closing, "")).0, Failure::Unreachable);
    let broken = Origin::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    assert_eq!(failure(&http(&broken, ", expect_body = \"whole\"")).0, Failure::Unreachable);
    let switching = Origin::saying("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n");
    assert_eq!(failure(&http(&switching, "")).0, Failure::Status(101));
}

#[test]
fn a_name_is_resolved_and_requested_by_name() {
    let (request_tx, request_rx) = mpsc::channel();
    let origin = Origin::new(move |mut stream| {
        request_tx.send(read_request(&mut stream)).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    });
    let outcome = outcome_with(settings(), &http(&origin, ""), "cname = \"LocalHost.\"");
    assert_eq!(outcome.result, Ok(()), "{}", outcome.evidence);
    assert!(request_rx.recv().unwrap().contains("\r\nhost: localhost\r\n"));
    let outcome = outcome_with(settings(), &http(&origin, ""), "cname = \"no-such-host.invalid.\"");
    assert!(matches!(outcome.result, Err(Failure::Resolve | Failure::Timeout)), "{outcome:?}");
}

#[test]
fn a_server_that_restarts_is_reported() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let address = origin.address;
    let document = format!(
        "[probes]\nx = {{ kind = \"http\", port = {}, interval = \"100ms\" }}\n[pools.p]\nprobe = \"x\"\nendpoints.e.address = \"127.0.0.1\"",
        address.port()
    );
    let (prober, mut reports) = start_probing(settings(), &document);
    let mut until = |wanted: Result<(), Failure>| while reports.blocking_recv().unwrap().outcome.result != wanted {};
    until(Ok(()));
    drop(origin);
    until(Err(Failure::Refused));
    let _again = Origin::at(address, |mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    });
    until(Ok(()));
    let counts = prober.counts().by_probe();
    assert!(counts[0].1.passed() >= 2 && counts[0].1.failed() >= 1 && &*counts[0].0 == "x");
}

/// A server that answers with the output of `respond`.
fn answering(respond: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Origin {
    Origin::new(move |mut stream| {
        read_request(&mut stream);
        let _ = respond(&mut stream);
        hang(stream);
    })
}

/// A response with this many header fields, of this many octets including line ends.
fn response(fields: usize, octets: usize) -> String {
    let fixed = "content-length: 0\r\n";
    let lines: String = (0..fields - 2).map(|at| format!("x-{at:04}: y\r\n")).collect();
    let last = octets - fixed.len() - lines.len() - "z: \r\n".len();
    format!("HTTP/1.1 200 OK\r\n{fixed}{lines}z: {}\r\n\r\n", "v".repeat(last))
}

#[test]
fn a_header_may_have_256_fields_and_64_kib() {
    for (fields, octets) in [(101, 4_000), (256, 8_000), (3, 65_536), (256, 65_536)] {
        let origin = Origin::saying(response(fields, octets));
        assert_eq!(pass(&http(&origin, "")), "status 200", "{fields} fields of {octets} octets");
    }
    for (fields, octets) in [(257, 8_000), (3, 65_537), (5_000, 200_000)] {
        let origin = Origin::saying(response(fields, octets));
        let (why, evidence) = failure(&http(&origin, ""));
        let wanted = "the response's header has more than 256 fields or 64 KiB";
        assert_eq!((why, &*evidence), (Failure::Protocol, wanted), "{fields} fields of {octets} octets");
    }
}

#[test]
fn a_few_interim_responses_are_skipped_and_no_more() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    let few = Origin::saying(format!("{}HTTP/1.1 204 No Content\r\n\r\n", interim.repeat(8)));
    assert_eq!(pass(&http(&few, "")), "status 204");
    let endless = answering(|stream| {
        loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    });
    let wanted = (Failure::Protocol, "sent more than 8 interim responses (1xx)".to_owned());
    assert_eq!(failure(&http(&endless, "")), wanted);
    // In one piece with the final response, which is read together with them.
    let at_once = Origin::saying(format!("{}HTTP/1.1 204 No Content\r\n\r\n", interim.repeat(9)));
    assert_eq!(failure(&http(&at_once, "")), wanted);
    let in_bulk = Origin::saying("HTTP/1.1 100 Continue\r\n\r\n".repeat(100));
    assert!(matches!(failure(&http(&in_bulk, "")).0, Failure::Protocol | Failure::Unreachable));
}

#[test]
fn input_that_http_discards_is_limited() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let trailers = answering(|stream| {
        stream.write_all(chunked)?;
        stream.write_all(b"0\r\n")?;
        loop {
            stream.write_all(b"x: y\r\n")?;
        }
    });
    let extension = answering(|stream| {
        stream.write_all(chunked)?;
        stream.write_all(b"1;")?;
        loop {
            stream.write_all(&[b'x'; 1_024])?;
        }
    });
    let dripped = answering(|stream| {
        stream.set_nodelay(true)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
        loop {
            stream.write_all(b"y")?;
        }
    });
    for (what, origin) in [("trailers", trailers), ("an extension", extension), ("single octets", dripped)] {
        let probe = format!("kind = \"http\", port = {}, timeout = \"60s\", interval = \"60s\"", origin.port());
        assert_eq!(failure(&format!("{probe}, expect_body = \"never\"")).0, Failure::Protocol, "{what}");
    }
}
